//! `preflight`: everything that can be known before the first write.
//!
//! Who the caller is and where the vault is come first: without them there is nothing more to ask, and what passes is
//! asked again. The rest are groups of checks, one file a group and one line in `GROUPS`. Each check has an id of
//! [`CheckId`], and docs/preflight.md says of each what is asked, when it fails, and what mends it.
//!
//! Invariants: reads only. What could not be looked at is "not checked", never "ok". Only what would make the restore
//! or its removal fail for certain has failed; everything else is a warning.
//!
//! One request is made after another, in the same order each time: a simulated AWS with the same seed sees the same
//! run.

mod account;
mod caller;
mod clock;
mod key;
mod leftovers;
mod plans;
mod points;
mod policy;
mod protection;
mod quota;
mod region;
mod report;
mod role;
mod simulate;
mod types;
mod unasked;
mod vault;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use jiff::Timestamp;

use crate::cloud::check::Check;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::ground::Identity;
use crate::cloud::resource::{Expected, ResourceFacts, Subject};
use crate::cloud::surroundings::Surroundings;
use crate::cloud::vault::VaultState;
use crate::definition::model::{Definition, Restore};
use crate::journal::event::{Class, Event};
use crate::journal::state::{State, StepState};
use crate::plan::step::Step;
use crate::run::call::{Call, Outcome, failed, passed};
use crate::run::decide::{Next, Situation};
use crate::run::services::Services;
use crate::run::step::preflight::points::Newest;
use crate::words::id::{Name, RunId, StepId};
use crate::words::kind::CheckId;

/// Credentials that fail so often before anything was started are not going to come (facts 1.2: refresh once).
const MOST_CREDENTIALS: u32 = 2;

/// The groups, in the order of docs/preflight.md.
const GROUPS: &[Group] = &[
    Group { id: CheckId::ClockSkew, what: "the clock", look: |cx| Box::pin(clock::check(cx)) },
    Group { id: CheckId::RegionEnabled, what: "the region", look: |cx| Box::pin(region::check(cx)) },
    Group { id: CheckId::VaultPolicy, what: "the vault's policy", look: |cx| Box::pin(vault::check(cx)) },
    Group { id: CheckId::RoleExists, what: "the restore role", look: |cx| Box::pin(role::check(cx)) },
    Group { id: CheckId::RolePass, what: "the drill's own identity", look: |cx| Box::pin(caller::check(cx)) },
    Group { id: CheckId::KeyAccess, what: "the keys", look: |cx| Box::pin(key::check(cx)) },
    Group { id: CheckId::QuotaHeadroom, what: "the quotas", look: |cx| Box::pin(quota::check(cx)) },
    Group {
        id: CheckId::LeftoversEarlier,
        what: "leftovers of earlier runs",
        look: |cx| Box::pin(leftovers::check(cx)),
    },
    Group {
        id: CheckId::ProtectionAsked,
        what: "protections",
        look: |cx| Box::pin(std::future::ready(protection::check(cx.definition))),
    },
    Group { id: CheckId::PlansSelection, what: "backup plans", look: |cx| Box::pin(plans::check(cx)) },
    Group {
        id: CheckId::ReportSigning,
        what: "key and archive of the evidence",
        look: |cx| Box::pin(report::check(cx)),
    },
];

/// What a group's look comes to.
type Findings<'a> = Pin<Box<dyn Future<Output = Vec<Check>> + Send + 'a>>;

/// Checks that belong together.
struct Group {
    /// Whose id stands for the group where nobody looked.
    id: CheckId,
    /// What it is about, where nobody looked.
    what: &'static str,
    look: for<'a> fn(&'a Looking<'a>) -> Findings<'a>,
}

/// What every check may look at.
struct Looking<'a> {
    definition: &'a Definition,
    services: &'a Services,
    run: &'a RunId,
    identity: &'a Identity,
    vault: &'a VaultState,
    /// The newest recovery point of each restore, as far as the vault shows it.
    newest: BTreeMap<Name, Newest>,
}

impl Looking<'_> {
    fn surroundings(&self) -> &dyn Surroundings {
        self.services.cloud.surroundings.as_ref()
    }

    fn partition(&self) -> &str {
        self.definition.destination.restore_role.partition()
    }

    fn facts(&self, restore: &Restore) -> &'static dyn ResourceFacts {
        (self.services.types)(restore.kind)
    }

    /// Every restore with what it will make.
    fn restores(&self) -> Vec<(&Name, &Restore, Expected)> {
        let mut all = Vec::new();
        for (name, restore) in &*self.definition.restore {
            if let Some(expected) = expected(self.definition, self.services, self.run, name, 1) {
                all.push((name, restore, expected));
            }
        }
        all
    }
}

/// What a look around brought.
#[derive(Debug, Clone)]
pub struct Survey {
    /// Who the caller is; none if that could not be found out.
    pub identity: Option<Identity>,
    /// Every finding.
    pub checks: Vec<Check>,
}

