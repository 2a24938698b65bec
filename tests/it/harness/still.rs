//! A world in memory, in which time stands still while anything can be done: what happens happens at exact instants, the same
//! each time, so it can be timed and counted. The clients are the product's own, down to the bytes of the wire.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use restore_drill::aws::exchange::Exchange;
use restore_drill::aws::resource::facts;
use restore_drill::aws::session::{Connected, Override, Side, connect_inside};
use restore_drill::cloud::Cloud;
use restore_drill::cloud::error::CloudError;
use restore_drill::cloud::vault::{StartRestore, Vault};
use restore_drill::journal::event::{Earlier, Event, Recorded, RunStarted, Tried};
use restore_drill::journal::state::State;
use restore_drill::journal::store::{RunJournal, Store};
use restore_drill::plan::compile::compile;
use restore_drill::plan::step::Plan;
use restore_drill::probe::Observed;
use restore_drill::run::drive::{Beside, Driven, Ended, Observer, Signal, drive, drive_beside};
use restore_drill::run::guards::Guards;
use restore_drill::run::prober::{Prober, Question};
use restore_drill::run::services::Services;
use restore_drill::run::stop::Unstoppable;
use restore_drill::sandbox::{Direct, IdleClock, WorldFile, WorldSpec, access_key};
use restore_drill::words::arn::Arn;
use restore_drill::words::id::{JobId, Region, RunId};
use restore_drill::words::kind::Verdict;
use restore_drill::words::secret::Secret;
use restore_drill::words::time::Clock;
use tokio::sync::mpsc;

use crate::harness::life::{AMPLE, conclusion, started};
use crate::harness::paper::{ORDERS, START, name};
use crate::harness::worlds::{self, ACCOUNT};

/// No test lasts longer, in real time.
const LONGEST: Duration = Duration::from_secs(120);

/// What was asked of a run from elsewhere is never looked for: real time that no test takes.
const NEVER: Duration = Duration::from_secs(24 * 3_600);

/// What is answered in the place of the world to an operation at an instant.
pub(crate) type Says = Box<dyn Fn(&str, Timestamp) -> Option<Refusal> + Send + Sync>;

/// A refusal of a service that speaks JSON.
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    pub(crate) retry_after: Option<&'static str>,
}

/// The world that something is played in.
pub(crate) struct Scene<'a> {
    definition: &'a str,
    file: &'a str,
    says: Says,
}

impl Scene<'static> {
    /// The quick world of [`worlds::ORDERS`].
    pub(crate) fn orders() -> Self {
        Self::new(worlds::ORDERS, worlds::QUICK)
    }

    /// The same where this is refused.
    pub(crate) fn refusing(says: Says) -> Self {
        Self { says, ..Self::orders() }
    }
}

impl<'a> Scene<'a> {
    /// The world of a definition, with a world file of its own. It answers everything itself.
    pub(crate) fn new(definition: &'a str, file: &'a str) -> Self {
        Self { definition, file, says: Box::new(|_, _| None) }
    }
}

/// A wire between the product and the world.
struct Wire {
    direct: Direct,
    clock: Arc<IdleClock>,
    says: Says,
    sent: Mutex<Vec<(String, Timestamp, bool)>>,
}

impl Wire {
    fn sent(&self) -> MutexGuard<'_, Vec<(String, Timestamp, bool)>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Exchange for Wire {
    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let operation = self.direct.operation(&request).unwrap_or_default();
        let now = self.clock.now();
        let refusal = (self.says)(&operation, now);
        self.sent().push((operation, now, refusal.is_some()));
        let Some(refusal) = refusal else {
            return self.direct.exchange(request).await.map_err(|cut| cut.to_string());
        };
        let mut response = Response::builder().status(400).header("x-amzn-errortype", refusal.code);
        if let Some(seconds) = refusal.retry_after {
            response = response.header("retry-after", seconds);
        }
        response.body(Bytes::from_static(b"{\"message\": \"no\"}")).map_err(|error| error.to_string())
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as Arc<dyn Clock>
    }
}

