//! The keys that an issuer signs with, each with the algorithms it is for.

mod set;

use std::fmt;

use jsonwebtoken::crypto::CryptoProvider;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};

pub(super) use self::set::{KeyFlaw, LeftOut, SetFrom, read_set};

/// The cryptography, by its name. The one that `jsonwebtoken` finds for itself
/// panics at its first use where other crates of a program turn on both of its
/// backends, or install none: it is never asked for here.
const PROVIDER: &CryptoProvider = &DEFAULT_PROVIDER;

/// A set of keys as large as this is a mistake; each bad token may be tried with
/// every key that fits.
const MAX_KEYS: usize = 64;

/// The shortest secret of each algorithm is as long as its hash (RFC 7518, 3.2).
const BY_SECRET: [(usize, Algorithm); 3] =
    [(32, Algorithm::HS256), (48, Algorithm::HS384), (64, Algorithm::HS512)];

/// NIST SP 800-57 and RFC 7518 (3.3): 2048 bits or more.
const MIN_RSA_BYTES: usize = 256;

/// The keys of an issuer. Each is for the algorithms of its family alone.
#[derive(Clone)]
pub struct JwtKeys(Vec<Key>);

#[derive(Clone)]
struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// Why something can't be a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidJwtKey {
    /// Not a public key that is known.
    #[error(
        "not a public key of RSA (2048 bits or more), P-256, P-384 or Ed25519 in PEM: give the one that begins with `-----BEGIN PUBLIC KEY-----`"
    )]
    NoPublicPem,
    /// Not a JWK set.
    #[error("not a JWK set: give the JSON object with `keys`")]
    NoSet,
    /// Nothing in the set can check a signature.
    #[error(
        "the JWK set has no public key for signatures that is known here: RSA (2048 bits or more), P-256, P-384 or Ed25519"
    )]
    NothingInSet,
    /// Whoever has the public key could sign.
    #[error("a key in PEM is no secret: give it to `public_pem`")]
    PemAsSecret,
    /// It could be guessed from one token.
    #[error("a secret of {bytes} bytes is too short: take 32 random bytes or more")]
    ShortSecret {
        /// How long it was.
        bytes: usize,
    },
    /// More keys than an issuer can have.
    #[error("an issuer has at most {MAX_KEYS} keys: leave old ones out")]
    TooMany,
}

impl JwtKeys {
    /// A secret that the issuer shares with us: 32 bytes for HS256, 48 for HS384
    /// too, 64 for HS512 too. Whoever has it can sign.
    ///
    /// # Errors
    ///
    /// If it is shorter than 32 bytes, or a key in PEM.
    pub fn secret(secret: &[u8]) -> Result<Self, InvalidJwtKey> {
        if memchr::memmem::find(secret, b"-----BEGIN").is_some() {
            return Err(InvalidJwtKey::PemAsSecret);
        }
        let key = DecodingKey::from_secret(secret);
        let key = Key::new(None, key).ok_or(InvalidJwtKey::ShortSecret { bytes: secret.len() })?;
        Ok(Self(vec![key]))
    }

    /// A public key in PEM: RSA for RS and PS, P-256 for ES256, P-384 for ES384,
    /// Ed25519 for EdDSA.
    ///
    /// # Errors
    ///
    /// If it is no such key.
    pub fn public_pem(pem: &str) -> Result<Self, InvalidJwtKey> {
        let pem = pem.as_bytes();
        let read = DecodingKey::from_rsa_pem(pem)
            .or_else(|_| DecodingKey::from_ec_pem(pem))
            .or_else(|_| DecodingKey::from_ed_pem(pem));
        let key = read.ok().and_then(|key| Key::new(None, key));
        Ok(Self(vec![key.ok_or(InvalidJwtKey::NoPublicPem)?]))
    }

    /// The public keys of a JWK set (RFC 7517). Keys that are for something else
    /// than signatures, or of a kind that is not known, are left out, and secrets
    /// are: give those to [`JwtKeys::secret`].
    ///
    /// # Errors
    ///
    /// If it is no such set, or nothing in it can be used.
    pub fn jwk_set(json: &str) -> Result<Self, InvalidJwtKey> {
        read_set(json.as_bytes(), SetFrom::Operator).map(|(keys, _)| keys)
    }

    /// The same, called this by the tokens' `kid`. Keys of a set have names of
    /// their own.
    #[must_use]
    pub fn called(mut self, kid: &str) -> Self {
        for key in &mut self.0 {
            key.id.get_or_insert_with(|| kid.to_owned());
        }
        self
    }

    /// These keys and those: for the time when an issuer changes them.
    ///
    /// # Errors
    ///
    /// If they are too many.
    pub fn and(mut self, others: Self) -> Result<Self, InvalidJwtKey> {
        self.0.extend(others.0);
        if self.0.len() > MAX_KEYS { Err(InvalidJwtKey::TooMany) } else { Ok(self) }
    }

    /// Whether one of the keys that these words of the header can mean signed this.
    /// `tried` is called for each signature that is compared.
    pub(super) fn verify(&self, signed: &Signed<'_>, mut tried: impl FnMut()) -> Verdict {
        let named = |key: &&Key| key.id.is_some() && key.id.as_deref() == signed.kid;
        let has_named = self.0.iter().any(|key| named(&key));
        let meant = |key: &&Key| match signed.kid {
            // A name is only a hint: it picks among the keys, and finds none.
            Some(_) if has_named => named(key),
            Some(_) => key.id.is_none(),
            None => true,
        };
        let fits = |key: &&Key| meant(key) && key.algorithms.contains(&signed.algorithm);
        let is_signed = self.0.iter().filter(fits).any(|key| {
            tried();
            key.verify(signed)
        });
        match (is_signed, has_named) {
            (true, _) => Verdict::Signed,
            (false, true) => Verdict::Forged,
            (false, false) => Verdict::ByNoKey,
        }
    }

