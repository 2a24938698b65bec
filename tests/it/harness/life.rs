//! A run in this process, with a journal that can end the run's life at any event.
//!
//! A kill is the end of everything at once: the journal does not return, the driver and its calls are dropped. What is
//! left is the journal's file and the world, and a next life begins from these alone.

use std::future::poll_fn;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use restore_drill::aws::resource::facts;
use restore_drill::aws::session::{Override, Side, connect};
use restore_drill::cloud::Cloud;
use restore_drill::journal::event::{CancelBy, Event, GateAnswer, LeaseEnd, Recorded, RunStarted, World};
use restore_drill::journal::state::State;
use restore_drill::journal::store::{Append, RunJournal, RunRow, Store, StoreError};
use restore_drill::journal::verdict::Conclusion;
use restore_drill::plan::compile::compile;
use restore_drill::plan::step::{Plan, Work};
use restore_drill::report::runbook;
use restore_drill::run::drive::{DriveError, Ended, Observer, Signal, drive};
use restore_drill::run::guards::Guards;
use restore_drill::run::prober::Asks;
use restore_drill::run::services::Services;
use restore_drill::run::step::report::rendered;
use restore_drill::run::stop::Unstoppable;
use restore_drill::sandbox::{Inventory, Sandbox, access_key};
use restore_drill::words::id::{AccountId, Name, Region, RunId};
use restore_drill::words::kind::{Mode, Verdict};
use restore_drill::words::secret::Secret;
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::harness::worlds::{self, ACCOUNT, FAST};

/// No life lasts longer, in real time.
const LONGEST: Duration = Duration::from_secs(60);

/// Steps of plans that are driven fast get this long, in world time: at the speed of [`FAST`], 43 real seconds.
pub(crate) const AMPLE: SignedDuration = SignedDuration::from_hours(240);

/// A world, a folder of journals and reports, and a plan.
pub(crate) struct Bench {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) plan: Plan,
    pub(crate) services: Services,
    pub(crate) before: Inventory,
    store: Store,
    folder: TempDir,
    runs: AtomicU32,
}

/// When a life ends by force.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    /// It does not.
    Lives,
    /// It dies when event n is to be made durable: everything before is, and what led to n has happened.
    DiesBefore(u64),
    /// It dies as soon as event n is durable: nothing that follows from n has happened.
    DiesAfter(u64),
    /// It dies as soon as the first such event is durable.
    DiesOnce(fn(&Event) -> bool),
    /// From the n-th append on (from 1) the journal cannot be written.
    Breaks(u64),
}

/// How a life ended.
pub(crate) enum End {
    /// By force.
    Died,
    /// By itself.
    Over(Box<State>),
    /// By error.
    Lost(DriveError),
}

/// A person who cancels the run once this has happened.
pub(crate) type Cancels = Option<fn(&Event) -> bool>;

impl Bench {
    /// A world that goes fast, and a plan whose steps all have ample time.
    pub(crate) async fn new(definition: &str) -> Self {
        Self::in_world(definition, worlds::QUICK).await
    }

    /// The same with a world file of its own.
    pub(crate) async fn in_world(definition: &str, world: &str) -> Self {
        let mut bench = Self::strict(definition, world).await;
        bench.plan.steps.iter_mut().for_each(|step| step.timeout = AMPLE);
        bench
    }

    /// A world that goes fast, and the plan as it was compiled.
    pub(crate) async fn strict(definition: &str, world: &str) -> Self {
        Self::at_speed(definition, world, FAST).await
    }

