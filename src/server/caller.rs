//! Whether a request may be answered at all, as long as nobody verifies who asks.

use std::net::IpAddr;

use axum::http::{HeaderMap, header};

use crate::error::StoreError;

use super::cors::AllowedOrigins;

const FORWARDED_HOST: &str = "x-forwarded-host";

/// Refuses what a browser sends for another site's page, and names that another site may have pointed here.
///
/// # Errors
/// `FORBIDDEN`.
pub(super) fn check(headers: &HeaderMap, allowed: &AllowedOrigins) -> Result<(), StoreError> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    // A proxy on this machine may name itself as the host, and whom it was asked for here.
    let passed_on = headers.get_all(FORWARDED_HOST).iter().map(|value| value.to_str().unwrap_or_default());
    let named = std::iter::once(host).chain(passed_on.flat_map(|hosts| hosts.split(',').map(str::trim)));
    if let Some(other) = named.into_iter().find(|host| !is_loopback(host)) {
        return Err(StoreError::Forbidden(format!(
            "without a token verifier this endpoint answers on loopback only, not as {other:?}"
        )));
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    if origin.split_once("://").is_some_and(|(_, of)| of == host) || allowed.contains(origin) {
        return Ok(());
    }
    Err(StoreError::Forbidden(format!("pages of {origin:?} are not allowed here; see --allow-origin")))
}

/// Whether a `Host`, with or without a port, is this machine's own.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(host: &'static str, origin: Option<&'static str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        check(&headers, &AllowedOrigins::parse(["http://localhost:5173"]).unwrap()).is_ok()
    }

    #[test]
    fn only_loopback_is_answered() {
        for host in ["localhost", "LOCALHOST:4870", "127.0.0.1:4870", "127.8.0.1", "[::1]:4870", "[::1]"] {
            assert!(checked(host, None), "{host}");
        }
        for host in ["example.com", "localhost.example.com:4870", "10.0.0.1", "127.0.0.1.nip.io", "", "[::2]"]
        {
            assert!(!checked(host, None), "{host}");
        }
    }

    #[test]
    fn what_a_proxy_passes_on_for_others_is_refused() {
        for (passed_on, answered) in
            [("localhost:3000", true), ("sync.example.com", false), ("localhost, sync.example.com", false)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "localhost:4870".parse().unwrap());
            headers.insert(FORWARDED_HOST, passed_on.parse().unwrap());
            assert_eq!(check(&headers, &AllowedOrigins::default()).is_ok(), answered, "{passed_on}");
        }
    }

    #[test]
    fn a_page_of_another_site_is_refused() {
        assert!(checked("localhost:4870", Some("http://localhost:4870")));
        assert!(checked("localhost:4870", Some("http://localhost:5173")));
        for origin in ["https://example.com", "null", "http://localhost:1", "http://127.0.0.1:4870"] {
            assert!(!checked("localhost:4870", Some(origin)), "{origin}");
        }
    }
}
