//! What databases and instances report: one value for each whole minute since they are up, made from the seed, the
//! thing's id and the minute. What is gone, or not up, reports nothing, and its past is forgotten.

use jiff::Timestamp;

use crate::sandbox::restore::Timetable;
use crate::sandbox::seed::Seed;
use crate::sandbox::spec::Place;
use crate::sandbox::world::{Site, World};

/// Seconds of a minute.
pub(super) const MINUTE: i64 = 60;

const GIB: f64 = 1_073_741_824.0;

/// One metric of one thing.
pub(super) struct Series {
    pub(super) namespace: &'static str,
    pub(super) name: &'static str,
    /// Its one dimension, and the value of that: the thing's id.
    pub(super) dimension: &'static str,
    pub(super) id: String,
    pub(super) unit: &'static str,
    /// The first minute that is reported, since 1970.
    pub(super) first: i64,
    /// Values lie between these.
    range: (f64, f64),
    seed: Seed,
}

/// The minute of an instant, since 1970.
pub(super) fn minute(at: Timestamp) -> i64 {
    at.as_second().div_euclid(MINUTE)
}

/// When a minute begins.
pub(super) fn instant_of(minute: i64) -> Option<Timestamp> {
    Timestamp::from_second(minute.checked_mul(MINUTE)?).ok()
}

impl Series {
    /// What is reported of a minute.
    pub(super) fn value(&self, minute: i64) -> f64 {
        let Self { namespace, name, id, range: (least, most), .. } = self;
        let share = self.seed.stream(&format!("metric {namespace} {name} {id} {minute}")).unit();
        let value = least + (most - least) * share;
        if self.unit == "Percent" { value } else { value.round() }
    }
}

/// A thing that reports.
struct Thing<'a> {
    namespace: &'static str,
    dimension: &'static str,
    id: &'a str,
    /// The restore job that made it, and when it was up if there was none.
    made_by: Option<&'a str>,
    created: Timestamp,
    /// When what a job makes is up.
    up: fn(&Timetable) -> Timestamp,
    /// Each metric: name, unit, least and most.
    metrics: Vec<(&'static str, &'static str, f64, f64)>,
}

/// Every metric of an account in a region.
pub(super) fn all(world: &World, place: &Place) -> Vec<Series> {
    let Some(site) = world.sites.get(place) else { return Vec::new() };
    let things = databases(site).chain(members(site)).chain(instances(site));
    things.flat_map(|thing| series(&thing, site, world.seed)).collect()
}

fn series(thing: &Thing, site: &Site, seed: Seed) -> Vec<Series> {
    let job = thing.made_by.and_then(|id| site.restore_jobs.find(id));
    let up = job.map_or(thing.created, |job| (thing.up)(&job.timetable));
    let one = |&(name, unit, least, most): &(&'static str, &'static str, f64, f64)| Series {
        namespace: thing.namespace,
        name,
        dimension: thing.dimension,
        id: thing.id.to_owned(),
        unit,
        first: minute(up) + 1,
        range: (least, most),
        seed,
    };
    thing.metrics.iter().map(one).collect()
}

/// Nobody works on what was restored: it has little to do.
fn load(made_by: Option<&str>) -> Vec<(&'static str, &'static str, f64, f64)> {
    let (least, most, clients) = if made_by.is_some() { (1.0, 9.0, 2.0) } else { (14.0, 62.0, 40.0) };
    vec![("CPUUtilization", "Percent", least, most), ("DatabaseConnections", "Count", 0.0, clients)]
}

fn databases(site: &Site) -> impl Iterator<Item = Thing<'_>> {
    let up = site.shelves.rds.instances.values().filter(|one| !matches!(one.status, "creating" | "failed"));
    up.map(|one| {
        let made_by = one.made_by.as_deref();
        let mut metrics = load(made_by);
        let whole = f64::from(one.settings.size_gib) * GIB;
        metrics.push(("FreeStorageSpace", "Bytes", whole * 0.58, whole * 0.6));
        Thing {
            namespace: "AWS/RDS",
            dimension: "DBInstanceIdentifier",
            id: &one.id,
            made_by,
            created: one.created,
            up: |times| times.available,
            metrics,
        }
    })
}

/// Instances of clusters. The job made the cluster; the instance came later, by itself.
fn members(site: &Site) -> impl Iterator<Item = Thing<'_>> {
    let up = site.shelves.clusters.members.values().filter(|one| one.status == "available");
    up.map(|one| Thing {
        namespace: "AWS/RDS",
        dimension: "DBInstanceIdentifier",
        id: &one.id,
        made_by: None,
        created: one.created,
        up: |times| times.available,
        metrics: load(one.made_by.as_deref()),
    })
}

fn instances(site: &Site) -> impl Iterator<Item = Thing<'_>> {
    let up = site.shelves.ec2.instances.values().filter(|one| one.state == "running");
    up.map(|one| Thing {
        namespace: "AWS/EC2",
        dimension: "InstanceId",
        id: &one.id,
        made_by: one.made_by.as_deref(),
        created: one.launched,
        up: |times| times.created,
        metrics: vec![("CPUUtilization", "Percent", 0.5, 12.0), ("StatusCheckFailed", "Count", 0.0, 0.0)],
    })
}

#[cfg(test)]
mod tests {
    use super::{Series, instant_of, minute};
    use crate::sandbox::seed::Seed;

    fn series(id: &str) -> Series {
        Series {
            namespace: "AWS/RDS",
            name: "CPUUtilization",
            dimension: "DBInstanceIdentifier",
            id: id.to_owned(),
            unit: "Percent",
            first: 0,
            range: (10.0, 20.0),
            seed: Seed::new(7),
        }
    }

    #[test]
    fn values_are_the_same_each_time_and_differ_by_thing_and_minute() {
        let told = |id: &str| (0..60).map(|minute| series(id).value(minute).to_string()).collect::<Vec<_>>();
        assert_eq!(told("orders"), told("orders"));
        assert_ne!(told("orders"), told("ledger"));
        assert!((0..60).all(|minute| (10.0..20.0).contains(&series("orders").value(minute))));
        assert_ne!(series("orders").value(1).to_string(), series("orders").value(2).to_string());
    }

    #[test]
    fn a_minute_is_that_of_its_first_instant() {
        let at = instant_of(29_000_001).unwrap();
        assert_eq!((minute(at), at.as_second()), (29_000_001, 1_740_000_060));
        assert_eq!(instant_of(i64::MAX), None);
    }
}
