//! `ref-1`, the reference profile: rates, places, times and the mix of types, and the least time in which it can be done.
//!
//! The rates and places stand at a door before the simulated AWS, whose own documented rates are switched off for it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::Response;
use jiff::{SignedDuration, Timestamp};
use restore_drill::aws::exchange::Exchange;
use restore_drill::aws::resource::facts;
use restore_drill::cloud::Cloud;
use restore_drill::definition::model::Definition;
use restore_drill::journal::event::{Earlier, Tried};
use restore_drill::journal::store::Store;
use restore_drill::plan::compile::compile;
use restore_drill::probe::Observed;
use restore_drill::run::drive::Ended;
use restore_drill::run::places::{expected, wants};
use restore_drill::run::prober::{Prober, Question};
use restore_drill::run::watch::Watch;
use restore_drill::sandbox::{IdleClock, WorldFile, WorldSpec};
use restore_drill::words::kind::Verdict;
use restore_drill::words::time::Clock;
use serde_json::Value;

use crate::figure::{explain, number};
use crate::inside::{Door, Inside, Refusal, Tally};
use crate::many::{self, Asks, Begun};
use crate::{no_op, waits};

/// When every simulation begins.
const START: &str = "2026-11-21T12:00:00Z";

/// A probe takes so long.
const PROBE: SignedDuration = SignedDuration::from_secs(20);

/// A deletion takes so long in the bound.
const DELETE_SECONDS: f64 = 60.0;

/// A restore takes at most so much longer or shorter than in the run before.
const DIFFERS: f64 = 0.05;

/// Requests of one kind: so many a second, and so many at once.
struct Rate {
    each_second: f64,
    burst: f64,
}

/// A type of resource.
struct Kind {
    word: &'static str,
    /// Of twenty drills.
    share: usize,
    /// Restores at a time.
    places: usize,
    /// Of a restore, lognormal.
    median_minutes: f64,
    sigma: f64,
}

static KINDS: [Kind; 5] = [
    Kind { word: "rds", share: 6, places: 40, median_minutes: 12.0, sigma: 0.5 },
    Kind { word: "ebs", share: 5, places: 100, median_minutes: 3.0, sigma: 0.5 },
    Kind { word: "ec2", share: 3, places: 100, median_minutes: 6.0, sigma: 0.5 },
    Kind { word: "dynamodb", share: 4, places: 50, median_minutes: 25.0, sigma: 0.35 },
    Kind { word: "s3", share: 2, places: 30, median_minutes: 35.0, sigma: 0.6 },
];

/// The rate of an operation, and what shares it.
fn rate(operation: &str) -> Option<(&'static str, Rate)> {
    let verb = operation.split_once(':').map_or(operation, |(_, verb)| verb);
    match verb {
        "StartRestoreJob" => Some(("start", Rate { each_second: 1.0, burst: 10.0 })),
        "DescribeRestoreJob" => Some(("describe", Rate { each_second: 10.0, burst: 20.0 })),
        "ListRestoreJobs" => Some(("list", Rate { each_second: 5.0, burst: 10.0 })),
        _ if verb.starts_with("Delete") || verb.starts_with("Terminate") => {
            Some(("delete", Rate { each_second: 5.0, burst: 50.0 }))
        }
        _ => None,
    }
}

/// A small generator (splitmix64): the same drills on every machine.
struct Stream(u64);

impl Stream {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        (f64::from(u32::try_from(mixed >> 32).unwrap_or(0)) + 0.5) / 4_294_967_296.0
    }

    /// Box and Muller.
    fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        let radius = (-2.0 * self.unit().ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * self.unit()).cos();
        median * (sigma * normal).exp()
    }
}

/// One drill of the simulation.
struct Drill {
    kind: usize,
    seconds: f64,
    /// What the drill knows of itself, if it ran before: its restore took this share longer then.
    was_longer: f64,
    definition: Definition,
    world: WorldSpec,
}

impl Drill {
    /// What came of its run a day before. How long its removal took is left out.
    fn earlier(&self, began: Timestamp) -> Vec<Earlier> {
        let at = began.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(began);
        let took = SignedDuration::from_secs_f64(self.seconds * (1.0 + self.was_longer));
        let restores = self.definition.restore.keys().map(|name| (name.clone(), took)).collect();
        vec![Earlier {
            run: many::run_id(at, 0),
            at,
            verdict: Verdict::Passed,
            rto: None,
            rpo: None,
            copy_lag: None,
            data_age: None,
            restores,
            removals: BTreeMap::new(),
        }]
    }
}

