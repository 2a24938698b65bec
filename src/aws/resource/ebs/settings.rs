//! The keys of `with:` for an EBS volume.

use crate::aws::resource::shared::setting::{instance_shape, key_shape, map, text, zone_shape};
use crate::cloud::resource::Settings;
use crate::yaml::shape::{Field, Shape};

/// The volume types.
const TYPES: &[&str] = &["gp2", "gp3", "io1", "io2", "sc1", "st1", "standard"];

/// Where `finish` attaches the volume, and where it mounts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attach<'a> {
    /// The probe instance. It is not the run's.
    pub instance: &'a str,
    /// The device name that EC2 is told.
    pub device: &'a str,
    /// The directory on the instance, where one is wanted.
    pub mount: Option<&'a str>,
}

/// `attach:`, if it is set.
#[must_use]
pub fn attach(with: &Settings) -> Option<Attach<'_>> {
    let attach = map(with, "attach")?;
    Some(Attach { instance: text(attach, "instance")?, device: text(attach, "device")?, mount: text(attach, "mount") })
}

/// The keys, with types, ranges and documentation.
#[must_use]
pub fn fields() -> Vec<Field> {
    let mut fields = vec![Field::required(
        "availability_zone",
        zone_shape(),
        "Availability zone in the destination, such as eu-west-1a. A probe instance must be in the same one.",
    )];
    fields.extend(volume_fields());
    fields
}

/// The keys besides the zone, for every type that can be restored as an EBS volume.
pub(crate) fn volume_fields() -> Vec<Field> {
    vec![
        Field::optional(
            "volume_type",
            Shape::Choice(TYPES),
            "Volume type. Default: the source's where AWS names it, otherwise AWS's own choice.",
        ),
        Field::optional(
            "size_gib",
            Shape::Integer { min: 1, max: 65_536 },
            "Size in GiB, not less than the recovery point's. Default: the recovery point's.",
        ),
        Field::optional(
            "iops",
            Shape::Integer { min: 100, max: 256_000 },
            "Provisioned IOPS; io1 and io2 need them, gp3 may have them.",
        ),
        Field::optional(
            "throughput",
            Shape::Integer { min: 125, max: 2_000 },
            "Provisioned throughput in MiB/s, for gp3.",
        ),
        Field::optional(
            "encrypted",
            Shape::Bool,
            "Encrypt a volume although its recovery point is not encrypted. Default: as backed up.",
        ),
        Field::optional(
            "kms_key",
            key_shape(),
            "KMS key in the destination that the volume is encrypted with. Default: the recovery point's key.",
        ),
        Field::optional(
            "attach",
            Shape::Map(attach_fields()),
            "Attach the volume to an instance of yours for probes; it is detached again before it is deleted.",
        ),
    ]
}

fn attach_fields() -> Vec<Field> {
    vec![
        Field::required(
            "instance",
            instance_shape(),
            "The probe instance: running, in the volume's zone. Only the restored volume is ever detached from it.",
        ),
        Field::required(
            "device",
            Shape::Parsed { what: "a device name", format: Some("^/dev/(sd|xvd)[b-z][a-z]?$"), parse: check_device },
            "A device name that is free on the instance, such as /dev/sdf.",
        ),
        Field::optional(
            "mount",
            Shape::Parsed {
                what: "a directory below /mnt",
                format: Some("^/mnt/[A-Za-z0-9._/-]{1,200}$"),
                parse: check_mount,
            },
            "Mount its first ext, xfs or btrfs file system there, read-only, through SSM. Linux on Nitro only.",
        ),
    ]
}

fn check_device(text: &str) -> Result<(), String> {
    let letters = text.strip_prefix("/dev/sd").or_else(|| text.strip_prefix("/dev/xvd")).unwrap_or_default();
    let plain = (1..=2).contains(&letters.len()) && letters.chars().all(|c| c.is_ascii_lowercase());
    if plain && !letters.starts_with('a') {
        Ok(())
    } else {
        Err("it must be a device name such as /dev/sdf; /dev/sda is the instance's own".to_owned())
    }
}

fn check_mount(text: &str) -> Result<(), String> {
    let below = text.strip_prefix("/mnt/").unwrap_or_default();
    let plain = |part: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        !part.is_empty() && part != "." && part != ".." && part.chars().all(allowed)
    };
    if below.len() <= 200 && below.split('/').all(plain) {
        Ok(())
    } else {
        Err("it must be a directory below /mnt, such as /mnt/drill, of letters, digits and `. _ -`".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{attach, check_device, check_mount};

    #[test]
    fn a_mount_stays_below_mnt_and_a_device_is_not_the_root() {
        assert!(check_mount("/mnt/drill").is_ok());
        assert!(check_mount("/mnt/drill/orders-1").is_ok());
        for text in ["/", "/mnt", "/mnt/", "/mnt/../etc", "/mnt/a//b", "/mnt/a b", "/mnt/a';reboot;'", "/srv/a"] {
            assert!(check_mount(text).is_err(), "{text}");
        }
        assert!(check_device("/dev/sdf").is_ok());
        assert!(check_device("/dev/xvdba").is_ok());
        for text in ["/dev/sda", "/dev/sda1", "/dev/sd", "/dev/nvme1n1", "sdf"] {
            assert!(check_device(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_attachment_is_read_whole_or_not_at_all() {
        let with = json!({ "attach": { "instance": "i-1", "device": "/dev/sdf", "mount": "/mnt/drill" } });
        let read = attach(with.as_object().unwrap()).unwrap();
        assert_eq!((read.instance, read.device, read.mount), ("i-1", "/dev/sdf", Some("/mnt/drill")));
        assert_eq!(attach(json!({ "attach": { "instance": "i-1" } }).as_object().unwrap()), None);
    }
}
