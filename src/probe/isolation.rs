//! `isolation`: what was restored must not reach production. It tries what it must not be able to do, and holds only if
//! that fails, while what it must be able to do, tried in the same way and at the same moment, succeeds.
//!
//! Observed: `reached` (forbidden places and names that were reached or resolved), `blocked` (those that were not),
//! `controls` (how many that must be reached were). Facts: what came of each.

mod settings;
mod tried;

use std::time::Duration;

use async_trait::async_trait;

use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::input::{miss, shown, typed};
use crate::probe::isolation::settings::{IsolationSettings, fields};
use crate::probe::isolation::tried::attempt;
use crate::probe::target::Target;
use crate::probe::{Outcome, ProbeCalls};
use crate::words::kind::ProbeKind;
use crate::yaml::shape::Field;

/// The kind.
pub struct Isolation;

#[async_trait]
impl ProbeCalls for Isolation {
    fn kind(&self) -> ProbeKind {
        ProbeKind::Isolation
    }

    fn about(&self) -> &'static str {
        "Check that the restored thing does not reach production."
    }

    fn holds_when(&self) -> &'static str {
        "nothing that is forbidden is reached, and everything else is"
    }

    fn page(&self) -> &'static str {
        include_str!("pages/isolation.md")
    }

    fn fields(&self) -> Vec<Field> {
        fields()
    }

    fn judges(&self) -> bool {
        true
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["ssm:GetCommandInvocation", "ssm:SendCommand"]
    }

    fn control_keys(&self) -> &'static [&'static str] {
        &["from", "cannot_reach", "can_reach", "cannot_resolve"]
    }

    fn check(&self, settings: &Settings) -> Result<(), String> {
        typed::<IsolationSettings>(settings)?.check()
    }

    async fn attempt(&self, settings: &Settings, target: &Target, timeout: Duration) -> Outcome {
        let setup = |problem: String| miss(ProbeReason::Setup, &problem);
        let settings: IsolationSettings = typed(settings).map_err(setup)?;
        let asked = settings.fill(target)?;
        let late = |_| Err(miss(ProbeReason::Timeout, &format!("no answer within {}", shown(timeout))));
        tokio::time::timeout(timeout, attempt(&asked, target, timeout)).await.unwrap_or_else(late)
    }
}

#[cfg(test)]
mod tests;
