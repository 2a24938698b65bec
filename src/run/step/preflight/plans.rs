//! Backup plans of the destination that would pick up what the drill restores: a backup of it is billed, and outlives
//! it (facts 2.11; trap 35).

use std::collections::BTreeMap;

use crate::cloud::check::Check;
use crate::cloud::surroundings::{BackupSelection, TagCondition};
use crate::run::step::preflight::Looking;
use crate::run::step::preflight::policy::glob;
use crate::words::id::Name;
use crate::words::kind::CheckId;

const ID: CheckId = CheckId::PlansSelection;
const WHAT: &str = "backup plans of the destination";

/// Each selection is a request of its own.
const MOST: usize = 60;

/// The tag that every restored thing gets (facts, appendix C).
const OWN_TAG: &str = "drill:run";

/// What is restored, as a selection sees it.
struct Restored<'a> {
    name: &'a Name,
    arn: String,
    /// Those that it inherits, and the drill's own; none if they are not known.
    tags: Option<BTreeMap<String, String>>,
}

pub(super) async fn check(cx: &Looking<'_>) -> Vec<Check> {
    let selections = match cx.surroundings().selections(MOST).await {
        Ok(selections) => selections,
        Err(error) => return vec![Check::unanswered(ID, WHAT, &error.operation, &error)],
    };
    let with_tags = selections.read.iter().any(asks_for_tags);
    let restored = restored(cx, with_tags).await;
    let mut found = Vec::new();
    let mut open = Vec::new();
    for selection in &selections.read {
        for one in &restored {
            match selects(selection, one) {
                Some(true) => found.push((selection, one.name)),
                Some(false) => {}
                None => open.push(selection),
            }
        }
    }
    vec![if let Some((selection, name)) = found.first() {
        selected(selection, name, found.len() - 1)
    } else if let Some(selection) = open.first() {
        let because = format!("the tags that decide about the selection {} are not known", shown(selection));
        Check::not_checked(ID, WHAT, &because)
    } else if selections.more {
        Check::not_checked(ID, WHAT, &format!("there are more selections than the {MOST} that were read"))
    } else {
        Check::ok(ID, WHAT, &format!("none of {} selections would pick up what is restored", selections.read.len()))
    }]
}

fn selected(selection: &BackupSelection, name: &Name, others: usize) -> Check {
    let more = if others > 0 { format!(" ({others} more)") } else { String::new() };
    let detail = format!(
        "the selection {} takes in what is restored for {name}{more}: if it is there when the plan begins, a backup \
         of it is made and billed",
        shown(selection)
    );
    let mend =
        format!("add the condition StringNotLike aws:ResourceTag/{OWN_TAG} = * to the selection `{}`", selection.name);
    Check::warning(ID, WHAT, &detail).mended_by(&mend)
}

fn shown(selection: &BackupSelection) -> String {
    format!("`{}` of the plan `{}`", selection.name, selection.plan)
}

fn asks_for_tags(selection: &BackupSelection) -> bool {
    !selection.any_tag.is_empty() || !selection.conditions.is_empty()
}

async fn restored<'a>(cx: &'a Looking<'_>, with_tags: bool) -> Vec<Restored<'a>> {
    let mut all = Vec::new();
    for (name, restore, expected) in cx.restores() {
        let Some(arn) = cx.facts(restore).made_arn(&restore.with, &expected, cx.partition()) else { continue };
        let tags = if with_tags { tags(cx, name).await } else { None };
        all.push(Restored { name, arn, tags });
    }
    all
}

/// A restored thing has its source's tags, until the drill takes them off and puts its own on.
async fn tags(cx: &Looking<'_>, name: &Name) -> Option<BTreeMap<String, String>> {
    let point = cx.newest.get(name)?.point.as_ref()?;
    let mut tags = cx.services.cloud.vault.point_tags(&point.arn).await.ok()?;
    tags.insert(OWN_TAG.to_owned(), cx.run.to_string());
    Some(tags)
}

/// Whether a selection takes it in; nothing where tags decide that are not known.
fn selects(selection: &BackupSelection, restored: &Restored<'_>) -> Option<bool> {
    let fits = |pattern: &String| glob(pattern, &restored.arn);
    if selection.not_resources.iter().any(fits) {
        return Some(false);
    }
    let by_arn = selection.resources.iter().any(fits);
    if !by_arn && selection.any_tag.is_empty() {
        return Some(false);
    }
    if !asks_for_tags(selection) {
        return Some(by_arn);
    }
    let tags = restored.tags.as_ref()?;
    let by_tag = selection.any_tag.iter().any(|(key, value)| tags.get(key) == Some(value));
    Some((by_arn || by_tag) && selection.conditions.iter().all(|condition| holds(condition, tags)))
}

fn holds(condition: &TagCondition, tags: &BTreeMap<String, String>) -> bool {
    let matches = tags
        .get(&condition.key)
        .is_some_and(|value| if condition.like { glob(&condition.value, value) } else { *value == condition.value });
    matches != condition.not
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Restored, selects};
    use crate::cloud::surroundings::{BackupSelection, TagCondition};

    fn selection(resources: &[&str]) -> BackupSelection {
        let resources = resources.iter().map(|pattern| (*pattern).to_owned()).collect();
        BackupSelection { resources, ..BackupSelection::default() }
    }

    fn condition(value: &str, like: bool, not: bool) -> TagCondition {
        TagCondition { key: "tier".to_owned(), value: value.to_owned(), like, not }
    }

    #[test]
    fn a_selection_goes_by_arn_and_by_tags() {
        let name = "orders".parse().unwrap();
        let tags = BTreeMap::from([("tier".to_owned(), "1".to_owned())]);
        let arn = "arn:aws:rds:eu-west-1:123456789012:db:drill-1a2b3c4d-orders".to_owned();
        let known = Restored { name: &name, arn: arn.clone(), tags: Some(tags) };
        let unknown = Restored { name: &name, arn, tags: None };

        let all = selection(&["*"]);
        assert_eq!((selects(&all, &known), selects(&all, &unknown)), (Some(true), Some(true)));
        assert_eq!(selects(&selection(&["arn:aws:rds:*:*:cluster:*"]), &known), Some(false));
        let but = BackupSelection { not_resources: vec!["arn:aws:rds:*".to_owned()], ..all.clone() };
        assert_eq!(selects(&but, &unknown), Some(false));

        let tagged = BackupSelection { any_tag: vec![("tier".to_owned(), "1".to_owned())], ..selection(&[]) };
        assert_eq!((selects(&tagged, &known), selects(&tagged, &unknown)), (Some(true), None));
        for (condition, taken) in [
            (condition("1", false, false), true),
            (condition("2", false, false), false),
            (condition("*", true, false), true),
            (condition("*", true, true), false),
            (condition("2", false, true), true),
        ] {
            let selection = BackupSelection { conditions: vec![condition], ..all.clone() };
            assert_eq!(selects(&selection, &known), Some(taken), "{selection:?}");
            assert_eq!(selects(&selection, &unknown), None);
        }
    }
}
