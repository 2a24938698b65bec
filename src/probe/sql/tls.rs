//! Whom a database's client trusts: one CA bundle, one name, and no certificate store of the machine.

use serde::Deserialize;

use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::{Given, miss};
use crate::probe::sql::engine::Trusted;
use crate::probe::target::Target;
use crate::probe::trust::{SYSTEM, bundle, certificate_name, trusting};
use crate::yaml::shape::{Field, Shape};

/// What to do where nobody named a CA bundle.
const NO_BUNDLE: &str = "download https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem, then give its \
                         path as `tls: { ca: PATH }` in the probe, or as `--ca-bundle PATH`";

/// How the connection is protected.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsSettings {
    #[serde(default)]
    pub(super) mode: TlsMode,
    ca: Option<String>,
    server_name: Option<Given>,
}

/// Whether the server must prove who it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(super) enum TlsMode {
    /// Encrypted, certificate and name checked.
    #[default]
    #[serde(rename = "verify")]
    Verify,
    /// Neither. The report says so.
    #[serde(rename = "insecure-off")]
    InsecureOff,
}

impl TlsSettings {
    /// What the shapes cannot say.
    pub(super) fn check(&self) -> Result<(), String> {
        self.server_name.as_ref().map_or(Ok(()), |name| name.check("tls.server_name"))?;
        if self.mode == TlsMode::InsecureOff && (self.ca.is_some() || self.server_name.is_some()) {
            return Err("`tls.ca` and `tls.server_name` mean nothing with `mode: insecure-off`".to_owned());
        }
        if self.ca.as_deref() == Some(SYSTEM) {
            let message = "`tls.ca` names a bundle in PEM: the databases of AWS have a CA of their own, which no \
                           machine's store holds (a file of that name is `./system`)";
            return Err(message.to_owned());
        }
        Ok(())
    }

    /// Bundle and name; `None` where the definition switched TLS off.
    ///
    /// # Errors
    /// A `setup` miss: no bundle, an unreadable one, or a name that is none.
    pub(super) fn prepare(&self, target: &Target, host: &str) -> Result<Option<Trusted>, Miss> {
        if self.mode == TlsMode::InsecureOff {
            return Ok(None);
        }
        let server_name = match &self.server_name {
            Some(given) => given.fill("tls.server_name", target)?,
            None => host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        };
        certificate_name(&server_name)?;
        let config = trusting(self.ca.as_deref(), target, NO_BUNDLE)?;
        let (bundle, _) =
            bundle(self.ca.as_deref(), target)?.ok_or_else(|| miss(ProbeReason::Setup, "there is no CA bundle"))?;
        Ok(Some(Trusted { config, bundle, server_name }))
    }
}

/// The shapes.
pub(super) fn fields() -> Vec<Field> {
    let modes = Shape::Choice(&["verify", "insecure-off"]);
    vec![
        Field::optional("mode", modes, "`verify` (the default), or `insecure-off`: not encrypted, nothing checked."),
        Field::optional("ca", Shape::Text, "A CA bundle in PEM, relative to the definition's folder."),
        Field::optional("server_name", Shape::Template, "The name in the certificate; by default the host."),
    ]
}
