-- How many accounts there are of each kind, kept right by triggers in the transaction of
-- each change, whoever makes it. `what` is 'all', or which lock the row counts: 'hand',
-- 'failures', or 'both' for those who have the two, by the instant that it ends at; and
-- each of them again with '-hour', by the hour that it ends in. So what is locked now is
-- a sum over hours, and over the instants of the hour that it is.
CREATE TABLE account_counts (
    what TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    ends BIGINT NOT NULL,
    accounts BIGINT NOT NULL,
    PRIMARY KEY (what, ends, state)
);

-- What an account counts as: among all, and by each of its locks.
CREATE FUNCTION account_counted_as (
    lifecycle TEXT, disabled BIGINT, hand BIGINT, failures BIGINT
) RETURNS TABLE (what TEXT, ends BIGINT, state TEXT) LANGUAGE sql IMMUTABLE AS $$
    SELECT kinds.what, kinds.ends, CASE WHEN lifecycle = 'deleted' THEN 'deleted'
        WHEN disabled = 1 THEN 'disabled' ELSE lifecycle END
    FROM (VALUES
        ('all', CAST(0 AS BIGINT)),
        ('hand', hand),
        ('hand-hour', hand / 3600000000 * 3600000000),
        ('failures', failures),
        ('failures-hour', failures / 3600000000 * 3600000000),
        ('both', CASE WHEN hand < failures THEN hand
            WHEN hand IS NOT NULL THEN failures END),
        ('both-hour', CASE WHEN hand < failures THEN hand
            WHEN hand IS NOT NULL THEN failures END / 3600000000 * 3600000000)
    ) AS kinds (what, ends) WHERE kinds.ends IS NOT NULL
$$;

CREATE FUNCTION account_counted () RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO account_counts AS counts (what, ends, state, accounts)
            SELECT kinds.what, kinds.ends, kinds.state, -1 FROM account_counted_as(OLD.lifecycle,
                OLD.disabled, OLD.admin_lock_until, OLD.lockout_until) AS kinds
            ON CONFLICT (what, ends, state) DO UPDATE SET accounts = counts.accounts - 1;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO account_counts AS counts (what, ends, state, accounts)
            SELECT kinds.what, kinds.ends, kinds.state, 1 FROM account_counted_as(NEW.lifecycle,
                NEW.disabled, NEW.admin_lock_until, NEW.lockout_until) AS kinds
            ON CONFLICT (what, ends, state) DO UPDATE SET accounts = counts.accounts + 1;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER accounts_counted_in_or_out AFTER INSERT OR DELETE ON accounts
    FOR EACH ROW EXECUTE FUNCTION account_counted();

CREATE TRIGGER accounts_counted_on
    AFTER UPDATE OF lifecycle, disabled, admin_lock_until, lockout_until ON accounts
    FOR EACH ROW WHEN (OLD.lifecycle <> NEW.lifecycle OR OLD.disabled <> NEW.disabled
        OR OLD.admin_lock_until IS DISTINCT FROM NEW.admin_lock_until
        OR OLD.lockout_until IS DISTINCT FROM NEW.lockout_until)
    EXECUTE FUNCTION account_counted();

INSERT INTO account_counts (what, ends, state, accounts)
    SELECT kinds.what, kinds.ends, kinds.state, COUNT(*)
    FROM accounts CROSS JOIN LATERAL account_counted_as(accounts.lifecycle, accounts.disabled,
        accounts.admin_lock_until, accounts.lockout_until) AS kinds
    GROUP BY kinds.what, kinds.ends, kinds.state;

-- How many records of each action the audit log has of each day (UTC, in days since 1970).
CREATE TABLE audit_days (
    day BIGINT NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    records BIGINT NOT NULL,
    PRIMARY KEY (day, action)
);

INSERT INTO audit_days (day, action, records)
    SELECT at / 86400000000, action, COUNT(*) FROM audit GROUP BY 1, 2;

CREATE FUNCTION audit_counted () RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        UPDATE audit_days SET records = records - 1
            WHERE day = OLD.at / 86400000000 AND action = OLD.action;
    ELSE
        INSERT INTO audit_days AS days (day, action, records)
            VALUES (NEW.at / 86400000000, NEW.action, 1)
            ON CONFLICT (day, action) DO UPDATE SET records = days.records + 1;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER audit_counted_in_or_out AFTER INSERT OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_counted();

-- Few are in another state than active, and few are locked: those are listed in each order
-- of the console without a look at the others.
CREATE INDEX accounts_state_login ON accounts ((CASE WHEN lifecycle = 'deleted' THEN 'deleted' WHEN disabled = 1 THEN 'disabled'
    ELSE lifecycle END),
    login, id) WHERE disabled = 1 OR lifecycle <> 'active';
CREATE INDEX accounts_state_name ON accounts ((CASE WHEN lifecycle = 'deleted' THEN 'deleted' WHEN disabled = 1 THEN 'disabled'
    ELSE lifecycle END),
    name_folded, id) WHERE disabled = 1 OR lifecycle <> 'active';
CREATE INDEX accounts_state_last_sign_in ON accounts ((CASE WHEN lifecycle = 'deleted' THEN 'deleted' WHEN disabled = 1 THEN 'disabled'
    ELSE lifecycle END),
    (COALESCE(last_sign_in_at, 0)), id) WHERE disabled = 1 OR lifecycle <> 'active';
CREATE INDEX accounts_state_created ON accounts ((CASE WHEN lifecycle = 'deleted' THEN 'deleted' WHEN disabled = 1 THEN 'disabled'
    ELSE lifecycle END),
    created_at, id) WHERE disabled = 1 OR lifecycle <> 'active';

CREATE INDEX accounts_held_login ON accounts (login, id, admin_lock_until, lockout_until)
    WHERE admin_lock_until IS NOT NULL OR lockout_until IS NOT NULL;
CREATE INDEX accounts_held_name ON accounts (name_folded, id, admin_lock_until, lockout_until)
    WHERE admin_lock_until IS NOT NULL OR lockout_until IS NOT NULL;
CREATE INDEX accounts_held_last_sign_in ON accounts ((COALESCE(last_sign_in_at, 0)), id, admin_lock_until, lockout_until)
    WHERE admin_lock_until IS NOT NULL OR lockout_until IS NOT NULL;
CREATE INDEX accounts_held_created ON accounts (created_at, id, admin_lock_until, lockout_until)
    WHERE admin_lock_until IS NOT NULL OR lockout_until IS NOT NULL;
