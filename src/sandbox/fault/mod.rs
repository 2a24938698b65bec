//! What goes wrong in a world, on purpose: a list of faults, each with what it hits, how often and when.
//!
//! A fault of the wire (`throttle`, `reset_after`, …) is decided for each request; a fault of a job (`job_stuck`, …) when
//! the job is started; a fault of the world (`stale_copy`, `role_missing`, …) when it is added: `standing`.

mod operation;
mod standing;
mod what;

use jiff::Timestamp;
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};

use crate::sandbox::clock::later;
pub(crate) use crate::sandbox::fault::standing::add_fault;
pub use crate::sandbox::fault::what::What;
use crate::sandbox::file::Span;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::seed::{Seed, Stream};
use crate::sandbox::service::protocol_of;
use crate::sandbox::thing::every;
use crate::words::kind::ResourceKind;

/// A fault. `operation`, `region` and `resource` narrow it down; `after`, `times`, `probability`, `from` and `until` say
/// which of the matching requests or jobs it hits.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What happens.
    pub what: What,
    /// Only this operation, such as `rds:DeleteDBInstance`, `rds:*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Only in this region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Only for restores of this resource (the restore's name in the definition). Faults of the world that are about
    /// restores also take a type, such as `rds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The first so many matching requests or jobs are spared.
    #[serde(default)]
    pub after: u32,
    /// At most so many times; without it, always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// With this probability, from the seed; without it, always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Not before this long after the world's start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Span>,
    /// Not after this long after the world's start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Span>,
    /// The message of a failed job or a refused request, instead of AWS's usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// A failed or aborted job leaves its half-made instance behind.
    #[serde(default)]
    pub leaves_partial: bool,
    /// A failed or aborted job says what it made.
    #[serde(default)]
    pub with_arn: bool,
    /// How long: of `slow`, `stale_reads` and `job_stuck` (`forever` is the last one's default).
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Lasting>,
    /// The age of the newest copy that `stale_copy` leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<Span>,
    /// How far ahead the clock of AWS is, in `clock_skew`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Span>,
    /// The drill whose world file holds the fault.
    #[serde(skip)]
    pub drill: Option<String>,
}

/// How long something lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// This long.
    For(Span),
    /// It does not end.
    Forever,
}

impl<'de> Deserialize<'de> for Lasting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "forever" {
            return Ok(Self::Forever);
        }
        crate::words::time::parse_duration(&text).map(|span| Self::For(Span(span))).map_err(de::Error::custom)
    }
}

impl Serialize for Lasting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::For(span) => span.serialize(serializer),
            Self::Forever => serializer.serialize_str("forever"),
        }
    }
}

impl Fault {
    /// A fault that hits everything, always; narrow it with struct update syntax.
    #[must_use]
    pub fn new(what: What) -> Self {
        Self {
            what,
            operation: None,
            region: None,
            resource: None,
            after: 0,
            times: None,
            probability: None,
            from: None,
            until: None,
            message: None,
            leaves_partial: false,
            with_arn: false,
            lasts: None,
            age: None,
            by: None,
            drill: None,
        }
    }

    /// The same for one operation.
    #[must_use]
    pub fn on(mut self, operation: &str) -> Self {
        self.operation = Some(operation.to_owned());
        self
    }

    pub(crate) fn owned_by(mut self, drill: Option<&str>) -> Self {
        self.drill = drill.map(str::to_owned);
        self
    }

