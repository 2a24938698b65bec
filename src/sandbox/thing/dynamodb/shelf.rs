//! Tables of one account and region, and how they change with time.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::sandbox::clock::later;
use crate::sandbox::inventory::Thing;
use crate::sandbox::seed::Stream;
use crate::sandbox::thing::dynamodb::contents::Contents;
use crate::sandbox::thing::{Shelf, Tagged, earliest};

/// Everything of DynamoDB.
#[derive(Default)]
pub(crate) struct DynamoDbShelf {
    pub(crate) tables: BTreeMap<String, Table>,
}

/// A table.
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) status: &'static str,
    /// Changes to come.
    pub(crate) steps: Vec<(Timestamp, Step)>,
    /// When a deletion ends.
    pub(crate) gone_at: Option<Timestamp>,
    pub(crate) created: Timestamp,
    pub(crate) contents: Contents,
    /// Indexes of a restored table follow later than the table.
    pub(crate) indexes_ready: bool,
    pub(crate) deletion_protection: bool,
    pub(crate) encryption: Encryption,
    pub(crate) tags: BTreeMap<String, String>,
    /// A source table has none.
    pub(crate) restore: Option<RestoreSummary>,
}

/// Where a restored table comes from.
#[derive(Debug, Clone)]
pub(crate) struct RestoreSummary {
    pub(crate) job: String,
    pub(crate) source_table: String,
    pub(crate) at: Timestamp,
    pub(crate) in_progress: bool,
}

/// What a table is encrypted with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// A key that DynamoDB owns.
    Owned,
    /// This KMS key.
    Kms(String),
}

/// A change of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Active,
    /// All data is there.
    Restored,
    IndexesReady,
}

impl Table {
    /// It is `UPDATING` for a moment.
    pub(crate) fn begin_update(&mut self, now: Timestamp, stream: &mut Stream) {
        self.status = "UPDATING";
        self.steps.push((later(now, stream.between(1.0, 4.0)), Step::Active));
    }

    /// It is `DELETING` for some seconds, then gone.
    pub(crate) fn begin_deletion(&mut self, now: Timestamp, stream: &mut Stream) {
        self.status = "DELETING";
        self.steps.clear();
        self.gone_at = Some(later(now, stream.between(5.0, 20.0)));
    }

    fn advance(&mut self, now: Timestamp) {
        self.steps.sort_by_key(|(at, _)| *at);
        while let Some(&(at, step)) = self.steps.first() {
            if at > now {
                break;
            }
            self.take(step);
            self.steps.remove(0);
        }
    }

    /// A step happens.
    pub(crate) fn take(&mut self, step: Step) {
        match step {
            Step::Active => self.status = "ACTIVE",
            Step::IndexesReady => self.indexes_ready = true,
            Step::Restored => {
                if let Some(restore) = &mut self.restore {
                    restore.in_progress = false;
                }
            }
        }
    }
}

impl Shelf for DynamoDbShelf {
    fn advance(&mut self, now: Timestamp) {
        self.tables.values_mut().for_each(|table| table.advance(now));
        self.tables.retain(|_, table| table.gone_at.is_none_or(|at| at > now));
    }

    fn due(&self) -> Option<Timestamp> {
        let moments = |one: &Table| [one.steps.iter().map(|(at, _)| *at).min(), one.gone_at];
        earliest(self.tables.values().flat_map(moments))
    }

    fn things(&self) -> Vec<Thing> {
        let thing = |table: &Table| Thing {
            arn: table.arn.clone(),
            kind: "dynamodb:table".to_owned(),
            state: table.status.to_owned(),
            made_by_restore_job: table.restore.as_ref().map(|restore| restore.job.clone()),
            tags: table.tags.clone(),
        };
        self.tables.values().map(thing).collect()
    }

    fn tagged(&self) -> Vec<Tagged> {
        let tagged =
            |table: &Table| Tagged { arn: table.arn.clone(), kind: "dynamodb:table", tags: table.tags.clone() };
        self.tables.values().map(tagged).collect()
    }
}
