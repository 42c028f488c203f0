-- Deletions with transfer: what was asked for, how far it is, and who works on it.
-- `account` and `receiver` are numbers; `parties` has what they were called when it
-- began. `lease_until` is in the past where nobody works on it.
CREATE TABLE deletions (
    id BIGINT PRIMARY KEY,
    account BIGINT NOT NULL REFERENCES accounts (id),
    receiver BIGINT REFERENCES accounts (id),
    parties TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    transfer TEXT NOT NULL,
    state TEXT NOT NULL,
    modules TEXT NOT NULL,
    error TEXT,
    begun_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    ended_at BIGINT,
    lease_holder TEXT NOT NULL,
    lease_until BIGINT NOT NULL
);

-- An account has one open deletion at most.
CREATE UNIQUE INDEX deletions_open ON deletions (account) WHERE ended_at IS NULL;
CREATE INDEX deletions_account ON deletions (account, id);
CREATE INDEX deletions_working ON deletions (lease_until) WHERE state = 'working';