    /// The plan as it was compiled, in a world of this speed.
    pub(crate) async fn at_speed(definition: &str, world: &str, speed: f64) -> Self {
        let definition = worlds::definition(definition);
        let sandbox = Arc::new(worlds::start(&definition, world, speed).await);
        let plan = compile(&definition, facts).expect("the plan has no cycle");
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("state")).expect("a folder of journals");
        let services = Services {
            cloud: cloud_as(&sandbox, &plan, ACCOUNT).await,
            clock: sandbox.clock(),
            types: facts,
            region: plan.definition.destination.region.clone(),
            key: Secret::new("0123456789abcdef".repeat(4)),
            folder: folder.path().to_owned(),
            ca_bundle: None,
            sandbox_ca: None,
            environment: |_| None,
            stop: Arc::new(Unstoppable),
            evidence: folder.path().join("report"),
            signing_key: folder.path().join("signing.key"),
            imported: false,
            prober: Arc::new(Asks),
            look_for_requests: Duration::from_millis(500),
            guards: Guards::all(),
        };
        let before = sandbox.inventory();
        Self { sandbox, plan, services, before, store, folder, runs: AtomicU32::new(0) }
    }

    /// Credentials of another account from now on.
    pub(crate) async fn use_account(&mut self, account: &str) {
        self.services.cloud = cloud_as(&self.sandbox, &self.plan, account).await;
    }

    /// The step that does this gets so long.
    pub(crate) fn allow(&mut self, kind: &str, time: SignedDuration) {
        let steps = self.plan.steps.iter_mut().filter(|step| step.work.kind() == kind);
        steps.for_each(|step| step.timeout = time);
    }

    /// Where the last report is.
    pub(crate) fn evidence(&self) -> PathBuf {
        self.services.evidence.clone()
    }

    /// Everything that is in the world now.
    pub(crate) fn inventory(&self) -> Inventory {
        self.sandbox.inventory()
    }

    /// A new run with its first record.
    pub(crate) async fn begin(&self) -> (RunJournal, State) {
        let number = self.runs.fetch_add(1, Ordering::SeqCst) + 1;
        let mut random = [7; 10];
        random[6..].copy_from_slice(&number.to_be_bytes());
        let at = self.services.clock.now();
        let run = RunId::new(u64::try_from(at.as_millisecond()).expect("after 1970"), random);
        let first = Event::RunStarted(Box::new(started(&self.plan, self.folder.path(), self.sandbox.url())));
        let lock = self.store.lock(&self.plan.definition.name).expect("nobody else runs it");
        let journal = self.store.begin(lock, run, at, &first).await.expect("the first record is durable");
        (journal, State::begin(run, at, &first).expect("it is a first record"))
    }

    /// Drives until the end, by whatever.
    pub(crate) async fn live(&self, case: &str, pen: &mut Pen, state: State, cancels: Cancels) -> End {
        let (sender, mut signals) = mpsc::channel(4);
        let mut watcher = Watcher { sender, cancels };
        let services = Arc::new(self.services.clone());
        let life = until_death(drive(services, state, pen, &mut signals, &mut watcher));
        let ended = tokio::time::timeout(LONGEST, life).await;
        match ended.unwrap_or_else(|_| panic!("{case}: not over within {LONGEST:?}")) {
            None => End::Died,
            Some(Ok(Ended::Concluded(state) | Ended::Stopped(state))) => End::Over(state),
            Some(Err(error)) => End::Lost(error),
        }
    }

    /// Drives until the end, with a person who answers the first gate that opens.
    pub(crate) async fn live_answering(&self, case: &str, pen: &mut Pen, state: State, answer: Option<Signal>) -> End {
        let (sender, mut signals) = mpsc::channel(4);
        let mut person = Person { sender, answer };
        let services = Arc::new(self.services.clone());
        let life = drive(services, state, pen, &mut signals, &mut person);
        let ended = tokio::time::timeout(LONGEST, life).await;
        match ended.unwrap_or_else(|_| panic!("{case}: not over within {LONGEST:?}")) {
            Ok(Ended::Concluded(state) | Ended::Stopped(state)) => End::Over(state),
            Err(error) => End::Lost(error),
        }
    }

    /// A whole run that nobody disturbs.
    pub(crate) async fn run(&self, case: &str) -> State {
        let (journal, state) = self.begin().await;
        over(case, self.live(case, &mut Pen::new(journal, Fate::Lives), state, None).await)
    }

    /// What the next process finds: the journal, and the state with the takeover recorded. Nothing if the run is over.
    pub(crate) async fn take_over(&self, run: RunId, end_it: Option<CancelBy>) -> Option<(RunJournal, State)> {
        let lock = self.store.lock(&self.plan.definition.name).expect("the dead leave no lock");
        let (mut journal, records) = self.store.go_on(lock, run).expect("the journal verifies");
        let mut state = State::replay(&records).expect("the journal makes sense");
        let leaked = state.concluded.as_ref().is_some_and(|(_, conclusion)| conclusion.verdict == Verdict::Leaked);
        if state.concluded.is_some() && !leaked && state.step(&Work::Report).end().is_some() {
            return None;
        }
        let at = self.services.clock.now().max(state.last_at);
        let mut events = vec![(at, Event::RunResumed { by: "a test".to_owned() })];
        if leaked {
            events.push((at, Event::TeardownReopened));
        }
        let end_it = end_it.filter(|_| state.concluded.is_none() || leaked);
        events.extend(end_it.map(|by| (at, Event::CancelRequested { by })));
        journal.append(&events).await.expect("the takeover is durable");
        for (at, event) in &events {
            state.apply(*at, event).expect("a takeover can follow");
        }
        Some((journal, state))
    }

    /// Ends the lease of a run, and drives until what it kept is gone.
    pub(crate) async fn end_lease(&self, case: &str, run: RunId) -> State {
        let (mut pen, state) = self.reopen(run, Event::LeaseEnded { by: LeaseEnd::Command }).await;
        over(case, self.live(case, &mut pen, state, None).await)
    }

    /// What `drill keep` finds: a run that is over and keeps something, opened again with this event.
    pub(crate) async fn reopen(&self, run: RunId, event: Event) -> (Pen, State) {
        let lock = self.store.lock(&self.plan.definition.name).expect("the dead leave no lock");
        let (mut journal, records) = self.store.go_on(lock, run).expect("the journal verifies");
        let mut state = State::replay(&records).expect("the journal makes sense");
        let at = self.services.clock.now().max(state.last_at);
        let resumed = Event::RunResumed { by: "a test".to_owned() };
        let events: Vec<(Timestamp, Event)> =
            [resumed, Event::TeardownReopened, event].into_iter().map(|event| (at, event)).collect();
        journal.append(&events).await.expect("the takeover is durable");
        for (at, event) in &events {
            state.apply(*at, event).expect("a takeover can follow");
        }
        (Pen::new(journal, Fate::Lives), state)
    }

    /// The list of runs, as `drill status` reads it.
    pub(crate) fn rows(&self) -> Vec<RunRow> {
        self.store.runs(None).expect("the journals can be listed")
    }

    /// `drill resume`, to the end.
    pub(crate) async fn resume(&self, case: &str, run: RunId, cancels: Cancels) -> State {
        let Some((journal, state)) = self.take_over(run, None).await else { return self.state(run) };
        over(case, self.live(case, &mut Pen::new(journal, Fate::Lives), state, cancels).await)
    }

    /// What the journal says.
    pub(crate) fn state(&self, run: RunId) -> State {
        self.store.state(&run).expect("the journal verifies and makes sense")
    }

    /// Every record of a run, checked.
    pub(crate) fn records(&self, run: RunId) -> Vec<Recorded> {
        self.store.load(&run).expect("the journal verifies")
    }

    /// The journal verifies, and its report is the same each time it is made and the one on the disk.
    pub(crate) fn assert_reported(&self, case: &str, run: RunId) {
        let records = self.records(run);
        let first = rendered(&records, facts).unwrap_or_else(|error| panic!("{case}: {error}"));
        let second = rendered(&records, facts).unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_eq!(first, second, "{case}: two renderings differ");
        for (name, content) in first {
            let path = self.evidence().join(name);
            let written = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{case}: {name}: {error}"));
            assert_eq!(written, content, "{case}: {name} is not what its journal renders");
        }
    }
}

