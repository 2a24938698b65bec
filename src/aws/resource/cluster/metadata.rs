//! What `StartRestoreJob` is sent for a cluster (facts 2.0 and 2.2, traps 8 and 9).
//!
//! Invariant: nothing of the source's region goes in. What AWS returned describes the source, so only the keys of
//! `KEPT` are taken from it; then come the typed settings, and last the raw metadata. Every value is a string.
//! Instances are not in it: the restore job makes none.

use crate::aws::resource::cluster::{Family, settings};
use crate::aws::resource::shared::draft::{Draft, refused};
use crate::aws::resource::shared::setting::{integer, security_groups, text};
use crate::cloud::resource::{Expected, Settings};
use crate::cloud::vault::Metadata;
use crate::words::arn::Arn;

/// The key that carries the expected name.
pub(crate) const NAME: &str = "dbClusterIdentifier";

/// What is taken from the returned metadata, and why it may be.
///
/// | key | why |
/// |---|---|
/// | `engine` | says what the data are, and the job needs it |
/// | `engineVersion` | without it the region's default version is taken, which is not what is to be proven |
/// | `port` | clients and probes expect it |
/// | `databaseName` | part of what is restored; no region in it |
/// | `enableIAMDatabaseAuthentication` | probes may log in that way |
///
/// `engineMode` and `scalingConfiguration` are below. Not taken, with reasons that are not plain: `kmsKeyId`, which is
/// the source region's (`with:` can set another); `enableCloudwatchLogsExports`, because log groups would be left
/// behind; `backtrackWindow` and `copyTagsToSnapshot`, whose defaults are off; whatever names a VPC, subnet, security
/// group, zone, parameter group, option group, domain or snapshot, because it is in the other region.
const KEPT: &[&str] = &["engine", "engineVersion", "port", "databaseName", "enableIAMDatabaseAuthentication"];

/// Builds the metadata.
///
/// # Errors
/// A sentence for the user when settings contradict each other, when the recovery point is of another service, or when
/// a raw key cannot work; it names the key.
pub(crate) fn build(
    family: &Family,
    returned: &Metadata,
    with: &Settings,
    raw: &Metadata,
    expected: &Expected,
) -> Result<Metadata, String> {
    settings::check(with, family)?;
    let mut draft = Draft::new(returned);
    draft.keep(KEPT);
    keep_serverless_v1(&mut draft);
    choose(&mut draft, with, expected)?;
    for (key, value) in raw {
        check_raw(key, value, expected)?;
        draft.set_raw(key, value);
    }
    set_engine(&mut draft, family)?;
    draft.set(NAME, &expected.name);
    Ok(draft.done())
}

/// Only Serverless v1 has this mode, and only there the scaling configuration means anything.
fn keep_serverless_v1(draft: &mut Draft<'_>) {
    if draft.returned("engineMode").is_some_and(|(_, mode)| mode == "serverless") {
        draft.keep(&["engineMode", "scalingConfiguration"]);
    }
}

/// Lays the typed settings over it.
fn choose(draft: &mut Draft<'_>, with: &Settings, expected: &Expected) -> Result<(), String> {
    for (setting, key) in [("subnet_group", "dbSubnetGroupName"), ("parameter_group", "dbClusterParameterGroupName")] {
        if let Some(value) = text(with, setting) {
            draft.set(key, value);
        }
    }
    if let Some(port) = integer(with, "port") {
        draft.set("port", &port.to_string());
    }
    if let Some(key) = text(with, "kms_key") {
        if is_elsewhere(key, expected) {
            let region = &expected.region;
            return Err(format!(
                "`with.kms_key` is not in `{region}`, where the cluster is restored: name a key there"
            ));
        }
        draft.set("kmsKeyId", key);
    }
    let groups = security_groups(with);
    if !groups.is_empty() {
        draft.set_list("vpcSecurityGroupIds", &groups);
    }
    Ok(())
}

