//! The stop of everything: whoever pulls it, every run ends before its next write, and still tears down.
//!
//! Two switches: one of this machine (`drill stop --all`), which is looked at before every call that changes something;
//! and a parameter in the destination (`limits.stop_parameter`), which is asked for now and then, and before such a call
//! unless it was just seen.

use std::sync::Arc;

use jiff::SignedDuration;

use crate::cloud::Cloud;
use crate::cloud::error::CloudError;
use crate::journal::event::{CancelBy, Event};
use crate::journal::state::State;
use crate::plan::step::Work;
use crate::run::call::Outcome;
use crate::run::services::Services;
use crate::words::id::StepId;

/// Between two looks at the parameter, by the run's clock.
pub const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(30);

/// What was seen of the parameter allows a write for so long, by the run's clock: writes that follow each other share a look.
pub const ALLOWS_FOR: SignedDuration = SignedDuration::from_secs(5);

/// The value that stops.
const STOP: &str = "stop";

/// How the warning begins that a parameter cannot be read: it is given once.
const UNREADABLE: &str = "`limits.stop_parameter` stops nothing: ";

/// The switch of this machine.
pub trait StopSwitch: Send + Sync {
    /// Who stopped everything, in words that follow "everything was stopped"; nothing while nobody did. Answers at once.
    fn stopped(&self) -> Option<String>;
}

/// A switch that nobody can pull.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unstoppable;

impl StopSwitch for Unstoppable {
    fn stopped(&self) -> Option<String> {
        None
    }
}

/// The name under which looks at the parameter are under way: no step of any plan.
///
/// # Panics
/// Never: the word is a step's id.
#[must_use]
pub fn look_id() -> StepId {
    "stop".parse().expect("a plain word is a step's id")
}

/// Whether the parameter says that everything stops.
///
/// # Errors
/// When it is missing or cannot be read.
pub async fn is_pulled(cloud: &Cloud, parameter: &str) -> Result<bool, CloudError> {
    let value = cloud.secrets.parameter(parameter).await?;
    Ok(value.expose().trim().eq_ignore_ascii_case(STOP))
}

/// One look at the parameter. One that is missing or cannot be read is warned about, once, and stops nothing.
pub fn look(state: &State, services: Arc<Services>) -> Outcome {
    let Some(parameter) = state.started.plan.definition.limits.stop_parameter.clone() else {
        return Box::pin(std::future::ready(Vec::new()));
    };
    let warned = state.warnings.iter().any(|warning| warning.text.starts_with(UNREADABLE));
    let step = Work::Report.id();
    Box::pin(async move {
        match is_pulled(&services.cloud, &parameter).await {
            Ok(false) => Vec::new(),
            Ok(true) => {
                let text = format!("everything was stopped by the parameter `{parameter}`, which is `{STOP}`");
                vec![Event::Warned { step, text }, Event::CancelRequested { by: CancelBy::Stopped }]
            }
            Err(_) if warned => Vec::new(),
            Err(error) => {
                vec![Event::Warned { step, text: format!("{UNREADABLE}`{parameter}` was not read: {error}") }]
            }
        }
    })
}
