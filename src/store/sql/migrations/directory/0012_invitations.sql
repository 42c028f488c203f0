-- Links that set a password, at most one of each account. `key` is the hash of a secret
-- that the person has.
CREATE TABLE invitations (
    account BIGINT PRIMARY KEY REFERENCES accounts (id),
    key TEXT NOT NULL UNIQUE,
    purpose TEXT NOT NULL,
    generation BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX invitations_expires_at ON invitations (expires_at);
