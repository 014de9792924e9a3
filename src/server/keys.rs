//! The keys that tokens are signed with, and where they come from. A key serves one algorithm: a token that names
//! another one for it is not valid, whatever its signature.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use tokio::sync::Mutex;

/// How old a key set may become before it is fetched again: a key that was withdrawn is not trusted for longer.
const MAX_AGE: Duration = Duration::from_secs(300);
/// How often a token with an unknown key may have the key set fetched again.
const MIN_AGE: Duration = Duration::from_secs(2);
const FETCH: Duration = Duration::from_secs(5);
/// A key set is small; what is larger is none.
const MAX_BYTES: u64 = 1 << 20;
/// RFC 7518: a key for HS256 has at least as many bytes as the hash.
const MIN_SECRET_BYTES: usize = 32;

/// Where keys come from.
#[derive(Clone)]
pub enum KeySource {
    /// A secret that both sides share (HS256).
    Secret(Vec<u8>),
    /// A public key as PEM (RS256, ES256 on P-256, EdDSA on Ed25519).
    Pem(Vec<u8>),
    /// A key set (JWKS) in a file, read again when it is old or a token names a key that is not in it.
    JwksFile(PathBuf),
    /// A key set (JWKS) at an address, by https, or by http on loopback; fetched again as a file is read again.
    JwksUrl(String),
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidKeys(String);

#[derive(Clone)]
pub(super) struct Key {
    id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// Keys, fetched again where they come from a key set.
pub(super) struct Keys {
    source: KeySource,
    current: RwLock<Arc<Vec<Key>>>,
    /// When they were last asked for, whether that succeeded or not.
    asked: Mutex<Instant>,
}

impl Keys {
    pub(super) async fn load(source: KeySource) -> Result<Self, InvalidKeys> {
        let keys = read(source.clone()).await?;
        Ok(Self { source, current: RwLock::new(Arc::new(keys)), asked: Mutex::new(Instant::now()) })
    }

    /// The keys that a token with this header may be signed with.
    pub(super) async fn of(&self, algorithm: Algorithm, id: Option<&str>) -> Vec<Key> {
        self.refresh(MAX_AGE).await;
        let found = self.find(algorithm, id);
        if !found.is_empty() || !self.refresh(MIN_AGE).await {
            return found;
        }
        self.find(algorithm, id)
    }

    fn find(&self, algorithm: Algorithm, id: Option<&str>) -> Vec<Key> {
        let keys = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        let fits = |key: &&Key| {
            key.algorithm == algorithm && (id.is_none() || key.id.is_none() || key.id.as_deref() == id)
        };
        keys.iter().filter(fits).cloned().collect()
    }

    /// Reads a key set again that is older than this. Where that fails, the keys stay as they are.
    async fn refresh(&self, age: Duration) -> bool {
        if matches!(self.source, KeySource::Secret(_) | KeySource::Pem(_)) {
            return false;
        }
        let mut asked = self.asked.lock().await;
        if asked.elapsed() < age {
            // Somebody else may have done it while this one waited.
            return true;
        }
        *asked = Instant::now();
        match read(self.source.clone()).await {
            Ok(keys) => *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys),
            Err(error) => tracing::warn!("the key set stays as it was: {error}"),
        }
        true
    }
}

async fn read(source: KeySource) -> Result<Vec<Key>, InvalidKeys> {
    match source {
        KeySource::Secret(secret) if secret.len() < MIN_SECRET_BYTES => Err(InvalidKeys(format!(
            "the secret has {} bytes; HS256 needs at least {MIN_SECRET_BYTES}",
            secret.len()
        ))),
        KeySource::Secret(secret) => {
            let key = DecodingKey::from_secret(&secret);
            Ok(vec![Key { id: None, algorithm: Algorithm::HS256, key }])
        }
        KeySource::Pem(pem) => Ok(vec![of_pem(&pem)?]),
        KeySource::JwksFile(path) => {
            let text = tokio::task::spawn_blocking(move || of_file(&path)).await;
            of_jwks(&text.map_err(|error| InvalidKeys(error.to_string()))??, true)
        }
        KeySource::JwksUrl(url) => {
            let text = tokio::task::spawn_blocking(move || fetch(&url)).await;
            // A secret that anybody can read is none.
            of_jwks(&text.map_err(|error| InvalidKeys(error.to_string()))??, false)
        }
    }
}

fn of_pem(pem: &[u8]) -> Result<Key, InvalidKeys> {
    let read = [
        (Algorithm::RS256, DecodingKey::from_rsa_pem(pem)),
        (Algorithm::ES256, DecodingKey::from_ec_pem(pem)),
        (Algorithm::EdDSA, DecodingKey::from_ed_pem(pem)),
    ];
    let mut keys = read.into_iter().filter_map(|(algorithm, key)| Some((algorithm, key.ok()?)));
    let (algorithm, key) = keys
        .next()
        .ok_or_else(|| InvalidKeys("the key is no public key of RSA, P-256 or Ed25519 as PEM".into()))?;
    Ok(Key { id: None, algorithm, key })
}

fn of_file(path: &Path) -> Result<String, InvalidKeys> {
    std::fs::read_to_string(path).map_err(|error| InvalidKeys(format!("{}: {error}", path.display())))
}

fn fetch(url: &str) -> Result<String, InvalidKeys> {
    let failed = |error: &dyn std::fmt::Display| InvalidKeys(format!("{url}: {error}"));
    let uri: axum::http::Uri = url.parse().map_err(|error| failed(&error))?;
    let is_local = uri.host().is_some_and(super::caller::is_loopback);
    if uri.scheme_str() != Some("https") && !(uri.scheme_str() == Some("http") && is_local) {
        return Err(failed(&"a key set is fetched by https, or from loopback"));
    }
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(FETCH))
        // A redirect may lead elsewhere than the operator trusts.
        .max_redirects(0)
        .build()
        .into();
    let mut answer = agent.get(url).call().map_err(|error| failed(&error))?;
    answer.body_mut().with_config().limit(MAX_BYTES).read_to_string().map_err(|error| failed(&error))
}

fn of_jwks(text: &str, secrets: bool) -> Result<Vec<Key>, InvalidKeys> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    let set: Set = serde_json::from_str(text).map_err(|error| InvalidKeys(format!("no key set: {error}")))?;
    // A set may have keys for others too.
    let keys: Vec<Key> = set.keys.into_iter().filter_map(|key| of_jwk(key, secrets)).collect();
    match keys.is_empty() {
        true => Err(InvalidKeys("the key set has no key for RS256, ES256, EdDSA or HS256".into())),
        false => Ok(keys),
    }
}

fn of_jwk(value: serde_json::Value, secrets: bool) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    if jwk.common.public_key_use.as_ref().is_some_and(|purpose| *purpose != PublicKeyUse::Signature) {
        return None;
    }
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        AlgorithmParameters::OctetKey(_) if secrets => Algorithm::HS256,
        _ => return None,
    };
    if jwk.common.key_algorithm.is_some_and(|stated| stated != KeyAlgorithm::from(algorithm)) {
        return None;
    }
    Some(Key { id: jwk.common.key_id.clone(), algorithm, key: DecodingKey::from_jwk(&jwk).ok()? })
}