fn kind_of(number: usize) -> usize {
    let mut at = number % KINDS.iter().map(|kind| kind.share).sum::<usize>();
    for (index, kind) in KINDS.iter().enumerate() {
        if at < kind.share {
            return index;
        }
        at -= kind.share;
    }
    0
}

fn resource(kind: &str, number: usize) -> (String, &'static str) {
    const PLACE: &str = "eu-west-2:123456789012";
    match kind {
        "rds" => (format!("arn:aws:rds:{PLACE}:db:db-{number:05}"), ""),
        "ebs" => (
            format!("arn:aws:ec2:{PLACE}:volume/vol-{number:017x}"),
            "    with: { availability_zone: eu-west-1a, volume_type: gp3 }\n",
        ),
        "ec2" => (
            format!("arn:aws:ec2:{PLACE}:instance/i-{number:017x}"),
            "    with: { instance_type: t3.medium, subnet: subnet-0a1b2c3d4e5f60718, security_groups: [sg-0a1b2c3d4e5f60718] }\n",
        ),
        "dynamodb" => (format!("arn:aws:dynamodb:{PLACE}:table/table-{number:05}"), ""),
        _ => (format!("arn:aws:s3:::bucket-{number:05}-example"), ""),
    }
}

/// The definition's text.
fn text(kind: &str, number: usize) -> String {
    let (arn, with) = resource(kind, number);
    format!(
        "version: 1\nname: drill-{number:05}\ntitle: Drill {number}\nowner: platform@example.com\nlimits: {{ max_duration: 20d }}\n\
         source: {{ region: eu-west-2, account: \"123456789012\" }}\ndestination:\n  region: eu-west-1\n  account: \
         \"123456789012\"\n  vault: vault-{kind}-dr\n  restore_role: arn:aws:iam::123456789012:role/drill-restore\nrestore:\n  \
         it:\n    type: {kind}\n    resource: {arn}\n{with}    timeout: 15d\nprobes:\n  holds:\n    on: it\n    describe: {{}}\n\
         teardown: {{ timeout: 15d }}\n"
    )
}

/// What the world of a drill knows besides its definition. Places are counted at the door.
fn world_file(seconds: f64) -> String {
    format!(
        "version: 1\nquotas: {{ request_rates: false, token_lifetime: 60d, db_instances: 100000, vcpus: 1000000, gp3_tib: \
         1000000, dynamodb_tables: 100000, s3_buckets: 100000 }}\nresources:\n  it: {{ restore: {{ takes: {seconds:.0}s }} }}\n"
    )
}

fn drills(count: usize) -> Result<Vec<Drill>, String> {
    let (mut stream, mut before) = (Stream(7), Stream(11));
    let one = |number: usize| -> Result<Drill, String> {
        let kind = kind_of(number);
        let Kind { word, median_minutes, sigma, .. } = &KINDS[kind];
        let seconds = stream.lognormal(median_minutes * 60.0, *sigma).clamp(30.0, 86_400.0);
        let definition = no_op::definition(&text(word, number))?;
        let file = WorldFile::read("bench.world.yaml", &world_file(seconds)).map_err(explain)?;
        let world = WorldSpec::from_definition(&definition).overlay(file);
        let was_longer = (before.unit() - 0.5) * 2.0 * DIFFERS;
        Ok(Drill { kind, seconds, was_longer, definition, world })
    };
    (0..count).map(one).collect()
}

/// The least time in which they can be done, in seconds.
fn bound(drills: &[Drill]) -> f64 {
    let of_kind = |index: usize| {
        let times = drills.iter().filter(|drill| drill.kind == index).map(|drill| drill.seconds);
        let longest = times.clone().fold(0.0, f64::max);
        longest.max(times.sum::<f64>() / number(KINDS[index].places))
    };
    let restores = (0..KINDS.len()).map(of_kind).fold(0.0, f64::max);
    let starts =
        rate("backup:StartRestoreJob").map_or(0.0, |(_, rate)| (number(drills.len()) - rate.burst) / rate.each_second);
    restores.max(starts) + PROBE.as_secs_f64() + DELETE_SECONDS
}

