-- Where a text is looked for: the pieces of one, two and three characters of all that an
-- account is called, under its number. Who is found is compared with the text itself.
CREATE TABLE account_text (
    id BIGINT PRIMARY KEY,
    pieces TSVECTOR NOT NULL
);

CREATE INDEX account_text_pieces ON account_text USING gin (pieces);

-- Accounts that are called otherwise since their pieces were written: each search looks
-- at them, too. All of them, until the program has gone through them once.
CREATE TABLE account_text_due (id BIGINT PRIMARY KEY);

INSERT INTO account_text_due (id) SELECT id FROM accounts WHERE lifecycle <> 'deleted';

CREATE FUNCTION account_text_changed () RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO account_text_due (id) VALUES (NEW.id) ON CONFLICT (id) DO NOTHING;
    RETURN NULL;
END
$$;

CREATE TRIGGER accounts_text_in AFTER INSERT ON accounts
    FOR EACH ROW EXECUTE FUNCTION account_text_changed();

CREATE TRIGGER accounts_text_on
    AFTER UPDATE OF login, name_folded, first_name_folded, last_name_folded, email_folded,
        external_id_folded, lifecycle ON accounts
    FOR EACH ROW WHEN (OLD.login <> NEW.login OR OLD.name_folded <> NEW.name_folded
        OR OLD.first_name_folded <> NEW.first_name_folded
        OR OLD.last_name_folded <> NEW.last_name_folded
        OR OLD.email_folded IS DISTINCT FROM NEW.email_folded
        OR OLD.external_id_folded IS DISTINCT FROM NEW.external_id_folded
        OR (OLD.lifecycle = 'deleted') <> (NEW.lifecycle = 'deleted'))
    EXECUTE FUNCTION account_text_changed();