/// Looks once, then judges.
#[must_use]
pub fn next(situation: &Situation<'_>, step: &Step) -> Next {
    let Some(checks) = &situation.state.checks else { return Next::call(Call::Preflight) };
    let bad: Vec<&Check> = checks.iter().filter(|check| check.has_failed()).collect();
    if bad.is_empty() {
        return Next::record(passed(&step.id));
    }
    let message: Vec<String> = bad.iter().map(|check| format!("{}: {}", check.what, check.detail)).collect();
    let mends: Vec<&str> = bad.iter().filter_map(|check| check.mend.as_deref()).collect();
    let first = if mends.is_empty() { "mend it".to_owned() } else { mends.join("; ") };
    let advice = format!("{first}. Then run the drill again; nothing was started");
    Next::record(failed(&step.id, Class::Environment, message.join("; "), Some(&advice)))
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
    let until = enough(&step, state);
    let definition = state.started.plan.definition.clone();
    Box::pin(async move {
        match look_around(&definition, &services, &run, until).await {
            Ok((identity, checks)) => vec![Event::Preflighted { identity: Some(identity), checks }],
            Err((checks, error))
                if !error.passes() || (error.kind == ErrorKind::Credentials && tried >= MOST_CREDENTIALS) =>
            {
                vec![Event::Preflighted {
                    identity: None,
                    checks: refused(&definition, &services, &run, checks, &error).await,
                }]
            }
            Err((_, error)) => vec![Event::Stumbled { step, error }],
        }
    })
}

/// Half of the step's time is for what is good to know: slow answers must not cost the run.
fn enough(step: &StepId, state: &State) -> Option<Timestamp> {
    let since = state.steps.get(step)?.since()?;
    let timeout = state.started.plan.step(step)?.timeout;
    since.saturating_add(timeout / 2).ok()
}

/// The whole look without a run: `drill preflight` and `drill plan`. A request that fails in a way that passes is not
/// made again.
pub async fn survey(definition: &Definition, services: &Services, run: &RunId) -> Survey {
    match look_around(definition, services, run, None).await {
        Ok((identity, checks)) => Survey { identity: Some(identity), checks },
        Err((checks, error)) => {
            Survey { identity: None, checks: refused(definition, services, run, checks, &error).await }
        }
    }
}

/// What stood in the way of everything else, and all that was not asked because of it. A clock that is wrong looks like
/// wrong credentials.
async fn refused(
    definition: &Definition,
    services: &Services,
    run: &RunId,
    mut checks: Vec<Check>,
    error: &CloudError,
) -> Vec<Check> {
    checks.push(account::refusal(definition, error));
    if matches!(error.kind, ErrorKind::Credentials | ErrorKind::Denied) {
        checks.push(clock::skew(services).await);
    }
    let because = format!("nothing more was asked after `{}` had failed", error.operation);
    checks.extend(unasked::rest(definition, services, run, &checks, &because));
    checks
}

async fn look_around(
    definition: &Definition,
    services: &Services,
    run: &RunId,
    until: Option<Timestamp>,
) -> Result<(Identity, Vec<Check>), (Vec<Check>, CloudError)> {
    let cloud = &services.cloud;
    let identity = cloud.ground.identity().await.map_err(|error| (Vec::new(), error))?;
    let mut checks = vec![account::check(definition, &identity)];
    if checks.iter().any(Check::has_failed) {
        let because = "with the credentials of another account nothing more is asked";
        checks.extend(unasked::rest(definition, services, run, &checks, because));
        return Ok((identity, checks));
    }
    let vault = match cloud.vault.describe_vault(&definition.destination.vault).await {
        Ok(vault) => vault,
        Err(error) => return Err((checks, error)),
    };
    checks.push(vault::place(definition, &vault));
    let newest = points::newest(definition, services).await;
    let cx = Looking { definition, services, run, identity: &identity, vault: &vault, newest };
    checks.extend(types::check(&cx).await);
    let is_asked = |group: &&Group| group.id != CheckId::ReportSigning || report::is_asked(definition);
    for group in GROUPS.iter().filter(is_asked) {
        if until.is_some_and(|until| services.clock.now() > until) {
            let because = "AWS answered so slowly that half of the step's time was over";
            checks.push(Check::not_checked(group.id, group.what, because));
        } else {
            checks.extend((group.look)(&cx).await);
        }
    }
    Ok((identity, checks))
}

/// What a type's checks are about, before anything is made.
fn subject(cx: &Looking<'_>, name: &Name, restore: &Restore, expected: Expected) -> Subject {
    Subject {
        expected,
        made: None,
        point: cx.newest.get(name).and_then(|newest| newest.point.as_ref()).map(|point| point.arn.clone()),
        since: cx.services.clock.now(),
        with: restore.with.clone(),
        parts: Vec::new(),
    }
}