/// The door of the profile.
struct Ref1 {
    buckets: HashMap<&'static str, (f64, Timestamp)>,
    /// When the restores end that are under way, by kind.
    under_way: Vec<BinaryHeap<Reverse<Timestamp>>>,
    /// The drill of a recovery point.
    points: HashMap<String, (usize, SignedDuration)>,
    jobs: BTreeSet<String>,
    /// From then on every rate is half of what it was.
    halved_at: Option<Timestamp>,
}

impl Ref1 {
    fn is_too_fast(&mut self, operation: &str, now: Timestamp) -> bool {
        let Some((name, rate)) = rate(operation) else { return false };
        let share = if self.halved_at.is_some_and(|at| now >= at) { 0.5 } else { 1.0 };
        let most = rate.burst * share;
        let (tokens, last) = self.buckets.entry(name).or_insert((most, now));
        *tokens = (*tokens + now.duration_since(*last).as_secs_f64().max(0.0) * rate.each_second * share).min(most);
        *last = now;
        if *tokens < 1.0 {
            return true;
        }
        *tokens -= 1.0;
        false
    }

    /// The kind of what a start restores, and how long that takes.
    fn wish(&self, body: &[u8]) -> Option<(usize, SignedDuration)> {
        let body: Value = serde_json::from_slice(body).ok()?;
        self.points.get(body["RecoveryPointArn"].as_str()?).copied()
    }

    fn is_full(&mut self, body: &[u8], now: Timestamp) -> bool {
        let Some((kind, _)) = self.wish(body) else { return false };
        let under_way = &mut self.under_way[kind];
        while under_way.peek().is_some_and(|Reverse(end)| *end <= now) {
            under_way.pop();
        }
        under_way.len() >= KINDS[kind].places
    }
}

impl Door for Ref1 {
    fn refuses(&mut self, operation: &str, asked: &[u8], now: Timestamp) -> Option<Refusal> {
        if self.is_too_fast(operation, now) {
            return Some(Refusal::Rate);
        }
        (operation == "backup:StartRestoreJob" && self.is_full(asked, now)).then_some(Refusal::Places)
    }

    fn answered(&mut self, operation: &str, asked: &[u8], answer: &Response<Bytes>, now: Timestamp) {
        if operation != "backup:StartRestoreJob" || !answer.status().is_success() {
            return;
        }
        let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let Some((kind, length)) = self.wish(asked) else { return };
        if body["RestoreJobId"].as_str().is_some_and(|job| self.jobs.insert(job.to_owned())) {
            self.under_way[kind].push(Reverse(now.saturating_add(length).unwrap_or(Timestamp::MAX)));
        }
    }
}

/// Whatever is asked holds, after the time of a probe.
struct AfterAWhile;

#[async_trait]
impl Prober for AfterAWhile {
    async fn ask(&self, _: Question, clock: &Arc<dyn Clock>) -> Tried {
        clock.sleep_until(clock.now().saturating_add(PROBE).unwrap_or(Timestamp::MAX)).await;
        Tried::Held { observed: Observed { values: BTreeMap::new(), facts: BTreeMap::new() }, explained: Vec::new() }
    }
}

/// What a simulation brought.
pub(crate) struct Simulated {
    pub(crate) drills: usize,
    pub(crate) passed: usize,
    /// From the first start to the last end, and the least that it can be, in seconds.
    pub(crate) makespan: f64,
    pub(crate) bound: f64,
    pub(crate) tally: Tally,
    /// What the first says that did not pass.
    pub(crate) complaint: Option<String>,
}

/// How drills are simulated.
#[derive(Clone, Copy)]
pub(crate) struct How {
    /// So many, all asked for at once.
    pub(crate) drills: usize,
    /// Each ran before, and knows how long its restore took then.
    pub(crate) ran_before: bool,
    /// In the middle every rate of AWS becomes half of what it was.
    pub(crate) halves: bool,
}

/// Runs them.
pub(crate) fn simulate(how: How) -> Result<Simulated, String> {
    let clock = IdleClock::new(START.parse::<Timestamp>().map_err(|_| "the start is no instant".to_owned())?);
    many::virtual_runtime(&clock)?.block_on(simulated(how, &clock))
}

