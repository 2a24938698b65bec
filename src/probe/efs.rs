//! `efs`: read a restored file system on a probe host that mounts it over NFS.
//!
//! AWS Backup puts what it restores into a folder `aws-backup-restore_…`, also into a new file system. Paths are
//! relative to that folder. Observed: `mounted`, `file_system`, `files`, `bytes`, `newest`, `checksums`.

use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;

use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::input::{Given, miss, typed};
use crate::probe::mounted::{CONTROL_KEYS, PERMISSIONS, Reading, Source, apart, attempt, check_address, fields, nfs};
use crate::probe::target::Target;
use crate::probe::{Miss, Outcome, ProbeCalls};
use crate::words::kind::ProbeKind;
use crate::yaml::shape::{Field, Shape};

/// The settings of this kind's own.
const OWN: [&str; 1] = ["address"];

/// A server that does not answer is given up, so that the host does not hang on it.
const OPTIONS: &str = "ro,nfsvers=4.1,rsize=1048576,soft,timeo=100,retrans=2,noresvport";

/// The kind.
pub struct Efs;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EfsSettings {
    address: Option<Given>,
}

#[async_trait]
impl ProbeCalls for Efs {
    fn kind(&self) -> ProbeKind {
        ProbeKind::Efs
    }

    fn about(&self) -> &'static str {
        "Read a restored EFS file system on a probe host."
    }

    fn holds_when(&self) -> &'static str {
        "the file system can be mounted and read"
    }

    fn page(&self) -> &'static str {
        include_str!("pages/efs.md")
    }

    fn fields(&self) -> Vec<Field> {
        let mut all = fields();
        let doc = "Where it is mounted from: a name or an address. Default: its mount target's address.";
        all.push(Field::optional("address", Shape::Template, doc));
        all
    }

    fn judges(&self) -> bool {
        true
    }

    fn reads_data(&self) -> bool {
        true
    }

    fn permissions(&self) -> &'static [&'static str] {
        PERMISSIONS
    }

    fn control_keys(&self) -> &'static [&'static str] {
        const KEYS: [&str; 5] = {
            let [host, path, checksums, sha256] = CONTROL_KEYS;
            [host, path, checksums, sha256, "address"]
        };
        &KEYS
    }

    fn check(&self, settings: &Settings) -> Result<(), String> {
        let (own, shared) = apart(settings, &OWN);
        let own: EfsSettings = typed(&own)?;
        if let Some(address) = &own.address {
            address.check("address")?;
            address.literal().map_or(Ok(()), |address| check_address(&address))?;
        }
        Reading::read(&shared).map(drop)
    }

    async fn attempt(&self, settings: &Settings, target: &Target, timeout: Duration) -> Outcome {
        let setup = |problem: String| miss(ProbeReason::Setup, &problem);
        let (own, shared) = apart(settings, &OWN);
        let own: EfsSettings = typed(&own).map_err(setup)?;
        let reading = Reading::read(&shared).map_err(setup)?;
        let source = own.source(target)?;
        attempt(&reading, source, target, timeout).await
    }
}

impl EfsSettings {
    fn source(&self, target: &Target) -> Result<Source, Miss> {
        let setup = |problem: String| miss(ProbeReason::Setup, &problem);
        let address = match &self.address {
            Some(address) => address.fill("address", target)?,
            None => target.endpoint.as_ref().map(|endpoint| endpoint.host.clone()).ok_or_else(|| {
                setup(
                    "the restored file system has no mount target; say where to mount it from with `address`"
                        .to_owned(),
                )
            })?,
        };
        check_address(&address).map_err(setup)?;
        let source = nfs(&address, "/");
        Ok(Source::Share { kind: "nfs4", source, options: OPTIONS.to_owned(), in_folder: true })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Efs, EfsSettings};
    use crate::cloud::resource::Endpoint;
    use crate::definition::model::ProbeReason;
    use crate::probe::ProbeCalls as _;
    use crate::probe::mounted::Source;
    use crate::probe::target::Target;

    #[test]
    fn it_is_mounted_from_its_mount_target_and_read_in_the_folder_of_the_restore() {
        let target = |host: &str| Target {
            endpoint: Some(Endpoint { host: host.to_owned(), port: Some(2049) }),
            ..Target::for_tests()
        };
        let own = || EfsSettings { address: None };
        for (host, mounted) in [("10.0.0.7", "10.0.0.7:/"), ("fd12::7", "[fd12::7]:/")] {
            let Source::Share { kind, source, options, in_folder } = own().source(&target(host)).unwrap() else {
                unreachable!()
            };
            assert_eq!((kind, source.as_str(), in_folder), ("nfs4", mounted, true));
            assert!(options.starts_with("ro,"), "{options}");
        }
        for hostile in ["-o exec", "a b", "10.0.0.7:/x,exec", ""] {
            assert_eq!(own().source(&target(hostile)).unwrap_err().reason, ProbeReason::Setup, "{hostile}");
        }
        assert_eq!(own().source(&Target::for_tests()).unwrap_err().reason, ProbeReason::Setup);
    }

    #[test]
    fn settings_that_could_lead_elsewhere_are_refused() {
        let check = |settings: serde_json::Value| Efs.check(settings.as_object().unwrap());
        let host = "i-0a1b2c3d4e5f60718";
        assert_eq!(check(json!({ "host": host, "address": "fs-0a1b.efs.eu-west-1.amazonaws.com" })), Ok(()));
        assert!(check(json!({ "host": host, "address": "10.0.0.7:/,rw" })).is_err());
        assert!(check(json!({ "host": host, "check": true })).is_err());
    }
}
