//! The keys of `with:` for a DynamoDB table, and what `StartRestoreJob` is sent (facts 2.0 and 2.3, traps 8, 9).
//!
//! Invariant: nothing that AWS returned goes in. It describes the source: its name, its key, and the id of a request.
//! How the table is encrypted is always said, because a recovery point from another region wants that.

use crate::aws::resource::shared::draft::{Draft, refused};
use crate::aws::resource::shared::setting::{key_shape, text};
use crate::cloud::resource::{Expected, Settings};
use crate::cloud::vault::Metadata;
use crate::words::arn::Arn;
use crate::yaml::shape::{Field, Shape};

/// The key that carries the expected name.
pub(crate) const NAME: &str = "targetTableName";

const TYPE: &str = "encryptionType";
const KEY: &str = "kmsMasterKeyArn";

/// The keys, with types, ranges and documentation.
#[must_use]
pub fn fields() -> Vec<Field> {
    vec![
        Field::optional(
            "encryption",
            Shape::Choice(&["default", "aws_kms"]),
            "How the restored table is encrypted: with a key that DynamoDB owns (default), or with the account's \
             AWS-managed key.",
        ),
        Field::optional(
            "kms_key",
            key_shape(),
            "KMS key in the destination that the restored table is encrypted with, in place of `encryption`.",
        ),
    ]
}

/// Builds the metadata.
///
/// # Errors
/// A sentence for the user, naming the key.
pub fn build(returned: &Metadata, with: &Settings, raw: &Metadata, expected: &Expected) -> Result<Metadata, String> {
    let (encryption, key) = (text(with, "encryption"), text(with, "kms_key"));
    if encryption.is_some() && key.is_some() {
        return Err("`with.encryption` and `with.kms_key` say two things: drop `encryption`".to_owned());
    }
    let mut draft = Draft::new(returned);
    draft.set(TYPE, if key.is_some() || encryption == Some("aws_kms") { "KMS" } else { "Default" });
    if let Some(key) = key {
        draft.set(KEY, key);
    }
    for (key, value) in raw {
        check_raw(key)?;
        draft.set_raw(key, value);
    }
    draft.set(NAME, &expected.name);
    check_key(&draft, expected)?;
    Ok(draft.done())
}

/// The key is in the destination, and is asked for together with the type that uses it.
fn check_key(draft: &Draft<'_>, expected: &Expected) -> Result<(), String> {
    let Some(key) = draft.get(KEY) else { return Ok(()) };
    if !draft.get(TYPE).is_some_and(|kind| kind.eq_ignore_ascii_case("KMS")) {
        return Err(format!("`metadata.{KEY}` needs `{TYPE}: KMS`; write `kms_key` below `with:` in place of both"));
    }
    match key.parse::<Arn>().ok().as_ref().and_then(Arn::region) {
        Some(region) if region != expected.region => {
            Err(format!("the key of `kms_key` is in {region}, and the restore is in {}", expected.region))
        }
        _ => Ok(()),
    }
}

/// Raw metadata win over everything, but for what could only fail or would lose the restored table.
fn check_raw(key: &str) -> Result<(), String> {
    let because = if key.eq_ignore_ascii_case(NAME) {
        "the run names what it restores, or teardown could not find it"
    } else if key.eq_ignore_ascii_case("aws:backup:request-id") || key.starts_with("InformationalOnly:") {
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
            name: "drill-7f3a9c21-orders".to_owned(),
            arn: "arn:aws:dynamodb:eu-central-1:111122223333:table/drill-7f3a9c21-orders".parse().ok(),
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
    fn encryption_is_always_said_and_nothing_of_the_source_goes_in() {
        let returned = map(&[
            ("TargetTableName", "orders"),
            ("encryptionType", "KMS"),
            ("kmsMasterKeyArn", "arn:aws:kms:eu-west-1:111122223333:key/9"),
            ("aws:backup:request-id", "x"),
        ]);
        let built = build(&returned, &Settings::new(), &Metadata::new(), &expected()).unwrap();
        assert_eq!(built, map(&[("TargetTableName", "drill-7f3a9c21-orders"), ("encryptionType", "Default")]));
        for (with, wanted) in [
            (json!({ "encryption": "default" }), map(&[("encryptionType", "Default")])),
            (json!({ "encryption": "aws_kms" }), map(&[("encryptionType", "KMS")])),
            (json!({ "kms_key": KEY }), map(&[("encryptionType", "KMS"), ("kmsMasterKeyArn", KEY)])),
        ] {
            let mut built = build(&Metadata::new(), &settings(&with), &Metadata::new(), &expected()).unwrap();
            assert_eq!(built.remove("targetTableName").as_deref(), Some("drill-7f3a9c21-orders"));
            assert_eq!(built, wanted);
        }
    }

    #[test]
    fn what_cannot_work_is_refused() {
        for (with, named) in [
            (json!({ "encryption": "default", "kms_key": KEY }), "encryption"),
            (json!({ "kms_key": "arn:aws:kms:eu-west-1:111122223333:key/1" }), "kms_key"),
        ] {
            let refusal = build(&Metadata::new(), &settings(&with), &Metadata::new(), &expected()).unwrap_err();
            assert!(refusal.contains(named), "{refusal}");
        }
        for raw in [("targettablename", "x"), ("aws:backup:request-id", "x"), ("kmsMasterKeyArn", KEY)] {
            let refusal = build(&Metadata::new(), &Settings::new(), &map(&[raw]), &expected()).unwrap_err();
            assert!(refusal.contains(raw.0), "{refusal}");
        }
    }
}
