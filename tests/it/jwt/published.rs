//! Keys that an issuer publishes, from real servers on this machine.

mod issuer;
mod outage;
mod rotation;
mod set;

use std::time::Duration;

use portcullis::PublishedJwtKeys;

pub(super) use self::issuer::{Answer, Publisher};
use super::*;

/// What signs, and the same as a public JWK without a name.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    alg: &'static str,
    private: fn() -> EncodingKey,
    public: &'static str,
}

pub(super) const ED: Pair = Pair {
    alg: "EdDSA",
    private: || EncodingKey::from_ed_pem(include_bytes!("keys/ed25519.pem")).expect("a key"),
    public: r#"{"kty": "OKP", "crv": "Ed25519", "x": "yUP43Q1qMmr2Q9Fwv56bnwHYDGXlMJLnd3XHcdLwbx4"}"#,
};

const P256: Pair = Pair {
    alg: "ES256",
    private: || EncodingKey::from_ec_pem(include_bytes!("keys/p256.pem")).expect("a key"),
    public: r#"{"kty": "EC", "crv": "P-256", "x": "tT-vdKUtBLwVxHskSBtCjCpmZJ4wZHp8V7-ieNP4xZk",
        "y": "NVAB_9KdQfVbH5CZuyEcVQNtmxXnV5Rak4d8Ja9cBwQ"}"#,
};

const RSA_MODULUS: &str = "vUiXsESE-fTmXmq_Hwp6WRpsCDXarQkIqFnfNjJQK7VX3ZG_HvG5VcA_zDQB-6lFm1XuoBB9GTvOpsEk\
    PFDfdilzK9ccKk6wnkqt0qnheA_ZpFC1Wwe15y6f7KVjiCA3Mag0iZpf299wJN2cQDQNTzqi_Eaz1C3elMC7pH0zRqFPUEAD0HrM-Iej\
    k-KqbB0HXY1D0AxZcmPOM5_IsB-6JZ1GEw5kceGlq9xki3C37myaUSj_wP30MZHWfo0lL6CQfmEnVUkfiyzKbkThNJe6rHFBCkyODLn0\
    9uheaAV1jHttaf-XpQlyW1MCMV7GH-ZDQoCOSBh-SkhnD3EqPuyK2w";

impl Pair {
    fn jwk(self, more: &Value) -> Value {
        let mut jwk: Value = serde_json::from_str(self.public).expect("a key");
        let more = more.as_object().expect("an object").clone();
        jwk.as_object_mut().expect("an object").extend(more);
        jwk
    }

    pub(super) fn called(self, kid: &str) -> Value {
        self.jwk(&json!({"kid": kid}))
    }

    /// A token whose header names this key.
    pub(super) fn signs(self, kid: &str, claims: &Value) -> String {
        let header = json!({"alg": self.alg, "kid": kid});
        sign(&header, claims, self.alg.parse().expect("an algorithm"), &(self.private)())
    }
}

pub(super) fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// A gate that takes the keys at this server, its guarded service, and what its
/// issuer says of alice, each time of another token.
struct World {
    test: TestGate,
    app: Router,
    alice: Account,
}

impl World {
    async fn at(publisher: &Publisher) -> Self {
        Self::with(PublishedJwtKeys::at(&publisher.url("/keys")).expect("an address")).await
    }

    async fn with(keys: PublishedJwtKeys) -> Self {
        Self::of(JwtIssuer::new(ISSUER, "shop", keys)).await
    }

    async fn of(issuer: JwtIssuer) -> Self {
        let test = gate_of(issuer).await;
        let (app, alice) = (app(test.gate()), test.account("alice").await);
        Self { test, app, alice }
    }

    /// No two are the same: what is remembered of one says nothing of another.
    fn claims(&self) -> Value {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let jti = NEXT.fetch_add(1, Ordering::Relaxed);
        with(claims(&self.test, &self.alice), "jti", json!(jti))
    }

    async fn visit_by(&self, pair: Pair, kid: &str) -> StatusCode {
        visit(&self.app, &pair.signs(kid, &self.claims())).await
    }
}

/// The clocks that tasks wait by go on by this much at once.
async fn after(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

/// Asks until the answer is this one, for some seconds.
async fn until(expected: StatusCode, ask: impl AsyncFn() -> StatusCode) {
    for _ in 0..500 {
        if ask().await == expected {
            return;
        }
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never {expected}");
}
