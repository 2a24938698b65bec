//! A verifier that remembers what a server showed, and lets the usual one judge it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::miss;

/// The verifier. Whatever is refused is refused by the usual one: this one only looks on.
#[derive(Debug)]
pub(super) struct Recorder {
    usual: Arc<WebPkiServerVerifier>,
    /// The run's clock, which is the simulated world's in the sandbox.
    now: UnixTime,
    chain: Mutex<Vec<CertificateDer<'static>>>,
}

impl Recorder {
    /// Trusts `roots`, at the time `now`.
    ///
    /// # Errors
    /// A `setup` miss.
    pub(super) fn new(roots: RootCertStore, now: Timestamp) -> Result<Self, Miss> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| miss(ProbeReason::Setup, &format!("TLS cannot be set up: {error}")))?;
        let since_1970 = Duration::from_secs(u64::try_from(now.as_second()).unwrap_or_default());
        Ok(Self { usual, now: UnixTime::since_unix_epoch(since_1970), chain: Mutex::default() })
    }

    /// What the server showed, its own certificate first; nothing if it did not get so far.
    pub(super) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = std::iter::once(end_entity).chain(intermediates);
        let shown = shown.map(|certificate| certificate.clone().into_owned()).collect();
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = shown;
        self.usual.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, self.now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}
