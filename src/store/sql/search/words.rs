//! What filters are called in SQL.

use super::NOW;
use crate::domain::standing::Status;
use crate::store::{TextField, TextFit, TimeField};

/// Whether somebody has or had a lock. In these words, as indexes have it of few.
pub(super) const HELD: &str = "(admin_lock_until IS NOT NULL OR lockout_until IS NOT NULL)";

/// What somebody is, locks aside; and that it is not the usual. In the words of indexes.
const STATE: &str = "(CASE WHEN lifecycle = 'deleted' THEN 'deleted' \
     WHEN disabled = 1 THEN 'disabled' ELSE lifecycle END)";
const UNUSUAL: &str = "(disabled = 1 OR lifecycle <> 'active')";

/// Where a text is looked for.
pub(super) fn columns_of(field: TextField, fit: TextFit) -> &'static [&'static str] {
    match (field, fit) {
        (TextField::Any, _) => &[
            "login",
            "name_folded",
            "first_name_folded",
            "last_name_folded",
            "COALESCE(email_folded, '')",
        ],
        (TextField::Email, _) => &["COALESCE(email_folded, '')"],
        // Neither true nor false is no answer to a negation; and the index is used.
        (TextField::ExternalId, TextFit::Whole) => &["external_id IS NOT NULL AND external_id"],
        (TextField::ExternalId, _) => &["COALESCE(external_id_folded, '')"],
        (TextField::FirstName, _) => &["first_name_folded"],
        (TextField::LastName, _) => &["last_name_folded"],
        (TextField::Login, _) => &["login"],
        (TextField::Name, _) => &["name_folded"],
    }
}

pub(super) const fn time_column(field: TimeField) -> &'static str {
    match field {
        TimeField::CreatedAt => "created_at",
        TimeField::LastSignInAt => "last_sign_in_at",
        TimeField::SessionsEndedAt => "sessions_ended_at",
        TimeField::UpdatedAt => "updated_at",
    }
}

/// As `Standing::status` has it, of accounts that are not deleted.
pub(super) fn status_is(status: Status) -> String {
    // By the row alone: to list everybody who is locked would be the more work the more
    // there are, for each page anew.
    let (lock, lockout) = ("COALESCE(admin_lock_until, 0)", "COALESCE(lockout_until, 0)");
    let unlocked = format!("{lock} <= {NOW} AND {lockout} <= {NOW}");
    let unusual = |state: &str| format!("{STATE} = '{state}' AND {UNUSUAL}");
    match status {
        Status::Active => format!("(lifecycle = 'active' AND disabled = 0 AND {unlocked})"),
        Status::Deleted => "1 = 0".to_owned(),
        Status::Disabled => format!("({})", unusual("disabled")),
        Status::Invited => format!("({} AND {unlocked})", unusual("invited")),
        Status::Locked => {
            format!("(disabled = 0 AND {HELD} AND ({lock} > {NOW} OR {lockout} > {NOW}))")
        }
        Status::Registered => format!("({} AND {unlocked})", unusual("registered")),
    }
}
