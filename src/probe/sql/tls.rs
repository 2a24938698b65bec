//! Whom a `sql` probe trusts: one CA bundle, one name, and no certificate store of the machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::{file, miss};
use crate::probe::sql::settings::{SqlSettings, TlsMode};
use crate::probe::target::Target;

/// The largest CA bundle, in bytes. AWS's global bundle for RDS has about 170 kB.
const LONGEST_BUNDLE_BYTES: u64 = 4 * 1024 * 1024;

/// What the server must prove.
pub(super) struct Verified {
    /// Makes connectors that trust the bundle alone.
    pub(super) connect: MakeRustlsConnect,
    /// The name that the certificate must carry.
    pub(super) server_name: String,
}

/// Bundle and name; `None` where the definition switched TLS off.
///
/// # Errors
/// A `setup` miss: no bundle, an unreadable one, or a name that is none.
pub(super) fn prepare(settings: &SqlSettings, target: &Target, host: &str) -> Result<Option<Verified>, Miss> {
    if settings.tls.mode == TlsMode::InsecureOff {
        return Ok(None);
    }
    let setup = |problem: String| miss(ProbeReason::Setup, &problem);
    let server_name = match &settings.tls.server_name {
        Some(given) => given.fill("tls.server_name", target)?,
        None => host.to_owned(),
    };
    if ServerName::try_from(server_name.as_str()).is_err() {
        return Err(setup(format!("`{server_name}` is not a name that a certificate can carry")));
    }
    let (path, shown) = bundle(settings, target).ok_or_else(|| setup(no_bundle()))?;
    let config = file(&path, &shown, LONGEST_BUNDLE_BYTES).and_then(|pem| config(&pem, &shown)).map_err(setup)?;
    Ok(Some(Verified { connect: MakeRustlsConnect::new(config), server_name }))
}

/// The sandbox's bundle wins: its databases have a CA of their own, which no definition can name.
fn bundle(settings: &SqlSettings, target: &Target) -> Option<(PathBuf, String)> {
    let named = |path: &Path| (path.to_owned(), path.display().to_string());
    let sandbox = target.sandbox_ca.as_deref().map(named);
    let own = || settings.tls.ca.as_ref().map(|written| (target.folder.join(written), written.clone()));
    sandbox.or_else(own).or_else(|| target.ca_bundle.as_deref().map(named))
}

fn no_bundle() -> String {
    "there is no CA bundle to check the server's certificate with; download \
     https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem, then give its path as `tls: { ca: PATH }` in \
     the probe, or as `--ca-bundle PATH`"
        .to_owned()
}

fn config(pem: &[u8], shown: &str) -> Result<ClientConfig, String> {
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        certificates.push(certificate.map_err(|error| format!("`{shown}` is not a PEM file: {error}"))?);
    }
    let mut roots = RootCertStore::empty();
    // A bundle may hold certificates of kinds that are of no use here; one usable certificate is enough.
    let (usable, _) = roots.add_parsable_certificates(certificates);
    if usable == 0 {
        return Err(format!("`{shown}` holds no usable CA certificate"));
    }
    // The provider is named: the process-wide default depends on who asked first.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let versions = versions.map_err(|error| format!("TLS cannot be set up: {error}"))?;
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::config;

    #[test]
    fn a_bundle_without_a_certificate_is_refused() {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (pem, part) in [
            ("", "no usable CA certificate"),
            ("hello", "no usable CA certificate"),
            (broken, "no usable CA certificate"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n", "not a PEM file"),
        ] {
            let problem = config(pem.as_bytes(), "ca.pem").unwrap_err();
            assert!(problem.contains(part), "{problem}");
        }
    }
}
