//! Clerk's Backend API, vector by vector. The tests named `cl_…` are the numbered
//! vectors of Clerk's behaviour; what differs here says so in its name or words, and
//! stands in `manual::clerk`.

mod clients;
mod hostile;
mod lists;
mod locks;
mod sessions;
mod users;
mod webhooks;

use serde_json::Value;

use super::{Reply, Stand};

/// What every user has, for the Python client to read it.
const REQUIRED: [&str; 35] = [
    "id",
    "object",
    "external_id",
    "primary_email_address_id",
    "primary_phone_number_id",
    "primary_web3_wallet_id",
    "username",
    "first_name",
    "last_name",
    "has_image",
    "password_enabled",
    "two_factor_enabled",
    "totp_enabled",
    "backup_code_enabled",
    "banned",
    "locked",
    "delete_self_enabled",
    "create_organization_enabled",
    "email_addresses",
    "phone_numbers",
    "web3_wallets",
    "passkeys",
    "external_accounts",
    "saml_accounts",
    "enterprise_accounts",
    "public_metadata",
    "created_at",
    "updated_at",
    "last_sign_in_at",
    "last_active_at",
    "mfa_enabled_at",
    "mfa_disabled_at",
    "legal_accepted_at",
    "lockout_expires_in_seconds",
    "verification_attempts_remaining",
];

impl Stand {
    /// Asks Clerk's API with this token.
    pub(crate) async fn clerk_as(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: &str,
    ) -> Reply {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", &*bearer), ("content-type", "application/json")];
        self.clerk_raw(method, path, &headers, body).await
    }

    /// The same as the administrator.
    pub(crate) async fn clerk(&self, method: &str, path: &str, body: Value) -> Reply {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.clerk_as(&self.a, method, path, &body).await
    }

    pub(crate) async fn clerk_get(&self, path: &str) -> Reply {
        self.clerk("GET", path, Value::Null).await
    }

    pub(crate) async fn clerk_post(&self, path: &str, body: Value) -> Reply {
        self.clerk("POST", path, body).await
    }

    pub(crate) async fn clerk_raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let path = format!("/v1{path}");
        let answer = self.api.send(method, &path, headers, body).await;
        let read = serde_json::from_str(&answer.body).unwrap_or_default();
        let reply =
            Reply { status: answer.status, headers: answer.headers, body: read, text: answer.body };
        // CL-23: the JavaScript client reads nothing that is called otherwise.
        assert_eq!(reply.headers["content-type"], "application/json", "{}", reply.text);
        assert_eq!(reply.headers["cache-control"], "no-store");
        reply
    }
}

impl Reply {
    /// It is one error of the catalogue, in the form that clients know.
    #[track_caller]
    pub(crate) fn is_fault(&self, status: u16, code: &str) -> &Value {
        assert_eq!(self.status, status, "{}", self.text);
        let errors = self.body["errors"].as_array().expect("errors");
        assert_eq!(errors.len(), 1, "{}", self.text);
        assert_eq!(errors[0]["code"], code, "{}", self.text);
        for part in ["message", "long_message"] {
            let words = errors[0][part].as_str().expect("words");
            assert!(!words.is_empty(), "{}", self.text);
        }
        let trace = self.body["clerk_trace_id"].as_str().expect("a trace id");
        assert_eq!(self.headers["clerk-trace-id"], trace);
        &errors[0]["meta"]
    }

    /// It is a user, whole.
    #[track_caller]
    pub(crate) fn is_clerk_user(&self) -> &Value {
        assert_eq!(self.status, 200, "{}", self.text);
        assert_eq!(self.body["object"], "user", "{}", self.text);
        let user = self.body.as_object().expect("an object");
        for key in REQUIRED {
            assert!(user.contains_key(key), "{key} is missing: {}", self.text);
        }
        // Whoever finds this key takes the user for a deleted one.
        assert!(!user.contains_key("deleted"), "{}", self.text);
        &self.body
    }
}
