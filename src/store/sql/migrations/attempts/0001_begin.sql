-- `forgettable_at` is when a record says no more than none would; no such time for
-- one that lasts until somebody unlocks.
CREATE TABLE attempts (
    key TEXT PRIMARY KEY,
    record TEXT NOT NULL,
    locked_until BIGINT,
    forgettable_at BIGINT
);

CREATE INDEX attempts_forgettable_at ON attempts (forgettable_at);
