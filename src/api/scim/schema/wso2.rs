//! What stands against people, as WSO2 Identity Server says it.

use super::{Attribute, Kind, Returned, Schema};

pub(in crate::api::scim) const WSO2_URN: &str = "urn:scim:wso2:schema";

const LOCKED: Attribute =
    Attribute::flag("accountLocked", "Whether the account is locked; to write it locks or unlocks");
const DISABLED: Attribute =
    Attribute::flag("accountDisabled", "Whether the account is disabled; the opposite of active");
const UNLOCK_TIME: Attribute = Attribute::text(
    "unlockTime",
    "When the lock ends, in milliseconds since 1970; 0: not by itself",
);
const REASON: Attribute = Attribute::text("lockedReason", "What laid the lock")
    .read_only()
    .canonical(&["ADMIN_INITIATED", "MAX_ATTEMPTS_EXCEEDED"]);
const STATE: Attribute = Attribute::text("accountState", "What follows from all of it")
    .read_only()
    .canonical(&["LOCKED", "UNLOCKED", "DISABLED", "PENDING_SR", "PENDING_AP"]);
const LOCKOUTS: Attribute = Attribute::new(
    "failedLoginLockoutCount",
    "How many lockouts in a row failed sign-ins have led to",
    Kind::Integer,
)
.read_only();
const LAST_LOGON: Attribute =
    Attribute::text("lastLogonTime", "When they last signed in, in milliseconds since 1970")
        .read_only();
const READ_ONLY_USER: Attribute =
    Attribute::flag("isReadOnlyUser", "Whether nothing of them can be changed")
        .read_only()
        .returned(Returned::Request);

/// On the mount that follows the standard: what is computed is shown to who asks for
/// it, so that an extension without a value is none.
pub(super) const STRICT: Schema = Schema {
    urn: WSO2_URN,
    name: "AccountState",
    words: "What stands against the account",
    attributes: &[
        LOCKED,
        DISABLED.read_only().returned(Returned::Request),
        UNLOCK_TIME.read_only().returned(Returned::Request),
        REASON.returned(Returned::Request),
        STATE.returned(Returned::Request),
        LOCKOUTS.returned(Returned::Request),
        LAST_LOGON.returned(Returned::Request),
        READ_ONLY_USER,
    ],
};

/// On the mount that is shaped as WSO2's.
pub(super) const OWN: Schema = Schema {
    urn: WSO2_URN,
    name: "WSO2 Extension",
    words: "What stands against the account",
    attributes: &[
        LOCKED,
        DISABLED,
        UNLOCK_TIME,
        REASON,
        STATE,
        LOCKOUTS,
        LAST_LOGON,
        READ_ONLY_USER,
    ],
};
