-- Runs: changes of many accounts, a few at a time. `reached` is the position of the last
-- item that was decided on; whoever holds the run works on it alone until `held_until`.
CREATE TABLE runs (
    id BIGINT PRIMARY KEY,
    origin TEXT NOT NULL,
    actor TEXT NOT NULL,
    plan TEXT NOT NULL,
    state TEXT NOT NULL,
    reached BIGINT NOT NULL,
    last_position BIGINT NOT NULL,
    total BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    unchanged BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    not_found BIGINT NOT NULL,
    undoes BIGINT,
    undone_by BIGINT,
    holder TEXT,
    held_until BIGINT,
    begun_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    ended_at BIGINT
);

CREATE INDEX runs_state ON runs (state, id);

CREATE TABLE run_items (
    run BIGINT NOT NULL REFERENCES runs (id),
    position BIGINT NOT NULL,
    account BIGINT,
    name TEXT,
    outcome TEXT NOT NULL,
    detail TEXT,
    version_before BIGINT,
    version_after BIGINT,
    kept TEXT,
    PRIMARY KEY (run, position)
);

CREATE INDEX run_items_outcome ON run_items (run, outcome, position);
