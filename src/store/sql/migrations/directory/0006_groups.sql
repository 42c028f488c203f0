-- Groups of people. Their numbers are never given out again: the last one is kept.
CREATE TABLE account_groups (
    id BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    name_folded TEXT NOT NULL,
    external_id TEXT,
    permissions TEXT NOT NULL,
    document TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE INDEX account_groups_name ON account_groups (name_folded, id);
CREATE INDEX account_groups_external_id ON account_groups (external_id);

CREATE TABLE group_members (
    group_id BIGINT NOT NULL REFERENCES account_groups (id),
    account BIGINT NOT NULL REFERENCES accounts (id),
    PRIMARY KEY (group_id, account)
);

CREATE INDEX group_members_account ON group_members (account, group_id);

CREATE TABLE group_numbers (
    id BIGINT PRIMARY KEY,
    last BIGINT NOT NULL
);

INSERT INTO group_numbers (id, last) VALUES (1, 0);
