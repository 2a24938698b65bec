//! What `StartRestoreJob` is sent for an EC2 instance (facts 2.0 and 2.5, traps 8, 9, 38, 41, 42).
//!
//! Invariant: nothing of the source's network goes in. What AWS returned describes the source, so only the keys of
//! `KEPT` are taken from it; then come the drill's own choices, the typed settings, and last the raw metadata. Every
//! value is a string, lists and objects as JSON in it.

use serde_json::Value;

use crate::aws::resource::ebs::metadata::check_key;
use crate::aws::resource::shared::draft::{Draft, refused};
use crate::aws::resource::shared::setting::{security_groups, text};
use crate::cloud::resource::{Expected, Settings};
use crate::cloud::vault::Metadata;

const SUBNET: &str = "SubnetId";
const GROUPS: &str = "SecurityGroupIds";
const PROFILE: &str = "IamInstanceProfileName";
const MAPPINGS: &str = "BlockDeviceMappings";
const TERMINATION: &str = "DisableApiTermination";

/// The one value that AWS Backup takes for an instance profile.
const AS_BACKED_UP: &str = "UseBackedUpValue";

/// What is taken from the returned metadata, and why it may be.
///
/// | key | why |
/// |---|---|
/// | `InstanceType` | the source's type is the default; the same machine makes the measured times mean something |
///
/// Not taken, with reasons that are not plain: `NetworkInterfaces`, which holds the source's interfaces and addresses
/// and conflicts with a subnet; `CpuOptions`, which breaks on types that have none; `CreditSpecification`, likewise;
/// `Placement`, `CapacityReservationSpecification` and `LicenseSpecifications`, which name things of the other region;
/// `KeyName`, whose key pair may not exist there; `UserData`, which runs the source's start-up;
/// `IamInstanceProfileName`, which is a choice of the definition; `BlockDeviceMappings` unless a key is to be set,
/// because the image has them.
const KEPT: &[&str] = &["InstanceType"];

/// The drill's own choices: metadata of the instance only with a token, and nothing that stands in the way of teardown.
const CHOSEN: &[(&str, &str)] = &[("RequireIMDSv2", "true"), (TERMINATION, "false")];

/// Builds the metadata.
///
/// # Errors
/// A sentence for the user, naming the key.
pub fn build(returned: &Metadata, with: &Settings, raw: &Metadata, expected: &Expected) -> Result<Metadata, String> {
    check_key(with, expected)?;
    let Some(subnet) = text(with, "subnet") else {
        return Err("`with.subnet` is missing: name an isolated subnet in the destination".to_owned());
    };
    let groups = security_groups(with);
    if groups.is_empty() {
        return Err("`with.security_groups` is missing: name at least one that isolates the restored server".to_owned());
    }
    let mut draft = Draft::new(returned);
    draft.keep(KEPT);
    for (key, value) in CHOSEN {
        draft.set(key, value);
    }
    draft.set(SUBNET, subnet);
    draft.set_list(GROUPS, &groups);
    if let Some(kind) = text(with, "instance_type") {
        draft.set("InstanceType", kind);
    }
    if text(with, "instance_profile") == Some("as_backed_up") {
        draft.set(PROFILE, AS_BACKED_UP);
    }
    if let Some(key) = text(with, "kms_key") {
        encrypt(&mut draft, returned, raw, key)?;
    }
    for (key, value) in raw {
        check_raw(key, value)?;
        draft.set_raw(key, value);
    }
    Ok(draft.done())
}

/// Has all volumes encrypted with `key`. Which volumes there are, only the returned mapping says; before a recovery
/// point was picked nothing was returned.
fn encrypt(draft: &mut Draft<'_>, returned: &Metadata, raw: &Metadata, key: &str) -> Result<(), String> {
    if raw.keys().any(|other| other.eq_ignore_ascii_case(MAPPINGS)) {
        return Err(format!("`with.kms_key` and `metadata.{MAPPINGS}` both say how volumes are encrypted: drop one"));
    }
    if returned.is_empty() {
        return Ok(());
    }
    let mapping = draft.returned(MAPPINGS).and_then(|(_, text)| encrypted(text, key));
    let Some(mapping) = mapping else {
        return Err(format!(
            "`with.kms_key` cannot be applied: AWS names no volumes of this recovery point in `{MAPPINGS}`. Remove it, \
             or set `metadata.{MAPPINGS}`"
        ));
    };
    draft.set(MAPPINGS, &mapping);
    Ok(())
}

/// The returned mapping with its EBS volumes encrypted with `key`; none where it cannot be read or has no volumes.
///
/// AWS Backup takes no `SnapshotId` and no `OutpostArn` back (facts 2.5).
fn encrypted(text: &str, key: &str) -> Option<String> {
    let Value::Array(devices) = serde_json::from_str(text).ok()? else { return None };
    let kept: Vec<Value> = devices.into_iter().filter_map(|device| encrypted_device(device, key)).collect();
    if kept.is_empty() { None } else { Some(Value::Array(kept).to_string()) }
}

fn encrypted_device(mut device: Value, key: &str) -> Option<Value> {
    let fields = device.as_object_mut()?;
    let volume = fields.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case("Ebs"))?.1.as_object_mut()?;
    volume.retain(|name, value| {
        let dropped = ["SnapshotId", "OutpostArn", "Encrypted", "KmsKeyId"];
        !value.is_null() && !dropped.iter().any(|other| name.eq_ignore_ascii_case(other))
    });
    volume.insert("Encrypted".to_owned(), Value::Bool(true));
    volume.insert("KmsKeyId".to_owned(), Value::from(key));
    fields.retain(|_, value| !value.is_null());
    Some(device)
}

