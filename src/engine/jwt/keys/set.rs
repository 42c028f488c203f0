//! Reads a JWK set (RFC 7517). What is wrong with a key takes that key away alone.

use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

use super::{InvalidJwtKey, JwtKeys, Key, MAX_KEYS};

/// The longest name of a key that is told.
const LONGEST_NAME: usize = 100;

/// Who gave a set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::engine::jwt) enum SetFrom {
    /// Somebody who tries tokens with keys of their own, secrets among them.
    #[cfg_attr(not(feature = "gateway"), allow(dead_code, reason = "the program tries tokens"))]
    Tester,
    /// Whoever runs this service.
    Operator,
    /// The issuer, for everybody to read.
    Issuer,
}

/// A key that is not used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::engine::jwt) struct LeftOut {
    /// Its name, cut short.
    pub(in crate::engine::jwt) kid: String,
    pub(in crate::engine::jwt) flaw: KeyFlaw,
}

/// Why a key is not used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::engine::jwt) enum KeyFlaw {
    /// `alg` is not one of its family.
    Algorithm,
    /// Not a kind of key that is known.
    Kind,
    /// Whoever reads the set could sign.
    Private,
    /// For something else than signatures: that is no mistake.
    Purpose,
    /// A secret, where public keys are.
    Secret,
    /// Not a key.
    Unreadable,
    /// Too short to be safe, or not what it says it is.
    Weak,
}

impl KeyFlaw {
    pub(in crate::engine::jwt) const fn as_str(self) -> &'static str {
        match self {
            Self::Algorithm => "algorithm",
            Self::Kind => "kind",
            Self::Private => "private",
            Self::Purpose => "purpose",
            Self::Secret => "secret",
            Self::Unreadable => "unreadable",
            Self::Weak => "weak",
        }
    }
}

/// The keys of a set, and those that are not used.
pub(in crate::engine::jwt) fn read_set(
    json: &[u8],
    from: SetFrom,
) -> Result<(JwtKeys, Vec<LeftOut>), InvalidJwtKey> {
    let set: Value = serde_json::from_slice(json).map_err(|_| InvalidJwtKey::NoSet)?;
    let entries = set["keys"].as_array().ok_or(InvalidJwtKey::NoSet)?;
    if entries.len() > MAX_KEYS {
        return Err(InvalidJwtKey::TooMany);
    }
    let (mut keys, mut left_out) = (Vec::new(), Vec::new());
    for entry in entries {
        match Key::from_json(entry, from) {
            Ok(key) => keys.push(key),
            Err(flaw) => left_out.push(LeftOut { kid: name_of(entry), flaw }),
        }
    }
    if keys.is_empty() { Err(InvalidJwtKey::NothingInSet) } else { Ok((JwtKeys(keys), left_out)) }
}

fn name_of(entry: &Value) -> String {
    let kid = entry["kid"].as_str().unwrap_or_default();
    let plain = kid.chars().filter(|c| !c.is_control());
    plain.take(LONGEST_NAME).collect()
}

impl Key {
    fn from_json(json: &Value, from: SetFrom) -> Result<Self, KeyFlaw> {
        let jwk: Jwk = serde_json::from_value(json.clone()).map_err(|_| KeyFlaw::Unreadable)?;
        if !is_for_signatures(&jwk.common) {
            return Err(KeyFlaw::Purpose);
        }
        match &jwk.algorithm {
            AlgorithmParameters::RSA(_)
            | AlgorithmParameters::EllipticCurve(_)
            | AlgorithmParameters::OctetKeyPair(_) => {}
            AlgorithmParameters::OctetKey(_) if from == SetFrom::Tester => {}
            AlgorithmParameters::OctetKey(_) => return Err(KeyFlaw::Secret),
            _ => return Err(KeyFlaw::Kind),
        }
        if from == SetFrom::Issuer && json.get("d").is_some() {
            return Err(KeyFlaw::Private);
        }
        let key = DecodingKey::from_jwk(&jwk).map_err(|_| KeyFlaw::Unreadable)?;
        let mut key = Self::new(jwk.common.key_id.clone(), key).ok_or(KeyFlaw::Weak)?;
        if !matches_curve(&jwk.algorithm, &key.algorithms) {
            return Err(KeyFlaw::Weak);
        }
        if let Some(pinned) = &jwk.common.key_algorithm {
            let pinned: Result<Algorithm, _> = pinned.to_string().parse();
            let pinned = pinned.map_err(|_| KeyFlaw::Algorithm)?;
            key.algorithms.retain(|algorithm| *algorithm == pinned);
        }
        if key.algorithms.is_empty() { Err(KeyFlaw::Algorithm) } else { Ok(key) }
    }
}

fn is_for_signatures(common: &CommonParameters) -> bool {
    let purpose = common.public_key_use.as_ref();
    let operations = common.key_operations.as_ref();
    purpose.is_none_or(|purpose| *purpose == PublicKeyUse::Signature)
        && operations.is_none_or(|operations| operations.contains(&KeyOperations::Verify))
}

/// Whether a key is on the curve that it says it is on.
fn matches_curve(parameters: &AlgorithmParameters, algorithms: &[Algorithm]) -> bool {
    let curve = match parameters {
        AlgorithmParameters::EllipticCurve(key) => &key.curve,
        AlgorithmParameters::OctetKeyPair(key) => &key.curve,
        _ => return true,
    };
    let algorithm = match curve {
        EllipticCurve::P256 => Algorithm::ES256,
        EllipticCurve::P384 => Algorithm::ES384,
        EllipticCurve::Ed25519 => Algorithm::EdDSA,
        _ => return false,
    };
    algorithms == [algorithm]
}
