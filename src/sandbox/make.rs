//! Makes a world from a spec: vaults, nightly recovery points and their copies, networks, keys, secrets, instances.
//!
//! Pure but for nothing: the same spec, seed and start give the same world. `blueprint` keeps what is long and never changes
//! for the next world, and puts both parts together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::sandbox::blueprint::{Growing, Lists};
use crate::sandbox::clock::{earlier, later};
use crate::sandbox::fault::Faults;
use crate::sandbox::network;
use crate::sandbox::rates::Buckets;
use crate::sandbox::role::{RESTORES, Role, S3_RESTORE, Trust};
use crate::sandbox::seed::{Seed, Stream};
use crate::sandbox::signing::KeySpec;
use crate::sandbox::spec::{Credential, OtherSecret, Place, ResourceSpec, SecretHome, WorldSpec};
use crate::sandbox::thing::database::Databases;
use crate::sandbox::thing::{self, Copied};
use crate::sandbox::world::{BackupPlan, CopyJob, Key, Point, Selects, StoredSecret, Vault, World};
use crate::words::arn::Arn;

/// Nightly recovery points are kept this long.
const RETENTION_DAYS: u32 = 35;

/// A night's recovery point is never closer to the world's start than this, so that its copy has arrived.
const FRESHEST: SignedDuration = SignedDuration::from_hours(2);

/// Builds the world of a spec and its resources, but for recovery points, copy jobs and faults.
pub(crate) fn make(
    spec: &WorldSpec,
    resources: &[Arc<ResourceSpec>],
    (seed, started): (u64, Timestamp),
    databases: Databases,
) -> World {
    let seed = Seed::new(seed);
    let mut world = World {
        started,
        now: started,
        seed,
        default_account: spec.default_account.clone(),
        quotas: spec.quotas,
        profile: spec.profile.clone(),
        classes: resources.iter().map(|resource| resource.instance_class.clone()).collect(),
        sites: BTreeMap::new(),
        roles: BTreeMap::new(),
        pass_role_denied: false,
        disabled: BTreeSet::new(),
        skew: SignedDuration::ZERO,
        faults: Faults::new(seed),
        buckets: Buckets::default(),
        calls: Vec::new(),
        databases,
        made_things: 0,
    };
    let destinations: BTreeSet<Place> = resources.iter().map(|resource| resource.destination.clone()).collect();
    for resource in resources {
        add_resource(&mut world, resource);
    }
    for place in &destinations {
        spec.functions.iter().for_each(|(name, declared)| thing::lambda::declare(&mut world, place, name, *declared));
        spec.instances.iter().for_each(|(id, declared)| thing::ec2::declare(&mut world, place, id, *declared));
    }
    spec.evidence.add_to(&mut world);
    world
}

fn add_resource(world: &mut World, spec: &Arc<ResourceSpec>) {
    let vaults = Vaults::of(spec);
    add_vault(world, &spec.source, &vaults.source, &vaults.source_arn);
    add_vault(world, &spec.destination, spec.vault.as_str(), &vaults.destination_arn);
    add_role(world, &spec.restore_role);
    network::add(world, spec);
    spec.physics().add_source(world, spec);
    thing::lambda::add_named(world, spec);
    thing::ec2::add_named(world, spec);
    add_secrets(world, spec);
    add_plan(world, spec, &vaults.source, &vaults.destination_arn);
}

/// A restore role as the guide of AWS Backup makes it.
fn add_role(world: &mut World, arn: &Arn) {
    let created = earlier(world.started, SignedDuration::from_hours(24 * 390));
    let id = format!("AROA{}", world.seed.stream(&format!("role {arn}")).word(17));
    let arn = arn.to_string();
    world.roles.entry(arn.clone()).or_insert(Role {
        arn,
        id,
        created,
        trusts: Trust::Backup,
        policies: vec![RESTORES, S3_RESTORE],
        denied: Vec::new(),
    });
}

/// The plan that makes the source's recovery points, in the source's region. It selects by the tag that tells it.
fn add_plan(world: &mut World, spec: &ResourceSpec, vault: &str, copies_to: &str) {
    let Some(id) = &spec.plan else { return };
    let created = earlier(world.started, SignedDuration::from_hours(24 * 380));
    let value = spec.tags.get("backup").map_or("nightly", String::as_str);
    let plans = &mut world.site(&spec.source).plans;
    if !plans.iter().any(|plan| plan.id == *id) {
        plans.push(BackupPlan {
            id: id.clone(),
            name: id.clone(),
            vault: vault.to_owned(),
            copies_to: Some(copies_to.to_owned()),
            created,
            selects: Selects::Tagged("backup".to_owned(), value.to_owned()),
        });
    }
}

struct Vaults {
    source: String,
    source_arn: String,
    destination_arn: String,
}

