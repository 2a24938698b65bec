//! Certificates: one authority per cache folder, which clients trust, and one certificate per server, which it signs.
//!
//! The authority's key never leaves the cache folder and is readable by its owner alone. Its certificates say
//! `127.0.0.1`, `localhost` and names that resolve nowhere ([`crate::sandbox::private`]), and nothing else, so a client
//! that trusts it trusts no other host.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use uuid::Uuid;

use crate::sandbox::private;
use crate::sandbox::sql::home::{locked, make_folder};

const BUNDLE: &str = "ca.pem";
const KEY: &str = "ca.key";

/// Signs the certificates of this user's servers.
#[derive(Debug)]
pub(super) struct Authority {
    folder: PathBuf,
    bundle: PathBuf,
}

/// A server's certificate and its key, as PEM.
pub(super) struct Issued {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    /// The authority of a cache folder. The first who asks makes it; two who ask at once get the same.
    pub(super) fn open(cache: &Path) -> io::Result<Self> {
        let folder = cache.join("authority");
        let authority = Self { bundle: folder.join(BUNDLE), folder };
        if authority.is_whole() {
            return Ok(authority);
        }
        let gate = locked(&cache.join("authority.lock"))?;
        if !authority.is_whole() {
            authority.make(cache)?;
        }
        drop(gate);
        Ok(authority)
    }

    /// The certificates that a client must trust: one PEM file.
    pub(super) fn bundle(&self) -> &Path {
        &self.bundle
    }

    /// A new certificate for a server on loopback.
    pub(super) fn issue(&self) -> io::Result<Issued> {
        let stored = fs::read_to_string(self.folder.join(KEY))?;
        let issuer_key = KeyPair::from_pem(&stored).map_err(|error| self.unusable(&error))?;
        let issuer = Issuer::new(authority_params().map_err(io::Error::other)?, issuer_key);
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = server_certificate(&key, &issuer).map_err(io::Error::other)?;
        Ok(Issued { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    fn is_whole(&self) -> bool {
        self.bundle.is_file() && self.folder.join(KEY).is_file()
    }

    /// Makes key and certificate aside and moves them into place together.
    fn make(&self, cache: &Path) -> io::Result<()> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = authority_params().and_then(|params| params.self_signed(&key)).map_err(io::Error::other)?;
        let aside = cache.join(format!("making-{}", Uuid::new_v4().simple()));
        make_folder(&aside, 0o700)?;
        write_private(&aside.join(KEY), key.serialize_pem().as_bytes())?;
        write_private(&aside.join(BUNDLE), certificate.pem().as_bytes())?;
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder)?;
        }
        fs::rename(&aside, &self.folder)
    }

    /// The parser's own words could quote the key, so only the kind of the problem is told.
    fn unusable(&self, _: &rcgen::Error) -> io::Error {
        io::Error::other(format!("the key in `{}` cannot be read; remove that folder", self.folder.display()))
    }
}

/// Writes a new file that its owner alone can read.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(bytes)
}

/// What the authority's certificate says. The same each time: who signs is rebuilt from it and the stored key.
fn authority_params() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name = named("drill sandbox authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // Years, not days: a rehearsal must not fail because a cache folder grew old, and nothing of worth hangs on it.
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2120, 1, 1);
    Ok(params)
}

fn server_certificate(key: &KeyPair, issuer: &Issuer<'_, KeyPair>) -> Result<Certificate, rcgen::Error> {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned(), format!("*.{}", private::DOMAIN)];
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = named("drill sandbox database");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2120, 1, 1);
    params.signed_by(key, issuer)
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

#[cfg(test)]
mod tests {
    use super::{Authority, write_private};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn an_authority_is_made_once_and_its_key_is_private() {
        let cache = tempfile::tempdir().unwrap();
        let one = Authority::open(cache.path()).unwrap();
        let bundle = fs::read_to_string(one.bundle()).unwrap();
        assert!(bundle.starts_with("-----BEGIN CERTIFICATE-----"));
        let two = Authority::open(cache.path()).unwrap();
        assert_eq!(fs::read_to_string(two.bundle()).unwrap(), bundle);
        let key = fs::metadata(cache.path().join("authority/ca.key")).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
        assert_ne!(one.issue().unwrap().key, two.issue().unwrap().key);
    }

    #[test]
    fn a_key_that_is_no_key_is_an_error_that_does_not_quote_it() {
        let cache = tempfile::tempdir().unwrap();
        let authority = Authority::open(cache.path()).unwrap();
        let key = cache.path().join("authority/ca.key");
        fs::remove_file(&key).unwrap();
        write_private(&key, b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n").unwrap();
        let message = authority.issue().err().unwrap().to_string();
        assert!(message.contains("remove that folder") && !message.contains("c2VjcmV0"), "{message}");
    }
}
