//! What a probe or an action is aimed at, from the journal's state.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use crate::cloud::error::CloudError;
use crate::cloud::resource::{Observation, ResourceCalls, Settings, Subject};
use crate::definition::model::Expectation;
use crate::journal::event::Tried;
use crate::journal::ledger::Entry;
use crate::journal::state::State;
use crate::probe::expect::judge;
use crate::probe::target::{Look, Target};
use crate::probe::{Observed, Outcome as Attempt};
use crate::run::services::Services;
use crate::words::id::Name;
use crate::words::reference::{Reference, RestoreOutput, references_in};

/// A look at the restored thing, for the probes that describe it.
struct Fresh {
    calls: Arc<dyn ResourceCalls>,
    subject: Subject,
}

#[async_trait]
impl Look for Fresh {
    async fn look(&self) -> Result<Observation, CloudError> {
        self.calls.observe(&self.subject).await
    }
}

/// An attempt, held against what is expected.
pub(crate) fn judged(outcome: Attempt, expect: &BTreeMap<String, Expectation>) -> Tried {
    let judged = outcome.and_then(|observed: Observed| {
        let explained = judge(&observed, expect)?;
        Ok((observed, explained))
    });
    match judged {
        Ok((observed, explained)) => Tried::Held { observed, explained },
        Err(miss) => Tried::Missed { miss },
    }
}

/// The target of something that is aimed at the restore `on`, or at nothing in particular.
pub(crate) fn target(state: &State, services: &Services, on: Option<&Name>, settings: &Settings) -> Target {
    let entry = on.and_then(|on| state.ledger.get(on));
    let restore = on.and_then(|on| state.started.plan.definition.restore.get(on));
    let look = entry.zip(restore).map(|(entry, restore)| -> Arc<dyn Look> {
        Arc::new(Fresh { calls: services.calls(restore.kind), subject: entry.subject(restore) })
    });
    let values: BTreeMap<String, String> = references_in(&Value::Object(settings.clone()))
        .iter()
        .filter_map(|reference| look_up(reference, state, services).map(|value| (reference.text(), value)))
        .collect();
    Target {
        endpoint: entry.and_then(|entry| entry.endpoint.clone()),
        identifier: entry.and_then(Entry::id).map(str::to_owned),
        look,
        values,
        ..bare(services)
    }
}

/// A target without a restored thing.
pub(crate) fn bare(services: &Services) -> Target {
    Target {
        endpoint: None,
        identifier: None,
        look: None,
        values: BTreeMap::new(),
        secrets: Arc::clone(&services.cloud.secrets),
        remote: Arc::clone(&services.cloud.remote),
        tables: Arc::clone(&services.cloud.tables),
        buckets: Arc::clone(&services.cloud.buckets),
        folder: services.folder.clone(),
        ca_bundle: services.ca_bundle.clone(),
        sandbox_ca: services.sandbox_ca.clone(),
    }
}

/// The value that a reference stands for, from the journal's state or the environment.
fn look_up(reference: &Reference, state: &State, services: &Services) -> Option<String> {
    let entry = reference.restore().and_then(|name| state.ledger.get(name));
    let endpoint = || entry.and_then(|entry| entry.endpoint.as_ref());
    let point =
        || reference.restore().and_then(|name| state.picked.get(name)).and_then(|picked| picked.chosen.as_ref());
    match reference {
        Reference::Restore { output, .. } => match output {
            RestoreOutput::Host => endpoint().map(|endpoint| endpoint.host.clone()),
            RestoreOutput::Port => endpoint().and_then(|endpoint| endpoint.port).map(|port| port.to_string()),
            RestoreOutput::Address => {
                endpoint().and_then(|endpoint| Some(format!("{}:{}", endpoint.host, endpoint.port?)))
            }
            RestoreOutput::Arn => entry.and_then(Entry::arn).map(ToString::to_string),
            RestoreOutput::Identifier => entry.and_then(Entry::id).map(str::to_owned),
            RestoreOutput::PointArn => point().map(|point| point.arn.to_string()),
            RestoreOutput::PointCreated => point().and_then(|point| point.created).map(|created| created.to_string()),
        },
        Reference::Probe { name, value } => observed(state, name, value),
        Reference::RunId => Some(state.run.to_string()),
        Reference::Environment(variable) => (services.environment)(variable),
        // Replaced before the definition was compiled.
        Reference::Variable(_) | Reference::On(_) => None,
    }
}

fn observed(state: &State, probe: &Name, column: &str) -> Option<String> {
    let attempts = state.probes.get(probe)?;
    attempts.tried.iter().rev().find_map(|(_, _, tried)| match tried {
        Tried::Held { observed, .. } => observed.values.get(column).map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }),
        Tried::Missed { .. } => None,
    })
}
