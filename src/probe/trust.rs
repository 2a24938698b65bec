//! Whom probes trust over TLS: one CA bundle and one name. The machine's certificate store only where a probe says so.

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::{file, inside, miss};
use crate::probe::target::Target;

/// The largest CA bundle, in bytes. AWS's global bundle for RDS has about 170 kB.
const LONGEST_BUNDLE_BYTES: u64 = 4 * 1024 * 1024;

/// As a probe's own `ca`: the machine's certificate store. A file of that name is `./system`.
pub(crate) const SYSTEM: &str = "system";

/// A configuration that trusts the bundle alone. `own` is the one that the probe names; `mend` says what to do where
/// nobody named any.
///
/// # Errors
/// A `setup` miss: no bundle, or an unreadable one.
pub(crate) fn trusting(own: Option<&str>, target: &Target, mend: &str) -> Result<ClientConfig, Miss> {
    let roots = roots(own, target, mend)?;
    Ok(versions()?.with_root_certificates(roots).with_no_client_auth())
}

/// The CAs of the bundle, at least one.
///
/// # Errors
/// As [`trusting`].
pub(crate) fn roots(own: Option<&str>, target: &Target, mend: &str) -> Result<RootCertStore, Miss> {
    let setup = |problem: String| miss(ProbeReason::Setup, &problem);
    if own == Some(SYSTEM) && target.sandbox_ca.is_none() {
        return system().map_err(setup);
    }
    let none = || setup(format!("there is no CA bundle to check the server's certificate with; {mend}"));
    let (path, shown) = bundle(own, target)?.ok_or_else(none)?;
    file(&path, &shown, LONGEST_BUNDLE_BYTES).and_then(|pem| store(&pem, &shown)).map_err(setup)
}

/// TLS 1.2 and 1.3, by the one provider. It is named: the process-wide default depends on who asked first.
///
/// # Errors
/// A `setup` miss.
pub(crate) fn versions() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, Miss> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| miss(ProbeReason::Setup, &format!("TLS cannot be set up: {error}")))
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

/// The file of the bundle and its name in messages: `own` is the one that the probe names. The sandbox's wins: its
/// servers have a CA of their own, which no definition can name.
///
/// # Errors
/// A `setup` miss: the probe's own lies outside of the definition's folder, or is not there.
pub(crate) fn bundle(own: Option<&str>, target: &Target) -> Result<Option<(PathBuf, String)>, Miss> {
    let named = |path: &Path| (path.to_owned(), path.display().to_string());
    match (target.sandbox_ca.as_deref(), own) {
        (Some(sandbox), _) => Ok(Some(named(sandbox))),
        (None, Some(written)) => {
            let path = inside(&target.folder, written).map_err(|problem| miss(ProbeReason::Setup, &problem))?;
            Ok(Some((path, written.to_owned())))
        }
        (None, None) => Ok(target.ca_bundle.as_deref().map(named)),
    }
}

/// The usable CAs of a bundle's file one by one, for a driver that makes its own configuration of them.
///
/// # Errors
/// A `setup` miss: it cannot be read.
pub(crate) fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, Miss> {
    let shown = path.display().to_string();
    let pem = file(path, &shown, LONGEST_BUNDLE_BYTES).map_err(|problem| miss(ProbeReason::Setup, &problem))?;
    let certificates = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
    Ok(certificates.filter(|one| RootCertStore::empty().add(one.clone()).is_ok()).collect())
}

fn store(pem: &[u8], shown: &str) -> Result<RootCertStore, String> {
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        certificates.push(certificate.map_err(|error| format!("`{shown}` is not a PEM file: {error}"))?);
    }
    usable(certificates).ok_or_else(|| format!("`{shown}` holds no usable CA certificate"))
}

/// The certificate store of the operating system, or of `SSL_CERT_FILE`.
fn system() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let problem = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
    usable(found.certs)
        .ok_or_else(|| format!("this machine has no usable certificate store{problem}; name a bundle as `ca: PATH`"))
}

/// A bundle may hold certificates of kinds that are of no use here; one usable certificate is enough.
fn usable(certificates: Vec<CertificateDer<'static>>) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(certificates);
    (usable > 0).then_some(roots)
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
    use super::{cause, store};
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
            let problem = store(pem.as_bytes(), "ca.pem").unwrap_err();
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