    /// How many they are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// What keys say of a signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    Signed,
    /// The key that it names did not make it.
    Forged,
    /// It names no key that is known, and none made it: another might have.
    ByNoKey,
}

/// What was signed, and the header's words on how.
#[derive(Clone, Debug)]
pub(super) struct Signed<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<&'a str>,
    pub(super) message: &'a [u8],
    pub(super) signature: Vec<u8>,
}

impl Key {
    fn new(id: Option<String>, key: DecodingKey) -> Option<Self> {
        let algorithms = algorithms_of(&key);
        (!algorithms.is_empty()).then_some(Self { id, algorithms, key })
    }

    fn verify(&self, signed: &Signed<'_>) -> bool {
        let verifier = (PROVIDER.verifier_factory)(&signed.algorithm, &self.key);
        verifier.is_ok_and(|verifier| verifier.verify(signed.message, &signed.signature).is_ok())
    }
}

/// The algorithms that a key is for; none if it is no key.
fn algorithms_of(key: &DecodingKey) -> Vec<Algorithm> {
    let bytes = key.try_get_as_bytes().unwrap_or_default();
    match (key.family(), bytes) {
        (AlgorithmFamily::Hmac, secret) => {
            let fits = BY_SECRET.iter().filter(|(least, _)| secret.len() >= *least);
            fits.map(|(_, algorithm)| *algorithm).collect()
        }
        (AlgorithmFamily::Rsa, _) if modulus_bytes(key) >= MIN_RSA_BYTES => {
            AlgorithmFamily::Rsa.algorithms().to_vec()
        }
        // An uncompressed point: the curve is in its length.
        (AlgorithmFamily::Ec, [4, ..]) if bytes.len() == 65 => vec![Algorithm::ES256],
        (AlgorithmFamily::Ec, [4, ..]) if bytes.len() == 97 => vec![Algorithm::ES384],
        (AlgorithmFamily::Ed, _) if bytes.len() == 32 => vec![Algorithm::EdDSA],
        _ => Vec::new(),
    }
}

/// How long an RSA key's modulus is; 0 if it is no public key.
fn modulus_bytes(key: &DecodingKey) -> usize {
    let significant = |n: &[u8]| n.iter().skip_while(|byte| **byte == 0).count();
    match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, .. } => significant(n),
        DecodingKeyKind::SecretOrDer(der) => {
            let components = (PROVIDER.key_utils.rsa_pub_components_from_public_key)(der);
            components.map_or(0, |(n, _)| significant(&n))
        }
    }
}

impl fmt::Debug for JwtKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithms = self.0.iter().map(|key| &key.algorithms);
        f.debug_tuple("JwtKeys")
            .field(&algorithms.collect::<Vec<_>>())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn verifies(keys: &JwtKeys, algorithm: Algorithm, token: &str) -> bool {
        let (message, signature) = token.rsplit_once('.').expect("three parts");
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
        let signed = Signed { algorithm, kid: None, message: message.as_bytes(), signature };
        keys.verify(&signed, || {}) == Verdict::Signed
    }

    /// RFC 7515, appendix A.1.
    const HS256: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9\
        .eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ\
        .dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const HS256_KEY: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75\
        aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

    /// RFC 8037, appendix A.
    const EDDSA: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc\
        .hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    const EDDSA_SET: &str = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    #[test]
    fn the_standards_own_signatures_hold() {
        let secret = URL_SAFE_NO_PAD.decode(HS256_KEY).expect("base64url");
        let secret = JwtKeys::secret(&secret).expect("a long secret");
        assert!(verifies(&secret, Algorithm::HS256, HS256));
        assert!(!verifies(&secret, Algorithm::HS384, HS256));
        let public = JwtKeys::jwk_set(EDDSA_SET).expect("a set");
        assert!(verifies(&public, Algorithm::EdDSA, EDDSA));
        assert!(!verifies(&public, Algorithm::EdDSA, &EDDSA.replace("RXh", "RXi")));
        assert!(!verifies(&public, Algorithm::HS256, HS256));
    }

    #[test]
    fn a_secret_is_for_hashes_that_are_no_longer_than_it() {
        let algorithms =
            |bytes: usize| JwtKeys::secret(&vec![7; bytes]).map(|keys| keys.0[0].algorithms.len());
        assert_eq!(algorithms(31), Err(InvalidJwtKey::ShortSecret { bytes: 31 }));
        assert_eq!([32, 47, 48, 63, 64].map(algorithms), [Ok(1), Ok(1), Ok(2), Ok(2), Ok(3)]);
    }

    #[test]
    fn keys_have_a_limit() {
        let one = || JwtKeys::secret(&[7; 32]).expect("a secret");
        let mut many = one();
        for _ in 1..MAX_KEYS {
            many = many.and(one()).expect("few keys");
        }
        assert_eq!(many.and(one()).map(|_| ()), Err(InvalidJwtKey::TooMany));
    }
}