impl Vaults {
    fn of(spec: &ResourceSpec) -> Self {
        let source = format!("{}-source", spec.vault.as_str().chars().take(43).collect::<String>());
        let arn = |place: &Place, name: &str| {
            format!("arn:aws:backup:{}:{}:backup-vault:{name}", place.region, place.account)
        };
        Self {
            source_arn: arn(&spec.source, &source),
            destination_arn: arn(&spec.destination, spec.vault.as_str()),
            source,
        }
    }
}

fn add_vault(world: &mut World, place: &Place, name: &str, arn: &str) {
    let created = earlier(world.started, SignedDuration::from_hours(24 * 400));
    let mut stream = world.seed.stream(&format!("vault {arn}"));
    let site = world.site(place);
    if !site.vaults.contains_key(name) {
        let key = format!("arn:aws:kms:{}:{}:key/{}", place.region, place.account, stream.uuid());
        site.keys.push(Key { arn: key.clone(), enabled: true, shut: false, created, spec: KeySpec::Symmetric });
        site.vaults.insert(name.to_owned(), Vault { arn: arn.to_owned(), key, created, denies: false });
    }
}

/// The password that a secret's home holds in this world: the same for everybody who names the home.
pub(crate) fn password(seed: Seed, home: &SecretHome) -> String {
    let name = format!("secret {} {}", home.id, home.key.as_deref().unwrap_or_default());
    seed.stream(&name).hex(24)
}

/// The password of a database user.
pub(crate) fn user_password(seed: Seed, credential: &Credential) -> String {
    match credential {
        Credential::Fixed(password) => password.clone(),
        Credential::Kept(home) => password(seed, home),
    }
}

fn add_secrets(world: &mut World, spec: &ResourceSpec) {
    let seed = world.seed;
    let mut values: Vec<(SecretHome, Option<String>, String)> = Vec::new();
    for (user, credential) in &spec.users {
        if let Credential::Kept(home) = credential {
            values.push((home.clone(), Some(user.clone()), password(seed, home)));
        }
    }
    // What holds somebody's password goes before what holds nobody's: the first value of a secret stays.
    let holds_one = |other: &&OtherSecret| other.same_as.is_some();
    let (some, none): (Vec<_>, Vec<_>) = spec.other_secrets.iter().partition(holds_one);
    for other in some.into_iter().chain(none) {
        let known = other.same_as.as_ref().and_then(|user| spec.users.get(user));
        let value = known.map_or_else(|| password(seed, &other.home), |credential| user_password(seed, credential));
        values.push((other.home.clone(), other.same_as.clone(), value));
    }
    for (home, user, value) in values {
        store_secret(world, &spec.destination, &home, user.as_deref(), value);
    }
}

fn store_secret(world: &mut World, place: &Place, home: &SecretHome, user: Option<&str>, value: String) {
    let mut stream = world.seed.stream(&format!("secret's arn {} {}", place.region, home.id));
    let created = earlier(world.started, SignedDuration::from_hours(24 * 200));
    let (name, arn) = match home.id.split_once(":secret:") {
        Some((_, name)) => (name.rsplit_once('-').map_or(name, |(name, _)| name).to_owned(), home.id.clone()),
        None => {
            let tail = stream.hex(6);
            let arn = format!("arn:aws:secretsmanager:{}:{}:secret:{}-{tail}", place.region, place.account, home.id);
            (home.id.clone(), arn)
        }
    };
    let version = stream.uuid();
    let site = world.site(place);
    let known = site.secrets.iter().position(|secret| secret.name == name);
    let before = known.and_then(|at| site.secrets.get(at)).map(|secret| secret.value.clone());
    let value = match &home.key {
        None => before.unwrap_or(value),
        Some(key) => {
            let mut object = before
                .and_then(|text| serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text).ok())
                .unwrap_or_default();
            if let Some(user) = user {
                object.entry("username").or_insert_with(|| user.into());
            }
            object.entry(key.as_str()).or_insert_with(|| value.into());
            serde_json::Value::Object(object).to_string()
        }
    };
    match known.and_then(|at| site.secrets.get_mut(at)) {
        Some(secret) => secret.value = value,
        None => site.secrets.push(StoredSecret { name, arn, value, version, created }),
    }
}

/// The newest nightly moment: 05:00 UTC, or another hour if 05:00 lies too close to the world's start or nearly a day
/// before it.
fn last_night(started: Timestamp) -> Timestamp {
    let day = 86_400;
    let today = started.as_second().div_euclid(day) * day;
    let at = |hour: i64| {
        let second = today + hour * 3_600;
        let second = if second > started.as_second() { second - day } else { second };
        Timestamp::from_second(second).unwrap_or(started)
    };
    let fits = |moment: &Timestamp| {
        let age = started.duration_since(*moment);
        age >= FRESHEST && age <= SignedDuration::from_hours(22)
    };
    [5, 2, 23].into_iter().map(at).find(fits).unwrap_or_else(|| at(5))
}

