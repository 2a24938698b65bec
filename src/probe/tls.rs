//! Whom probes trust over TLS: one CA bundle, one name, and no certificate store of the machine.

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};

use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::{file, miss};
use crate::probe::target::Target;

/// The largest CA bundle, in bytes. AWS's global bundle for RDS has about 170 kB.
const LONGEST_BUNDLE_BYTES: u64 = 4 * 1024 * 1024;

/// A configuration that trusts the bundle alone. `own` is the one that the probe names; `mend` says what to do where
/// nobody named any.
///
/// # Errors
/// A `setup` miss: no bundle, or an unreadable one.
pub(crate) fn trusting(own: Option<&str>, target: &Target, mend: &str) -> Result<ClientConfig, Miss> {
    let setup = |problem: String| miss(ProbeReason::Setup, &problem);
    let none = || setup(format!("there is no CA bundle to check the server's certificate with; {mend}"));
    let (path, shown) = bundle(own, target).ok_or_else(none)?;
    file(&path, &shown, LONGEST_BUNDLE_BYTES).and_then(|pem| config(&pem, &shown)).map_err(setup)
}

/// The name that a certificate must carry.
///
/// # Errors
/// A `setup` miss for what is no name.
pub(crate) fn certificate_name(text: &str) -> Result<ServerName<'static>, Miss> {
    ServerName::try_from(text.to_owned())
        .map_err(|_| miss(ProbeReason::Setup, &format!("`{text}` is not a name that a certificate can carry")))
}

/// The miss for a server that did not prove who it is. `keys` stands before the names of the kind's settings.
pub(crate) fn unproven(error: &rustls::Error, keys: &str) -> Miss {
    miss(ProbeReason::Tls, &format!("the server did not prove who it is: {error}{}", advice(error, keys)))
}

/// The first cause of the type `T`, also inside of I/O errors, which hide what they wrap from `source`.
pub(crate) fn cause<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = wrapped.and_then(|inner| inner.downcast_ref::<T>()) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The sandbox's bundle wins: its servers have a CA of their own, which no definition can name.
fn bundle(own: Option<&str>, target: &Target) -> Option<(PathBuf, String)> {
    let named = |path: &Path| (path.to_owned(), path.display().to_string());
    let sandbox = target.sandbox_ca.as_deref().map(named);
    let own = || own.map(|written| (target.folder.join(written), written.to_owned()));
    sandbox.or_else(own).or_else(|| target.ca_bundle.as_deref().map(named))
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

fn advice(error: &rustls::Error, keys: &str) -> String {
    use CertificateError::{Expired, ExpiredContext, NotValidForName, NotValidForNameContext, UnknownIssuer};
    let rustls::Error::InvalidCertificate(problem) = error else { return String::new() };
    match problem {
        UnknownIssuer => {
            format!("; no CA of the bundle signed its certificate: check `{keys}ca` or `--ca-bundle`")
        }
        NotValidForName | NotValidForNameContext { .. } => {
            format!("; its certificate is for another name: check `host` or `{keys}server_name`")
        }
        Expired | ExpiredContext { .. } => {
            "; its certificate has expired: renew it (of a database: rotate the instance's CA)".to_owned()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{cause, config};
    use std::io;

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

    #[test]
    fn a_cause_is_found_inside_of_an_io_error() {
        let inner = rustls::Error::NoCertificatesPresented;
        let outer = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, inner));
        assert!(cause::<rustls::Error>(&io::Error::other("something else")).is_none());
        assert!(cause::<rustls::Error>(outer.get_ref().unwrap()).is_some());
    }
}