/// The state of a life that ended by itself.
#[track_caller]
pub(crate) fn over(case: &str, end: End) -> State {
    match end {
        End::Over(state) => *state,
        End::Died => panic!("{case}: it died"),
        End::Lost(error) => panic!("{case}: {error}: {:?}", std::error::Error::source(&error)),
    }
}

/// The verdict and its reasons.
#[track_caller]
pub(crate) fn conclusion(state: &State) -> &Conclusion {
    state.concluded.as_ref().map(|(_, conclusion)| conclusion).expect("the run has a verdict")
}

async fn cloud_as(sandbox: &Sandbox, plan: &Plan, account: &str) -> Cloud {
    let account: AccountId = account.parse().expect("twelve digits");
    let side = |region: &Region| Side { region: region.clone(), profile: None, access_role: None };
    let with = || Override { url: sandbox.url(), access_key: access_key(&account), secret_key: "sandbox".to_owned() };
    let (there, here) = (side(&plan.definition.destination.region), side(&plan.definition.source.region));
    let connected = connect(&there, &here, Some((with(), with())), true, "test", sandbox.clock()).await;
    connected.unwrap_or_else(|error| panic!("no session: {error}")).cloud
}

/// The first record of a run of this plan.
pub(crate) fn started(plan: &Plan, folder: &Path, url: String) -> RunStarted {
    RunStarted {
        folder: folder.display().to_string(),
        templates: runbook::built_in().into(),
        seed: Some(7),
        world: Some(World::Server { url }),
        ..RunStarted::new(Mode::Sandbox, plan.clone(), "version: 1", "somebody@somewhere")
    }
}

/// Somebody who sees a gate open and answers.
struct Person {
    sender: mpsc::Sender<Signal>,
    answer: Option<Signal>,
}

