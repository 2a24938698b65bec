//! `other`: whatever else AWS Backup restores (facts 2.10). The definition says how it is looked at and removed.
//!
//! `target` finds what a restore would write into. The calls are made by the engine, with the kinds that can do
//! something, from `ready`, `teardown` and `gone`: those three are checked where the kinds are known, in `definition`.

mod target;

use crate::aws::resource::other::target::{Target, existing};
use crate::aws::resource::shared::draft::refused;
use crate::aws::resource::shared::name::{expected_unnamed, named, quoted};
use crate::aws::resource::shared::setting::{map, text};
use crate::cloud::resource::{ByHand, Expected, REQUEST_ID, ResourceFacts, Settings};
use crate::cloud::vault::Metadata;
use crate::words::arn::Arn;
use crate::words::id::{AccountId, Name, Region, RunId};
use crate::words::kind::ResourceKind;
use crate::yaml::shape::{Field, Shape};

/// Names fit the strictest service known (facts 2.0, "Naming").
const LONGEST_NAME: usize = 52;

/// [`ResourceFacts`] of whatever has no type of its own.
#[derive(Debug, Clone, Copy)]
pub struct Other;

impl ResourceFacts for Other {
    fn kind(&self) -> ResourceKind {
        ResourceKind::Other
    }

    fn backup_type(&self, with: &Settings) -> String {
        text(with, "backup_type").unwrap_or_default().to_owned()
    }

    fn fields(&self) -> Vec<Field> {
        let backup_type = Shape::Parsed {
            what: "AWS Backup's word for the type",
            format: Some("^[A-Za-z0-9._ -]{1,50}$"),
            parse: check_word,
        };
        let key = Shape::Parsed { what: "a metadata key", format: Some("^[A-Za-z0-9._:-]{1,100}$"), parse: check_key };
        let arn = Shape::Parsed {
            what: "an ARN",
            format: Some("^arn:aws[^:]*:[^:]+:[^:]*:[^:]*:.+$"),
            parse: |text| text.parse::<Arn>().map(drop).map_err(|error| error.to_string()),
        };
        vec![
            Field::required("backup_type", backup_type, "AWS Backup's word for the type, such as `Redshift`."),
            Field::optional(
                "naming_key",
                key,
                "The metadata key that gets drill's name; without one the job is marked by a request id.",
            ),
            Field::required("ready", Shape::Any, "Holds once it is usable: a `command`, `http`, `lambda` or `ssm`."),
            Field::required("teardown", Shape::Any, "Removes it; may be asked several times. As `ready`."),
            Field::required("gone", Shape::Any, "Holds only while it does not exist. As `ready`."),
            Field::optional(
                "allow_overwrite",
                arn,
                "The existing thing that this restore may write into, and that is not production.",
            ),
        ]
    }

    fn check_arn(&self, _arn: &Arn) -> Result<(), String> {
        Ok(())
    }

    /// The ARN is not known: only the restore job says what it made.
    fn expected(
        &self,
        run: &RunId,
        restore: &Name,
        attempt: u32,
        region: &Region,
        account: &AccountId,
        _partition: &str,
    ) -> Expected {
        expected_unnamed(named(run, restore, attempt, LONGEST_NAME), region, account)
    }

    /// Nothing of what AWS returned goes in: which of its keys name things of the source is not known (facts 2.0).
    fn metadata(
        &self,
        _returned: &Metadata,
        with: &Settings,
        raw: &Metadata,
        expected: &Expected,
    ) -> Result<Metadata, String> {
        check_gone(with)?;
        let naming_key = text(with, "naming_key");
        for key in raw.keys() {
            check_raw(key, naming_key)?;
        }
        check_overwriting(with, raw)?;
        let mut metadata = raw.clone();
        if let Some(key) = naming_key {
            metadata.insert(key.to_owned(), expected.name.clone());
        }
        Ok(metadata)
    }

    fn naming_key(&self, with: &Settings) -> Option<String> {
        text(with, "naming_key").map(str::to_owned)
    }

    /// The definition names no way to tag.
    fn taggable(&self) -> bool {
        false
    }

