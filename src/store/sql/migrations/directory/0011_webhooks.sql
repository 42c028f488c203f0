-- Sessions that somebody ended one by one, kept to be listed until they would have
-- ended by themselves. They open nothing: who looks for a session never looks here.
CREATE TABLE ended_sessions (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    account BIGINT NOT NULL REFERENCES accounts (id),
    generation BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    opened_from TEXT,
    user_agent TEXT,
    device TEXT,
    ended_at BIGINT NOT NULL,
    state TEXT NOT NULL
);

CREATE INDEX ended_sessions_account ON ended_sessions (account, expires_at);
CREATE INDEX ended_sessions_expires_at ON ended_sessions (expires_at);

-- How far the audit log has been turned into messages (-1: nobody wants any), the
-- number of the last message, and which gateway does it, until when.
CREATE TABLE webhook_desk (
    id BIGINT PRIMARY KEY,
    position BIGINT NOT NULL,
    last_message BIGINT NOT NULL,
    holder TEXT NOT NULL,
    held_until BIGINT NOT NULL
);

INSERT INTO webhook_desk (id, position, last_message, holder, held_until)
    VALUES (1, -1, 0, '', 0);

-- What happened to sessions and is not in the audit log, until it is in a message.
CREATE TABLE webhook_sessions (
    session TEXT NOT NULL,
    kind TEXT NOT NULL,
    account BIGINT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (session, kind)
);

CREATE INDEX webhook_sessions_at ON webhook_sessions (at);

-- Messages on their way, each to one endpoint; those that arrived are gone.
CREATE TABLE webhook_messages (
    number BIGINT PRIMARY KEY,
    id TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    account BIGINT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_at BIGINT,
    last_error TEXT,
    UNIQUE (id, endpoint)
);

-- Without a next time a message is dead.
CREATE INDEX webhook_messages_next_at ON webhook_messages (next_at);
CREATE INDEX webhook_messages_account ON webhook_messages (endpoint, account, number);