/// The world, the clients, what went between them, and the plan as it was compiled.
#[derive(Clone)]
pub(crate) struct Still {
    pub(crate) clock: Arc<IdleClock>,
    pub(crate) direct: Direct,
    pub(crate) cloud: Cloud,
    plan: Plan,
    start: Timestamp,
    wire: Arc<Wire>,
}

/// Plays something in a scene. Its clock jumps whenever nothing is left to do.
pub(crate) fn play<T, F: Future<Output = T>>(scene: Scene<'_>, plays: impl FnOnce(Still) -> F) -> T {
    let clock = IdleClock::new(START.parse().expect("an instant"));
    let idle = Arc::clone(&clock);
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().on_thread_park(move || _ = idle.jump()).build().expect("a runtime");
    runtime.block_on(async {
        let still = Still::new(scene, clock).await;
        tokio::time::timeout(LONGEST, plays(still)).await.expect("it ends")
    })
}

impl Still {
    async fn new(scene: Scene<'_>, clock: Arc<IdleClock>) -> Self {
        let start = clock.now();
        let definition = worlds::definition(scene.definition);
        let file = WorldFile::read("test.world.yaml", scene.file).expect("the world file is right");
        let direct = Direct::new(WorldSpec::from_definition(&definition).overlay(file), 7, &clock);
        let plan = compile(&definition, facts).expect("the plan has no cycle");
        let sent = Mutex::default();
        let wire = Arc::new(Wire { direct: direct.clone(), clock: Arc::clone(&clock), says: scene.says, sent });
        let exchange: Arc<dyn Exchange> = Arc::clone(&wire) as Arc<dyn Exchange>;
        let Connected { cloud, .. } = connected(&plan, &exchange).await;
        Self { clock, direct, cloud, plan, start, wire }
    }

    /// When this operation was sent, in milliseconds since the beginning, refused or not.
    pub(crate) fn sent(&self, operation: &str) -> Vec<i64> {
        let sent = self.wire.sent();
        let its = sent.iter().filter(|(asked, ..)| asked == operation);
        its.map(|(_, at, _)| at.as_millisecond() - self.start.as_millisecond()).collect()
    }

