//! Backup plans: each with one rule and one selection. Facts 1.8, 2.11.

use serde_json::{Value, json};

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::json::instant;
use crate::sandbox::service::backup::{listed, page};
use crate::sandbox::spec::Place;
use crate::sandbox::world::{BackupPlan, Selects, Site, World};

pub(super) fn list(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let plans = &world.site(place).plans;
    let shown = plans
        .iter()
        .map(|plan| {
            json!({
                "BackupPlanArn": arn(place, plan),
                "BackupPlanId": plan.id,
                "BackupPlanName": plan.name,
                "VersionId": "1",
                "CreationDate": instant(plan.created),
            })
        })
        .collect();
    Ok(listed("BackupPlansList", page(ask, shown)?))
}

pub(super) fn get(world: &mut World, place: &Place, id: &str) -> Result<Value, Failure> {
    let plan = find(world.site(place), id)?;
    let copies: Vec<Value> = plan.copies_to.iter().map(|vault| json!({ "DestinationBackupVaultArn": vault })).collect();
    Ok(json!({
        "BackupPlan": {
            "BackupPlanName": plan.name,
            "Rules": [{
                "RuleName": "nightly",
                "RuleId": format!("{}-rule", plan.id),
                "TargetBackupVaultName": plan.vault,
                "ScheduleExpression": "cron(0 5 ? * * *)",
                "ScheduleExpressionTimezone": "Etc/UTC",
                "StartWindowMinutes": 60,
                "CompletionWindowMinutes": 10_080,
                "Lifecycle": { "DeleteAfterDays": 35 },
                "EnableContinuousBackup": false,
                "CopyActions": copies,
            }],
        },
        "BackupPlanId": plan.id,
        "BackupPlanArn": arn(place, plan),
        "VersionId": "1",
        "CreationDate": instant(plan.created),
    }))
}

pub(super) fn selections(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let plan = find(world.site(place), ask.label(0))?;
    let shown = json!({
        "SelectionId": selection_id(plan),
        "SelectionName": name(plan),
        "BackupPlanId": plan.id,
        "CreationDate": instant(plan.created),
        "IamRoleArn": role(place),
    });
    Ok(listed("BackupSelectionsList", page(ask, vec![shown])?))
}

pub(super) fn selection(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let plan = find(world.site(place), ask.label(0))?;
    if ask.label(1) != selection_id(plan) {
        return Err(Failure::not_found(format!("Backup selection {} does not exist", ask.label(1))));
    }
    let (resources, tags) = match &plan.selects {
        Selects::Everything => (json!(["*"]), json!([])),
        Selects::Tagged(key, value) => {
            let tag = json!({ "ConditionType": "STRINGEQUALS", "ConditionKey": key, "ConditionValue": value });
            (json!([]), json!([tag]))
        }
    };
    Ok(json!({
        "BackupSelection": {
            "SelectionName": name(plan),
            "IamRoleArn": role(place),
            "Resources": resources,
            "ListOfTags": tags,
            "NotResources": [],
            "Conditions": {
                "StringEquals": [],
                "StringNotEquals": [],
                "StringLike": [],
                "StringNotLike": [],
            },
        },
        "SelectionId": selection_id(plan),
        "BackupPlanId": plan.id,
        "CreationDate": instant(plan.created),
    }))
}

fn find<'a>(site: &'a Site, id: &str) -> Result<&'a BackupPlan, Failure> {
    let found = site.plans.iter().find(|plan| plan.id == id);
    found.ok_or_else(|| Failure::not_found(format!("Cannot find Backup plan with ID {id}")))
}

fn arn(place: &Place, plan: &BackupPlan) -> String {
    format!("arn:aws:backup:{}:{}:backup-plan:{}", place.region, place.account, plan.id)
}

fn selection_id(plan: &BackupPlan) -> String {
    format!("{}-selection", plan.id)
}

fn name(plan: &BackupPlan) -> &'static str {
    match plan.selects {
        Selects::Everything => "everything",
        Selects::Tagged(..) => "by-tag",
    }
}

fn role(place: &Place) -> String {
    format!("arn:aws:iam::{}:role/service-role/AWSBackupDefaultServiceRole", place.account)
}