/// Makes the recovery points of a resource, in a world that was made with it: in its source, and their copies.
pub(crate) fn add_points(world: &World, spec: &Arc<ResourceSpec>, lists: &mut Growing) {
    let vaults = Vaults::of(spec);
    let newest = last_night(world.started);
    let newest_copy = spec.newest_copy_age.map(|age| earlier(world.started, age));
    let mut stream = world.seed.stream(&format!("points {} {}", spec.arn, vaults.destination_arn));
    let mut copies = Vec::new();
    for night in 0..i64::from(RETENTION_DAYS) {
        let created = earlier(newest, SignedDuration::from_hours(24 * night));
        let arrives = newest_copy.is_none_or(|limit| created <= limit);
        copies.extend(add_night(world, spec, &vaults, (created, arrives), lists.at(&spec.source), &mut stream));
    }
    let extra = ineligible(world.started, newest, &copies, &mut stream);
    copies.extend(extra.into_iter().filter(|point| newest_copy.is_none_or(|limit| point.created <= limit)));
    let here = lists.at(&spec.destination);
    for copy in copies {
        here.add(copy);
    }
    here.shuffle(&mut stream);
    lists.at(&spec.source).shuffle(&mut stream);
}

/// One night: the recovery point in the source region, its copy job, and the copy if it arrived.
fn add_night(
    world: &World,
    spec: &Arc<ResourceSpec>,
    vaults: &Vaults,
    (created, arrives): (Timestamp, bool),
    there: &mut Lists,
    stream: &mut Stream,
) -> Option<Point> {
    let key = |place: &Place, vault: &str| {
        let known = world.sites.get(place).and_then(|site| site.vaults.get(vault));
        known.map(|vault| vault.key.clone()).unwrap_or_default()
    };
    let taken = later(created, stream.between(240.0, 900.0));
    let copied = later(taken, stream.between(300.0, 2_700.0));
    let kind = spec.physics();
    let source_arn = kind.point_arn(&spec.source, spec, Copied::Original, stream);
    let copy_arn = kind.point_arn(&spec.destination, spec, Copied::Copy, stream);
    let original = Point {
        arn: source_arn.clone(),
        vault: vaults.source.clone(),
        source_vault: None,
        source: Arc::clone(spec),
        created,
        completed: taken,
        status: "COMPLETED",
        status_message: None,
        delete_after_days: RETENTION_DAYS,
        delete_after_copy: false,
        cold: false,
        key: key(&spec.source, &vaults.source),
    };
    there.copy_jobs.push(CopyJob {
        id: stream.uuid().to_uppercase(),
        source: Arc::clone(spec),
        source_vault: vaults.source_arn.clone(),
        source_point: source_arn,
        destination_vault: vaults.destination_arn.clone(),
        destination_point: arrives.then(|| copy_arn.clone()),
        created: taken,
        completed: Some(copied),
        state: if arrives { "COMPLETED" } else { "FAILED" },
        message: (!arrives).then_some("Copy job failed because there was an internal failure"),
    });
    let copy = arrives.then(|| Point {
        arn: copy_arn,
        vault: spec.vault.to_string(),
        source_vault: Some(vaults.source_arn.clone()),
        completed: copied,
        key: key(&spec.destination, spec.vault.as_str()),
        ..original.clone()
    });
    there.add(original);
    copy
}

/// A few recovery points that a drill must not pick, each where it would really be.
fn ineligible(started: Timestamp, newest: Timestamp, copies: &[Point], stream: &mut Stream) -> Vec<Point> {
    let Some(like) = copies.first() else { return Vec::new() };
    let source = Arc::clone(&like.source);
    let mut another = |created: Timestamp| Point {
        arn: source.physics().point_arn(&source.destination, &source, Copied::Copy, stream),
        created,
        completed: later(created, SignedDuration::from_mins(30)),
        ..like.clone()
    };
    let days = |count: i64| SignedDuration::from_hours(24 * count);
    let temporary = Point { delete_after_copy: true, ..another(later(newest, SignedDuration::from_mins(50))) };
    let partial = Point {
        status: "PARTIAL",
        status_message: Some("Some resources of this recovery point are missing"),
        ..another(earlier(newest, SignedDuration::from_hours(31)))
    };
    // Kept for one day, and made so that the day ends within the hour.
    let ending =
        Point { delete_after_days: 1, ..another(later(earlier(started, days(1)), SignedDuration::from_mins(40))) };
    let cold = Point { cold: true, delete_after_days: 365, ..another(earlier(newest, days(100))) };
    let expired = Point {
        status: "EXPIRED",
        status_message: Some("AWS Backup is unable to delete this recovery point: insufficient permissions"),
        ..another(earlier(newest, days(37)))
    };
    let deleting = Point { status: "DELETING", ..another(earlier(newest, days(35))) };
    vec![temporary, partial, ending, cold, expired, deleting]
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::last_night;

    #[test]
    fn last_night_is_always_more_than_two_and_less_than_twenty_four_hours_ago() {
        let midnight: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
        for minute in 0..1_440 {
            let started = midnight + SignedDuration::from_mins(minute);
            let age = started.duration_since(last_night(started));
            assert!(age >= SignedDuration::from_hours(2) && age < SignedDuration::from_hours(24), "{started} {age}");
        }
    }
}
