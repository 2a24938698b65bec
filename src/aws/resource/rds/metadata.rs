//! What `StartRestoreJob` is sent for an RDS DB instance (facts 2.0 and 2.1, traps 8, 9, 37).
//!
//! Invariant: nothing of the source's region goes in. What AWS returned describes the source, so only the keys of
//! `KEPT` are taken from it; then come the drill's own choices, the typed settings, and last the raw metadata.
//! Every value is a string.

use crate::aws::resource::shared::draft::{Draft, refused};
use crate::aws::resource::shared::setting::{flag, integer, security_groups, text};
use crate::cloud::resource::{Expected, Settings};
use crate::cloud::vault::Metadata;

/// The key that carries the expected name.
pub(crate) const NAME: &str = "DBInstanceIdentifier";

/// What is taken from the returned metadata, and why it may be.
///
/// | key | why |
/// |---|---|
/// | `Engine` | says what the data are; a snapshot can only be restored as it |
/// | `LicenseModel` | part of what the engine may run as; no region in it |
/// | `DBInstanceClass` | the source's class is the default; written down, so that the report shows it |
/// | `Port` | clients and probes expect it |
/// | `StorageType` | the same storage makes the measured times mean something |
/// | `Iops` | only with `io1` and `io2`, which need it; for `gp3` see below |
/// | `EnableIAMDatabaseAuthentication` | probes may log in that way |
///
/// Not taken, with reasons that are not plain: `Iops` and `StorageThroughput` of a `gp3` volume, because RDS refuses
/// them below a size that the metadata do not show (`with:` can set them); `AllocatedStorage`, because it may only grow
/// and the snapshot knows it; `DBName`, which most engines refuse; `EnableCloudwatchLogsExports`, because log groups
/// would be left behind; `KmsKeyId`, because the copy's key cannot be changed; whatever names a VPC, subnet, security
/// group, zone, parameter group, option group, domain or snapshot, because it is in the other region.
const KEPT: &[&str] =
    &["Engine", "LicenseModel", "DBInstanceClass", "Port", "StorageType", "Iops", "EnableIAMDatabaseAuthentication"];

/// The drill's own choices, over what was returned.
///
/// Not reachable from outside, no standby, no upgrade that changes what is being proven while it is being proven, no
/// tags that travel on, nothing that stands in the way of teardown.
const CHOSEN: &[(&str, &str)] = &[
    ("PubliclyAccessible", "false"),
    ("MultiAZ", "false"),
    ("AutoMinorVersionUpgrade", "false"),
    ("CopyTagsToSnapshot", "false"),
    ("DeletionProtection", "false"),
];

/// Builds the metadata.
///
/// # Errors
/// A sentence for the user when a raw key cannot work, naming the key.
pub fn build(returned: &Metadata, with: &Settings, raw: &Metadata, expected: &Expected) -> Result<Metadata, String> {
    let mut draft = Draft::new(returned);
    keep(&mut draft);
    for (key, value) in CHOSEN {
        draft.set(key, value);
    }
    choose(&mut draft, with);
    for (key, value) in raw {
        check_raw(key, value, expected)?;
        draft.set_raw(key, value);
    }
    draft.set(NAME, &expected.name);
    let multi_az = draft.get("MultiAZ").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if multi_az && draft.get("AvailabilityZone").is_some() {
        let reason = "`metadata.AvailabilityZone` cannot be set together with `multi_az: true`: drop one of them";
        return Err(reason.to_owned());
    }
    Ok(draft.done())
}

/// Takes over what `KEPT` allows.
fn keep(draft: &mut Draft<'_>) {
    draft.keep(KEPT);
    if !draft.get("StorageType").is_some_and(|storage| matches!(storage, "io1" | "io2")) {
        draft.remove("Iops");
    }
}