/// The ARNs of all three services' clusters look alike: here a definition of the wrong type is found before any write.
fn set_engine(draft: &mut Draft<'_>, family: &Family) -> Result<(), String> {
    match draft.get("engine") {
        Some(engine) if !family.has(engine) => Err(format!(
            "the recovery point is of the engine `{engine}`, and type `{}` restores {}: correct `type`",
            family.kind, family.noun
        )),
        None if family.sole_engine => {
            draft.set("engine", family.engine);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn is_elsewhere(key: &str, expected: &Expected) -> bool {
    key.parse::<Arn>().ok().and_then(|arn| arn.region()).is_some_and(|region| region != expected.region)
}

/// Raw metadata win over everything, but for what could only fail or would lose the restored cluster.
fn check_raw(key: &str, value: &str, expected: &Expected) -> Result<(), String> {
    let is = |other: &str| key.eq_ignore_ascii_case(other);
    let because = if is(NAME) {
        "the run names what it restores, or teardown could not find it"
    } else if is("SnapshotIdentifier") || is("DBClusterSnapshotIdentifier") || is("SourceDBClusterIdentifier") {
        "the recovery point decides it"
    } else if is("GlobalClusterIdentifier") {
        "a drill never touches a global cluster"
    } else if is("aws:backup:request-id") || key.starts_with("InformationalOnly:") {
        "it only describes the recovery point"
    } else if is("kmsKeyId") && is_elsewhere(value, expected) {
        "the key is not in the destination's region"
    } else if is("availabilityZones") && !are_zones(value, expected) {
        "it must be a JSON list of zones in the destination's region, in a string"
    } else {
        return Ok(());
    };
    Err(refused(key, because))
}

fn are_zones(value: &str, expected: &Expected) -> bool {
    let zones = serde_json::from_str::<Vec<String>>(value);
    zones.is_ok_and(|zones| zones.iter().all(|zone| zone.starts_with(expected.region.as_str())))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::build;
    use crate::aws::resource::{aurora, documentdb};
    use crate::cloud::resource::{Expected, Settings};
    use crate::cloud::vault::Metadata;

    fn expected() -> Expected {
        Expected {
            name: "drill-7f3a9c21-orders".to_owned(),
            arn: "arn:aws:rds:eu-central-1:111122223333:cluster:drill-7f3a9c21-orders".parse().ok(),
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

    fn plain() -> Settings {
        settings(&json!({ "instance_class": "db.r6g.large" }))
    }

    /// Facts 2.2, "Returned example".
    fn returned() -> Metadata {
        map(&[
            ("AvailabilityZones", "[\"eu-west-1a\",\"eu-west-1b\"]"),
            ("CopyTagsToSnapshot", "true"),
            ("DBClusterParameterGroupName", "prod-aurora15"),
            ("DBSubnetGroupName", "prod-db"),
            ("DatabaseName", "orders"),
            ("EnableCloudwatchLogsExports", "[\"postgresql\"]"),
            ("EnableIAMDatabaseAuthentication", "true"),
            ("Engine", "aurora-postgresql"),
            ("EngineMode", "provisioned"),
            ("EngineVersion", "15.4"),
            ("KmsKeyId", "arn:aws:kms:eu-west-1:111122223333:key/1"),
            ("Port", "5432"),
            ("ScalingConfiguration", "{\"MinCapacity\":2}"),
            ("VpcSecurityGroupIds", "[\"sg-0aaa\"]"),
            ("aws:backup:request-id", "00000000-0000-4000-8000-000000000002"),
        ])
    }

    #[test]
    fn nothing_of_the_source_region_goes_in() {
        let built = build(&aurora::FAMILY, &returned(), &plain(), &Metadata::new(), &expected()).unwrap();
        let wanted = map(&[
            ("DatabaseName", "orders"),
            ("EnableIAMDatabaseAuthentication", "true"),
            ("Engine", "aurora-postgresql"),
            ("EngineVersion", "15.4"),
            ("Port", "5432"),
            ("dbClusterIdentifier", "drill-7f3a9c21-orders"),
        ]);
        assert_eq!(built, wanted);
    }

    #[test]
    fn only_serverless_v1_keeps_its_mode_and_scaling() {
        let mut source = returned();
        source.insert("EngineMode".to_owned(), "serverless".to_owned());
        let built = build(&aurora::FAMILY, &source, &plain(), &Metadata::new(), &expected()).unwrap();
        assert_eq!(
            (built["EngineMode"].as_str(), built["ScalingConfiguration"].as_str()),
            ("serverless", "{\"MinCapacity\":2}")
        );
    }

    #[test]
    fn typed_settings_win_in_the_returned_spelling() {
        let key = "arn:aws:kms:eu-central-1:111122223333:key/2";
        let with = settings(&json!({
            "instance_class": "db.r6g.large",
            "instances": 2,
            "subnet_group": "drill-isolated",
            "security_groups": ["sg-0a1b2c3d4e5f60718"],
            "parameter_group": "drill-aurora15",
            "port": 6432,
            "kms_key": key,
        }));
        let built = build(&aurora::FAMILY, &returned(), &with, &Metadata::new(), &expected()).unwrap();
        assert_eq!((built["DBSubnetGroupName"].as_str(), built["Port"].as_str()), ("drill-isolated", "6432"));
        assert_eq!(built["VpcSecurityGroupIds"], r#"["sg-0a1b2c3d4e5f60718"]"#);
        assert_eq!(
            (built["DBClusterParameterGroupName"].as_str(), built["KmsKeyId"].as_str()),
            ("drill-aurora15", key)
        );
        let bare = build(&aurora::FAMILY, &Metadata::new(), &with, &Metadata::new(), &expected()).unwrap();
        assert_eq!(bare["dbSubnetGroupName"], "drill-isolated");
    }

    #[test]
    fn a_key_of_the_source_region_is_refused() {
        let key = "arn:aws:kms:eu-west-1:111122223333:key/1";
        let with = settings(&json!({ "instance_class": "db.r6g.large", "kms_key": key }));
        let refusal = build(&aurora::FAMILY, &returned(), &with, &Metadata::new(), &expected()).unwrap_err();
        assert!(refusal.contains("with.kms_key") && refusal.contains("eu-central-1"), "{refusal}");
    }

    #[test]
    fn a_recovery_point_of_another_service_is_refused() {
        let refusal = build(&documentdb::FAMILY, &returned(), &plain(), &Metadata::new(), &expected()).unwrap_err();
        assert!(refusal.contains("aurora-postgresql") && refusal.contains("documentdb"), "{refusal}");
        let bare = build(&documentdb::FAMILY, &Metadata::new(), &plain(), &Metadata::new(), &expected()).unwrap();
        assert_eq!(bare["engine"], "docdb");
    }

    #[test]
    fn raw_keys_that_could_only_harm_are_refused_by_name() {
        for (key, value) in [
            ("DBClusterIdentifier", "orders"),
            ("snapshotIdentifier", "x"),
            ("globalClusterIdentifier", "x"),
            ("aws:backup:request-id", "x"),
            ("kmsKeyId", "arn:aws:kms:eu-west-1:111122223333:key/1"),
            ("availabilityZones", "[\"eu-west-1a\"]"),
            ("availabilityZones", "eu-central-1a"),
        ] {
            let raw = map(&[(key, value)]);
            let refusal = build(&aurora::FAMILY, &returned(), &plain(), &raw, &expected()).unwrap_err();
            assert!(refusal.contains(key), "{refusal}");
        }
        let raw = map(&[("availabilityZones", "[\"eu-central-1a\"]"), ("enginemode", "provisioned")]);
        let built = build(&aurora::FAMILY, &returned(), &plain(), &raw, &expected()).unwrap();
        assert_eq!(
            (built["enginemode"].as_str(), built["availabilityZones"].as_str()),
            ("provisioned", "[\"eu-central-1a\"]")
        );
    }
}
