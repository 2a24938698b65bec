//! What `StartRestoreJob` is sent for a Storage Gateway volume (facts 2.0 and 2.9, traps 8, 9).
//!
//! Invariant: nothing of the source's gateway goes in. For an EBS volume the metadata are those of
//! [`crate::aws::resource::ebs::metadata`]. Every value is a string.

use crate::aws::resource::ebs;
use crate::aws::resource::shared::draft::{Draft, refused};
use crate::aws::resource::shared::setting::{integer, text};
use crate::aws::resource::storage_gateway::settings::{Gateway, OF_EBS, OF_GATEWAY, Route, route};
use crate::cloud::resource::{Expected, Settings};
use crate::cloud::vault::Metadata;
use crate::words::arn::Arn;

/// The key that carries the expected name, on the way through a gateway: the last part of the volume's iSCSI target.
pub(crate) const NAME: &str = "targetName";

/// What is taken from the returned metadata on the way through a gateway: the size, which a cached volume is made with.
const KEPT: &[&str] = &["volumeSize", "volumeSizeInBytes"];

const GIB: i64 = 1 << 30;

/// Builds the metadata.
///
/// # Errors
/// A sentence for the user, naming the key.
pub fn build(returned: &Metadata, with: &Settings, raw: &Metadata, expected: &Expected) -> Result<Metadata, String> {
    match route(with) {
        Route::Ebs => {
            check_absent(with, OF_GATEWAY, "needs `as: gateway`")?;
            ebs::metadata::build(returned, with, raw, expected)
        }
        Route::Gateway(gateway) => {
            check_absent(with, OF_EBS, "is for an EBS volume: leave it out, or `as: gateway`")?;
            through_gateway(returned, with, raw, expected, gateway)
        }
    }
}

fn check_absent(with: &Settings, keys: &[&str], because: &str) -> Result<(), String> {
    match keys.iter().find(|key| with.contains_key(**key)) {
        Some(key) => Err(format!("`with.{key}` {because}")),
        None => Ok(()),
    }
}

fn through_gateway(
    returned: &Metadata,
    with: &Settings,
    raw: &Metadata,
    expected: &Expected,
    gateway: Gateway<'_>,
) -> Result<Metadata, String> {
    check_gateway(gateway, expected)?;
    ebs::metadata::check_key(with, expected)?;
    let mut draft = Draft::new(returned);
    draft.keep(KEPT);
    draft.set("gatewayArn", gateway.arn);
    draft.set("gatewayType", if gateway.stored { "STORED" } else { "CACHED" });
    if let Some(disk) = gateway.disk {
        draft.set("diskId", disk);
    }
    if let Some(size) = integer(with, "size_gib") {
        draft.remove("volumeSize");
        draft.set("volumeSizeInBytes", &size.saturating_mul(GIB).to_string());
    }
    if let Some(key) = text(with, "kms_key") {
        draft.set("kmsKey", key);
    }
    for (key, value) in raw {
        check_raw(key)?;
        draft.set_raw(key, value);
    }
    draft.set(NAME, &expected.name);
    Ok(draft.done())
}

/// The gateway is there, in the destination, and what a stored volume needs is named.
fn check_gateway(gateway: Gateway<'_>, expected: &Expected) -> Result<(), String> {
    let Ok(arn) = gateway.arn.parse::<Arn>() else {
        return Err("`with.gateway` is missing: `as: gateway` needs the ARN of a gateway in the destination".to_owned());
    };
    let here = (Some(&expected.region), Some(&expected.account));
    if (arn.region().as_ref(), arn.account().as_ref()) != here {
        let (region, account) = (&expected.region, &expected.account);
        return Err(format!("`with.gateway` is not in the destination's region {region} and account {account}"));
    }
    match (gateway.stored, gateway.disk) {
        (true, None) => Err("`with.gateway_type: stored` needs `disk_id`".to_owned()),
        (false, Some(_)) => Err("`with.disk_id` needs `gateway_type: stored`".to_owned()),
        _ => Ok(()),
    }
}

