//! Restore jobs: what one is, and how it will go. Facts 1.6, 1.7. What it makes is a kind's: `thing`.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::sandbox::clock::later;
use crate::sandbox::fault::{Fault, Lasting, What};
use crate::sandbox::profile::Times;
use crate::sandbox::seed::Stream;
use crate::sandbox::spec::ResourceSpec;
use crate::sandbox::thing::Making;

/// A restore job.
pub(crate) struct RestoreJob {
    pub(crate) id: String,
    pub(crate) point: String,
    pub(crate) point_created: Timestamp,
    pub(crate) source: Arc<ResourceSpec>,
    pub(crate) vault_arn: String,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) role: String,
    pub(crate) token: Option<String>,
    pub(crate) status: &'static str,
    pub(crate) message: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) completed: Option<Timestamp>,
    /// What `DescribeRestoreJob` shows as created.
    pub(crate) shown_arn: Option<String>,
    pub(crate) timetable: Timetable,
    pub(crate) fate: Fate,
    /// What it makes; nothing if the metadata is wrong.
    pub(crate) making: Option<Box<dyn Making>>,
    /// It waits for a real server that takes longer than the world's time-table.
    pub(crate) delayed: bool,
}

impl RestoreJob {
    /// Before this moment nothing happens to it by itself; nothing if nothing ever does.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        match (self.status, &self.fate) {
            ("PENDING", _) => Some(self.timetable.runs),
            ("RUNNING", Fate::Sticks { until, .. }) => *until,
            ("RUNNING", Fate::Breaks { .. }) => Some(self.timetable.half_way()),
            // What is not of the world's time may be over at any look.
            ("RUNNING", _) if self.making.as_ref().is_some_and(|making| making.is_watched()) => Some(Timestamp::MIN),
            ("RUNNING", _) => Some(self.timetable.ends),
            _ => None,
        }
    }
}

impl Timetable {
    /// When a job that breaks does so.
    pub(crate) fn half_way(&self) -> Timestamp {
        later(self.runs, self.ends.duration_since(self.runs) / 2)
    }
}

/// When things happen to a job, unless its fate says otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timetable {
    /// Not visible to reads before.
    pub(crate) visible: Timestamp,
    pub(crate) runs: Timestamp,
    /// What it makes leaves its creating state.
    pub(crate) created: Timestamp,
    pub(crate) ends: Timestamp,
    /// What it makes can be used.
    pub(crate) available: Timestamp,
    /// `CreatedResourceArn` is shown while the job runs (otherwise at its end; facts 1.7).
    pub(crate) early_arn: bool,
}

/// How a job goes.
#[derive(Debug, Clone)]
pub(crate) enum Fate {
    /// As it should.
    Completes,
    /// It completes and never names what it made.
    CompletesWithoutArn,
    /// It fails seconds after the start, having made nothing.
    FailsEarly(String),
    /// It ends half-way.
    Breaks { status: &'static str, message: String, leaves_partial: bool, with_arn: bool },
    /// It stays `RUNNING`, with or without something that stays in its creating state.
    Sticks { until: Option<Timestamp>, shows_partial: bool },
}

/// How long a job takes: a random time by size, or what the world file says of its type or of its resource.
pub(crate) fn timetable(
    source: &ResourceSpec,
    times: Option<Times>,
    (now, stale): (Timestamp, Option<SignedDuration>),
    stream: &mut Stream,
) -> Timetable {
    let usual = || Times { median_seconds: source.physics().usual_seconds(source), sigma: 0.5 };
    let Times { median_seconds, sigma } = times.unwrap_or_else(usual);
    let seconds = stream.lognormal(median_seconds, sigma);
    let whole = source.takes.map_or(seconds, |takes| takes.as_secs_f64()).clamp(10.0, 7.0 * 86_400.0);
    let part = |share: f64| later(now, SignedDuration::from_secs_f64(whole * share));
    let pending = stream.between(4.0, 25.0).min(SignedDuration::from_secs_f64(whole * 0.2));
    Timetable {
        visible: later(now, stale.unwrap_or(SignedDuration::ZERO)),
        runs: later(now, pending),
        created: part(0.85),
        ends: part(1.0),
        available: part(0.92 + 0.12 * stream.unit()),
        early_arn: stream.chance(0.5),
    }
}

/// How the job will go: the first of wrong metadata, a missing permission or key, a fault, success.
pub(crate) fn fate(wish: Result<(), String>, fault: Option<Fault>, now: Timestamp) -> Fate {
    if let Err(message) = wish {
        return Fate::FailsEarly(message);
    }
    let Some(fault) = fault else { return Fate::Completes };
    let breaks = |status, usual: &str| Fate::Breaks {
        status,
        message: fault.message.clone().unwrap_or_else(|| usual.to_owned()),
        leaves_partial: fault.leaves_partial,
        with_arn: fault.with_arn,
    };
    match fault.what {
        What::JobFailed => breaks("FAILED", "Restore job failed because of an internal service error"),
        What::JobAborted => breaks("ABORTED", "Restore job was aborted by the service"),
        What::JobWithoutArn => Fate::CompletesWithoutArn,
        What::JobPartial => Fate::Completes,
        What::JobStuck => Fate::Sticks {
            until: match fault.lasts {
                Some(Lasting::For(span)) => Some(later(now, span.0)),
                _ => None,
            },
            shows_partial: fault.leaves_partial,
        },
        _ => Fate::FailsEarly(fault.message.unwrap_or_else(|| missing_grant().to_owned())),
    }
}

/// What a restore is told whose role may not use the key.
pub(crate) fn missing_grant() -> &'static str {
    "The specified KMS key is not accessible: the IAM role does not have kms:CreateGrant and kms:Decrypt on the key of the recovery point"
}
