-- Attempts to sign in that are over, for a while. `login` is a keyed hash cut short,
-- `mark` tells one wrong password from another with a key that is nowhere written down.
CREATE TABLE attempt_history (
    number BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    account BIGINT,
    login BIGINT NOT NULL,
    source TEXT,
    network TEXT,
    device TEXT,
    ended TEXT NOT NULL,
    mark BIGINT
);

CREATE INDEX attempt_history_account ON attempt_history (account, number);

-- The number of the last one.
CREATE TABLE attempt_history_head (
    id BIGINT PRIMARY KEY,
    last BIGINT NOT NULL
);

INSERT INTO attempt_history_head (id, last) VALUES (1, 0);

-- How many ended how in each hour, by the microsecond that the hour began in.
CREATE TABLE attempt_hours (
    hour BIGINT NOT NULL,
    ended TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    PRIMARY KEY (hour, ended)
);