/// Raw metadata win over everything, but for what could only fail or would undo what preflight and teardown rely on.
fn check_raw(key: &str, value: &str) -> Result<(), String> {
    let is = |other: &str| key.eq_ignore_ascii_case(other);
    let holds = |word: &str| value.to_lowercase().contains(word);
    let because = if is(PROFILE) && value != AS_BACKED_UP {
        "AWS Backup attaches no other profile than the backed-up one (`with.instance_profile: as_backed_up`)"
    } else if is("NetworkInterfaces") {
        "it conflicts with the subnet and the security groups of `with`"
    } else if is(SUBNET) || is(GROUPS) {
        "`with.subnet` and `with.security_groups` say it, and preflight checks them"
    } else if is("VpcId") {
        "it only informs; the subnet decides"
    } else if is(TERMINATION) && !value.eq_ignore_ascii_case("false") {
        "teardown could not remove the instance"
    } else if is(MAPPINGS) && (holds("snapshotid") || holds("outpostarn")) {
        "AWS Backup takes no `SnapshotId` and no `OutpostArn` in it"
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
    use crate::cloud::resource::{Expected, Settings};
    use crate::cloud::vault::Metadata;

    const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1";

    fn expected() -> Expected {
        Expected {
            name: "drill-7f3a9c21-web".to_owned(),
            arn: None,
            region: "eu-central-1".parse().unwrap(),
            account: "111122223333".parse().unwrap(),
        }
    }

    fn map(pairs: &[(&str, &str)]) -> Metadata {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn with(more: &Value) -> Settings {
        let mut with = json!({ "subnet": "subnet-0a1b2c3d", "security_groups": ["sg-0a1b2c3d"] });
        with.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        with.as_object().unwrap().clone()
    }

    fn returned() -> Metadata {
        map(&[
            ("InstanceType", "m6i.large"),
            ("SubnetId", "subnet-prod"),
            ("SecurityGroupIds", "[\"sg-prod\"]"),
            ("VpcId", "vpc-prod"),
            ("NetworkInterfaces", "[{\"NetworkInterfaceId\":\"eni-1\"}]"),
            ("Placement", "{\"AvailabilityZone\":\"eu-west-1a\"}"),
            ("CpuOptions", "{\"CoreCount\":1}"),
            ("CapacityReservationSpecification", "{}"),
            ("IamInstanceProfileName", "web"),
            ("KeyName", "ops"),
            ("UserData", "x"),
            ("DisableApiTermination", "true"),
            ("BlockDeviceMappings", r#"[{"DeviceName":"/dev/xvda","Ebs":{"SnapshotId":"snap-1","VolumeSize":8}}]"#),
            ("aws:backup:request-id", "x"),
        ])
    }

    #[test]
    fn nothing_of_the_source_network_goes_in() {
        let built = build(&returned(), &with(&json!({})), &Metadata::new(), &expected()).unwrap();
        let wanted = map(&[
            ("DisableApiTermination", "false"),
            ("InstanceType", "m6i.large"),
            ("RequireIMDSv2", "true"),
            ("SecurityGroupIds", r#"["sg-0a1b2c3d"]"#),
            ("SubnetId", "subnet-0a1b2c3d"),
        ]);
        assert_eq!(built, wanted);
    }

    #[test]
    fn a_profile_is_the_backed_up_one_or_none() {
        let more = json!({ "instance_profile": "as_backed_up", "instance_type": "t3.medium" });
        let built = build(&returned(), &with(&more), &Metadata::new(), &expected()).unwrap();
        assert_eq!(built["IamInstanceProfileName"], "UseBackedUpValue");
        assert_eq!(built["InstanceType"], "t3.medium");
        let named = map(&[("IamInstanceProfileName", "admin")]);
        assert!(build(&returned(), &with(&json!({})), &named, &expected()).unwrap_err().contains("profile"));
    }

    #[test]
    fn a_key_goes_into_the_mapping_that_is_known() {
        let more = json!({ "kms_key": KEY });
        let built = build(&returned(), &with(&more), &Metadata::new(), &expected()).unwrap();
        let mapping: Value = serde_json::from_str(&built["BlockDeviceMappings"]).unwrap();
        let wanted = json!([
            { "DeviceName": "/dev/xvda", "Ebs": { "VolumeSize": 8, "Encrypted": true, "KmsKeyId": KEY } }
        ]);
        assert_eq!(mapping, wanted);
        let rehearsed = build(&Metadata::new(), &with(&more), &Metadata::new(), &expected()).unwrap();
        assert!(!rehearsed.contains_key("BlockDeviceMappings"));
        let unknown = map(&[("InstanceType", "m6i.large"), ("BlockDeviceMappings", "[]")]);
        assert!(build(&unknown, &with(&more), &Metadata::new(), &expected()).unwrap_err().contains("kms_key"));
    }

    #[test]
    fn what_would_undo_isolation_or_teardown_is_refused() {
        for (key, value) in [
            ("NetworkInterfaces", "[]"),
            ("subnetId", "subnet-1"),
            ("SecurityGroupIds", "[]"),
            ("VpcId", "vpc-1"),
            ("DisableApiTermination", "true"),
            ("BlockDeviceMappings", r#"[{"Ebs":{"SnapshotId":"snap-1"}}]"#),
            ("aws:backup:request-id", "x"),
        ] {
            let refusal = build(&returned(), &with(&json!({})), &map(&[(key, value)]), &expected()).unwrap_err();
            assert!(refusal.contains(key), "{refusal}");
        }
        let empty = build(&returned(), &Settings::new(), &Metadata::new(), &expected()).unwrap_err();
        assert!(empty.contains("with.subnet"));
    }
}
