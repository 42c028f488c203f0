-- When the generation was last raised, for tokens that have no generation of their own.
ALTER TABLE accounts ADD COLUMN sessions_ended_at BIGINT;

-- Of what was raised before, the instant is not known; it is no later than this.
UPDATE accounts SET sessions_ended_at = updated_at WHERE generation > 0;
