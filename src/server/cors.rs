//! Pages of which other origins may use the endpoint.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::protocol;

const ANY: &str = "*";
/// How long a browser need not ask again.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Origins whose pages may use the endpoint, beside its own.
#[derive(Debug, Clone, Default)]
pub struct AllowedOrigins(Vec<String>);

/// A text that is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no origin such as https://app.example.com, and not *")]
pub struct InvalidOrigin(String);

impl AllowedOrigins {
    /// Reads origins, or `*` for any.
    ///
    /// # Errors
    /// [`InvalidOrigin`] for the first text that is neither.
    pub fn parse<'a>(origins: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidOrigin> {
        let parsed = origins.into_iter().map(|origin| match is_origin(origin) || origin == ANY {
            true => Ok(origin.to_ascii_lowercase()),
            false => Err(InvalidOrigin(origin.into())),
        });
        parsed.collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn contains(&self, origin: &str) -> bool {
        self.0.iter().any(|allowed| allowed == origin || allowed == ANY)
    }

    pub(super) fn layer(&self) -> CorsLayer {
        let origins = self.clone();
        let version = HeaderName::from_static(protocol::VERSION_HEADER);
        CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(move |origin: &HeaderValue, _| {
                origin.to_str().is_ok_and(|origin| origins.contains(origin))
            }))
            .allow_methods([Method::GET, Method::POST])
            .allow_headers([header::CONTENT_TYPE, header::AUTHORIZATION, version.clone()])
            .expose_headers([header::RETRY_AFTER, version])
            .max_age(MAX_AGE)
    }
}

/// A scheme and an authority, and nothing behind them.
fn is_origin(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, host)| {
        matches!(scheme, "http" | "https")
            && !host.is_empty()
            && !host.contains(['/', '?', '#', '@', ' ', '*'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_no_path_and_no_pattern() {
        assert!(AllowedOrigins::parse(["https://app.example.com", "http://localhost:5173", "*"]).is_ok());
        for wrong in ["https://a.example/", "app.example.com", "https://*.example.com", "https://", ""] {
            assert!(AllowedOrigins::parse([wrong]).is_err(), "{wrong}");
        }
    }
}
