//! How the world's restore jobs are told apart: by the name or mark that each restore of a run gives to its job.

use std::collections::BTreeMap;

use crate::aws::resource::facts;
use crate::cloud::resource::mark;
use crate::definition::model::Definition;
use crate::sandbox::inventory::JobRecord;
use crate::words::id::{Name, RunId};

/// The marks of one run's restores.
#[derive(Debug, Clone)]
pub(crate) struct Marks {
    marks: BTreeMap<Name, (String, String)>,
    /// Restore jobs of somebody else that bear them all the same.
    others: Vec<String>,
}

impl Marks {
    /// Those that `run` gives.
    pub(crate) fn of(definition: &Definition, run: &RunId) -> Self {
        let destination = &definition.destination;
        let partition = destination.restore_role.partition();
        let marked = definition.restore.iter().map(|(name, restore)| {
            let facts = facts(restore.kind);
            let expected = facts.expected(run, name, 1, &destination.region, &destination.account, partition);
            (name.clone(), mark(facts, &restore.with, &expected))
        });
        Self { marks: marked.collect(), others: Vec::new() }
    }

    /// The same, and these jobs are somebody else's.
    pub(crate) fn but_not(self, others: Vec<String>) -> Self {
        Self { others, ..self }
    }

    /// The restore that this job is of, if it is the run's.
    pub(crate) fn restore(&self, job: &JobRecord) -> Option<&Name> {
        let is_it = |(key, value): &(String, String)| job.metadata.get(key) == Some(value);
        let own = !self.others.contains(&job.id);
        self.marks.iter().find(|(_, mark)| own && is_it(mark)).map(|(name, _)| name)
    }
}
