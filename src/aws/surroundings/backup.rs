//! AWS Backup's settings, a vault's policy, and what backup plans select.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_backup::types::{BackupSelectionsListMember, Condition, ConditionParameter};

use crate::aws::error::{cloud_error, unreadable};
use crate::aws::paging::Pages;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::surroundings::{BackupSelection, BackupSelections, RegionSettings, TagCondition};
use crate::words::id::VaultName;
use crate::words::text::tame;

/// `backup:DescribeRegionSettings`.
pub(super) async fn region_settings(backup: &aws_sdk_backup::Client) -> Result<RegionSettings, CloudError> {
    const OPERATION: &str = "backup:DescribeRegionSettings";
    let answer = backup.describe_region_settings().send().await;
    let answer = answer.map_err(|error| cloud_error(OPERATION, &error))?;
    Ok(RegionSettings {
        opted_in: sorted(answer.resource_type_opt_in_preference()),
        managed: sorted(answer.resource_type_management_preference()),
    })
}

fn sorted(preference: Option<&HashMap<String, bool>>) -> BTreeMap<String, bool> {
    preference.into_iter().flatten().map(|(word, on)| (tame(word), *on)).collect()
}

/// `backup:GetBackupVaultAccessPolicy`. A vault without a policy answers as if it did not exist (facts 1.8).
pub(super) async fn vault_policy(
    backup: &aws_sdk_backup::Client,
    vault: &VaultName,
) -> Result<Option<String>, CloudError> {
    const OPERATION: &str = "backup:GetBackupVaultAccessPolicy";
    let answer = backup.get_backup_vault_access_policy().backup_vault_name(vault.as_str()).send().await;
    match answer.map_err(|error| cloud_error(OPERATION, &error)) {
        Ok(answer) => Ok(answer.policy().map(str::to_owned)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Every selection of every plan, up to `most`.
pub(super) async fn selections(backup: &aws_sdk_backup::Client, most: usize) -> Result<BackupSelections, CloudError> {
    let mut found = BackupSelections::default();
    for (plan, plan_name) in plans(backup).await? {
        for selection in selections_of(backup, &plan).await? {
            if found.read.len() >= most {
                found.more = true;
                return Ok(found);
            }
            found.read.push(selected(backup, (&plan, &plan_name), &selection).await?);
        }
    }
    Ok(found)
}

/// Ids and names.
async fn plans(backup: &aws_sdk_backup::Client) -> Result<Vec<(String, String)>, CloudError> {
    const OPERATION: &str = "backup:ListBackupPlans";
    let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
    loop {
        let ask = backup.list_backup_plans().set_next_token(token);
        let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
        for plan in page.backup_plans_list() {
            if let Some(id) = plan.backup_plan_id() {
                found.push((id.to_owned(), tame(plan.backup_plan_name().unwrap_or(id))));
            }
        }
        token = pages.next(page.next_token())?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// Ids.
async fn selections_of(backup: &aws_sdk_backup::Client, plan: &str) -> Result<Vec<String>, CloudError> {
    const OPERATION: &str = "backup:ListBackupSelections";
    let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
    loop {
        let ask = backup.list_backup_selections().backup_plan_id(plan).set_next_token(token);
        let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
        found.extend(
            page.backup_selections_list()
                .iter()
                .filter_map(BackupSelectionsListMember::selection_id)
                .map(str::to_owned),
        );
        token = pages.next(page.next_token())?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

async fn selected(
    backup: &aws_sdk_backup::Client,
    (plan, plan_name): (&str, &str),
    id: &str,
) -> Result<BackupSelection, CloudError> {
    const OPERATION: &str = "backup:GetBackupSelection";
    let answer = backup.get_backup_selection().backup_plan_id(plan).selection_id(id).send().await;
    let answer = answer.map_err(|error| cloud_error(OPERATION, &error))?;
    let one = answer.backup_selection().ok_or_else(|| unreadable(OPERATION, "the answer holds no selection"))?;
    let mut conditions = Vec::new();
    if let Some(all) = one.conditions() {
        for (listed, like, not) in [
            (all.string_equals(), false, false),
            (all.string_not_equals(), false, true),
            (all.string_like(), true, false),
            (all.string_not_like(), true, true),
        ] {
            conditions.extend(listed.iter().map(|parameter| condition(parameter, like, not)));
        }
    }
    Ok(BackupSelection {
        plan: plan_name.to_owned(),
        name: tame(one.selection_name()),
        resources: one.resources().to_vec(),
        not_resources: one.not_resources().to_vec(),
        any_tag: one.list_of_tags().iter().map(tag).collect(),
        conditions,
    })
}

fn tag(condition: &Condition) -> (String, String) {
    (condition.condition_key().to_owned(), condition.condition_value().to_owned())
}

/// Keys are written `aws:ResourceTag/KEY` here, and plain in the older list of tags.
fn condition(parameter: &ConditionParameter, like: bool, not: bool) -> TagCondition {
    let key = parameter.condition_key().unwrap_or_default();
    let key = key.strip_prefix("aws:ResourceTag/").unwrap_or(key);
    TagCondition { key: key.to_owned(), value: parameter.condition_value().unwrap_or_default().to_owned(), like, not }
}

#[cfg(test)]
mod tests {
    use aws_sdk_backup::types::ConditionParameter;

    use super::condition;

    #[test]
    fn a_condition_names_the_tag_alone() {
        let parameter =
            ConditionParameter::builder().condition_key("aws:ResourceTag/tier").condition_value("1").build();
        let read = condition(&parameter, true, false);
        assert_eq!((read.key.as_str(), read.value.as_str(), read.like, read.not), ("tier", "1", true, false));
    }
}
