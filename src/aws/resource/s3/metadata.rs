//! The keys of `with:` for an S3 bucket, and what `StartRestoreJob` is sent (facts 2.0 and 2.8, traps 8, 9).
//!
//! Invariant: nothing that AWS returned goes in: it describes the source's bucket. How the objects are encrypted is
//! always said, because "as the source" does not work for a copy from another region.

use jiff::Timestamp;
use serde_json::Value;

use crate::aws::resource::shared::draft::{Draft, refused};
use crate::aws::resource::shared::setting::{flag, key_shape, text, texts};
use crate::cloud::resource::{Expected, Settings};
use crate::cloud::vault::Metadata;
use crate::words::arn::Arn;
use crate::yaml::shape::{Field, Shape};

/// The key that carries the expected name.
pub(crate) const NAME: &str = "DestinationBucketName";

const ENCRYPTION: &str = "EncryptionType";
const KEY: &str = "KMSKey";
const VERSIONS: &str = "RestoreLatestVersionsUpTo";
/// AWS Backup takes this many prefixes or keys.
const MOST_ITEMS: usize = 5;

/// The keys, with types, ranges and documentation.
#[must_use]
pub fn fields() -> Vec<Field> {
    let item = Shape::Parsed { what: "a key or a prefix", format: Some("^.{1,1024}$"), parse: check_item };
    let moment = Shape::Parsed {
        what: "an instant",
        format: Some("^[0-9]{4}-[0-9]{2}-[0-9]{2}T.+$"),
        parse: |text| instant(text).map(drop),
    };
    vec![
        Field::optional(
            "kms_key",
            key_shape(),
            "KMS key in the destination that bucket and objects are encrypted with. Default: S3's own keys (SSE-S3).",
        ),
        Field::optional(
            "restore_acls",
            Shape::Bool,
            "Restore objects' ACLs, if the backup has them. The bucket stays not public, so objects with public ACLs \
             are not restored. Default: false.",
        ),
        Field::optional(
            "versions",
            Shape::Scalar,
            "How many versions of each object are restored: a number, or `all`. Default: 1, the latest only.",
        ),
        Field::optional(
            "items",
            Shape::List { of: Box::new(item), min: 1 },
            "At most five keys or prefixes to restore. Default: everything.",
        ),
        Field::optional(
            "restore_time",
            moment,
            "The moment to restore to, such as 2026-01-31T12:00:00Z: for continuous recovery points, which need one, \
             and only for them.",
        ),
    ]
}

/// Builds the metadata.
///
/// # Errors
/// A sentence for the user, naming the key.
pub fn build(returned: &Metadata, with: &Settings, raw: &Metadata, expected: &Expected) -> Result<Metadata, String> {
    let mut draft = Draft::new(returned);
    choose(&mut draft, with)?;
    for (key, value) in raw {
        check_raw(key, value)?;
        draft.set_raw(key, value);
    }
    draft.set(NAME, &expected.name);
    draft.set("NewBucket", "false");
    check_key(&draft, expected)?;
    Ok(draft.done())
}

fn choose(draft: &mut Draft<'_>, with: &Settings) -> Result<(), String> {
    match text(with, "kms_key") {
        Some(key) => {
            draft.set(ENCRYPTION, "SSE-KMS");
            draft.set(KEY, key);
        }
        None => draft.set(ENCRYPTION, "SSE-S3"),
    }
    let acls = flag(with, "restore_acls").unwrap_or(false);
    draft.set("RestoreACLs", if acls { "true" } else { "false" });
    draft.set(VERSIONS, &versions(with.get("versions"))?);
    let items = texts(with, "items");
    if items.len() > MOST_ITEMS {
        return Err(format!("`with.items` has {} entries, and AWS Backup takes at most {MOST_ITEMS}", items.len()));
    }
    if !items.is_empty() {
        draft.set_list("ItemsToRestore", &items);
    }
    if let Some(moment) = text(with, "restore_time") {
        let moment = instant(moment).map_err(|problem| format!("`with.restore_time`: {problem}"))?;
        draft.set("RestoreTime", &moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    }
    Ok(())
}

/// The number of versions, or `all`.
fn versions(given: Option<&Value>) -> Result<String, String> {
    match given {
        None => Ok("1".to_owned()),
        Some(Value::String(word)) if word == "all" => Ok(word.clone()),
        Some(Value::Number(number)) if number.as_u64().is_some_and(|number| number >= 1) => Ok(number.to_string()),
        Some(_) => Err("`with.versions` must be a whole number from 1, or `all`".to_owned()),
    }
}

fn check_item(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > 1_024 || text.chars().any(char::is_control) {
        return Err("it must be a key or a prefix of 1 to 1,024 bytes, without `s3://` and the bucket".to_owned());
    }
    if text.starts_with("s3://") {
        return Err("it must be a key or a prefix inside the bucket, without `s3://` and the bucket".to_owned());
    }
    Ok(())
}

fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "it must be an instant with its offset, such as 2026-01-31T12:00:00Z".to_owned())
}

