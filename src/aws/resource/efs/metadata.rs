//! What `StartRestoreJob` is sent for an EFS file system (facts 2.0 and 2.6, traps 8, 9, 32).
//!
//! Invariant: `newFileSystem` is `true`, whatever anybody says. Without it the restore writes into the file system that
//! `file-system-id` names, which is the production one.

use std::collections::BTreeSet;

use crate::aws::resource::shared::draft::{Draft, refused};
use crate::aws::resource::shared::setting::{security_groups, text, texts};
use crate::cloud::resource::{Expected, Settings};
use crate::cloud::vault::Metadata;

/// The key that carries the expected name.
pub(crate) const NAME: &str = "CreationToken";

/// The key that keeps a restore away from what is there already.
const NEW: &str = "newFileSystem";

/// What is taken from the returned metadata, and why it may be.
///
/// | key | why |
/// |---|---|
/// | `file-system-id` | ignored beside `newFileSystem`, and older reports say that a job without it fails |
/// | `PerformanceMode` | the same mode makes the measured times mean something; no region in it |
///
/// `Encrypted` is read and decided below. Not taken: `KmsKeyId`, because the key is in the other region;
/// `singleAzFilesystem` and `availabilityZoneName`, because the zone is.
const KEPT: &[&str] = &["file-system-id", "PerformanceMode"];

/// EFS allows this many groups on a mount target.
const MOST_GROUPS: usize = 5;
/// More zones than a drill has any use for.
const MOST_SUBNETS: usize = 3;
/// The documents disagree on the limit; this is the lower one (facts 2.6).
const MOST_ITEMS: usize = 5;

/// Builds the metadata.
///
/// # Errors
/// A sentence for the user, naming the key.
pub fn build(returned: &Metadata, with: &Settings, raw: &Metadata, expected: &Expected) -> Result<Metadata, String> {
    check_places(with, expected)?;
    let mut draft = Draft::new(returned);
    draft.keep(KEPT);
    choose(&mut draft, with)?;
    for (key, value) in raw {
        check_raw(key, value)?;
        draft.set_raw(key, value);
    }
    draft.set(NEW, "true");
    draft.set(NAME, &expected.name);
    check_whole(&draft)?;
    Ok(draft.done())
}

/// Subnets, groups and zone, also for a definition without any `with:`, which no shape has checked.
fn check_places(with: &Settings, expected: &Expected) -> Result<(), String> {
    let (subnets, groups) = (texts(with, "subnets"), security_groups(with));
    if subnets.is_empty() {
        return Err("`with.subnets` is missing: without a mount target in a subnet nothing can reach a restored EFS \
                    file system. Name one to three subnets of the destination"
            .to_owned());
    }
    if subnets.len() > MOST_SUBNETS {
        return Err(format!("`with.subnets` has {} subnets; name at most {MOST_SUBNETS}", subnets.len()));
    }
    if subnets.iter().collect::<BTreeSet<_>>().len() < subnets.len() {
        return Err("`with.subnets` names a subnet twice; each subnet takes one mount target".to_owned());
    }
    if groups.is_empty() {
        return Err("`with.security_groups` is missing: the VPC's default group may let the restored data reach \
                    production. Name the groups of the mount targets"
            .to_owned());
    }
    if groups.len() > MOST_GROUPS {
        return Err(format!("`with.security_groups` has {} groups; EFS takes at most {MOST_GROUPS}", groups.len()));
    }
    let Some(zone) = text(with, "availability_zone") else { return Ok(()) };
    if !zone.starts_with(expected.region.as_str()) {
        return Err(format!("`with.availability_zone` is `{zone}`, which is not a zone of `{}`", expected.region));
    }
    if subnets.len() != 1 {
        return Err(
            "`with.subnets` must name exactly one subnet beside `availability_zone`: a One Zone file system has \
                    one mount target"
                .to_owned(),
        );
    }
    Ok(())
}

/// Lays the typed settings over what was kept.
fn choose(draft: &mut Draft<'_>, with: &Settings) -> Result<(), String> {
    let was_encrypted = draft.returned("Encrypted").is_none_or(|(_, value)| !value.eq_ignore_ascii_case("false"));
    let key = text(with, "kms_key");
    draft.set("Encrypted", if was_encrypted || key.is_some() { "true" } else { "false" });
    if let Some(key) = key {
        draft.set("KmsKeyId", key);
    }
    if let Some(mode) = text(with, "performance_mode") {
        draft.set("PerformanceMode", mode);
    }
    if let Some(zone) = text(with, "availability_zone") {
        draft.set("singleAzFilesystem", "true");
        draft.set("availabilityZoneName", zone);
    }
    let items = texts(with, "items");
    if items.len() > MOST_ITEMS {
        return Err(format!("`with.items` has {} paths; AWS Backup takes at most {MOST_ITEMS}", items.len()));
    }
    if !items.is_empty() {
        draft.set_list("ItemsToRestore", &items);
    }
    Ok(())
}

/// Raw metadata win over everything, but for what would write elsewhere or lose the restored file system.
fn check_raw(key: &str, value: &str) -> Result<(), String> {
    let is = |other: &str| key.eq_ignore_ascii_case(other);
    let because = if is(NEW) && !value.eq_ignore_ascii_case("true") {
        "the restore would write into a file system that exists already"
    } else if is("file-system-id") {
        "it names the file system that a restore writes into; drill sends what AWS Backup returned, and restores into \
         a new one"
    } else if is(NAME) {
        "the run names what it restores, or teardown could not find it"
    } else if is("singleAzFilesystem") || is("availabilityZoneName") {
        "`with.availability_zone` says it, because the mount target depends on it"
    } else if is("aws:backup:request-id") || key.starts_with("InformationalOnly:") {
        "it only describes the recovery point"
    } else {
        return Ok(());
    };
    Err(refused(key, because))
}

