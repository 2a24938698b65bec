//! `preflight`: everything that can be known before the first write.

use std::sync::Arc;

use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::ground::Identity;
use crate::cloud::resource::{Check, CheckResult, Expected, Subject};
use crate::definition::model::Definition;
use crate::journal::event::{Class, Event};
use crate::journal::state::{State, StepState};
use crate::plan::step::Step;
use crate::run::call::{Call, Outcome, failed, passed};
use crate::run::decide::{Next, Situation};
use crate::run::services::Services;
use crate::words::id::{Name, RunId, StepId};

/// Credentials that fail so often before anything was started are not going to come (facts 1.2: refresh once).
const MOST_CREDENTIALS: u32 = 2;

/// Looks once, then judges.
#[must_use]
pub fn next(situation: &Situation<'_>, step: &Step) -> Next {
    let Some(checks) = &situation.state.checks else { return Next::call(Call::Preflight) };
    let bad: Vec<String> = checks
        .iter()
        .filter(|check| check.result == CheckResult::Failed)
        .map(|check| format!("{}: {}", check.what, check.detail))
        .collect();
    if bad.is_empty() {
        return Next::record(passed(&step.id));
    }
    let advice = Some("mend it and run the drill again; nothing was started");
    Next::record(failed(&step.id, Class::Environment, bad.join("; "), advice))
}

/// The name and ARN of what a restore will make.
#[must_use]
pub fn expected(
    definition: &Definition,
    services: &Services,
    run: &RunId,
    name: &Name,
    attempt: u32,
) -> Option<Expected> {
    let restore = definition.restore.get(name)?;
    let destination = &definition.destination;
    let partition = destination.restore_role.partition();
    let facts = (services.types)(restore.kind);
    Some(facts.expected(run, name, attempt, &destination.region, &destination.account, partition))
}

/// Reads only.
pub fn look(step: &StepId, state: &State, services: Arc<Services>) -> Outcome {
    let (step, run) = (step.clone(), state.run);
    let tried = match state.steps.get(&step) {
        Some(StepState::Running { stumbled_in_all, .. }) => *stumbled_in_all,
        _ => 0,
    };
    let definition = state.started.plan.definition.clone();
    Box::pin(async move {
        match look_around(&definition, &services, &run).await {
            Ok((identity, checks)) => vec![Event::Preflighted { identity: Some(identity), checks }],
            Err((checks, error))
                if !error.passes() || (error.kind == ErrorKind::Credentials && tried >= MOST_CREDENTIALS) =>
            {
                let mut checks = checks;
                checks.push(Check {
                    what: error.operation.clone(),
                    result: CheckResult::Failed,
                    detail: error.to_string(),
                });
                vec![Event::Preflighted { identity: None, checks }]
            }
            Err((_, error)) => vec![Event::Stumbled { step, error }],
        }
    })
}

async fn look_around(
    definition: &Definition,
    services: &Services,
    run: &RunId,
) -> Result<(Identity, Vec<Check>), (Vec<Check>, CloudError)> {
    let cloud = &services.cloud;
    let identity = cloud.ground.identity().await.map_err(|error| (Vec::new(), error))?;
    let mut checks = vec![account(definition, &identity)];
    if checks.iter().any(|check| check.result == CheckResult::Failed) {
        return Ok((identity, checks));
    }
    match cloud.vault.describe_vault(&definition.destination.vault).await {
        Ok(vault) => checks.push(vault_region(definition, &vault.arn, vault.points)),
        Err(error) => return Err((checks, error)),
    }
    for (name, restore) in &definition.restore {
        if let Some(expected) = expected(definition, services, run, name, 1) {
            let subject = Subject {
                expected,
                made: None,
                point: None,
                since: services.clock.now(),
                with: restore.with.clone(),
                parts: Vec::new(),
            };
            checks.extend(services.calls(restore.kind).preflight(cloud.ground.as_ref(), &subject).await);
        }
    }
    Ok((identity, checks))
}

fn account(definition: &Definition, identity: &Identity) -> Check {
    let wanted = &definition.destination.account;
    let right = identity.account == *wanted;
    Check {
        what: "account behind the credentials".into(),
        result: if right { CheckResult::Ok } else { CheckResult::Failed },
        detail: if right {
            format!("{wanted}, as {}", identity.arn)
        } else {
            format!(
                "the credentials are of account {}, and the definition's destination is {wanted}; use other credentials, `--profile` or `destination.access_role`",
                identity.account
            )
        },
    }
}

fn vault_region(definition: &Definition, arn: &crate::words::arn::Arn, points: u64) -> Check {
    let destination = &definition.destination;
    let right =
        arn.region().as_ref() == Some(&destination.region) && arn.account().as_ref() == Some(&destination.account);
    Check {
        what: format!("vault {}", destination.vault),
        result: if right { CheckResult::Ok } else { CheckResult::Failed },
        detail: if right {
            format!("{arn}, {points} recovery points")
        } else {
            format!("{arn} is not in {} of account {}", destination.region, destination.account)
        },
    }
}
