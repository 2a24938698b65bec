//! Who asks a restored workload. A run asks it itself; a rehearsal below the wire has somebody stand in, who knows from
//! the world what the answer would be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::cloud::resource::Settings;
use crate::definition::model::{Expectations, ProbeReason};
use crate::journal::event::Tried;
use crate::probe::target::Target;
use crate::probe::{Miss, by_function, kind};
use crate::run::target::judged;
use crate::words::id::Name;
use crate::words::kind::ProbeKind;
use crate::words::time::Clock;

/// One attempt.
pub struct Question {
    /// What asks: the probe's or action's name.
    pub name: Name,
    /// The restore that it is aimed at, if any.
    pub on: Option<Name>,
    /// What the attempt is for.
    pub purpose: Purpose,
    /// How.
    pub kind: ProbeKind,
    /// Its settings.
    pub settings: Settings,
    /// What must hold.
    pub expect: Expectations,
    /// At what, or why that cannot be said.
    pub target: Result<Target, Miss>,
    /// The function that asks in the place of this machine, or why it cannot be named.
    pub function: Option<Result<String, Miss>>,
    /// No longer than this, in real time.
    pub timeout: Duration,
    /// What the drill's last passed run recorded.
    pub last_pass: BTreeMap<String, Value>,
}

/// What an attempt is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To see that something holds.
    Probe,
    /// To see that a probe can fail, and for this reason.
    Control(ProbeReason),
    /// To do something.
    Action,
    /// To take it back.
    Undo,
}

/// Asks.
#[async_trait]
pub trait Prober: Send + Sync {
    /// One attempt. `clock` is the run's.
    async fn ask(&self, question: Question, clock: &Arc<dyn Clock>) -> Tried;
}

/// Asks for real.
#[derive(Debug, Clone, Copy)]
pub struct Asks;

#[async_trait]
impl Prober for Asks {
    async fn ask(&self, question: Question, clock: &Arc<dyn Clock>) -> Tried {
        let Question { kind: how, settings, expect, target, function, timeout, last_pass, .. } = question;
        let outcome = match (target, function) {
            (Err(miss), _) | (_, Some(Err(miss))) => Err(miss),
            (Ok(target), None) => kind(how).attempt(&settings, &target, timeout).await,
            (Ok(target), Some(Ok(function))) => by_function::attempt(&function, how, &settings, &target, timeout).await,
        };
        judged(outcome, &expect, clock.now(), &last_pass)
    }
}
