-- Programs with rights of their own. `secret` is the hash of what they prove themselves
-- with, `scopes` a JSON list.
CREATE TABLE applications (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    secret TEXT NOT NULL,
    scopes TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    made_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT
);

-- A token belongs to an account or to an application: one of the two is there.
CREATE TABLE api_tokens_of_both (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    owner BIGINT REFERENCES accounts (id),
    application TEXT REFERENCES applications (id),
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT
);

INSERT INTO api_tokens_of_both
    (id, key, owner, name, scopes, created_at, expires_at, last_used_at)
    SELECT id, key, owner, name, scopes, created_at, expires_at, last_used_at FROM api_tokens;

DROP TABLE api_tokens;
ALTER TABLE api_tokens_of_both RENAME TO api_tokens;

CREATE INDEX api_tokens_owner ON api_tokens (owner);
CREATE INDEX api_tokens_application ON api_tokens (application, expires_at);
