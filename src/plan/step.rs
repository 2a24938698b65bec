//! Steps: the nodes of the plan.

use std::fmt;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::definition::model::Definition;
use crate::words::id::{Name, StepId};

/// A compiled definition: the same for the same definition, whoever compiles it and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What it was compiled from.
    pub definition: Definition,
    /// Every step, in an order in which each comes after what it needs.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Stable for the definition.
    pub id: StepId,
    /// What it does.
    pub work: Work,
    /// What must come first.
    pub needs: Vec<Need>,
    /// From its start; a resumed step keeps its first start. A restore's counts from the accepted start of its job.
    pub timeout: SignedDuration,
}

/// An edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// The step that comes first.
    pub step: StepId,
    /// What must have become of it.
    pub until: Until,
    /// Where the edge comes from.
    pub why: Why,
}

/// What a step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// The other passed; if it did not, this one is skipped.
    Passed,
    /// The other ended, however.
    Settled,
}

/// Where an edge comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The chain of a restore.
    Chain,
    /// `needs:`.
    Explicit,
    /// A `${{ }}` reference.
    Reference,
    /// Teardown against the arrows.
    Teardown,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Look before the first write.
    Preflight,
    /// Choose a recovery point.
    Pick(Name),
    /// Start the restore job and see it end.
    Restore(Name),
    /// Stamp the restored resource and wait until it is usable.
    Ready(Name),
    /// Add what a restored resource lacks before it is usable.
    Finish(Name),
    /// Ask a question.
    Probe(Name),
    /// Do something to the restored world.
    Action(Name),
    /// Ask a person.
    Gate(Name),
    /// Undo an action, if it may have been done.
    Undo(Name),
    /// Remove what the restore made, and prove that it is gone.
    Teardown(Name),
    /// Reach the verdict and write the report.
    Report,
}

impl Work {
    /// The kind's word, as in the design's table.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Pick(_) => "pick",
            Self::Restore(_) => "restore",
            Self::Ready(_) => "ready",
            Self::Finish(_) => "finish",
            Self::Probe(_) => "probe",
            Self::Action(_) => "action",
            Self::Gate(_) => "gate",
            Self::Undo(_) => "undo",
            Self::Teardown(_) => "teardown",
            Self::Report => "report",
        }
    }

    /// The restore, probe, action or gate that it is about.
    #[must_use]
    pub fn name(&self) -> Option<&Name> {
        match self {
            Self::Preflight | Self::Report => None,
            Self::Pick(name)
            | Self::Restore(name)
            | Self::Ready(name)
            | Self::Finish(name)
            | Self::Probe(name)
            | Self::Action(name)
            | Self::Gate(name)
            | Self::Undo(name)
            | Self::Teardown(name) => Some(name),
        }
    }

    /// The step's id: `restore.orders`, `preflight`.
    ///
    /// # Panics
    /// Never: a kind and a name are both slugs.
    #[must_use]
    pub fn id(&self) -> StepId {
        let text = match self.name() {
            Some(name) => [self.kind(), ".", name.as_str()].concat(),
            None => self.kind().to_owned(),
        };
        StepId::try_from(text).expect("a kind and a name are slugs of at most 40 characters")
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id().as_str())
    }
}

impl Plan {
    /// A step by its id.
    #[must_use]
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| &step.id == id)
    }

    /// The step with which a restore's resource is usable: `finish` where there is one, else `ready`.
    #[must_use]
    pub fn usable(&self, restore: &Name) -> Work {
        let finish = Work::Finish(restore.clone());
        if self.step(&finish.id()).is_some() { finish } else { Work::Ready(restore.clone()) }
    }

    /// The probes of a restore, in the order of the plan.
    pub fn probes_of<'a>(&'a self, restore: &'a Name) -> impl Iterator<Item = &'a Name> + 'a {
        self.steps.iter().filter_map(move |step| match &step.work {
            Work::Probe(probe) if self.definition.probes.get(probe).is_some_and(|p| &p.on == restore) => Some(probe),
            _ => None,
        })
    }
}