/// The key is in the destination, and is asked for together with the type that uses it.
fn check_key(draft: &Draft<'_>, expected: &Expected) -> Result<(), String> {
    let kms = draft.get(ENCRYPTION).is_some_and(|kind| kind.eq_ignore_ascii_case("SSE-KMS"));
    let Some(key) = draft.get(KEY) else { return Ok(()) };
    if !kms {
        return Err(format!("`metadata.{KEY}` needs `{ENCRYPTION}: SSE-KMS`; write `kms_key` below `with:` instead"));
    }
    match key.parse::<Arn>().ok().as_ref().and_then(Arn::region) {
        Some(region) if region != expected.region => {
            Err(format!("the key of `kms_key` is in {region}, and the restore is in {}", expected.region))
        }
        _ => Ok(()),
    }
}

/// Raw metadata win over everything, but for what could only fail or would lose the bucket.
fn check_raw(key: &str, value: &str) -> Result<(), String> {
    let is = |other: &str| key.eq_ignore_ascii_case(other);
    let because = if is(NAME) {
        "the run names what it restores, or teardown could not find it"
    } else if is("NewBucket") {
        "the run makes the bucket itself, so that it is not public, and is removed"
    } else if is("RestoreACLs") {
        "the bucket must be made for it; write `restore_acls` below `with:`"
    } else if is(ENCRYPTION) && value.eq_ignore_ascii_case("original") {
        "the source's encryption does not work in another region"
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
            name: "drill-7f3a9c21-documents".to_owned(),
            arn: "arn:aws:s3:::drill-7f3a9c21-documents".parse().ok(),
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

    #[test]
    fn the_latest_versions_of_everything_go_into_the_runs_own_bucket() {
        let returned =
            map(&[("DestinationBucketName", "orders"), ("EncryptionType", "original"), ("NewBucket", "true")]);
        let built = build(&returned, &Settings::new(), &Metadata::new(), &expected()).unwrap();
        let wanted = map(&[
            ("DestinationBucketName", "drill-7f3a9c21-documents"),
            ("EncryptionType", "SSE-S3"),
            ("NewBucket", "false"),
            ("RestoreACLs", "false"),
            ("RestoreLatestVersionsUpTo", "1"),
        ]);
        assert_eq!(built, wanted);
    }

    #[test]
    fn settings_become_strings() {
        let with = settings(&json!({
            "kms_key": KEY,
            "restore_acls": true,
            "versions": 3,
            "items": ["a/", "b"],
            "restore_time": "2026-01-31T13:00:00+01:00",
        }));
        let built = build(&Metadata::new(), &with, &Metadata::new(), &expected()).unwrap();
        let wanted = map(&[
            ("DestinationBucketName", "drill-7f3a9c21-documents"),
            ("EncryptionType", "SSE-KMS"),
            ("ItemsToRestore", r#"["a/","b"]"#),
            ("KMSKey", KEY),
            ("NewBucket", "false"),
            ("RestoreACLs", "true"),
            ("RestoreLatestVersionsUpTo", "3"),
            ("RestoreTime", "2026-01-31T12:00:00Z"),
        ]);
        assert_eq!(built, wanted);
        let with = settings(&json!({ "versions": "all" }));
        let all = build(&Metadata::new(), &with, &Metadata::new(), &expected()).unwrap();
        assert_eq!(all["RestoreLatestVersionsUpTo"], "all");
    }

    #[test]
    fn what_cannot_work_is_refused_before_anything_starts() {
        for (with, named) in [
            (json!({ "versions": 0 }), "versions"),
            (json!({ "versions": "some" }), "versions"),
            (json!({ "versions": 1.5 }), "versions"),
            (json!({ "items": ["1", "2", "3", "4", "5", "6"] }), "items"),
            (json!({ "restore_time": "yesterday" }), "restore_time"),
            (json!({ "kms_key": "arn:aws:kms:eu-west-1:111122223333:key/1" }), "kms_key"),
        ] {
            let refusal = build(&Metadata::new(), &settings(&with), &Metadata::new(), &expected()).unwrap_err();
            assert!(refusal.contains(named), "{refusal}");
        }
        for raw in [
            ("destinationbucketname", "x"),
            ("NewBucket", "true"),
            ("RestoreACLs", "true"),
            ("EncryptionType", "original"),
            ("KMSKey", KEY),
            ("aws:backup:request-id", "x"),
        ] {
            let refusal = build(&Metadata::new(), &Settings::new(), &map(&[raw]), &expected()).unwrap_err();
            assert!(refusal.contains(raw.0), "{refusal}");
        }
    }
}
