//! The keys of `with:` for a Storage Gateway volume.

use crate::aws::resource::ebs::settings::volume_fields;
use crate::aws::resource::shared::setting::{plain, text, zone_shape};
use crate::cloud::resource::Settings;
use crate::words::arn::Arn;
use crate::yaml::shape::{Field, Shape};

/// The keys that only an EBS volume has.
pub(crate) const OF_EBS: &[&str] = &["availability_zone", "volume_type", "iops", "throughput", "encrypted", "attach"];
/// The keys that only a gateway's volume has.
pub(crate) const OF_GATEWAY: &[&str] = &["gateway", "gateway_type", "disk_id"];

/// As what the volume is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route<'a> {
    /// An EBS volume.
    Ebs,
    /// A volume of this gateway.
    Gateway(Gateway<'a>),
}

/// A gateway in the destination. Nothing of it is changed but that it gets a volume, and loses it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gateway<'a> {
    /// Its ARN; empty where the definition has none, which `metadata` refuses.
    pub arn: &'a str,
    /// The disk of a stored volume; none for a cached one.
    pub disk: Option<&'a str>,
    /// It keeps whole volumes on its own disks, and not only a cache of them.
    pub stored: bool,
}

/// What `as:` says.
#[must_use]
pub fn route(with: &Settings) -> Route<'_> {
    if text(with, "as") != Some("gateway") {
        return Route::Ebs;
    }
    Route::Gateway(Gateway {
        arn: text(with, "gateway").unwrap_or_default(),
        disk: text(with, "disk_id"),
        stored: text(with, "gateway_type") == Some("stored"),
    })
}

/// The keys, with types, ranges and documentation.
#[must_use]
pub fn fields() -> Vec<Field> {
    let mut fields = vec![
        Field::optional(
            "as",
            Shape::Choice(&["ebs", "gateway"]),
            "Restore it as an EBS volume, or as a volume of a gateway of yours. Default: ebs, which needs no gateway.",
        ),
        Field::optional(
            "availability_zone",
            zone_shape(),
            "For an EBS volume, which needs it: an availability zone in the destination, such as eu-west-1a.",
        ),
        Field::optional(
            "gateway",
            Shape::Parsed {
                what: "a gateway's ARN",
                format: Some("^arn:aws[^:]*:storagegateway:[^:]+:[0-9]{12}:gateway/sgw-[0-9A-Za-z]+$"),
                parse: check_gateway,
            },
            "For `as: gateway`, which needs it: the ARN of a running volume gateway in the destination.",
        ),
        Field::optional(
            "gateway_type",
            Shape::Choice(&["cached", "stored"]),
            "For `as: gateway`: which kind of volumes the gateway has. Default: cached.",
        ),
        Field::optional(
            "disk_id",
            Shape::Parsed { what: "a disk's id", format: Some("^[A-Za-z0-9:._/-]{1,300}$"), parse: check_disk },
            "For `gateway_type: stored`, which needs it: a free local disk of the gateway.",
        ),
    ];
    fields.extend(volume_fields());
    fields
}

fn check_gateway(text: &str) -> Result<(), String> {
    const WANTED: &str = "it must be a gateway's ARN, such as \
                          arn:aws:storagegateway:eu-west-1:123456789012:gateway/sgw-12A3456B";
    let arn: Arn = text.parse().map_err(|_| WANTED.to_owned())?;
    let id = arn.resource().strip_prefix("gateway/sgw-").unwrap_or_default();
    let whole = arn.region().is_some() && arn.account().is_some();
    if arn.service() == "storagegateway" && plain(id, 40, "") && whole { Ok(()) } else { Err(WANTED.to_owned()) }
}

fn check_disk(text: &str) -> Result<(), String> {
    if plain(text, 300, ":._/-") {
        Ok(())
    } else {
        Err("it must be a disk's id as ListLocalDisks gives it: letters, digits and `: . _ / -`".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Route, check_gateway, route};
    use crate::cloud::resource::Settings;

    #[test]
    fn without_a_word_it_becomes_an_ebs_volume() {
        assert_eq!(route(&Settings::new()), Route::Ebs);
        let with = json!({ "as": "gateway", "gateway": "g", "gateway_type": "stored", "disk_id": "d" });
        let Route::Gateway(gateway) = route(with.as_object().unwrap()) else { panic!("a gateway was named") };
        assert_eq!((gateway.arn, gateway.disk, gateway.stored), ("g", Some("d"), true));
    }

    #[test]
    fn a_gateway_is_named_by_its_arn() {
        assert!(check_gateway("arn:aws:storagegateway:eu-west-1:123456789012:gateway/sgw-12A3456B").is_ok());
        for text in [
            "sgw-12A3456B",
            "arn:aws:storagegateway:eu-west-1:123456789012:gateway/sgw-1/volume/vol-1",
            "arn:aws:storagegateway::123456789012:gateway/sgw-12A3456B",
        ] {
            assert!(check_gateway(text).is_err(), "{text}");
        }
    }
}
