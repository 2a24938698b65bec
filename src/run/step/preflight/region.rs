//! The region: enabled for the account, and the types opted in to AWS Backup there.

use std::collections::BTreeSet;

use crate::cloud::check::Check;
use crate::cloud::surroundings::{RegionSettings, RegionState};
use crate::run::step::preflight::Looking;
use crate::words::id::Region;
use crate::words::kind::{CheckId, ResourceKind};
use crate::words::text::quoted;

pub(super) async fn check(cx: &Looking<'_>) -> Vec<Check> {
    let mut checks = vec![enabled(cx).await];
    checks.extend(opt_ins(cx).await);
    checks
}

async fn enabled(cx: &Looking<'_>) -> Check {
    let region = &cx.definition.destination.region;
    match cx.surroundings().region(region).await {
        Ok(state) => judge_region(region, state),
        Err(error) => Check::unanswered(CheckId::RegionEnabled, &what(region), "ec2:DescribeRegions", &error),
    }
}

fn what(region: &Region) -> String {
    format!("region {region}")
}

fn judge_region(region: &Region, state: Option<RegionState>) -> Check {
    let (id, what) = (CheckId::RegionEnabled, what(region));
    match state.as_ref().map(|state| state.opt_in.as_str()) {
        Some("opt-in-not-required" | "opted-in") => Check::ok(id, &what, "it is enabled for the account"),
        Some("not-opted-in") => Check::failed(id, &what, "it is not enabled for the account")
            .mended_by(&format!("`aws account enable-region --region-name {region}`, and wait until it is done")),
        Some(other) => {
            Check::warning(id, &what, &format!("AWS says `{other}` of it, which this version does not know"))
        }
        None => Check::not_checked(id, &what, "AWS does not list it among the account's regions"),
    }
}

async fn opt_ins(cx: &Looking<'_>) -> Vec<Check> {
    let restores = cx.definition.restore.values().filter(|restore| restore.kind != ResourceKind::Other);
    let words: BTreeSet<String> = restores.map(|restore| cx.facts(restore).backup_type(&restore.with)).collect();
    if words.is_empty() {
        return Vec::new();
    }
    let region = &cx.definition.destination.region;
    match cx.surroundings().region_settings().await {
        Ok(settings) => words.iter().map(|word| judge_type(region, word, &settings)).collect(),
        Err(error) => {
            let what = format!("opt-in of AWS Backup for {}", words.into_iter().collect::<Vec<_>>().join(", "));
            vec![Check::unanswered(CheckId::RegionOptIn, &what, "backup:DescribeRegionSettings", &error)]
        }
    }
}

/// For which types a restore needs it is not documented (facts 1.8): a warning.
fn judge_type(region: &Region, word: &str, settings: &RegionSettings) -> Check {
    let (id, what) = (CheckId::RegionOptIn, format!("opt-in of AWS Backup for {word}"));
    let command = |preference: &str| {
        let value = quoted(&format!("{{\"{word}\": true}}"));
        format!("`aws backup update-region-settings --region {region} --resource-type-{preference}-preference {value}`")
    };
    match settings.opted_in.get(word) {
        Some(true) if settings.managed.get(word) == Some(&false) && word == "DynamoDB" => Check::warning(
            id,
            &what,
            "it is on, and the advanced features are off: only with them copies can be restored",
        )
        .mended_by(&command("management")),
        Some(true) => Check::ok(id, &what, "it is on"),
        Some(false) => Check::warning(
            id,
            &what,
            "it is off in the destination's region: copies and restores of the type may be refused",
        )
        .mended_by(&command("opt-in")),
        None => Check::not_checked(id, &what, "the settings of AWS Backup in the region do not name the type"),
    }
}

#[cfg(test)]
mod tests {
    use super::{judge_region, judge_type};
    use crate::cloud::check::CheckResult;
    use crate::cloud::surroundings::{RegionSettings, RegionState};

    #[test]
    fn a_region_is_enabled_or_not_or_nobody_knows() {
        let judged = |word: &str| {
            let state = RegionState { opt_in: word.to_owned() };
            judge_region(&"af-south-1".parse().unwrap(), Some(state)).result
        };
        assert_eq!(judged("opted-in"), CheckResult::Ok);
        assert_eq!(judged("not-opted-in"), CheckResult::Failed);
        assert_eq!(judged("perhaps"), CheckResult::Warning);
        assert_eq!(judge_region(&"af-south-1".parse().unwrap(), None).result, CheckResult::NotChecked);
    }

    #[test]
    fn a_type_that_is_off_is_a_warning_with_its_command() {
        let mut settings = RegionSettings::default();
        let mut judged = |word: &str, on: bool, managed: Option<bool>| {
            settings.opted_in.insert(word.to_owned(), on);
            if let Some(managed) = managed {
                settings.managed.insert(word.to_owned(), managed);
            }
            judge_type(&"eu-west-1".parse().unwrap(), word, &settings)
        };
        assert_eq!(judged("RDS", true, Some(false)).result, CheckResult::Ok);
        assert_eq!(judged("DynamoDB", true, Some(false)).result, CheckResult::Warning);
        let off = judged("Storage Gateway", false, None);
        assert_eq!(off.result, CheckResult::Warning);
        assert!(off.mend.unwrap().contains(r#"opt-in-preference '{"Storage Gateway": true}'"#));
        let unknown = judge_type(&"eu-west-1".parse().unwrap(), "Quantum", &RegionSettings::default());
        assert_eq!(unknown.result, CheckResult::NotChecked);
    }
}
