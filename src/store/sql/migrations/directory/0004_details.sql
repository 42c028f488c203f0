-- What else is kept of people, as JSON; and the parts of their names as they are sorted.
ALTER TABLE accounts ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
ALTER TABLE accounts ADD COLUMN first_name_folded TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN last_name_folded TEXT NOT NULL DEFAULT '';

-- Names were kept in one piece. It begins with the first part, so it sorts like it
-- until the account is changed.
UPDATE accounts SET first_name_folded = name_folded;

-- One for each way to sort; who has no address comes first.
CREATE INDEX accounts_by_name ON accounts (name_folded, id);
CREATE INDEX accounts_by_first_name ON accounts (first_name_folded, id);
CREATE INDEX accounts_by_last_name ON accounts (last_name_folded, id);
CREATE INDEX accounts_by_email ON accounts ((COALESCE(email_folded, '')), id);