/// What AWS would refuse only after the job was started (trap 10).
fn check_whole(draft: &Draft<'_>) -> Result<(), String> {
    let is = |key: &str, wanted: &str| draft.get(key).is_some_and(|value| value.eq_ignore_ascii_case(wanted));
    if draft.get("KmsKeyId").is_some() && !is("Encrypted", "true") {
        return Err("`metadata.Encrypted` must be `true` where a key is given: drop one of them".to_owned());
    }
    if is("singleAzFilesystem", "true") && is("PerformanceMode", "maxIO") {
        return Err("One Zone file systems have no performance mode `maxIO`: set `with.performance_mode` to \
                    `generalPurpose`, or drop `availability_zone`"
            .to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::build;
    use crate::cloud::resource::Expected;
    use crate::cloud::vault::Metadata;

    fn built(returned: &[(&str, &str)], with: &Value, raw: &[(&str, &str)]) -> Result<Metadata, String> {
        let expected = Expected {
            name: "drill-7f3a9c21-files".to_owned(),
            arn: None,
            region: "eu-central-1".parse().unwrap(),
            account: "111122223333".parse().unwrap(),
        };
        build(&map(returned), with.as_object().unwrap(), &map(raw), &expected)
    }

    fn map(pairs: &[(&str, &str)]) -> Metadata {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    const RETURNED: &[(&str, &str)] = &[
        ("file-system-id", "fs-0aaa"),
        ("newFileSystem", "false"),
        ("CreationToken", "console-1"),
        ("Encrypted", "true"),
        ("KmsKeyId", "arn:aws:kms:eu-west-1:111122223333:key/1"),
        ("PerformanceMode", "maxIO"),
        ("availabilityZoneName", "eu-west-1a"),
        ("aws:backup:request-id", "00000000-0000-4000-8000-000000000002"),
    ];

    fn placed() -> Value {
        json!({ "subnets": ["subnet-0a1b2c3d"], "security_groups": ["sg-0a1b2c3d"] })
    }

    #[test]
    fn it_is_always_a_new_file_system_under_the_run_s_name() {
        let wanted = map(&[
            ("CreationToken", "drill-7f3a9c21-files"),
            ("Encrypted", "true"),
            ("PerformanceMode", "maxIO"),
            ("file-system-id", "fs-0aaa"),
            ("newFileSystem", "true"),
        ]);
        assert_eq!(built(RETURNED, &placed(), &[]).unwrap(), wanted);
        assert!(built(RETURNED, &placed(), &[("NewFileSystem", "true")]).is_ok());
        for (key, value) in [
            ("newFileSystem", "false"),
            ("NEWFILESYSTEM", ""),
            ("file-system-id", "fs-0bbb"),
            ("creationtoken", "x"),
            ("aws:backup:request-id", "x"),
        ] {
            assert!(built(RETURNED, &placed(), &[(key, value)]).unwrap_err().contains(key), "{key}");
        }
    }

    #[test]
    fn a_source_without_encryption_stays_so_unless_a_key_is_given() {
        assert_eq!(built(&[], &placed(), &[]).unwrap()["Encrypted"], "true");
        assert_eq!(built(&[("Encrypted", "false")], &placed(), &[]).unwrap()["Encrypted"], "false");
        let mut with = placed();
        with["kms_key"] = json!("arn:aws:kms:eu-central-1:111122223333:key/2");
        let keyed = built(&[("Encrypted", "false")], &with, &[]).unwrap();
        assert_eq!(keyed["Encrypted"], "true");
        assert_eq!(keyed["KmsKeyId"], "arn:aws:kms:eu-central-1:111122223333:key/2");
        assert!(built(&[], &with, &[("Encrypted", "false")]).is_err());
    }

    #[test]
    fn one_zone_takes_one_subnet_of_the_destination_and_no_max_io() {
        let mut with = placed();
        with["availability_zone"] = json!("eu-central-1a");
        let one = built(&[], &with, &[]).unwrap();
        assert_eq!(one["singleAzFilesystem"], "true");
        assert_eq!(one["availabilityZoneName"], "eu-central-1a");
        assert!(built(RETURNED, &with, &[]).unwrap_err().contains("performance_mode"));
        with["subnets"] = json!(["subnet-0a1b2c3d", "subnet-0a1b2c3e"]);
        assert!(built(&[], &with, &[]).unwrap_err().contains("subnets"));
        with["availability_zone"] = json!("eu-west-1a");
        assert!(built(&[], &with, &[]).unwrap_err().contains("availability_zone"));
    }

    #[test]
    fn settings_that_are_missing_or_too_many_are_named() {
        assert!(built(&[], &json!({}), &[]).unwrap_err().contains("with.subnets"));
        let alone = json!({ "subnets": ["subnet-0a1b2c3d"] });
        assert!(built(&[], &alone, &[]).unwrap_err().contains("with.security_groups"));
        let twice = json!({ "subnets": ["subnet-1", "subnet-1"], "security_groups": ["sg-1"] });
        assert!(built(&[], &twice, &[]).unwrap_err().contains("twice"));
        let mut with = placed();
        with["items"] = json!(["/a", "/b"]);
        assert_eq!(built(&[], &with, &[]).unwrap()["ItemsToRestore"], r#"["/a","/b"]"#);
        with["items"] = json!(["/a", "/b", "/c", "/d", "/e", "/f"]);
        assert!(built(&[], &with, &[]).unwrap_err().contains("with.items"));
    }
}
