//! What every rehearsal of a drill has in common: the plan, the world that it is played in, the moment at which it
//! begins.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::aws::resource::facts;
use crate::cli::error::CliError;
use crate::cli::rehearse::stage::Stage;
use crate::cli::rehearse::trouble::{Scenario, Trouble};
use crate::definition::expand::expand;
use crate::definition::load::Loaded;
use crate::definition::model::{Definition, Rates};
use crate::journal::event::{Event, RunStarted, World};
use crate::plan::compile::compile;
use crate::plan::estimate::cost;
use crate::plan::step::{Plan, Work};
use crate::run::guards::Guards;
use crate::run::select::resolve;
use crate::sandbox::spec::WorldSpec;
use crate::sandbox::{Blueprint, Direct, IdleClock};
use crate::words::kind::Mode;

/// After everything that the plan allows, a run gets so long before it counts as endless.
const SLACK: SignedDuration = SignedDuration::from_hours(6);

/// In rehearsals AWS Backup remembers a token for so long: nobody documents how long it does (facts 1.6).
const TOKEN_LIVES: SignedDuration = SignedDuration::from_mins(60);

/// A drill, ready to be rehearsed.
#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) plan: Plan,
    /// The worlds that it is played in: one for each scenario.
    pub(crate) blueprint: Blueprint,
    pub(crate) seed: u64,
    pub(crate) starts: Timestamp,
    pub(crate) guards: Guards,
    pub(crate) folder: PathBuf,
    text: String,
    vars: BTreeMap<String, String>,
    templates: BTreeMap<String, String>,
}

impl Script {
    /// Compiles the drill; selections are resolved in its world.
    ///
    /// # Errors
    /// When the definition cannot be compiled or selects nothing.
    pub(crate) async fn new(
        loaded: &Loaded,
        (spec, seed): (WorldSpec, u64),
        (folder, templates): (PathBuf, BTreeMap<String, String>),
        (starts, guards): (Timestamp, Guards),
    ) -> Result<Self, CliError> {
        let starts = spec.starts.unwrap_or(starts);
        let blueprint = Blueprint::new(spec.forgetting_tokens_after(TOKEN_LIVES), seed, starts);
        let resolved = resolved(&loaded.definition, &blueprint, starts).await?;
        let plan = compile(&resolved, facts).map_err(|problem| CliError::usage(problem.to_string()))?;
        let (text, vars) = (loaded.text.clone(), loaded.vars.clone());
        Ok(Self { plan, blueprint, seed, starts, guards, folder, text, vars, templates })
    }

    /// The definition.
    pub(crate) fn definition(&self) -> &Definition {
        &self.plan.definition
    }

    /// The first record of a run that meets these troubles.
    pub(crate) fn first(&self, scenario: &Scenario) -> Event {
        let dear = scenario.0.iter().any(|trouble| matches!(trouble, Trouble::MaxCost { .. }));
        let plan = if dear { dear_plan(&self.plan) } else { self.plan.clone() };
        Event::RunStarted(Box::new(RunStarted {
            folder: self.folder.display().to_string(),
            vars: self.vars.clone(),
            templates: self.templates.clone().into(),
            seed: Some(self.seed),
            world: Some(World::Server { url: "rehearsal".to_owned() }),
            ..RunStarted::new(Mode::Sandbox, plan, &self.text, "drill rehearse")
        }))
    }

    /// No run may take longer: its own limit, every teardown after it, and some slack.
    pub(crate) fn longest(&self) -> SignedDuration {
        let backward = |work: &Work| matches!(work, Work::Teardown(_) | Work::Undo(_));
        let after = self.plan.steps.iter().filter(|step| backward(&step.work)).map(|step| step.timeout);
        let limit = self.definition().limits.max_duration;
        after.fold(limit.saturating_add(SLACK), SignedDuration::saturating_add)
    }
}

/// The same plan with a bound on its cost that it does not reach in its usual time: each restored thing costs a dollar an
/// hour, whatever the definition says of either.
fn dear_plan(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    plan.definition.rates.clear();
    let rates = Rates { hour: Some(1.0), ..Rates::default() };
    plan.definition.restore.values_mut().for_each(|restore| restore.rates = rates);
    let estimate = cost(&plan, facts, &|_| None).usd.unwrap_or_default();
    plan.definition.limits.max_cost_usd = Some(estimate * 1.5 + 0.25);
    plan
}

async fn resolved(definition: &Definition, blueprint: &Blueprint, starts: Timestamp) -> Result<Definition, CliError> {
    if definition.selections.is_empty() {
        return Ok(definition.clone());
    }
    let stage = Stage::new(definition).await?;
    let clock = IdleClock::new(starts);
    stage.show(&Direct::of(blueprint, &clock), &Arc::clone(&clock));
    let found = resolve(&stage.cloud, facts, definition).await.map_err(|error| CliError::Select(Box::new(error)))?;
    Ok(expand(definition.clone(), &found))
}
