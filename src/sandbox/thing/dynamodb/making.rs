//! One restore of a table.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::sandbox::clock::later;
use crate::sandbox::restore::Timetable;
use crate::sandbox::seed::Stream;
use crate::sandbox::spec::Place;
use crate::sandbox::thing::dynamodb::contents::Contents;
use crate::sandbox::thing::dynamodb::shelf::{RestoreSummary, Step, Table};
use crate::sandbox::thing::dynamodb::wish::{Wish, taken};
use crate::sandbox::thing::{JobView, Making};
use crate::sandbox::world::Site;

/// The table that a job makes.
pub(super) struct Restored {
    wish: Wish,
    arn: String,
    id: String,
    contents: Contents,
    /// From the job's end until the data is all there: a completed job's table is not usable yet (trap 55).
    settles: SignedDuration,
    /// From the job's end until the indexes are there.
    indexes: SignedDuration,
}

impl Restored {
    pub(super) fn new(place: &Place, wish: Wish, contents: Contents, stream: &mut Stream) -> Self {
        let arn = format!("arn:aws:dynamodb:{}:{}:table/{}", place.region, place.account, wish.name);
        let (settles, indexes) = (stream.between(8.0, 25.0), stream.between(15.0, 60.0));
        Self { wish, arn, id: stream.uuid(), contents, settles, indexes }
    }

    fn steps(&self, times: &Timetable) -> Vec<(Timestamp, Step)> {
        vec![
            (times.created, Step::Active),
            (later(times.ends, self.settles), Step::Restored),
            (later(times.ends, self.indexes), Step::IndexesReady),
        ]
    }
}

impl Making for Restored {
    fn arn(&self) -> String {
        self.arn.clone()
    }

    fn appear(&mut self, site: &mut Site, job: &JobView) -> Result<(), String> {
        let tables = &mut site.shelves.dynamodb.tables;
        if tables.contains_key(&self.wish.name) {
            return Err(taken(&self.wish.name));
        }
        let table = Table {
            name: self.wish.name.clone(),
            arn: self.arn.clone(),
            id: self.id.clone(),
            status: "CREATING",
            steps: if job.comes_up { self.steps(&job.times) } else { Vec::new() },
            gone_at: None,
            created: job.times.runs,
            contents: self.contents.clone(),
            indexes_ready: false,
            deletion_protection: self.wish.deletion_protection,
            encryption: self.wish.encryption.clone(),
            // Tags are not restored (facts 2.3).
            tags: BTreeMap::new(),
            restore: Some(RestoreSummary {
                job: job.id.to_owned(),
                source_table: job.source.arn.to_string(),
                at: job.point_created,
                in_progress: true,
            }),
        };
        tables.insert(table.name.clone(), table);
        Ok(())
    }

    fn resume(&mut self, site: &mut Site, times: &Timetable) {
        let steps = self.steps(times);
        if let Some(table) = site.shelves.dynamodb.tables.get_mut(&self.wish.name) {
            table.steps = steps;
        }
    }

    /// What is left can be looked at and deleted, and lacks half of its items.
    fn break_off(&mut self, site: &mut Site, leaves_partial: bool) {
        let tables = &mut site.shelves.dynamodb.tables;
        if !leaves_partial {
            tables.remove(&self.wish.name);
        } else if let Some(table) = tables.get_mut(&self.wish.name) {
            table.steps.clear();
            for step in [Step::Active, Step::Restored, Step::IndexesReady] {
                table.take(step);
            }
            table.contents.halve();
        }
    }
}
