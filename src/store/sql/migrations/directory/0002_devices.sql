-- Devices that an account's owner is known by. `key` is the hash of a secret that the
-- device has; the one before it is good until `previous_until`.
CREATE TABLE devices (
    account BIGINT NOT NULL REFERENCES accounts (id),
    id TEXT NOT NULL,
    generation BIGINT NOT NULL,
    key TEXT NOT NULL,
    previous_key TEXT,
    previous_until BIGINT,
    user_agent TEXT,
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    last_seen_from TEXT,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (account, id)
);

CREATE INDEX devices_expires_at ON devices (expires_at);

ALTER TABLE sessions ADD COLUMN device TEXT;