async fn simulated(how: How, clock: &Arc<IdleClock>) -> Result<Simulated, String> {
    let How { drills: count, ran_before, halves } = how;
    let drills = drills(count)?;
    let bound = bound(&drills);
    let first = drills.first().ok_or("no drill")?;
    let world = WorldSpec::merge_all(drills.iter().map(|drill| drill.world.clone())).ok_or("no drill")?;
    let inside = Inside::new(world, clock);
    let exchange: Arc<dyn Exchange> = Arc::clone(&inside) as Arc<dyn Exchange>;
    let cloud = waits::cloud_over(&first.definition, &exchange).await?;
    let points = points(&drills, &cloud).await?;
    let began = clock.now();
    let middle = SignedDuration::from_secs_f64(bound / 2.0);
    inside.put(Box::new(Ref1 {
        buckets: HashMap::new(),
        under_way: KINDS.iter().map(|_| BinaryHeap::new()).collect(),
        points,
        jobs: BTreeSet::new(),
        halved_at: halves.then(|| began.saturating_add(middle).unwrap_or(Timestamp::MAX)),
    }));
    // Virtual time does not pass while a disk syncs: the journals are in memory where the machine has such a folder.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).map_err(explain)?;
    let store = Store::open(&folder.path().join("state")).map_err(explain)?;
    let view = Arc::clone(clock) as Arc<dyn Clock>;
    let watch = Watch::new(Arc::clone(&cloud.vault), Arc::clone(&view));
    let known = |drill: &Drill| if ran_before { drill.earlier(began) } else { Vec::new() };
    let of = |index: usize| folder.path().join(format!("run-{index}"));
    let begin = |index: usize| {
        let definition = &drills[index].definition;
        let plan = compile(definition, facts).map_err(explain)?;
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        let begun = many::begin_after(&store, plan, view.now(), number, known(&drills[index]));
        let (state, journal) = begun.map_err(|why| format!("run {index} of {count} could not begin: {why}"))?;
        let own = Cloud { vault: Arc::new(watch.beside()), ..cloud.clone() };
        let mut services = no_op::services(own, &definition.destination.region, &of(index));
        services.clock = Arc::clone(&view);
        services.prober = Arc::new(AfterAWhile);
        services.look_for_requests = std::time::Duration::from_secs(24 * 3_600);
        Ok(Begun { services, state, journal })
    };
    let asks = |drill: &Drill| Asks {
        wants: wants(&drill.definition),
        expected: expected(&drill.definition, &known(drill), facts),
    };
    let (mut passed, mut last, mut complaint) = (0, began, None);
    let over = |index, ended| {
        // So many reports are more than is needed.
        let _ = std::fs::remove_dir_all(of(index));
        match outcome(ended) {
            Ok(at) => {
                passed += 1;
                last = last.max(at);
            }
            Err(why) => {
                complaint.get_or_insert(why);
            }
        }
    };
    many::drive_admitted(drills.iter().map(asks).collect(), &view, begin, over).await?;
    let makespan = last.duration_since(began).as_secs_f64();
    Ok(Simulated { drills: count, passed, makespan, bound, tally: inside.tally(), complaint })
}

/// When it passed, or why it did not.
fn outcome(ended: Result<Ended, String>) -> Result<Timestamp, String> {
    let Ended::Concluded(state) = ended? else { return Err("a drill did not end".to_owned()) };
    let (at, conclusion) = state.concluded.as_ref().ok_or("a drill has no verdict")?;
    if conclusion.verdict == Verdict::Passed {
        return Ok(*at);
    }
    let reason = conclusion.reasons.first().map_or_else(String::new, |reason| format!(": {reason:?}"));
    Err(format!("{} ended {}{reason}", state.started.plan.definition.name, conclusion.verdict))
}

/// The drill of each recovery point.
async fn points(drills: &[Drill], cloud: &Cloud) -> Result<HashMap<String, (usize, SignedDuration)>, String> {
    let mut points = HashMap::new();
    for drill in drills {
        let length = SignedDuration::from_secs_f64(drill.seconds);
        for restore in drill.definition.restore.values() {
            let vault = &drill.definition.destination.vault;
            let found = cloud.vault.recovery_points(vault, &restore.resource).await.map_err(explain)?;
            points.extend(found.into_iter().map(|point| (point.arn.to_string(), (drill.kind, length))));
        }
    }
    Ok(points)
}