    /// What `ready`, `teardown` and `gone` need follows from their kinds.
    fn permissions(&self) -> &'static [&'static str] {
        &[]
    }

    /// Only the definition knows how it is asked and removed; AWS Backup knows what it made.
    fn by_hand(&self, _with: &Settings, expected: &Expected, id: &str) -> ByHand {
        let region = quoted(expected.region.as_str());
        ByHand {
            ready: vec![
                format!("aws backup list-restore-jobs --region {region} --by-status COMPLETED"),
                format!("# then do what `ready` of the definition says, for {}", quoted(id)),
            ],
            remove: vec![
                format!("# do what `teardown` of the definition says, for {}", quoted(id)),
                "# then see that what `gone` of the definition asks holds".to_owned(),
            ],
        }
    }

    fn usual_minutes(&self) -> i64 {
        30
    }
}

fn check_word(text: &str) -> Result<(), String> {
    let fits = (1..=50).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ' ' | '-'));
    if fits { Ok(()) } else { Err("it must be AWS Backup's word for a type, such as `Redshift` or `EKS`".to_owned()) }
}

fn check_key(text: &str) -> Result<(), String> {
    let fits = (1..=100).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-'));
    if fits { Ok(()) } else { Err("it must be a key of StartRestoreJob's metadata".to_owned()) }
}

/// A question that any answer satisfies would call everything gone, and leave it behind.
fn check_gone(with: &Settings) -> Result<(), String> {
    let any = map(with, "gone").and_then(|gone| map(gone, "http")).and_then(|http| http.get("any_status"));
    if any.is_some_and(|any| *any == true) {
        return Err("`with.gone.http.any_status` cannot be set: any answer would mean that it is gone. Ask what \
                    answers with a status below 400 only when nothing is there"
            .to_owned());
    }
    Ok(())
}

fn check_raw(key: &str, naming_key: Option<&str>) -> Result<(), String> {
    let because = if naming_key.is_some_and(|naming| key.eq_ignore_ascii_case(naming)) {
        "`naming_key` says that the run names what it restores, or teardown could not find it"
    } else if key.eq_ignore_ascii_case(REQUEST_ID) {
        "the run marks its restore job with it"
    } else if key.starts_with("InformationalOnly:") {
        "it only describes the recovery point"
    } else {
        return Ok(());
    };
    Err(refused(key, because))
}

/// A restore that writes into something that exists needs the definition to name that thing twice.
fn check_overwriting(with: &Settings, raw: &Metadata) -> Result<(), String> {
    let allowed = text(with, "allow_overwrite").and_then(|text| text.parse::<Arn>().ok());
    match (existing(text(with, "backup_type").unwrap_or_default(), raw), allowed) {
        (None, None) => Ok(()),
        (None, Some(_)) => {
            Err("`with.allow_overwrite` means nothing here: this restore makes something new. Remove it".to_owned())
        }
        (Some(Target { name: Some(name), .. }), Some(arn)) if is_named(&arn, &name) => Ok(()),
        (Some(Target { why, name, mend }), allowed) => {
            let name = name.map(|name| format!("`{name}`"));
            let name = name.unwrap_or_else(|| "something that the metadata do not name".to_owned());
            let other = allowed.map_or_else(String::new, |arn| format!(", and `with.allow_overwrite` names `{arn}`"));
            Err(format!(
                "{why}: it would write into {name}{other}. {mend}; or, if that is a throwaway made for drills, set \
                 `with.allow_overwrite` to its ARN"
            ))
        }
    }
}

