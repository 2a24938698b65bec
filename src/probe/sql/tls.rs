//! Whom a `sql` probe trusts: one CA bundle, one name, and no certificate store of the machine.

use tokio_postgres_rustls::MakeRustlsConnect;

use crate::probe::Miss;
use crate::probe::sql::settings::{SqlSettings, TlsMode};
use crate::probe::target::Target;
use crate::probe::tls::{certificate_name, trusting};

/// What to do where nobody named a CA bundle.
const NO_BUNDLE: &str = "download https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem, then give its \
                         path as `tls: { ca: PATH }` in the probe, or as `--ca-bundle PATH`";

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
    let server_name = match &settings.tls.server_name {
        Some(given) => given.fill("tls.server_name", target)?,
        None => host.to_owned(),
    };
    certificate_name(&server_name)?;
    let config = trusting(settings.tls.ca.as_deref(), target, NO_BUNDLE)?;
    Ok(Some(Verified { connect: MakeRustlsConnect::new(config), server_name }))
}
