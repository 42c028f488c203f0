-- How many accounts there are of each kind, kept right by triggers in the transaction of
-- each change, whoever makes it. `what` is 'all', or which lock the row counts: 'hand',
-- 'failures', or 'both' for those who have the two, by the instant that it ends at; and
-- each of them again with '-hour', by the hour that it ends in. So what is locked now is
-- a sum over hours, and over the instants of the hour that it is.
CREATE TABLE account_counts (
    what TEXT NOT NULL,
    state TEXT NOT NULL,
    ends BIGINT NOT NULL,
    accounts BIGINT NOT NULL,
    PRIMARY KEY (what, ends, state)
) WITHOUT ROWID;

-- An account comes into the counts, or leaves them.
CREATE VIEW account_moves AS
    SELECT '' AS state, CAST(NULL AS BIGINT) AS hand, CAST(NULL AS BIGINT) AS failures,
        0 AS moved WHERE 1 = 0;

CREATE TRIGGER account_moves_counted INSTEAD OF INSERT ON account_moves BEGIN
    INSERT INTO account_counts (what, ends, state, accounts)
        VALUES ('all', 0, NEW.state, NEW.moved)
        ON CONFLICT DO UPDATE SET accounts = accounts + excluded.accounts;
    INSERT INTO account_counts (what, ends, state, accounts)
        SELECT 'hand', NEW.hand, NEW.state, NEW.moved WHERE NEW.hand IS NOT NULL
        UNION ALL SELECT 'hand-hour', NEW.hand / 3600000000 * 3600000000, NEW.state, NEW.moved
            WHERE NEW.hand IS NOT NULL
        UNION ALL SELECT 'failures', NEW.failures, NEW.state, NEW.moved
            WHERE NEW.failures IS NOT NULL
        UNION ALL SELECT 'failures-hour', NEW.failures / 3600000000 * 3600000000, NEW.state,
            NEW.moved WHERE NEW.failures IS NOT NULL
        UNION ALL SELECT 'both', MIN(NEW.hand, NEW.failures), NEW.state, NEW.moved
            WHERE NEW.hand IS NOT NULL AND NEW.failures IS NOT NULL
        UNION ALL SELECT 'both-hour', MIN(NEW.hand, NEW.failures) / 3600000000 * 3600000000,
            NEW.state, NEW.moved WHERE NEW.hand IS NOT NULL AND NEW.failures IS NOT NULL
        ON CONFLICT DO UPDATE SET accounts = accounts + excluded.accounts;
END;

CREATE TRIGGER accounts_counted_in AFTER INSERT ON accounts BEGIN
    INSERT INTO account_moves (state, hand, failures, moved)
        VALUES (CASE WHEN NEW.lifecycle = 'deleted' THEN 'deleted'
            WHEN NEW.disabled = 1 THEN 'disabled' ELSE NEW.lifecycle END,
            NEW.admin_lock_until, NEW.lockout_until, 1);
END;

CREATE TRIGGER accounts_counted_out AFTER DELETE ON accounts BEGIN
    INSERT INTO account_moves (state, hand, failures, moved)
        VALUES (CASE WHEN OLD.lifecycle = 'deleted' THEN 'deleted'
            WHEN OLD.disabled = 1 THEN 'disabled' ELSE OLD.lifecycle END,
            OLD.admin_lock_until, OLD.lockout_until, -1);
END;

CREATE TRIGGER accounts_counted_on
AFTER UPDATE OF lifecycle, disabled, admin_lock_until, lockout_until ON accounts
WHEN OLD.lifecycle <> NEW.lifecycle OR OLD.disabled <> NEW.disabled
    OR OLD.admin_lock_until IS NOT NEW.admin_lock_until
    OR OLD.lockout_until IS NOT NEW.lockout_until
BEGIN
    INSERT INTO account_moves (state, hand, failures, moved)
        VALUES (CASE WHEN OLD.lifecycle = 'deleted' THEN 'deleted'
            WHEN OLD.disabled = 1 THEN 'disabled' ELSE OLD.lifecycle END,
            OLD.admin_lock_until, OLD.lockout_until, -1);
    INSERT INTO account_moves (state, hand, failures, moved)
        VALUES (CASE WHEN NEW.lifecycle = 'deleted' THEN 'deleted'
            WHEN NEW.disabled = 1 THEN 'disabled' ELSE NEW.lifecycle END,
            NEW.admin_lock_until, NEW.lockout_until, 1);
END;

INSERT INTO account_counts (what, ends, state, accounts)
    SELECT 'all', 0, CASE WHEN lifecycle = 'deleted' THEN 'deleted'
        WHEN disabled = 1 THEN 'disabled' ELSE lifecycle END AS state, COUNT(*)
    FROM accounts GROUP BY state;

INSERT INTO account_counts (what, ends, state, accounts)
    SELECT 'hand', admin_lock_until, CASE WHEN lifecycle = 'deleted' THEN 'deleted'
        WHEN disabled = 1 THEN 'disabled' ELSE lifecycle END AS state, COUNT(*)
    FROM accounts WHERE admin_lock_until > 0 GROUP BY admin_lock_until, state;

INSERT INTO account_counts (what, ends, state, accounts)
    SELECT 'failures', lockout_until, CASE WHEN lifecycle = 'deleted' THEN 'deleted'
        WHEN disabled = 1 THEN 'disabled' ELSE lifecycle END AS state, COUNT(*)
    FROM accounts WHERE lockout_until > 0 GROUP BY lockout_until, state;

INSERT INTO account_counts (what, ends, state, accounts)
    SELECT 'both', MIN(admin_lock_until, lockout_until) AS ends,
        CASE WHEN lifecycle = 'deleted' THEN 'deleted'
        WHEN disabled = 1 THEN 'disabled' ELSE lifecycle END AS state, COUNT(*)
    FROM accounts WHERE admin_lock_until > 0 AND lockout_until > 0 GROUP BY ends, state;

INSERT INTO account_counts (what, ends, state, accounts)
    SELECT what || '-hour', ends / 3600000000 * 3600000000 AS hour, state, SUM(accounts)
    FROM account_counts WHERE what <> 'all' GROUP BY what, hour, state;

-- How many records of each action the audit log has of each day (UTC, in days since 1970).
CREATE TABLE audit_days (
    day BIGINT NOT NULL,
    action TEXT NOT NULL,
    records BIGINT NOT NULL,
    PRIMARY KEY (day, action)
) WITHOUT ROWID;

INSERT INTO audit_days (day, action, records)
    SELECT at / 86400000000 AS day, action, COUNT(*) FROM audit GROUP BY day, action;

CREATE TRIGGER audit_counted_in AFTER INSERT ON audit BEGIN
    INSERT INTO audit_days (day, action, records) VALUES (NEW.at / 86400000000, NEW.action, 1)
        ON CONFLICT DO UPDATE SET records = records + 1;
END;

CREATE TRIGGER audit_counted_out AFTER DELETE ON audit BEGIN
    UPDATE audit_days SET records = records - 1
        WHERE day = OLD.at / 86400000000 AND action = OLD.action;
END;

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
