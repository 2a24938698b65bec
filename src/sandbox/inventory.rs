//! What is in a world and what was asked of it: for tests, and at `GET /_world/inventory`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::sandbox::thing::Shelf;
use crate::sandbox::world::{Stray, World};

/// The whole world, at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inventory {
    /// World time.
    pub now: Timestamp,
    /// Everything that AWS would bill.
    pub things: Vec<Thing>,
    /// Every restore job that was ever accepted, in order.
    pub restore_jobs: Vec<JobRecord>,
    /// Every request that was understood, in order.
    pub calls: Vec<CallRecord>,
}

/// A billable thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thing {
    /// Its ARN.
    pub arn: String,
    /// Such as `rds:db`, `rds:snapshot`, `elasticfilesystem:mount-target`, `backup:recovery-point`.
    pub kind: String,
    /// AWS's word for its state.
    pub state: String,
    /// The restore job that it comes from; the workload's own things have none.
    pub made_by_restore_job: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A restore job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRecord {
    /// Its id.
    pub id: String,
    /// The recovery point.
    pub point: String,
    /// The metadata as it was sent.
    pub metadata: BTreeMap<String, String>,
    /// AWS's word for its status.
    pub status: String,
    /// AWS's explanation.
    pub message: Option<String>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// The idempotency token.
    pub token: Option<String>,
    /// What it made, whether or not `DescribeRestoreJob` says so.
    pub makes: Option<String>,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Such as `backup:StartRestoreJob`.
    pub operation: String,
    /// World time.
    pub at: Timestamp,
    /// It changed something.
    pub effect: bool,
    /// The error code that was answered.
    pub error: Option<String>,
    /// The caller's account.
    pub account: String,
    /// The region that was called.
    pub region: String,
    /// The resource that a changing request named.
    pub resource: Option<String>,
}

impl Inventory {
    /// The things that restore jobs made and that still exist.
    pub fn restored(&self) -> impl Iterator<Item = &Thing> {
        self.things.iter().filter(|thing| thing.made_by_restore_job.is_some())
    }

    /// The requests that changed something.
    pub fn effects(&self) -> impl Iterator<Item = &CallRecord> {
        self.effects_after(0)
    }

    /// The same without the first so many requests.
    pub fn effects_after(&self, calls: usize) -> impl Iterator<Item = &CallRecord> {
        self.calls.iter().skip(calls).filter(|call| call.effect)
    }
}

/// Looks at an advanced world.
pub(crate) fn take(world: &World) -> Inventory {
    Inventory { calls: world.calls.clone(), ..holdings(world) }
}

/// The same without what was asked of it, which only grows.
pub(crate) fn holdings(world: &World) -> Inventory {
    let all = world.sites.values().flat_map(|site| site.shelves.each().flat_map(Shelf::things));
    let mut things: Vec<Thing> = all.collect();
    things.extend(world.sites.values().flat_map(|site| &site.strays).map(Stray::thing));
    let jobs = world.sites.values().flat_map(|site| {
        site.restore_jobs.iter().map(|job| JobRecord {
            id: job.id.clone(),
            point: job.point.clone(),
            metadata: job.metadata.clone(),
            status: job.status.to_owned(),
            message: job.message.clone(),
            created_at: job.created,
            token: job.token.clone(),
            makes: job.making.as_ref().map(|making| making.arn()),
        })
    });
    let mut restore_jobs: Vec<JobRecord> = jobs.collect();
    restore_jobs.sort_by_key(|job| job.created_at);
    Inventory { now: world.now, things, restore_jobs, calls: Vec::new() }
}
