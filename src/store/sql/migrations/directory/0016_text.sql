-- Where a text is looked for: the pieces of one, two and three characters of all that an
-- account is called, under its number. Who is found is compared with the text itself.
CREATE VIRTUAL TABLE account_text USING fts5 (
    pieces, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'
);

-- Accounts that are called otherwise since their pieces were written: each search looks
-- at them, too. All of them, until the program has gone through them once.
CREATE TABLE account_text_due (id INTEGER PRIMARY KEY);

INSERT INTO account_text_due (id) SELECT id FROM accounts WHERE lifecycle <> 'deleted';

CREATE TRIGGER accounts_text_in AFTER INSERT ON accounts BEGIN
    INSERT OR IGNORE INTO account_text_due (id) VALUES (NEW.id);
END;

CREATE TRIGGER accounts_text_on
AFTER UPDATE OF login, name_folded, first_name_folded, last_name_folded, email_folded,
    external_id_folded, lifecycle ON accounts
WHEN OLD.login <> NEW.login OR OLD.name_folded <> NEW.name_folded
    OR OLD.first_name_folded <> NEW.first_name_folded
    OR OLD.last_name_folded <> NEW.last_name_folded
    OR OLD.email_folded IS NOT NEW.email_folded
    OR OLD.external_id_folded IS NOT NEW.external_id_folded
    OR (OLD.lifecycle = 'deleted') <> (NEW.lifecycle = 'deleted')
BEGIN
    INSERT OR IGNORE INTO account_text_due (id) VALUES (NEW.id);
END;
