-- `weight` is how much would be lost with a record: when there are too many, those
-- that weigh least go first, and never a lockout that is on.
ALTER TABLE attempts ADD COLUMN weight BIGINT NOT NULL DEFAULT 1;

CREATE INDEX attempts_weight ON attempts (weight);
