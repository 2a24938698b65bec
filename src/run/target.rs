//! What a probe or an action is aimed at, from the journal's state.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::hmac;
use jiff::Timestamp;
use serde_json::Value;

use crate::cloud::error::CloudError;
use crate::cloud::resource::{Observation, ResourceCalls, Settings, Subject};
use crate::definition::model::{Expectations, Probe, ProbeReason, Via};
use crate::journal::event::Tried;
use crate::journal::ledger::Entry;
use crate::journal::state::State;
use crate::probe::expect::{Measure, judge};
use crate::probe::input::miss;
use crate::probe::target::{Look, Target, Way};
use crate::probe::{Miss, Observed, Outcome as Attempt};
use crate::run::services::Services;
use crate::words::id::{Name, RunId};
use crate::words::reference::{Reference, RestoreOutput, Template, references_in};
use crate::words::secret::Secret;

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
pub(crate) fn judged(
    outcome: Attempt,
    expect: &Expectations,
    now: Timestamp,
    last_pass: &BTreeMap<String, Value>,
) -> Tried {
    let judged = outcome.and_then(|observed: Observed| {
        let explained = judge(&observed, expect, &Measure { now, last_pass })?;
        Ok((observed, explained))
    });
    match judged {
        Ok((observed, explained)) => Tried::Held { observed, explained },
        Err(miss) => Tried::Missed { miss },
    }
}

/// What a probe recorded in the drill's last passed run.
pub(crate) fn last_pass(state: &State, probe: &Name) -> BTreeMap<String, Value> {
    let last = state.started.last_pass.as_ref();
    last.and_then(|last| last.recorded.get(probe)).cloned().unwrap_or_default()
}

/// The target of a probe: of its restore, with the way there, the source, and what it recorded before.
///
/// # Errors
/// A `setup` miss where the way cannot be named.
pub(crate) fn probe_target(
    state: &State,
    services: &Services,
    name: &Name,
    probe: &Probe,
    settings: &Settings,
) -> Result<Target, Miss> {
    let tunnel = match &probe.via {
        Some(Via::SsmTunnel(instance)) => {
            let tunnels = Arc::clone(&services.cloud.tunnels);
            Some(Way { instance: filled(instance, state, services)?, tunnels })
        }
        _ => None,
    };
    let on = target(state, services, Some(&probe.on), settings);
    let set = state.ledger.get(&probe.on).and_then(|entry| entry.password_set_at);
    Ok(Target {
        tunnel,
        source: Some(Arc::new(source(state, services, &probe.on, on.values.clone()))),
        last_pass: last_pass(state, name),
        master_password: set.map(|_| master_password(services, &state.run, &probe.on)),
        ..on
    })
}

/// The source resource of a restore. Nobody asked where it answers: a probe that compares says so.
fn source(state: &State, services: &Services, on: &Name, values: BTreeMap<String, String>) -> Target {
    let restore = state.started.plan.definition.restore.get(on);
    Target {
        identifier: restore.map(|restore| restore.resource.name().to_owned()),
        values,
        tables: Arc::clone(&services.cloud.source_tables),
        buckets: Arc::clone(&services.cloud.source_buckets),
        region: state.started.plan.definition.source.region.clone(),
        ..bare(services)
    }
}

/// The master password that a run sets on what it restored: always the same for the run and the restore, so that a
/// resumed run knows it, and known to nobody who does not hold this machine's key.
pub(crate) fn master_password(services: &Services, run: &RunId, restore: &Name) -> Secret {
    derived(&services.key, run, restore)
}

fn derived(key: &Secret, run: &RunId, restore: &Name) -> Secret {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes());
    let mark = hmac::sign(&key, format!("master password of {restore} in run {run}").as_bytes());
    // 30 characters is the least of the services' longest; a letter first, and both cases and digits.
    let hex: String = mark.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Secret::new(format!("Dr1{}", hex.chars().take(27).collect::<String>()))
}

/// A text with its references replaced.
///
/// # Errors
/// A `setup` miss where one has no value.
pub(crate) fn filled(text: &str, state: &State, services: &Services) -> Result<String, Miss> {
    let setup = |problem: String| miss(ProbeReason::Setup, &problem);
    let template = Template::parse(text).map_err(|bad| setup(bad.message))?;
    let filled = template.fill(|reference| look_up(reference, state, services));
    filled.map_err(|reference| setup(format!("`via` needs `${{{{ {reference} }}}}`, which has no value")))
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
        metrics: Arc::clone(&services.cloud.metrics),
        instances: Arc::clone(&services.cloud.instances),
        tunnel: None,
        source: None,
        last_pass: BTreeMap::new(),
        region: services.region.clone(),
        now: services.clock.now(),
        master_password: None,
        folder: services.folder.clone(),
        ca_bundle: services.ca_bundle.clone(),
        sandbox_ca: services.sandbox_ca.clone(),
    }
}

/// The value that a reference stands for, from the journal's state or the environment.
fn look_up(reference: &Reference, state: &State, services: &Services) -> Option<String> {
    match reference {
        Reference::Environment(variable) => (services.environment)(variable),
        _ => known(reference, state),
    }
}

/// The value that a reference stands for, from the journal's state alone.
pub(crate) fn known(reference: &Reference, state: &State) -> Option<String> {
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
        // Variables were replaced before the definition was compiled.
        Reference::Environment(_) | Reference::Variable(_) | Reference::On(_) => None,
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

#[cfg(test)]
mod tests {
    use regex_lite::Regex;

    use super::derived;
    use crate::words::id::RunId;
    use crate::words::secret::Secret;

    #[test]
    fn a_password_is_the_runs_the_restores_and_the_machines_own() {
        let (key, run) = (Secret::new("a".repeat(64)), RunId::new(1, [1; 10]));
        let password = |key: &Secret, run: &RunId, restore: &str| derived(key, run, &restore.parse().unwrap());
        let one = password(&key, &run, "orders");
        assert_eq!(one.expose(), password(&key, &run, "orders").expose());
        // Tests of what a run leaves look for this form.
        assert!(Regex::new("^Dr1[0-9a-f]{27}$").unwrap().is_match(one.expose()));
        for other in [
            password(&key, &run, "ledger"),
            password(&key, &RunId::new(1, [2; 10]), "orders"),
            password(&Secret::new("b".repeat(64)), &run, "orders"),
        ] {
            assert_ne!(one.expose(), other.expose());
        }
    }
}
