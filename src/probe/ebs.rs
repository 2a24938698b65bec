//! `ebs`: read a restored volume on a probe host that it is attached to.
//!
//! It is mounted read-only and without replaying its journal, so that it stays as it was restored. Observed: `mounted`,
//! `file_system`, `files`, `bytes`, `newest`, `checksums`; after a check also `checked` and `journal`.

use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;

use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::input::{Given, miss, typed};
use crate::probe::mounted::{CONTROL_KEYS, PERMISSIONS, Reading, Source, apart, attempt, fields};
use crate::probe::target::Target;
use crate::probe::{Miss, Outcome, ProbeCalls};
use crate::words::kind::ProbeKind;
use crate::words::text::tame;
use crate::yaml::shape::{Field, Shape};

/// The settings of this kind's own.
const OWN: [&str; 4] = ["device", "partition", "file_system", "check"];

/// The types of file system that are mounted.
const FILE_SYSTEMS: &[&str] = &["ext2", "ext3", "ext4", "xfs", "btrfs"];

/// The kind.
pub struct Ebs;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EbsSettings {
    device: Option<Given>,
    partition: Option<u32>,
    file_system: Option<String>,
    #[serde(default)]
    check: bool,
}

#[async_trait]
impl ProbeCalls for Ebs {
    fn kind(&self) -> ProbeKind {
        ProbeKind::Ebs
    }

    fn about(&self) -> &'static str {
        "Read a restored volume on a probe host."
    }

    fn holds_when(&self) -> &'static str {
        "the file system can be mounted and read"
    }

    fn page(&self) -> &'static str {
        include_str!("pages/ebs.md")
    }

    fn fields(&self) -> Vec<Field> {
        let mut all = fields();
        all.extend([
            Field::optional("device", Shape::Template, "The device on the host. Default: found by the volume's id."),
            Field::optional(
                "partition",
                Shape::Integer { min: 1, max: 128 },
                "The partition. Default: the first that holds a file system.",
            ),
            Field::optional("file_system", Shape::Choice(FILE_SYSTEMS), "The type of file system to look for."),
            Field::optional("check", Shape::Bool, "Check the file system first, without writing to it."),
        ]);
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
        const KEYS: [&str; 7] = {
            let [host, path, checksums, sha256] = CONTROL_KEYS;
            [host, path, checksums, sha256, "device", "partition", "file_system"]
        };
        &KEYS
    }

    fn check(&self, settings: &Settings) -> Result<(), String> {
        let (own, shared) = apart(settings, &OWN);
        let own: EbsSettings = typed(&own)?;
        if let Some(device) = &own.device {
            device.check("device")?;
            device.literal().map_or(Ok(()), |device| check_device(&device))?;
        }
        Reading::read(&shared).map(drop)
    }

    async fn attempt(&self, settings: &Settings, target: &Target, timeout: Duration) -> Outcome {
        let setup = |problem: String| miss(ProbeReason::Setup, &problem);
        let (own, shared) = apart(settings, &OWN);
        let own: EbsSettings = typed(&own).map_err(setup)?;
        let reading = Reading::read(&shared).map_err(setup)?;
        let source = own.source(target)?;
        attempt(&reading, source, target, timeout).await
    }
}

impl EbsSettings {
    fn source(self, target: &Target) -> Result<Source, Miss> {
        let setup = |problem: String| miss(ProbeReason::Setup, &problem);
        let device = self.device.map(|device| device.fill("device", target)).transpose()?;
        device.as_deref().map_or(Ok(()), check_device).map_err(setup)?;
        Ok(Source::Volume {
            serial: serial(target.identifier.as_deref()).map_err(setup)?,
            device,
            partition: self.partition,
            file_system: self.file_system,
            check: self.check,
        })
    }
}

/// What a Nitro instance calls a volume: its id without the hyphen.
fn serial(volume: Option<&str>) -> Result<String, String> {
    let volume =
        volume.ok_or("nobody knows the id of a restored volume; put the probe `on` a restore that makes one")?;
    let hex = volume
        .strip_prefix("vol-")
        .filter(|hex| (8..=17).contains(&hex.len()) && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hex.map(|hex| format!("vol{hex}")).ok_or_else(|| format!("`{}` is not an EBS volume", tame(volume)))
}

fn check_device(text: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '.');
    let name = text.strip_prefix("/dev/").unwrap_or_default();
    if !name.is_empty() && text.len() <= 200 && name.chars().all(fits) && name.split('/').all(|part| part != "..") {
        Ok(())
    } else {
        Err("`device` needs a device on the host, such as /dev/xvdf".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Ebs, check_device, serial};
    use crate::probe::ProbeCalls as _;

    #[test]
    fn a_volume_is_found_by_its_id() {
        assert_eq!(serial(Some("vol-0a1b2c3d4e5f60718")).unwrap(), "vol0a1b2c3d4e5f60718");
        for other in [None, Some("i-0a1b2c3d4e5f60718"), Some("vol-x'; reboot")] {
            assert!(serial(other).is_err(), "{other:?}");
        }
    }

    #[test]
    fn settings_that_could_lead_elsewhere_are_refused() {
        let check = |settings: serde_json::Value| Ebs.check(settings.as_object().unwrap());
        let host = "i-0a1b2c3d4e5f60718";
        let sum = "a".repeat(64);
        assert_eq!(check(json!({ "host": host })), Ok(()));
        assert_eq!(check(json!({ "host": "${{ vars.host }}", "path": "a/b", "sha256": { "a/b": sum } })), Ok(()));
        assert_eq!(check(json!({ "host": host, "device": "/dev/xvdf", "partition": 1, "check": true })), Ok(()));
        for (wrong, part) in [
            (json!({}), "host"),
            (json!({ "host": "drill-probe" }), "id of an instance"),
            (json!({ "host": host, "path": "/etc" }), "relative"),
            (json!({ "host": host, "path": "a/../../etc" }), "relative"),
            (json!({ "host": host, "checksums": ["../shadow"] }), "relative"),
            (json!({ "host": host, "sha256": { "a": "5" } }), "64 hexadecimal digits"),
            (json!({ "host": host, "device": "/etc/passwd" }), "device"),
            (json!({ "host": host, "devcie": "/dev/xvdf" }), "devcie"),
        ] {
            let problem = check(wrong.clone()).unwrap_err();
            assert!(problem.contains(part), "{wrong}: {problem}");
        }
        assert!(check_device("/dev/../etc/passwd").is_err());
    }
}
