//! TLS towards PostgreSQL, as libpq's `sslmode` and `sslrootcert` ask for it.
//!
//! Of what libpq knows, `allow` is refused: it encrypts only where a server insists, so that whoever is in between
//! decides. Without `sslrootcert` a certificate is held to the public authorities.

use std::path::PathBuf;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

/// What an address says of TLS.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TlsOptions {
    mode: Mode,
    root_cert: Option<PathBuf>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Disable,
    /// Encrypted where the server can, whoever it is.
    #[default]
    Prefer,
    /// Encrypted; the server is who it is, unless authorities are named.
    Require,
    /// The certificate is by an authority that is trusted.
    VerifyCa,
    /// … and of the host that the address names.
    VerifyFull,
}

impl TlsOptions {
    /// Takes what is about TLS out of an address: tokio-postgres knows a part of it only.
    pub(super) fn take_from(address: &str) -> Result<(String, Self), String> {
        let mut options = Self::default();
        let rest = match address.split_once("://").and(address.split_once('?')) {
            Some((place, query)) => {
                let mut kept = Vec::new();
                for pair in query.split('&') {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    if !options.take(name, &percent_decoded(value)?)? {
                        kept.push(pair);
                    }
                }
                if kept.is_empty() { place.into() } else { format!("{place}?{}", kept.join("&")) }
            }
            None if address.contains("://") => address.into(),
            None => {
                let mut kept = Vec::new();
                for word in address.split_whitespace() {
                    let (name, value) = word.split_once('=').unwrap_or((word, ""));
                    if !options.take(name, value.trim_matches('\''))? {
                        kept.push(word);
                    }
                }
                kept.join(" ")
            }
        };
        Ok((rest, options))
    }

    fn take(&mut self, name: &str, value: &str) -> Result<bool, String> {
        match (name, value) {
            ("sslmode", "disable") => self.mode = Mode::Disable,
            ("sslmode", "prefer") => self.mode = Mode::Prefer,
            ("sslmode", "require") => self.mode = Mode::Require,
            ("sslmode", "verify-ca") => self.mode = Mode::VerifyCa,
            ("sslmode", "verify-full") => self.mode = Mode::VerifyFull,
            ("sslmode", "allow") => {
                let instead = "take prefer, which encrypts where it can, or require";
                return Err(format!("sslmode=allow is not supported: {instead}"));
            }
            ("sslmode", other) => {
                let known = "disable, prefer, require, verify-ca or verify-full";
                return Err(format!("sslmode is {known}, not {other:?}"));
            }
            ("sslrootcert", "") => return Err("sslrootcert names no file".into()),
            ("sslrootcert", file) => self.root_cert = Some(file.into()),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether the connection must be encrypted.
    pub(super) const fn ssl_mode(&self) -> SslMode {
        match self.mode {
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        }
    }

    /// How a certificate is looked at.
    pub(super) fn connector(&self) -> Result<MakeRustlsConnect, String> {
        let mode = match (self.mode, &self.root_cert) {
            // As libpq does it: who names authorities means them.
            (Mode::Require, Some(_)) => Mode::VerifyCa,
            (mode, _) => mode,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(self.roots()?.into(), Arc::clone(&provider))
                .build()
                .map_err(|error| error.to_string())?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier { mode, verifier }))
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }

    fn roots(&self) -> Result<RootCertStore, String> {
        let Some(file) = &self.root_cert else {
            return Ok(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() });
        };
        let wrong = |problem: &dyn std::fmt::Display| format!("sslrootcert {}: {problem}", file.display());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))? {
            let certificate = certificate.map_err(|error| wrong(&error))?;
            roots.add(certificate).map_err(|error| wrong(&error))?;
        }
        if roots.is_empty() { Err(wrong(&"it holds no certificate")) } else { Ok(roots) }
    }
}

/// The value is not shown: it may be a password.
fn percent_decoded(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|error| format!("a value in it is not UTF-8: {error}"))
}

/// Rustls's own verifier, less what the mode does not ask for.
#[derive(Debug)]
struct Verifier {
    mode: Mode,
    verifier: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if matches!(self.mode, Mode::Disable | Mode::Prefer | Mode::Require) {
            return Ok(ServerCertVerified::assertion());
        }
        match self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is looked at last: all else was in order.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.mode == Mode::VerifyCa => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_tls_is_taken_out_of_an_address() {
        let file = Some(PathBuf::from("/etc/my ca.pem"));
        for (address, rest, mode, root_cert) in [
            ("postgres://u@h/d", "postgres://u@h/d", Mode::Prefer, None),
            ("postgres://u@h/d?sslmode=disable", "postgres://u@h/d", Mode::Disable, None),
            (
                "postgres://u@h/d?sslmode=verify-full&connect_timeout=3&sslrootcert=/etc/my%20ca.pem",
                "postgres://u@h/d?connect_timeout=3",
                Mode::VerifyFull,
                file,
            ),
            ("host=h sslmode=require user=u", "host=h user=u", Mode::Require, None),
        ] {
            let taken = TlsOptions::take_from(address).unwrap();
            assert_eq!(taken, (rest.into(), TlsOptions { mode, root_cert }), "{address}");
        }
        assert!(TlsOptions::take_from("postgres://u@h/d?sslmode=always").is_err());
        let refused = TlsOptions::take_from("host=h sslmode=allow").unwrap_err();
        assert!(
            refused.contains("sslmode=allow is not supported") && refused.contains("prefer"),
            "{refused}"
        );
    }

    #[test]
    fn authorities_that_are_not_there_are_an_error() {
        let (_, options) = TlsOptions::take_from("host=h sslrootcert=/nowhere.pem").unwrap();
        assert!(options.connector().err().unwrap().contains("/nowhere.pem"));
        assert!(TlsOptions::default().connector().is_ok());
    }
}