/// Raw metadata win over everything, but for what could only fail or would lose the restored volume.
fn check_raw(key: &str) -> Result<(), String> {
    let is = |other: &str| key.eq_ignore_ascii_case(other);
    let because = if is(NAME) {
        "the run names what it restores, or teardown could not find it"
    } else if is("gatewayArn") || is("gatewayType") || is("diskId") {
        "`with.gateway`, `with.gateway_type` and `with.disk_id` say it"
    } else if is("aws:backup:request-id") || key.starts_with("InformationalOnly:") {
        "it only describes the recovery point"
    } else {
        return Ok(());
    };
    Err(refused(key, because))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::build;
    use crate::cloud::resource::Expected;
    use crate::cloud::vault::Metadata;

    const GATEWAY: &str = "arn:aws:storagegateway:eu-central-1:111122223333:gateway/sgw-12A3456B";

    fn expected() -> Expected {
        Expected {
            name: "drill-7f3a9c21-share".to_owned(),
            arn: None,
            region: "eu-central-1".parse().unwrap(),
            account: "111122223333".parse().unwrap(),
        }
    }

    fn map(pairs: &[(&str, &str)]) -> Metadata {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn built(returned: &Metadata, with: &Value, raw: &Metadata) -> Result<Metadata, String> {
        build(returned, with.as_object().unwrap(), raw, &expected())
    }

    #[test]
    fn as_an_ebs_volume_it_needs_a_zone_and_no_gateway() {
        let with = json!({ "availability_zone": "eu-central-1a" });
        let returned = map(&[("gatewayArn", "arn:aws:storagegateway:eu-west-1:111122223333:gateway/sgw-1")]);
        let metadata = built(&returned, &with, &Metadata::new()).unwrap();
        assert_eq!(metadata, map(&[("availabilityZone", "eu-central-1a")]));
        assert!(built(&returned, &json!({}), &Metadata::new()).unwrap_err().contains("availability_zone"));
        let both = json!({ "availability_zone": "eu-central-1a", "gateway": GATEWAY });
        assert!(built(&returned, &both, &Metadata::new()).unwrap_err().contains("with.gateway"));
    }

    #[test]
    fn through_a_gateway_its_target_carries_the_name() {
        let with = json!({ "as": "gateway", "gateway": GATEWAY, "size_gib": 2 });
        let returned = map(&[
            ("gatewayArn", "arn:aws:storagegateway:eu-west-1:111122223333:gateway/sgw-1"),
            ("targetName", "prod"),
            ("volumeSize", "1"),
            ("diskId", "d"),
        ]);
        let wanted = map(&[
            ("gatewayArn", GATEWAY),
            ("gatewayType", "CACHED"),
            ("targetName", "drill-7f3a9c21-share"),
            ("volumeSizeInBytes", "2147483648"),
        ]);
        assert_eq!(built(&returned, &with, &Metadata::new()).unwrap(), wanted);
        let raw = map(&[("targetname", "prod")]);
        assert!(built(&returned, &with, &raw).unwrap_err().contains("targetname"));
    }

    #[test]
    fn what_a_gateway_needs_is_asked_for_before_anything_starts() {
        for (with, named) in [
            (json!({ "as": "gateway" }), "with.gateway"),
            (json!({ "as": "gateway", "gateway": GATEWAY.replace("central", "west") }), "region"),
            (json!({ "as": "gateway", "gateway": GATEWAY, "gateway_type": "stored" }), "disk_id"),
            (json!({ "as": "gateway", "gateway": GATEWAY, "disk_id": "d" }), "gateway_type"),
            (json!({ "as": "gateway", "gateway": GATEWAY, "attach": {} }), "attach"),
        ] {
            let refusal = built(&Metadata::new(), &with, &Metadata::new()).unwrap_err();
            assert!(refusal.contains(named), "{refusal}");
        }
    }
}
