//! The keys of an issuer's JSON Web Key Set (RFC 7517).

use std::fmt;

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

/// A key that signs tokens.
#[derive(Clone)]
pub struct Key {
    /// The name, by which tokens refer to it.
    pub id: String,
    /// The algorithms it is for.
    pub algorithms: Vec<Algorithm>,
    /// The public key.
    pub key: DecodingKey,
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Key({:?})", self.id)
    }
}

impl Key {
    /// Returns the keys of a set that can verify tokens. Other keys in it, also malformed ones, are left out.
    pub fn in_set(document: &Value) -> Vec<Self> {
        let keys = document["keys"].as_array().into_iter().flatten();
        keys.filter_map(|key| Self::of(&Jwk::deserialize(key).ok()?)).collect()
    }

    fn of(jwk: &Jwk) -> Option<Self> {
        let common = &jwk.common;
        let is_for_signatures = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
        let operations = common.key_operations.as_ref();
        let can_verify = operations.is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        let algorithms = algorithms(jwk);
        if !is_for_signatures || !can_verify || algorithms.is_empty() {
            return None;
        }
        Some(Self { id: common.key_id.clone()?, algorithms, key: DecodingKey::from_jwk(jwk).ok()? })
    }
}

/// Returns the algorithms that type, curve and `alg` of a key allow.
fn algorithms(jwk: &Jwk) -> Vec<Algorithm> {
    let of_type: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => &[Algorithm::RS256, Algorithm::PS256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => &[Algorithm::ES256],
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
        _ => &[],
    };
    let own = jwk.common.key_algorithm;
    let is_allowed = |algorithm: &Algorithm| own.is_none_or(|own| Algorithm::try_from(own) == Ok(*algorithm));
    of_type.iter().copied().filter(is_allowed).collect()
}