/// Lays the typed settings over it.
fn choose(draft: &mut Draft<'_>, with: &Settings) {
    if let Some(storage) = text(with, "storage_type") {
        if draft.get("StorageType") != Some(storage) {
            // The source's figure belongs to the source's storage type.
            draft.remove("Iops");
        }
        draft.set("StorageType", storage);
    }
    for (setting, key) in [
        ("instance_class", "DBInstanceClass"),
        ("subnet_group", "DBSubnetGroupName"),
        ("parameter_group", "DBParameterGroupName"),
        ("option_group", "OptionGroupName"),
        ("ca_certificate", "CACertificateIdentifier"),
    ] {
        if let Some(value) = text(with, setting) {
            draft.set(key, value);
        }
    }
    for (setting, key) in [("iops", "Iops"), ("storage_throughput", "StorageThroughput"), ("port", "Port")] {
        if let Some(value) = integer(with, setting) {
            draft.set(key, &value.to_string());
        }
    }
    if let Some(value) = flag(with, "multi_az") {
        draft.set("MultiAZ", if value { "true" } else { "false" });
    }
    let groups = security_groups(with);
    if !groups.is_empty() {
        draft.set_list("VpcSecurityGroupIds", &groups);
    }
}

/// Raw metadata win over everything, but for what could only fail or would lose the restored instance.
fn check_raw(key: &str, value: &str, expected: &Expected) -> Result<(), String> {
    let is = |other: &str| key.eq_ignore_ascii_case(other);
    let because = if is(NAME) {
        "the run names what it restores, or teardown could not find it"
    } else if is("DBSnapshotIdentifier") {
        "the recovery point decides it, and a job that is sent it fails"
    } else if is("KmsKeyId") || is("Encrypted") || is("EngineVersion") || is("vpcId") {
        "AWS Backup ignores it: key, encryption and engine version are the copy's, the VPC is the subnet group's"
    } else if is("aws:backup:request-id") || key.starts_with("InformationalOnly:") {
        "it only describes the recovery point"
    } else if is("AvailabilityZone") && !value.starts_with(expected.region.as_str()) {
        "the zone is not in the destination's region"
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

    fn expected() -> Expected {
        Expected {
            name: "drill-7f3a9c21-orders".to_owned(),
            arn: "arn:aws:rds:eu-central-1:111122223333:db:drill-7f3a9c21-orders".parse().ok(),
            region: "eu-central-1".parse().unwrap(),
            account: "111122223333".parse().unwrap(),
        }
    }

    fn map(pairs: &[(&str, &str)]) -> Metadata {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn settings(value: &Value) -> Settings {
        value.as_object().unwrap().clone()
    }

    /// Facts, appendix A, with what else RDS is known to return.
    fn returned() -> Metadata {
        map(&[
            ("DBInstanceIdentifier", "orders"),
            ("DBSnapshotIdentifier", "awsbackup:copyjob-0a1b2c3d-0000-4000-8000-000000000001"),
            ("DBInstanceClass", "db.r6g.large"),
            ("Engine", "postgres"),
            ("LicenseModel", "postgresql-license"),
            ("Port", "5432"),
            ("StorageType", "gp3"),
            ("Iops", "3000"),
            ("StorageThroughput", "125"),
            ("AvailabilityZone", "eu-west-1a"),
            ("DBSubnetGroupName", "prod-db"),
            ("DBParameterGroupName", "prod-postgres16"),
            ("OptionGroupName", "default:postgres-16"),
            ("VpcSecurityGroupIds", "[\"sg-0aaa\"]"),
            ("KmsKeyId", "arn:aws:kms:eu-west-1:111122223333:key/1"),
            ("EnableCloudwatchLogsExports", "[\"postgresql\"]"),
            ("EnableIAMDatabaseAuthentication", ""),
            ("MultiAZ", "true"),
            ("PubliclyAccessible", "true"),
            ("DeletionProtection", "true"),
            ("InformationalOnly:StorageEncrypted", "true"),
            ("aws:backup:request-id", "00000000-0000-4000-8000-000000000002"),
        ])
    }

    #[test]
    fn nothing_of_the_source_region_goes_in() {
        let built = build(&returned(), &Settings::new(), &Metadata::new(), &expected()).unwrap();
        let wanted = map(&[
            ("AutoMinorVersionUpgrade", "false"),
            ("CopyTagsToSnapshot", "false"),
            ("DBInstanceClass", "db.r6g.large"),
            ("DBInstanceIdentifier", "drill-7f3a9c21-orders"),
            ("DeletionProtection", "false"),
            ("Engine", "postgres"),
            ("LicenseModel", "postgresql-license"),
            ("MultiAZ", "false"),
            ("Port", "5432"),
            ("PubliclyAccessible", "false"),
            ("StorageType", "gp3"),
        ]);
        assert_eq!(built, wanted);
    }

    #[test]
    fn typed_settings_win_over_what_was_returned_and_are_strings() {
        let with = settings(&json!({
            "instance_class": "db.t4g.medium",
            "subnet_group": "drill-isolated",
            "security_groups": ["sg-0a1b2c3d4e5f60718", "sg-0a1b2c3d4e5f60719"],
            "multi_az": true,
            "port": 6432,
        }));
        let built = build(&returned(), &with, &Metadata::new(), &expected()).unwrap();
        assert_eq!(built["DBInstanceClass"], "db.t4g.medium");
        assert_eq!(built["DBSubnetGroupName"], "drill-isolated");
        assert_eq!(built["VpcSecurityGroupIds"], r#"["sg-0a1b2c3d4e5f60718","sg-0a1b2c3d4e5f60719"]"#);
        assert_eq!((built["MultiAZ"].as_str(), built["Port"].as_str()), ("true", "6432"));
    }

    #[test]
    fn provisioned_iops_follow_their_storage_type() {
        let source = map(&[("StorageType", "io1"), ("Iops", "12000")]);
        let built = build(&source, &Settings::new(), &Metadata::new(), &expected()).unwrap();
        assert_eq!(built["Iops"], "12000");
        let with = settings(&json!({ "storage_type": "gp3" }));
        let built = build(&source, &with, &Metadata::new(), &expected()).unwrap();
        assert_eq!((built["StorageType"].as_str(), built.get("Iops")), ("gp3", None));
    }

    #[test]
    fn raw_metadata_win_and_the_returned_spelling_is_kept() {
        let source = map(&[("dbInstanceClass", "db.r6g.large"), ("dBInstanceIdentifier", "orders")]);
        let raw = map(&[("multiaz", "true"), ("DedicatedLogVolume", "true")]);
        let built = build(&source, &Settings::new(), &raw, &expected()).unwrap();
        assert_eq!(built["dbInstanceClass"], "db.r6g.large");
        assert_eq!(built["dBInstanceIdentifier"], "drill-7f3a9c21-orders");
        assert_eq!((built["multiaz"].as_str(), built.get("MultiAZ")), ("true", None));
        assert_eq!(built["DedicatedLogVolume"], "true");
    }

    #[test]
    fn raw_keys_that_could_only_harm_are_refused_by_name() {
        for (key, value) in [
            ("DBInstanceIdentifier", "orders"),
            ("dbsnapshotidentifier", "x"),
            ("KmsKeyId", "x"),
            ("aws:backup:request-id", "x"),
            ("InformationalOnly:Encrypted", "true"),
            ("AvailabilityZone", "eu-west-1a"),
        ] {
            let refused = build(&returned(), &Settings::new(), &map(&[(key, value)]), &expected());
            assert!(refused.unwrap_err().contains(key), "{key}");
        }
        let zone = map(&[("AvailabilityZone", "eu-central-1a")]);
        assert!(build(&returned(), &Settings::new(), &zone, &expected()).is_ok());
        let with = settings(&json!({ "multi_az": true }));
        assert!(build(&returned(), &with, &zone, &expected()).is_err());
    }
}
