//! Backup plans that meet what a drill restored. Facts 2.11: a plan that selects everything backs it up too.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::sandbox::clock::later;
use crate::sandbox::inventory::Thing;
use crate::sandbox::thing::Shelf;
use crate::sandbox::world::{Selects, Site, Stray};

/// From the end of a restore to the backup of what it made, which somebody may have removed by then.
const SOON: SignedDuration = SignedDuration::from_hours(1);

/// Backs up what was restored, where a plan selects everything.
pub(crate) fn back_up(site: &mut Site, now: Timestamp) {
    if !site.plans.iter().any(|plan| plan.selects == Selects::Everything) {
        return;
    }
    let there: BTreeSet<String> =
        site.shelves.each().flat_map(Shelf::things).filter_map(|thing| thing.made_by_restore_job).collect();
    for job in site.restore_jobs.iter() {
        let due = job.completed.is_some_and(|at| job.status == "COMPLETED" && later(at, SOON) <= now);
        let is_new = !site.strays.iter().any(|stray| stray.job == job.id);
        if due && is_new && there.contains(&job.id) {
            let vault = job.vault_arn.split_once(":backup-vault:").map_or("", |(place, _)| place);
            let arn = format!("{vault}:recovery-point:{}", job.id.to_lowercase());
            site.strays.push(Stray { arn, job: job.id.clone() });
        }
    }
}

impl Stray {
    /// As something that is billed.
    pub(crate) fn thing(&self) -> Thing {
        Thing {
            arn: self.arn.clone(),
            kind: "backup:recovery-point".to_owned(),
            state: "COMPLETED".to_owned(),
            made_by_restore_job: Some(self.job.clone()),
            tags: BTreeMap::new(),
        }
    }
}
