//! What `StartRestoreJob` is sent for an EBS volume (facts 2.0 and 2.4, traps 8, 9).
//!
//! Invariant: nothing of the source's region goes in. What AWS returned describes the source, so only the keys of
//! `KEPT` are taken from it; then come the typed settings, and last the raw metadata. Every value is a string.

use crate::aws::resource::shared::draft::{Draft, refused};
use crate::aws::resource::shared::setting::{flag, integer, text};
use crate::cloud::resource::{Expected, Settings};
use crate::cloud::vault::Metadata;
use crate::words::arn::Arn;

/// What is taken from the returned metadata, and why it may be.
///
/// | key | why |
/// |---|---|
/// | `volumeType` | the same storage makes the measured times mean something; no region in it |
/// | `iops` | only with `io1` and `io2`, which need it |
/// | `encrypted` | only if it says `true`: a volume that was encrypted stays so |
///
/// Not taken: `volumeSize`, which the recovery point knows; `throughput` and the IOPS of other types, which have
/// defaults; `encrypted` that says `false`, because the copy may be encrypted although its source was not, and EC2
/// refuses to decrypt; `kmsKeyId`, `availabilityZone` and `volumeId`, which are in the other region or name the source.
const KEPT: &[&str] = &["volumeType", "iops", "encrypted"];

/// Builds the metadata.
///
/// # Errors
/// A sentence for the user, naming the key.
pub fn build(returned: &Metadata, with: &Settings, raw: &Metadata, expected: &Expected) -> Result<Metadata, String> {
    check_figures(with)?;
    check_key(with, expected)?;
    let zone = zone(with, expected)?;
    let mut draft = Draft::new(returned);
    draft.keep(KEPT);
    if draft.get("encrypted").is_some_and(|value| !value.eq_ignore_ascii_case("true")) {
        draft.remove("encrypted");
    }
    choose(&mut draft, with);
    draft.set("availabilityZone", zone);
    for (key, value) in raw {
        check_raw(key)?;
        draft.set_raw(key, value);
    }
    Ok(draft.done())
}

/// Lays the typed settings over what was kept.
fn choose(draft: &mut Draft<'_>, with: &Settings) {
    if let Some(kind) = text(with, "volume_type") {
        if draft.get("volumeType") != Some(kind) {
            // The source's figure belongs to the source's type.
            draft.remove("iops");
        }
        draft.set("volumeType", kind);
    }
    if !draft.get("volumeType").is_some_and(|kind| matches!(kind, "io1" | "io2")) {
        draft.remove("iops");
    }
    for (setting, key) in [("size_gib", "volumeSize"), ("iops", "iops"), ("throughput", "throughput")] {
        if let Some(value) = integer(with, setting) {
            draft.set(key, &value.to_string());
        }
    }
    if let Some(encrypted) = flag(with, "encrypted") {
        draft.set("encrypted", if encrypted { "true" } else { "false" });
    }
    if let Some(key) = text(with, "kms_key") {
        draft.set("encrypted", "true");
        draft.set("kmsKeyId", key);
    }
}

/// The zone: AWS Backup returns none, and the volume goes nowhere without it.
fn zone<'a>(with: &'a Settings, expected: &Expected) -> Result<&'a str, String> {
    let region = expected.region.as_str();
    let Some(zone) = text(with, "availability_zone") else {
        return Err(format!("`with.availability_zone` is missing: name a zone of {region}, such as {region}a"));
    };
    // `eu-west-1a`, or `us-west-2-lax-1a` for a local zone.
    let rest = zone.strip_prefix(region).unwrap_or_default();
    if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '-') {
        Ok(zone)
    } else {
        Err(format!("`with.availability_zone: {zone}` is not in the destination's region {region}"))
    }
}

/// A key of another region cannot encrypt anything here.
pub(crate) fn check_key(with: &Settings, expected: &Expected) -> Result<(), String> {
    let key = text(with, "kms_key").and_then(|key| key.parse::<Arn>().ok());
    match key.as_ref().and_then(Arn::region) {
        Some(region) if region != expected.region => {
            Err(format!("`with.kms_key` is in {region}, and the restore is in {}", expected.region))
        }
        _ => Ok(()),
    }
}