    pub(crate) fn sense(&self) -> Result<(), String> {
        if self.probability.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
            return Err("a fault's `probability` must lie between 0 and 1".to_owned());
        }
        if self.what == What::StaleCopy && self.age.is_none() {
            return Err("the fault `stale_copy` needs `age`, such as `age: 3d`".to_owned());
        }
        if self.what == What::Unreachable && self.region.is_none() {
            return Err("the fault `unreachable` needs `region`".to_owned());
        }
        if self.what == What::ClockSkew && self.by.is_none() {
            return Err("the fault `clock_skew` needs `by`, such as `by: 10m`".to_owned());
        }
        let sense = if self.what == What::RolePowerless { operation::sense_of_action } else { operation::sense };
        self.operation.as_deref().map_or(Ok(()), sense)
    }

    /// The restore that it is about, by its name in the definition; none if it is about a type, or about all.
    pub(crate) fn restore(&self) -> Option<&String> {
        let is_type = |name: &str| {
            ResourceKind::from_word(name).is_some() || every().any(|kind| kind.backup_type().eq_ignore_ascii_case(name))
        };
        let takes_types = self.what.stands() && self.what != What::StaleCopy;
        self.resource.as_ref().filter(|name| !(takes_types && is_type(name)))
    }

    fn reaches(&self, operation: &str, region: &str) -> bool {
        let operation_fits = match (self.what, self.operation.as_deref()) {
            (What::PointExpired, _) => operation == "backup:StartRestoreJob",
            (What::DenyDelete, _) => every().any(|kind| kind.deletions().contains(&operation)),
            (_, None) => true,
            (_, Some(wanted)) => match wanted.strip_suffix('*') {
                Some(prefix) => operation.starts_with(prefix),
                None => operation == wanted,
            },
        };
        operation_fits && self.region.as_deref().is_none_or(|wanted| wanted == region)
    }

    fn is_due(&self, started: Timestamp, now: Timestamp) -> bool {
        self.from.is_none_or(|from| now >= later(started, from.0))
            && self.until.is_none_or(|until| now <= later(started, until.0))
    }
}

/// What a fault does to one request.
#[derive(Debug, Clone)]
pub(crate) enum Mischief {
    /// Answer this; nothing happens.
    Refuse(Failure),
    /// Reset before the effect.
    CutBefore,
    /// Let it happen, then reset.
    CutAfter,
    /// Let it happen, never answer.
    Silence,
    /// Answer late, in world time.
    Late(jiff::SignedDuration),
    /// Answer as the last time.
    Stale,
    /// Answer as the first time.
    Old,
}

/// The faults of a world, with their counts.
#[derive(Debug)]
pub(crate) struct Faults {
    entries: Vec<Entry>,
    seed: Seed,
}

#[derive(Debug)]
struct Entry {
    fault: Fault,
    chance: Stream,
    seen: u32,
    hit: u32,
}

impl Faults {
    pub(crate) fn new(seed: Seed) -> Self {
        Self { entries: Vec::new(), seed }
    }

    pub(crate) fn add(&mut self, fault: Fault) {
        let chance = self.seed.stream(&format!("fault {}", self.entries.len()));
        self.entries.push(Entry { fault, chance, seen: 0, hit: 0 });
    }

    /// From now on nothing goes wrong any more; what befell a job already stays.
    pub(crate) fn end(&mut self) {
        self.entries.clear();
    }

    /// Whether some fault answers with what was answered before.
    pub(crate) fn need_old_answers(&self) -> bool {
        self.entries.iter().any(|entry| matches!(entry.fault.what, What::StaleAnswer | What::OldAnswer))
    }

    /// Whether every fault of requests and jobs befell something.
    pub(crate) fn all_struck(&self) -> bool {
        self.entries.iter().all(|entry| entry.hit > 0)
    }

    /// What befalls a request.
    pub(crate) fn on_request(
        &mut self,
        operation: &str,
        region: &str,
        clock: (Timestamp, Timestamp),
    ) -> Option<Mischief> {
        self.entries.iter_mut().find_map(|entry| {
            let fault = &entry.fault;
            if fault.what.is_of_wire() && fault.reaches(operation, region) && entry.strikes(clock) {
                Some(mischief(&entry.fault, operation))
            } else {
                None
            }
        })
    }

    /// The fault that befalls a restore job of this resource.
    pub(crate) fn on_job(
        &mut self,
        (drill, resource, kind): (&str, &str, ResourceKind),
        region: &str,
        clock: (Timestamp, Timestamp),
    ) -> Option<Fault> {
        self.entries.iter_mut().find_map(|entry| {
            let fault = &entry.fault;
            let fits = fault.what.is_of_job()
                && fault.what.befalls(kind)
                && fault.reaches("backup:StartRestoreJob", region)
                && fault.resource.as_deref().is_none_or(|wanted| wanted == resource)
                && (fault.drill.is_none() || fault.resource.is_none() || fault.drill.as_deref() == Some(drill));
            if fits && entry.strikes(clock) { Some(entry.fault.clone()) } else { None }
        })
    }

    /// Whether a fault denies this operation from the beginning and for good, so that a simulation of policies says so
    /// too. `deny_delete` stands for what such a simulation does not see, such as the policy of an endpoint.
    pub(crate) fn denies(&self, operation: &str) -> bool {
        self.entries.iter().any(|entry| {
            let fault = &entry.fault;
            fault.what == What::AccessDenied
                && fault.times.is_none()
                && fault.from.is_none()
                && fault.after == 0
                && fault.reaches(operation, fault.region.as_deref().unwrap_or_default())
        })
    }