/// Metadata name things by ARN, id or name.
fn is_named(arn: &Arn, name: &str) -> bool {
    arn.as_str() == name || arn.name() == name || arn.resource() == name
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Other;
    use crate::cloud::resource::{Expected, ResourceFacts as _};
    use crate::cloud::vault::Metadata;

    const DATABASE: &str = "arn:aws:ssm-sap:eu-west-1:123456789012:HANA/app/DB/HDB";

    fn built(with: Value, raw: &[(&str, &str)]) -> Result<Metadata, String> {
        let expected = Expected {
            name: "drill-07070707-orders".to_owned(),
            arn: None,
            region: "eu-west-1".parse().unwrap(),
            account: "123456789012".parse().unwrap(),
        };
        let raw = raw.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let returned = Metadata::from([("ClusterIdentifier".to_owned(), "production".to_owned())]);
        Other.metadata(&returned, with.as_object().unwrap(), &raw, &expected)
    }

    #[test]
    fn only_raw_metadata_and_the_name_go_in() {
        let with = json!({ "backup_type": "Redshift", "naming_key": "ClusterIdentifier" });
        let made = built(with.clone(), &[("RestoreType", "CLUSTER_RESTORE")]).unwrap();
        assert_eq!(made.len(), 2);
        assert_eq!(made["ClusterIdentifier"], "drill-07070707-orders");
        for key in ["clusteridentifier", "aws:backup:request-id", "InformationalOnly:x"] {
            assert!(built(with.clone(), &[(key, "x")]).unwrap_err().contains(key), "{key}");
        }
        assert!(built(json!({ "backup_type": "DSQL" }), &[]).unwrap().is_empty());
    }

    #[test]
    fn what_writes_into_something_that_exists_is_refused() {
        for (kind, raw) in [
            ("SAP HANA on Amazon EC2", &[("aws:backup:TargetDatabaseArn", DATABASE)][..]),
            ("SAP HANA on Amazon EC2", &[][..]),
            ("EKS", &[("clusterName", "production")][..]),
            ("EKS", &[("clusterName", "production"), ("newCluster", "false")][..]),
            ("EFS", &[("file-system-id", "fs-1")][..]),
            ("S3", &[("DestinationBucketName", "production")][..]),
            ("Redshift", &[("RestoreType", "table_restore"), ("ClusterIdentifier", "production")][..]),
            ("VirtualMachine", &[("RestoreTo", "VMware"), ("HypervisorArn", "arn:aws:x:::y")][..]),
        ] {
            let refused = built(json!({ "backup_type": kind }), raw).unwrap_err();
            assert!(refused.contains("allow_overwrite"), "{refused}");
        }
        for (kind, raw) in [
            ("EKS", &[("clusterName", "new"), ("newCluster", "true")][..]),
            ("EFS", &[("file-system-id", "fs-1"), ("newFileSystem", "True")][..]),
            ("VirtualMachine", &[("RestoreTo", "EC2Instance")][..]),
            ("Timestream", &[("TableName", "x"), ("DestinationDatabase", "drills")][..]),
        ] {
            assert!(built(json!({ "backup_type": kind }), raw).is_ok(), "{kind}");
        }
    }

    #[test]
    fn only_the_target_that_is_named_twice_may_be_written_into() {
        let hana = |allowed: &str| json!({ "backup_type": "SAP HANA on Amazon EC2", "allow_overwrite": allowed });
        let raw = [("aws:backup:TargetDatabaseArn", DATABASE)];
        assert!(built(hana(DATABASE), &raw).is_ok());
        assert!(built(hana("arn:aws:ssm-sap:eu-west-1:123456789012:HANA/other"), &raw).is_err());
        assert!(built(hana(DATABASE), &[]).is_err());
        let eks = |allowed: &str| json!({ "backup_type": "EKS", "allow_overwrite": allowed });
        let raw = [("clusterName", "throwaway")];
        assert!(built(eks("arn:aws:eks:eu-west-1:123456789012:cluster/throwaway"), &raw).is_ok());
        assert!(built(eks("arn:aws:eks:eu-west-1:123456789012:cluster/production"), &raw).is_err());
        let idle = json!({ "backup_type": "DSQL", "allow_overwrite": DATABASE });
        assert!(built(idle, &[]).unwrap_err().contains("means nothing"));
    }

    #[test]
    fn gone_must_be_able_to_be_false() {
        let with = json!({ "backup_type": "DSQL", "gone": { "http": { "any_status": true } } });
        assert!(built(with, &[]).unwrap_err().contains("any_status"));
    }

    #[test]
    fn a_type_with_spaces_is_not_sent() {
        let start = |kind: &str| Other.start_type(json!({ "backup_type": kind }).as_object().unwrap());
        assert_eq!(start("Redshift").as_deref(), Some("Redshift"));
        assert_eq!(start("Redshift Serverless"), None);
    }
}