/// Figures that do not fit together would fail the job, some minutes later.
fn check_figures(with: &Settings) -> Result<(), String> {
    let kind = text(with, "volume_type");
    let iops = integer(with, "iops");
    let because = match kind {
        Some("io1" | "io2") if iops.is_none() => "`with.volume_type` is io1 or io2: that needs `iops` too",
        Some("gp3" | "io1" | "io2") => "",
        _ if iops.is_some() => "`with.iops` needs `volume_type: gp3`, `io1` or `io2`",
        _ => "",
    };
    if !because.is_empty() {
        return Err(because.to_owned());
    }
    if integer(with, "throughput").is_some() && kind != Some("gp3") {
        return Err("`with.throughput` needs `volume_type: gp3`".to_owned());
    }
    if flag(with, "encrypted") == Some(false) && text(with, "kms_key").is_some() {
        return Err("`with.kms_key` encrypts, and `with.encrypted: false` forbids that: drop one of them".to_owned());
    }
    Ok(())
}

/// Raw metadata win over everything, but for what could only fail or would make something else than a volume.
fn check_raw(key: &str) -> Result<(), String> {
    let is = |other: &str| key.eq_ignore_ascii_case(other);
    let because = if is("volumeId") {
        "it names the source"
    } else if is("availabilityZone") {
        "`with.availability_zone` says it, and preflight checks that"
    } else if is("restoreType") || is("destinationBucketName") || is("pathsToRestore") || is("encryptionType") {
        "it restores files into a bucket and no volume"
    } else if is("temporaryRestoreDays") {
        "it is for archived snapshots, and a recovery point in cold storage is never picked"
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

    fn expected() -> Expected {
        Expected {
            name: "drill-7f3a9c21-data".to_owned(),
            arn: None,
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

    fn zone() -> Settings {
        settings(&json!({ "availability_zone": "eu-central-1a" }))
    }

    #[test]
    fn nothing_of_the_source_region_goes_in() {
        let returned = map(&[
            ("volumeId", "vol-1"),
            ("availabilityZone", "null"),
            ("encrypted", "false"),
            ("kmsKeyId", "arn:aws:kms:eu-west-1:111122223333:key/1"),
            ("volumeType", "gp3"),
            ("iops", "3000"),
            ("volumeSize", "100"),
            ("aws:backup:request-id", "x"),
        ]);
        let built = build(&returned, &zone(), &Metadata::new(), &expected()).unwrap();
        assert_eq!(built, map(&[("availabilityZone", "eu-central-1a"), ("volumeType", "gp3")]));
        let encrypted = map(&[("encrypted", "true")]);
        let built = build(&encrypted, &zone(), &Metadata::new(), &expected()).unwrap();
        assert_eq!(built, map(&[("availabilityZone", "eu-central-1a"), ("encrypted", "true")]));
    }

    #[test]
    fn a_key_encrypts_and_figures_are_strings() {
        let key = "arn:aws:kms:eu-central-1:111122223333:key/1";
        let with = settings(&json!({
            "availability_zone": "eu-central-1a", "volume_type": "io2", "iops": 4000, "size_gib": 50, "kms_key": key,
        }));
        let built = build(&Metadata::new(), &with, &Metadata::new(), &expected()).unwrap();
        let wanted = map(&[
            ("availabilityZone", "eu-central-1a"),
            ("encrypted", "true"),
            ("iops", "4000"),
            ("kmsKeyId", key),
            ("volumeSize", "50"),
            ("volumeType", "io2"),
        ]);
        assert_eq!(built, wanted);
    }

    #[test]
    fn what_cannot_work_is_refused_before_anything_starts() {
        for (with, named) in [
            (json!({}), "availability_zone"),
            (json!({ "availability_zone": "eu-west-1a" }), "availability_zone"),
            (json!({ "availability_zone": "eu-central-1a", "iops": 3000 }), "iops"),
            (json!({ "availability_zone": "eu-central-1a", "volume_type": "io1" }), "iops"),
            (json!({ "availability_zone": "eu-central-1a", "throughput": 500 }), "throughput"),
            (
                json!({ "availability_zone": "eu-central-1a", "kms_key": "arn:aws:kms:eu-west-1:111122223333:key/1" }),
                "kms_key",
            ),
        ] {
            let refusal = build(&Metadata::new(), &settings(&with), &Metadata::new(), &expected()).unwrap_err();
            assert!(refusal.contains(named), "{refusal}");
        }
        for key in ["volumeId", "availabilityzone", "pathsToRestore", "aws:backup:request-id"] {
            let refusal = build(&Metadata::new(), &zone(), &map(&[(key, "x")]), &expected()).unwrap_err();
            assert!(refusal.contains(key), "{refusal}");
        }
    }
}