    /// How long a job that was just started stays out of sight.
    pub(crate) fn stale_reads(&self, region: &str) -> Option<jiff::SignedDuration> {
        let fault = &self.entries.iter().find(|entry| {
            entry.fault.what == What::StaleReads && entry.fault.region.as_deref().is_none_or(|wanted| wanted == region)
        })?;
        Some(match fault.fault.lasts {
            Some(Lasting::For(span)) => span.0,
            _ => jiff::SignedDuration::from_secs(20),
        })
    }
}

impl Entry {
    fn strikes(&mut self, (started, now): (Timestamp, Timestamp)) -> bool {
        if !self.fault.is_due(started, now) || self.fault.times.is_some_and(|times| self.hit >= times) {
            return false;
        }
        self.seen += 1;
        if self.seen <= self.fault.after || self.fault.probability.is_some_and(|p| !self.chance.chance(p)) {
            return false;
        }
        self.hit += 1;
        true
    }
}

fn mischief(fault: &Fault, operation: &str) -> Mischief {
    let protocol = protocol_of(operation);
    match fault.what {
        What::Throttle => Mischief::Refuse(Failure::throttled(protocol)),
        What::Error500 => Mischief::Refuse(Failure::internal()),
        What::ExpiredToken => Mischief::Refuse(Failure::expired(protocol)),
        What::ResetAfter => Mischief::CutAfter,
        What::Timeout => Mischief::Silence,
        What::StaleAnswer => Mischief::Stale,
        What::OldAnswer => Mischief::Old,
        What::PointExpired => {
            let words = fault.message.as_deref().unwrap_or("Recovery point could not be found: it has expired");
            Mischief::Refuse(Failure::not_found(words))
        }
        What::Slow => Mischief::Late(match fault.lasts {
            Some(Lasting::For(span)) => span.0,
            _ => jiff::SignedDuration::from_secs(60),
        }),
        What::AccessDenied | What::DenyDelete => {
            Mischief::Refuse(Failure::denied(protocol, operation, fault.message.as_deref()))
        }
        _ => Mischief::CutBefore,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Fault, Faults, Mischief, What};
    use crate::sandbox::seed::Seed;

    #[test]
    fn a_fault_hits_its_operation_as_often_as_it_says() {
        let mut faults = Faults::new(Seed::new(1));
        faults.add(Fault { times: Some(2), after: 1, ..Fault::new(What::Throttle).on("rds:*") });
        let now = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        assert!(faults.on_request("backup:ListBackupVaults", "eu-west-1", now).is_none());
        let hits: Vec<bool> =
            (0..4).map(|_| faults.on_request("rds:DescribeDBInstances", "eu-west-1", now).is_some()).collect();
        assert_eq!(hits, [false, true, true, false]);
    }

    #[test]
    fn a_fault_that_cannot_be_hit_is_a_mistake() {
        assert!(Fault::new(What::Throttle).on("rds:*").sense().is_ok());
        assert!(Fault::new(What::Throttle).on("rds:DeleteDBInstnce").sense().is_err());
        assert!(Fault::new(What::RolePowerless).on("rds:RestoreDBInstanceFromDBSnapshot").sense().is_ok());
        assert!(Fault::new(What::ClockSkew).sense().unwrap_err().contains("`by`"));
    }

    #[test]
    fn a_type_is_no_restore_where_a_fault_of_the_world_takes_types() {
        let about = |what, resource: &str| Fault { resource: Some(resource.to_owned()), ..Fault::new(what) };
        assert_eq!(about(What::NotOptedIn, "rds").restore(), None);
        assert_eq!(about(What::NotOptedIn, "orders").restore(), Some(&"orders".to_owned()));
        assert_eq!(about(What::JobFailed, "rds").restore(), Some(&"rds".to_owned()));
    }

    #[test]
    fn a_denied_delete_is_denied_and_nothing_else() {
        let mut faults = Faults::new(Seed::new(1));
        faults.add(Fault::new(What::DenyDelete));
        let now = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        assert!(faults.on_request("rds:ModifyDBInstance", "eu-west-1", now).is_none());
        assert!(matches!(
            faults.on_request("rds:DeleteDBInstance", "eu-west-1", now),
            Some(Mischief::Refuse(failure)) if failure.status == 403
        ));
    }
}
