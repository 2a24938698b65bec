//! A run whose time stands still while anything can be done. The requests go to a world in memory, byte for byte as they
//! would go over the wire, so the same run makes the same calls at the same instants each time: they can be counted.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use restore_drill::aws::exchange::Exchange;
use restore_drill::aws::resource::facts;
use restore_drill::aws::session::{Override, Side, connect_inside};
use restore_drill::cloud::Cloud;
use restore_drill::journal::event::{Earlier, Event, Recorded, RunStarted, Tried};
use restore_drill::journal::state::State;
use restore_drill::journal::store::Store;
use restore_drill::plan::compile::compile;
use restore_drill::plan::step::Plan;
use restore_drill::probe::Observed;
use restore_drill::run::drive::{Ended, Observer, drive};
use restore_drill::run::guards::Guards;
use restore_drill::run::prober::{Prober, Question};
use restore_drill::run::services::Services;
use restore_drill::run::stop::Unstoppable;
use restore_drill::sandbox::{Direct, IdleClock, WorldFile, WorldSpec, access_key};
use restore_drill::words::id::{Region, RunId};
use restore_drill::words::secret::Secret;
use restore_drill::words::time::Clock;
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::harness::life::started;
use crate::harness::paper::START;
use crate::harness::worlds::{self, ACCOUNT};

/// Real time: a run that takes longer stands still for good.
const STUCK: Duration = Duration::from_secs(60);

/// What was asked of a run from elsewhere is never looked for. Real time.
const NEVER: Duration = Duration::from_secs(24 * 3_600);

/// Plays a scene whose clock jumps whenever nothing is left to do.
pub(crate) fn play<T>(scene: impl AsyncFnOnce(Arc<IdleClock>) -> T) -> T {
    let clock = IdleClock::new(START.parse().expect("an instant"));
    let idle = Arc::clone(&clock);
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().on_thread_park(move || _ = idle.jump()).build().expect("a runtime");
    let played = runtime.block_on(async { tokio::time::timeout(STUCK, scene(clock)).await });
    played.expect("the run stands still")
}

/// A world in memory, and a plan.
pub(crate) struct Still {
    pub(crate) world: Direct,
    pub(crate) plan: Plan,
    services: Services,
    store: Store,
    folder: TempDir,
}

impl Still {
    /// The plan as it was compiled, in a world with this file.
    pub(crate) async fn new(clock: &Arc<IdleClock>, definition: &str, file: &str) -> Self {
        let definition = worlds::definition(definition);
        let file = WorldFile::read("test.world.yaml", file).expect("the world file is right");
        let world = Direct::new(WorldSpec::from_definition(&definition).overlay(file), 7, clock);
        let plan = compile(&definition, facts).expect("the plan has no cycle");
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("state")).expect("a folder of journals");
        let services = Services {
            cloud: cloud(&world, clock, &plan).await,
            clock: Arc::clone(clock) as Arc<dyn Clock>,
            types: facts,
            region: plan.definition.destination.region.clone(),
            key: Secret::new("0123456789abcdef".repeat(4)),
            folder: folder.path().to_owned(),
            ca_bundle: None,
            sandbox_ca: None,
            environment: |_| None,
            stop: Arc::new(Unstoppable),
            evidence: folder.path().join("report"),
            signing_key: PathBuf::new(),
            imported: false,
            prober: Arc::new(Holds),
            look_for_requests: NEVER,
            guards: Guards::all(),
        };
        Self { world, plan, services, store, folder }
    }

    /// A whole run with these runs before it.
    pub(crate) async fn run(&self, history: Vec<Earlier>) -> Told {
        let at = self.services.clock.now();
        let mut random = [7; 10];
        random[6..].copy_from_slice(&u32::try_from(at.as_second()).expect("before 2106").to_be_bytes());
        let run = RunId::new(u64::try_from(at.as_millisecond()).expect("after 1970"), random);
        let first = started(&self.plan, self.folder.path(), "memory".to_owned());
        let first = Event::RunStarted(Box::new(RunStarted { history, ..first }));
        let lock = self.store.lock(&self.plan.definition.name).expect("nobody else runs it");
        let mut journal = self.store.begin(lock, run, at, &first).await.expect("the first record is durable");
        let state = State::begin(run, at, &first).expect("it is a first record");
        let (_sender, mut signals) = mpsc::channel(1);
        let appends = Appends::default();
        let mut listener = Listener(Arc::clone(&appends));
        let services = Arc::new(self.services.clone());
        let ended = drive(services, state, &mut journal, &mut signals, &mut listener).await;
        let state = match ended {
            Ok(Ended::Concluded(state)) => state,
            other => panic!("{other:?}"),
        };
        let appends = appends.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Told { state: *state, appends }
    }

    /// When this operation was called after that moment.
    pub(crate) fn calls(&self, operation: &str, after: Timestamp) -> Vec<Timestamp> {
        let calls = self.world.inventory().calls.into_iter();
        calls.filter(|call| call.operation == operation && call.at > after).map(|call| call.at).collect()
    }
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

async fn cloud(world: &Direct, clock: &Arc<IdleClock>, plan: &Plan) -> Cloud {
    let side = |region: &Region| Side { region: region.clone(), profile: None, access_role: None };
    let with = || Override {
        url: "http://127.0.0.1:9".to_owned(),
        access_key: access_key(&ACCOUNT.parse().expect("twelve digits")),
        secret_key: "sandbox".to_owned(),
    };
    let (there, here) = (side(&plan.definition.destination.region), side(&plan.definition.source.region));
    let exchange: Arc<dyn Exchange> = Arc::new(InMemory { world: world.clone(), clock: Arc::clone(clock) });
    let connected = connect_inside(&there, &here, (with(), with()), &exchange).await;
    connected.unwrap_or_else(|error| panic!("no session: {error}")).cloud
}

struct InMemory {
    world: Direct,
    clock: Arc<IdleClock>,
}

#[async_trait]
impl Exchange for InMemory {
    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        self.world.exchange(request).await.map_err(|cut| cut.to_string())
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as Arc<dyn Clock>
    }
}

/// Whatever is asked holds.
struct Holds;

#[async_trait]
impl Prober for Holds {
    async fn ask(&self, _: Question, _: &Arc<dyn Clock>) -> Tried {
        let observed = Observed { values: BTreeMap::new(), facts: BTreeMap::new() };
        Tried::Held { observed, explained: Vec::new() }
    }
}

/// The records of each append.
type Appends = Arc<Mutex<Vec<Vec<Recorded>>>>;

struct Listener(Appends);

impl Observer for Listener {
    fn recorded(&mut self, records: &[Recorded], _: &State) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(records.to_vec());
    }
}
