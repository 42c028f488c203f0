-- Only TEXT and BIGINT: the same text runs on SQLite and on Postgres. Times are
-- microseconds since 1970; an end that never comes is the largest BIGINT.

-- Streams of the change feed: 0 is the accounts', 1 and up are the session shards'.
-- Whoever changes something raises its stream's position first, and holds the row
-- until the commit: positions have no gaps and follow the order of commits.
CREATE TABLE heads (
    stream BIGINT PRIMARY KEY,
    position BIGINT NOT NULL,
    pruned BIGINT NOT NULL,
    link TEXT NOT NULL,
    accounts BIGINT NOT NULL
);

CREATE TABLE accounts (
    id BIGINT PRIMARY KEY,
    login TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    name_folded TEXT NOT NULL,
    email TEXT,
    email_folded TEXT,
    admin BIGINT NOT NULL,
    lifecycle TEXT NOT NULL,
    locks TEXT NOT NULL,
    admin_lock_until BIGINT,
    lockout_until BIGINT,
    disabled BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    version BIGINT NOT NULL,
    attempts_generation BIGINT NOT NULL,
    password_hash TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    last_sign_in_at BIGINT
);

-- A deleted account keeps its login for ever, and gives its address back.
CREATE UNIQUE INDEX accounts_email ON accounts (email_folded) WHERE lifecycle <> 'deleted';
CREATE INDEX accounts_admins ON accounts (id) WHERE admin = 1;
CREATE INDEX accounts_admin_lock_until ON accounts (admin_lock_until);
CREATE INDEX accounts_lockout_until ON accounts (lockout_until);
CREATE INDEX accounts_disabled ON accounts (id) WHERE disabled = 1;
CREATE INDEX accounts_lifecycle ON accounts (lifecycle, id) WHERE lifecycle <> 'active';

CREATE TABLE feed (
    position BIGINT PRIMARY KEY,
    account BIGINT NOT NULL,
    at BIGINT NOT NULL
);

CREATE TABLE session_feed (
    stream BIGINT NOT NULL,
    position BIGINT NOT NULL,
    session TEXT NOT NULL,
    account BIGINT NOT NULL,
    actor TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (stream, position)
);

CREATE TABLE audit (
    position BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    account BIGINT,
    reason TEXT,
    origin TEXT,
    state_before TEXT,
    state_after TEXT,
    link TEXT NOT NULL
);

CREATE INDEX audit_account ON audit (account, position);

-- A session's id is the first half of its key.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    account BIGINT NOT NULL REFERENCES accounts (id),
    generation BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    opened_from TEXT,
    user_agent TEXT
);

CREATE INDEX sessions_account ON sessions (account, expires_at);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

CREATE TABLE api_tokens (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    owner BIGINT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT
);

CREATE INDEX api_tokens_owner ON api_tokens (owner);

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- What only the right key file makes: a database restored beside a wrong one is found out.
CREATE TABLE key_check (
    id BIGINT PRIMARY KEY,
    link TEXT NOT NULL
);

INSERT INTO heads (stream, position, pruned, link, accounts) VALUES
    (0, 0, 0, '0000000000000000000000000000000000000000000000000000000000000000', 0),
    (1, 0, 0, '', 0), (2, 0, 0, '', 0), (3, 0, 0, '', 0), (4, 0, 0, '', 0),
    (5, 0, 0, '', 0), (6, 0, 0, '', 0), (7, 0, 0, '', 0), (8, 0, 0, '', 0),
    (9, 0, 0, '', 0), (10, 0, 0, '', 0), (11, 0, 0, '', 0), (12, 0, 0, '', 0),
    (13, 0, 0, '', 0), (14, 0, 0, '', 0), (15, 0, 0, '', 0), (16, 0, 0, '', 0);
