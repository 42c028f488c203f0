-- What only the holder of the key can say of where the log ends. A directory that was
-- made before gets it when it is opened, once.
ALTER TABLE heads ADD COLUMN seal TEXT NOT NULL DEFAULT '';

-- Where the log begins since it was pruned: the last record that is gone, its link, and
-- what only the holder of the key can say of it.
CREATE TABLE audit_pruned (
    id BIGINT PRIMARY KEY,
    position BIGINT NOT NULL,
    link TEXT NOT NULL,
    tag TEXT NOT NULL
);

-- One for each way to filter; pages go on by position.
CREATE INDEX audit_actor ON audit (actor, position);
CREATE INDEX audit_action ON audit (action, position);
CREATE INDEX audit_at ON audit (at, position);
CREATE INDEX audit_origin ON audit (origin, position) WHERE origin IS NOT NULL;

-- How many accounts use a licence: those that are active and not disabled.
ALTER TABLE heads ADD COLUMN licences BIGINT NOT NULL DEFAULT 0;

UPDATE heads SET licences =
    (SELECT COUNT(*) FROM accounts WHERE lifecycle = 'active' AND disabled = 0)
    WHERE stream = 0;