impl Observer for Person {
    fn recorded(&mut self, records: &[Recorded], _: &State) {
        let opens = |record: &Recorded| matches!(&record.event, Event::StepStarted { step } if step.as_str().starts_with("gate."));
        if records.iter().any(opens)
            && let Some(answer) = self.answer.take()
        {
            self.sender.try_send(answer).expect("the driver listens");
        }
    }
}

/// The death of a process, thrown out of an append. Nothing catches it but [`until_death`].
struct Death;

/// What `life` answers, or nothing if it died.
async fn until_death<T>(life: impl Future<Output = T>) -> Option<T> {
    let mut life = pin!(life);
    poll_fn(move |context| match catch_unwind(AssertUnwindSafe(|| life.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(answer)) => Poll::Ready(Some(answer)),
        Err(thrown) if thrown.is::<Death>() => Poll::Ready(None),
        Err(thrown) => resume_unwind(thrown),
    })
    .await
}

/// A journal under somebody else's power.
pub(crate) struct Pen {
    inner: RunJournal,
    fate: Fate,
    written: u64,
    appends: Arc<Mutex<Vec<u64>>>,
    last_words: Option<Box<dyn Fn() + Send>>,
}

impl Pen {
    pub(crate) fn new(inner: RunJournal, fate: Fate) -> Self {
        let written = inner.records().map_or(0, |records| u64::try_from(records.len()).unwrap_or(u64::MAX));
        Self { inner, fate, written, appends: Arc::default(), last_words: None }
    }

    /// Does this at the moment of death, while calls under way go on by themselves.
    pub(crate) fn with_last_words(mut self, last_words: impl Fn() + Send + 'static) -> Self {
        self.last_words = Some(Box::new(last_words));
        self
    }

    /// Another fate.
    pub(crate) fn with_fate(mut self, fate: Fate) -> Self {
        self.fate = fate;
        self
    }

    /// How many events each append made durable.
    pub(crate) fn appends(&self) -> Vec<u64> {
        self.appends.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many events are durable.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    async fn write(&mut self, events: &[(Timestamp, Event)]) -> Result<Vec<Recorded>, StoreError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let records = self.inner.append(events).await?;
        let count = u64::try_from(events.len()).unwrap_or(u64::MAX);
        self.written += count;
        self.appends.lock().unwrap_or_else(PoisonError::into_inner).push(count);
        Ok(records)
    }

    /// Makes at most so many of the events durable, and dies.
    async fn die(&mut self, events: &[(Timestamp, Event)], durable: u64) -> Result<Vec<Recorded>, StoreError> {
        let room = usize::try_from(durable.saturating_sub(self.written)).unwrap_or(usize::MAX).min(events.len());
        self.write(&events[..room]).await?;
        if let Some(last_words) = &self.last_words {
            last_words();
        }
        // Without the hook of `panic!`: a death is nothing to report.
        resume_unwind(Box::new(Death))
    }
}

#[async_trait]
impl Append for Pen {
    async fn append(&mut self, events: &[(Timestamp, Event)]) -> Result<Vec<Recorded>, StoreError> {
        let after = self.written + u64::try_from(events.len()).unwrap_or(u64::MAX);
        match self.fate {
            Fate::DiesBefore(n) if after >= n => self.die(events, n - 1).await,
            Fate::DiesAfter(n) if after >= n => self.die(events, n).await,
            Fate::DiesOnce(when) => match (1..).zip(events).find(|(_, (_, event))| when(event)) {
                Some((position, _)) => self.die(events, self.written + position).await,
                None => self.write(events).await,
            },
            Fate::Breaks(n) if u64::try_from(self.appends().len()).unwrap_or(u64::MAX) + 1 >= n => {
                Err(StoreError::Folder { path: PathBuf::from("journal"), source: io::Error::other("the disk is full") })
            }
            _ => self.write(events).await,
        }
    }

    fn answers(&self) -> Result<Vec<(Name, GateAnswer)>, StoreError> {
        self.inner.answers()
    }

    fn records(&self) -> Result<Vec<Recorded>, StoreError> {
        self.inner.records()
    }

    fn still_ours(&self) -> Result<(), StoreError> {
        self.inner.still_ours()
    }

    fn cancel_requested(&self) -> Result<bool, StoreError> {
        self.inner.cancel_requested()
    }
}

struct Watcher {
    sender: mpsc::Sender<Signal>,
    cancels: Cancels,
}

impl Observer for Watcher {
    fn recorded(&mut self, records: &[Recorded], _: &State) {
        if let Some(when) = self.cancels
            && records.iter().any(|record| when(&record.event))
        {
            self.cancels = None;
            // The channel holds more than this watcher ever sends.
            let _ = self.sender.try_send(Signal::Cancel);
        }
    }
}