    /// How many requests were sent, and how many of them refused.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let sent = self.wire.sent();
        (sent.len(), sent.iter().filter(|(_, _, refused)| *refused).count())
    }

    /// When this operation was called after that moment, as the world counts.
    pub(crate) fn calls(&self, operation: &str, after: Timestamp) -> Vec<Timestamp> {
        let calls = self.direct.inventory().calls.into_iter();
        calls.filter(|call| call.operation == operation && call.at > after).map(|call| call.at).collect()
    }

    /// Lets so many seconds pass.
    pub(crate) async fn pass(&self, seconds: i64) {
        self.clock.sleep_until(self.clock.now() + SignedDuration::from_secs(seconds)).await;
    }

    /// A recovery point that can be restored.
    pub(crate) async fn point(&self) -> Arn {
        let definition = &self.plan.definition;
        let resource = &definition.restore[&name(ORDERS)].resource;
        let points = self.cloud.vault.recovery_points(&definition.destination.vault, resource).await;
        let mut points = points.expect("the vault is listed").into_iter();
        points.find(|point| point.status == "COMPLETED").expect("there is a recovery point").arn
    }

    /// Starts a restore job that has nothing to do with any run; `number` tells it from others.
    pub(crate) async fn start_job(&self, point: &Arn, number: usize) -> Result<JobId, CloudError> {
        let metadata = [
            ("DBInstanceIdentifier", format!("other-{number}")),
            ("DBSubnetGroupName", "drill-isolated".to_owned()),
            ("VpcSecurityGroupIds", "[\"sg-0a1b2c3d4e5f60718\"]".to_owned()),
        ];
        let ask = StartRestore {
            point: point.clone(),
            role: self.plan.definition.destination.restore_role.clone(),
            metadata: metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            token: format!("drill-{number:048}").parse().expect("a token"),
            resource_type: Some("RDS".to_owned()),
        };
        self.cloud.vault.start_restore(&ask).await
    }

    /// A whole run of the plan as it was compiled, with these runs before it.
    pub(crate) async fn run(&self, history: Vec<Earlier>) -> Told {
        // Runs of one world that follow each other have names of their own.
        let number = u32::try_from(self.clock.now().as_second()).expect("before 2106");
        self.driven(&self.plan, Arc::clone(&self.cloud.vault), number, history).await
    }

    /// A whole run through this vault, whose steps have ample time. Its names carry digits of its number.
    pub(crate) async fn drives(&self, number: usize, vault: Arc<dyn Vault>) -> Verdict {
        let mut plan = self.plan.clone();
        plan.steps.iter_mut().for_each(|step| step.timeout = AMPLE);
        let number = u32::try_from(number + 1).expect("not so many");
        conclusion(&self.driven(&plan, vault, number, Vec::new()).await.state).verdict
    }

    /// Drives a run that has everything of its own but the world.
    async fn driven(&self, plan: &Plan, vault: Arc<dyn Vault>, number: u32, history: Vec<Earlier>) -> Told {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut journal, state) = self.begun(plan, folder.path(), number, history).await;
        let (_sender, mut signals) = mpsc::channel(1);
        let mut appends = Appends(Vec::new());
        let services = Arc::new(self.services(plan, vault, folder.path()));
        let ended = drive(services, state, &mut journal, &mut signals, &mut appends).await;
        match ended {
            Ok(Ended::Concluded(state)) => Told { state: *state, appends: appends.0 },
            other => panic!("drill {number}: {other:?}"),
        }
    }

    async fn begun(&self, plan: &Plan, folder: &Path, number: u32, history: Vec<Earlier>) -> (RunJournal, State) {
        let store = Store::open(&folder.join("state")).expect("a folder of journals");
        let at = self.clock.now();
        let mut random = [7; 10];
        random[6..].copy_from_slice(&number.to_be_bytes());
        let run = RunId::new(u64::try_from(at.as_millisecond()).expect("after 1970"), random);
        let first = started(plan, folder, "memory".to_owned());
        let first = Event::RunStarted(Box::new(RunStarted { history, ..first }));
        let lock = store.lock(&plan.definition.name).expect("nobody else runs it");
        let journal = store.begin(lock, run, at, &first).await.expect("the first record is durable");
        (journal, State::begin(run, at, &first).expect("it is a first record"))
    }

    /// A whole run with everything of its own in this folder, parked wherever a run among many is, or never; and what it is
    /// told at some moments, in their order.
    pub(crate) async fn lives(&self, folder: &Path, parks: bool, mut says: Vec<(Timestamp, Signal)>) -> Lived {
        let (mut journal, mut state) = self.begun(&self.plan, folder, 1, Vec::new()).await;
        let (sender, mut signals) = mpsc::channel(4);
        let (vault, clock) = (Arc::clone(&self.cloud.vault), Arc::clone(&self.clock) as Arc<dyn Clock>);
        let crowd = parks.then(|| Arc::new(AtomicBool::new(true)));
        let (mut appends, mut parked_until, mut woken) = (Appends(Vec::new()), Vec::new(), None);
        let say = |says: &mut Vec<(Timestamp, Signal)>| {
            let now = clock.now();
            for (_, signal) in says.extract_if(.., |(at, _)| *at <= now) {
                sender.try_send(signal).expect("there is room");
            }
        };
        loop {
            let services = Arc::new(self.services(&self.plan, Arc::clone(&vault), folder));
            let beside = Beside { crowd: crowd.clone(), woken: woken.take() };
            let driven = {
                let drive = drive_beside(services, state, &mut journal, &mut signals, &mut appends, beside);
                let mut drive = pin!(drive);
                loop {
                    tokio::select! {
                        biased;
                        driven = &mut drive => break driven,
                        () = until(clock.as_ref(), says.first()) => say(&mut says),
                    }
                }
            };
            let mut parked = match driven.expect("it can be driven") {
                Driven::Ended(ended) => return Lived { ended, appends: appends.0, parked_until },
                Driven::Parked(parked) => parked,
            };
            parked_until.push(parked.until);
            let asleep = journal.park();
            let news = tokio::select! {
                biased;
                news = parked.watch(&vault, &clock) => news,
                () = until(clock.as_ref(), says.first()) => {
                    say(&mut says);
                    Vec::new()
                }
            };
            (journal, state) = asleep.wake().expect("nobody else wrote to it");
            woken = Some(parked.woken(news));
        }
    }

    fn services(&self, plan: &Plan, vault: Arc<dyn Vault>, folder: &Path) -> Services {
        Services {
            cloud: Cloud { vault, ..self.cloud.clone() },
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            types: facts,
            region: plan.definition.destination.region.clone(),
            key: Secret::new("0123456789abcdef".repeat(4)),
            folder: folder.to_owned(),
            ca_bundle: None,
            sandbox_ca: None,
            environment: |_| None,
            stop: Arc::new(Unstoppable),
            evidence: folder.join("report"),
            signing_key: folder.join("signing.key"),
            imported: false,
            prober: Arc::new(Holds),
            look_for_requests: NEVER,
            guards: Guards::all(),
        }
    }
}

