-- What other systems know people by: as it was written, and as parts of it are looked for.
ALTER TABLE accounts ADD COLUMN external_id TEXT;
ALTER TABLE accounts ADD COLUMN external_id_folded TEXT;

CREATE UNIQUE INDEX accounts_external_id ON accounts (external_id) WHERE lifecycle <> 'deleted';

-- Logins that somebody had before they were renamed: nobody else ever gets one.
CREATE TABLE former_logins (
    login TEXT PRIMARY KEY,
    account BIGINT NOT NULL REFERENCES accounts (id)
);

-- More ways to sort.
CREATE INDEX accounts_by_created_at ON accounts (created_at, id);
CREATE INDEX accounts_by_updated_at ON accounts (updated_at, id);
CREATE INDEX accounts_by_last_sign_in_at ON accounts ((COALESCE(last_sign_in_at, 0)), id);
