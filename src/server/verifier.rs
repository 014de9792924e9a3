//! Who asks: bearer tokens (JWT), checked by key, time, issuer and audience.

use axum::http::{HeaderMap, header};
use jsonwebtoken::{Validation, decode, decode_header, errors::ErrorKind};
use serde_json::Value;

use crate::error::StoreError;
use crate::event::now_millis;

use super::keys::{InvalidKeys, KeySource, Keys};
use super::rights::Rights;

/// What a token must be.
#[derive(Clone)]
pub struct TokenConfig {
    /// What it is signed with.
    pub keys: KeySource,
    /// Whom it must come from, where that is checked.
    pub issuer: Option<String>,
    /// Whom it must be for. A token that names an audience is not valid where none is expected.
    pub audience: Vec<String>,
    /// How far clocks may be apart, in seconds.
    pub leeway: u64,
    /// The claim with the rights by space; see [`Rights`].
    pub claim: String,
}

/// Whom a token speaks of.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) subject: Option<String>,
    pub(super) rights: Rights,
    /// When the token ends, in milliseconds since 1970.
    pub(super) until: u64,
}

/// Verifies tokens.
pub struct Verifier {
    keys: Keys,
    config: TokenConfig,
}

impl Verifier {
    /// A verifier; the keys are read once, so that a wrong one shows at once.
    ///
    /// # Errors
    /// [`InvalidKeys`].
    pub async fn new(config: TokenConfig) -> Result<Self, InvalidKeys> {
        Ok(Self { keys: Keys::load(config.keys.clone()).await?, config })
    }

    /// Who sends these headers.
    ///
    /// # Errors
    /// `UNAUTHORIZED`.
    pub(super) async fn caller(&self, headers: &HeaderMap) -> Result<Caller, StoreError> {
        let refused = |reason: &str| StoreError::Unauthorized(reason.into());
        let stated = headers.get(header::AUTHORIZATION).ok_or_else(|| refused("send a bearer token"))?;
        let (scheme, token) = stated.to_str().ok().and_then(|text| text.split_once(' ')).unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(refused("the header Authorization is not of the form Bearer <token>"));
        }
        let token = token.trim();
        // `alg: none` is no algorithm that this reads.
        let header = decode_header(token).map_err(|_| refused("the token is not a signed JWT"))?;
        let mut validation = Validation::new(header.alg);
        validation.leeway = self.config.leeway;
        validation.validate_nbf = true;
        if !self.config.audience.is_empty() {
            validation.set_audience(&self.config.audience);
            validation.required_spec_claims.insert("aud".into());
        }
        if let Some(issuer) = &self.config.issuer {
            validation.set_issuer(&[issuer]);
            validation.required_spec_claims.insert("iss".into());
        }
        let mut problem = "the token is signed with a key that is not known here";
        for key in self.keys.of(header.alg, header.kid.as_deref()).await {
            match decode::<Value>(token, &key.key, &validation) {
                Ok(token) => return self.read(&token.claims),
                Err(error) => problem = explain(error.kind()),
            }
        }
        Err(refused(problem))
    }

    fn read(&self, claims: &Value) -> Result<Caller, StoreError> {
        let rights = match claims.get(&self.config.claim) {
            None => Rights::default(),
            Some(rights) => serde_json::from_value(rights.clone()).map_err(|_| {
                let claim = &self.config.claim;
                StoreError::Unauthorized(format!("the token's claim {claim:?} does not name rights by space"))
            })?,
        };
        // Checked to be there; a fraction of a second does not count.
        let seconds = claims.get("exp").and_then(Value::as_f64).unwrap_or(0.0) as u64;
        let until = seconds.saturating_add(self.config.leeway).saturating_mul(1_000);
        // The library compares whole seconds; a stream that ended by this time must not begin again.
        if now_millis() >= until {
            return Err(StoreError::Unauthorized(explain(&ErrorKind::ExpiredSignature).into()));
        }
        let subject = claims.get("sub").and_then(Value::as_str).map(Into::into);
        Ok(Caller { subject, rights, until })
    }
}

const fn explain(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "the token has expired",
        ErrorKind::ImmatureSignature => "the token is not valid yet",
        ErrorKind::InvalidIssuer => "the token is not from the issuer that is expected here",
        ErrorKind::InvalidAudience => "the token is not for this audience",
        ErrorKind::MissingRequiredClaim(_) => "the token lacks a claim that is required here",
        ErrorKind::InvalidSignature => "the token's signature is wrong",
        _ => "the token is not valid",
    }
}