async fn connected(plan: &Plan, exchange: &Arc<dyn Exchange>) -> Connected {
    let side = |region: &Region| Side { region: region.clone(), profile: None, access_role: None };
    let with = || Override {
        url: "http://127.0.0.1:9".to_owned(),
        access_key: access_key(&ACCOUNT.parse().expect("twelve digits")),
        secret_key: "sandbox".to_owned(),
    };
    let (there, here) = (side(&plan.definition.destination.region), side(&plan.definition.source.region));
    let connected = connect_inside(&there, &here, (with(), with()), exchange).await;
    connected.unwrap_or_else(|error| panic!("no session: {error}"))
}

/// Returns when it is time to say something.
async fn until(clock: &dyn Clock, says: Option<&(Timestamp, Signal)>) {
    match says {
        Some((at, _)) => clock.sleep_until(*at).await,
        None => std::future::pending().await,
    }
}

/// How a run ended, however it was driven.
pub(crate) struct Lived {
    pub(crate) ended: Ended,
    /// What each append made durable.
    pub(crate) appends: Vec<Vec<Recorded>>,
    /// Until when it was parked at most, each time.
    pub(crate) parked_until: Vec<Timestamp>,
}

/// A run that is over.
pub(crate) struct Told {
    pub(crate) state: State,
    /// What each append made durable.
    pub(crate) appends: Vec<Vec<Recorded>>,
}

impl Told {
    /// When the first such event happened.
    #[track_caller]
    pub(crate) fn when(&self, what: &str, fits: impl Fn(&Event) -> bool) -> Timestamp {
        let found = self.appends.iter().flatten().find(|record| fits(&record.event));
        found.unwrap_or_else(|| panic!("{what} never happened")).at
    }
}

/// The records of each append.
struct Appends(Vec<Vec<Recorded>>);

impl Observer for Appends {
    fn recorded(&mut self, records: &[Recorded], _: &State) {
        self.0.push(records.to_vec());
    }
}

/// Probes that hold: there are no databases in these worlds.
struct Holds;

#[async_trait]
impl Prober for Holds {
    async fn ask(&self, _: Question, _: &Arc<dyn Clock>) -> Tried {
        Tried::Held { observed: Observed { values: BTreeMap::new(), facts: BTreeMap::new() }, explained: Vec::new() }
    }
}
