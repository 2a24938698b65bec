//! Many runs in one process: the one place that starts them. What the program itself has for this later belongs here, and
//! every figure of many drills goes on as it is.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use restore_drill::cloud::vault::Vault;
use restore_drill::journal::event::{Earlier, Event, Recorded, RunStarted, World};
use restore_drill::journal::state::State;
use restore_drill::journal::store::{Append, Owed, ParkedJournal, RunJournal, RunRow, Store};
use restore_drill::plan::step::Plan;
use restore_drill::report::runbook;
use restore_drill::run::admission::{Admission, Taken};
use restore_drill::run::drive::{Beside, Driven, Ended, Observer, drive, drive_beside};
use restore_drill::run::park::{News, Parked};
use restore_drill::run::places::Wants;
use restore_drill::run::services::Services;
use restore_drill::sandbox::IdleClock;
use restore_drill::words::id::RunId;
use restore_drill::words::kind::Mode;
use restore_drill::words::time::Clock;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, LocalSet};

use crate::figure::explain;

/// A run that waits for its places.
pub(crate) struct Asks {
    pub(crate) wants: Wants,
    pub(crate) expected: SignedDuration,
}

/// A run that was begun and is not driven yet.
pub(crate) struct Begun {
    pub(crate) services: Services,
    pub(crate) state: State,
    pub(crate) journal: RunJournal,
}

/// Nobody looks.
struct Nobody;

impl Observer for Nobody {
    fn recorded(&mut self, _: &[Recorded], _: &State) {}
}

/// A runtime of one thread in real time.
pub(crate) fn runtime() -> Result<Runtime, String> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(explain)
}

/// A runtime as the program has it.
pub(crate) fn runtime_of_the_program() -> Result<Runtime, String> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(explain)
}

/// A runtime of one thread in virtual time: it moves when nothing is left to do.
pub(crate) fn virtual_runtime(clock: &Arc<IdleClock>) -> Result<Runtime, String> {
    let clock = Arc::clone(clock);
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().on_thread_park(move || {
        clock.jump();
    });
    builder.build().map_err(explain)
}

/// The id of the n-th run.
pub(crate) fn run_id(at: Timestamp, number: u32) -> RunId {
    let mut random = [7; 10];
    random[6..].copy_from_slice(&number.to_be_bytes());
    RunId::new(u64::try_from(at.as_millisecond()).unwrap_or(0), random)
}

/// The first record of a run, with the drill's runs before it.
fn first(plan: Plan, history: Vec<Earlier>) -> Event {
    let text = format!("version: 1\nname: {}\n", plan.definition.name);
    Event::RunStarted(Box::new(RunStarted {
        templates: runbook::built_in().into(),
        seed: Some(7),
        world: Some(World::Server { url: "bench".to_owned() }),
        history,
        ..RunStarted::new(Mode::Sandbox, plan, &text, "somebody@somewhere")
    }))
}

/// Begins the n-th run: its first record is durable.
pub(crate) fn begin(store: &Store, plan: Plan, at: Timestamp, number: u32) -> Result<(State, RunJournal), String> {
    begin_after(store, plan, at, number, Vec::new())
}

/// The same of a drill that ran before.
pub(crate) fn begin_after(
    store: &Store,
    plan: Plan,
    at: Timestamp,
    number: u32,
    history: Vec<Earlier>,
) -> Result<(State, RunJournal), String> {
    let run = run_id(at, number);
    let lock = store.lock(&plan.definition.name).map_err(explain)?;
    let first = first(plan, history);
    let journal = at_once(store.begin(lock, run, at, &first))?.map_err(explain)?;
    Ok((State::begin(run, at, &first).map_err(explain)?, journal))
}

/// Takes a run up that was read with all others: it is locked, nobody wrote to it since, and the takeover is durable.
async fn take_up(store: &Store, (row, one): Owed) -> Result<(State, RunJournal), String> {
    let lock = store.lock(&row.drill).map_err(explain)?;
    let (mut journal, mut state) = store.take_up(lock, one.map_err(explain)?).map_err(explain)?;
    let resumed = Event::RunResumed { by: "a bench".to_owned() };
    append(&mut journal, &[(state.last_at, resumed.clone())]).await?;
    state.apply(state.last_at, &resumed).map_err(explain)?;
    Ok((state, journal))
}

/// What a future answers that has nobody to wait for: whoever is alone with a journal writes on the spot. Beside other
/// journals it lets them come first, once, and here none does.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = pin!(future);
    let once_more = future.as_mut().now_or_never().or_else(|| future.as_mut().now_or_never());
    once_more.ok_or_else(|| "an append waited, and nobody else writes".to_owned())
}

/// Makes events durable. Every append of a bench but the engine's own comes this way.
pub(crate) async fn append(journal: &mut RunJournal, events: &[(Timestamp, Event)]) -> Result<(), String> {
    journal.append(events).await.map(|_| ()).map_err(explain)
}

/// Drives all of them in this runtime, each in a task of its own, and hands every end to `over`. Returns when all are over.
pub(crate) async fn drive_all(runs: Vec<Begun>, mut over: impl FnMut(Result<Ended, String>)) {
    let local = LocalSet::new();
    let mut tasks = JoinSet::new();
    for Begun { services, state, mut journal } in runs {
        tasks.spawn_local_on(
            async move {
                let (_sender, mut signals) = mpsc::channel(1);
                drive(Arc::new(services), state, &mut journal, &mut signals, &mut Nobody).await.map_err(explain)
            },
            &local,
        );
    }
    let all = async {
        while let Some(ended) = tasks.join_next().await {
            over(ended.unwrap_or_else(|error| Err(explain(error))));
        }
    };
    local.run_until(all).await;
}

/// Gives places back.
struct Gives(Taken);

impl Observer for Gives {
    fn recorded(&mut self, records: &[Recorded], state: &State) {
        self.0.note(records, state);
    }
}

/// Drives all of them as `drill run NAME NAME...` does: each is begun when it is let in. Every end is handed to `over`.
pub(crate) async fn drive_admitted(
    asks: Vec<Asks>,
    clock: &Arc<dyn Clock>,
    begin: impl Fn(usize) -> Result<Begun, String>,
    mut over: impl FnMut(usize, Result<Ended, String>),
) -> Result<(), String> {
    let (admission, local, mut tasks) = (Arc::new(Admission::default()), LocalSet::new(), JoinSet::new());
    let now = clock.now();
    let mut waiting = BTreeMap::new();
    for (index, Asks { wants, expected }) in asks.into_iter().enumerate() {
        waiting.insert(admission.places().ask(wants, expected, now), index);
    }
    let all = async {
        loop {
            let come = admission.places().let_in(clock.now());
            for number in come {
                let Some(index) = waiting.remove(&number) else { continue };
                let Begun { services, state, mut journal } = begin(index)?;
                let mut gives = Gives(Taken::new(number, Arc::clone(&admission)));
                tasks.spawn_local(async move {
                    let (_sender, mut signals) = mpsc::channel(1);
                    let ended = drive(Arc::new(services), state, &mut journal, &mut signals, &mut gives).await;
                    (number, index, ended.map_err(explain))
                });
            }
            if tasks.is_empty() {
                let left = waiting.len();
                return if left == 0 { Ok(()) } else { Err(format!("{left} drills were never let in")) };
            }
            let wake = admission.places().wake();
            let sleep = async {
                match wake {
                    Some(at) => clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Some(ended) = tasks.join_next() => {
                    let (number, index, ended) = ended.map_err(explain)?;
                    admission.places().leave(number);
                    over(index, ended);
                }
                () = admission.changed() => {}
                () = sleep => {}
            }
        }
    };
    local.run_until(all).await
}

/// Goes on with all of them as `drill resume --all` does: so many at once, each taken up when its turn comes. Every end is
/// handed to `over`.
pub(crate) async fn resume_all(
    store: &Store,
    owed: Vec<Owed>,
    at_once: usize,
    services: impl Fn() -> Services,
    mut over: impl FnMut(Result<Ended, String>),
) {
    let local = LocalSet::new();
    let mut tasks = JoinSet::new();
    let mut owed = owed.into_iter();
    let all = async {
        loop {
            for one in owed.by_ref().take(at_once.saturating_sub(tasks.len())) {
                let (store, services) = (store.clone(), services());
                tasks.spawn_local(async move {
                    let (state, mut journal) = take_up(&store, one).await?;
                    let (_sender, mut signals) = mpsc::channel(1);
                    drive(Arc::new(services), state, &mut journal, &mut signals, &mut Nobody).await.map_err(explain)
                });
            }
            match tasks.join_next().await {
                Some(ended) => over(ended.unwrap_or_else(|error| Err(explain(error)))),
                None => break,
            }
        }
    };
    local.run_until(all).await;
}

/// The program begins or drives on so many before all that are driven had their turn.
const AT_A_TIME: usize = 100;

/// Runs that are parked, and how often any was.
#[derive(Default)]
pub(crate) struct Asleep {
    now: AtomicU64,
    times: AtomicU64,
}

impl Asleep {
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.now.load(Ordering::SeqCst), self.times.load(Ordering::SeqCst))
    }
}

/// What runs that are parked share.
pub(crate) struct Parking<'a, S: Fn(Arc<dyn Vault>) -> Services> {
    pub(crate) store: &'a Store,
    pub(crate) clock: Arc<dyn Clock>,
    /// Of a run, from its own view of the vault.
    pub(crate) services: S,
    pub(crate) asleep: &'a Asleep,
    crowd: Arc<AtomicBool>,
}

/// What is kept of a run that is parked.
struct Waits {
    parked: Box<Parked>,
    journal: ParkedJournal,
    vault: Arc<dyn Vault>,
}

impl<'a, S: Fn(Arc<dyn Vault>) -> Services> Parking<'a, S> {
    pub(crate) fn new(store: &'a Store, clock: Arc<dyn Clock>, services: S, asleep: &'a Asleep) -> Self {
        Self { store, clock, services, asleep, crowd: Arc::new(AtomicBool::new(true)) }
    }

    /// Goes on with all of these runs as the program does with many: who waits is parked. Returns when one does not wait.
    pub(crate) async fn park_all(&self, rows: Vec<RunRow>, view: impl Fn() -> Arc<dyn Vault>) -> Result<(), String> {
        let mut rows = rows.into_iter();
        let mut driven: FuturesUnordered<LocalBoxFuture<'_, Result<Waits, String>>> = FuturesUnordered::new();
        let mut sleepers: FuturesUnordered<LocalBoxFuture<'_, (Waits, Vec<News>)>> = FuturesUnordered::new();
        let mut awake: VecDeque<(Waits, Vec<News>)> = VecDeque::new();
        loop {
            while driven.len() < AT_A_TIME {
                if awake.is_empty() {
                    awake.shrink_to_fit();
                }
                if let Some((waits, news)) = awake.pop_front() {
                    driven.push(self.woken(waits, news).boxed_local());
                } else if let Some(row) = rows.next() {
                    driven.push(self.taken_up(row, view()).boxed_local());
                } else {
                    // As the program, of which nothing is left that waits to begin.
                    rows = Vec::new().into_iter();
                    break;
                }
            }
            tokio::select! {
                biased;
                Some(waits) = driven.next() => sleepers.push(self.sleeps(waits?)),
                Some(woken) = sleepers.next() => awake.push_back(woken),
                else => return Ok(()),
            }
        }
    }

    fn sleeps(&self, mut waits: Waits) -> LocalBoxFuture<'_, (Waits, Vec<News>)> {
        self.asleep.times.fetch_add(1, Ordering::SeqCst);
        self.asleep.now.fetch_add(1, Ordering::SeqCst);
        async move {
            let news = waits.parked.watch(&waits.vault, &self.clock).await;
            self.asleep.now.fetch_sub(1, Ordering::SeqCst);
            (waits, news)
        }
        .boxed_local()
    }

    async fn taken_up(&self, row: RunRow, vault: Arc<dyn Vault>) -> Result<Waits, String> {
        let lock = self.store.lock(&row.drill).map_err(explain)?;
        let (mut journal, records) = self.store.go_on(lock, row.run).map_err(explain)?;
        let mut state = State::replay(&records).map_err(explain)?;
        drop(records);
        let resumed = Event::RunResumed { by: "a bench".to_owned() };
        append(&mut journal, &[(state.last_at, resumed.clone())]).await?;
        state.apply(state.last_at, &resumed).map_err(explain)?;
        self.driven(vault, journal, state, Beside::default()).await
    }

    async fn woken(&self, Waits { parked, journal, vault }: Waits, news: Vec<News>) -> Result<Waits, String> {
        let (journal, state) = journal.wake().map_err(explain)?;
        self.driven(vault, journal, state, Beside { woken: Some(parked.woken(news)), crowd: None }).await
    }

    async fn driven(
        &self,
        vault: Arc<dyn Vault>,
        mut journal: RunJournal,
        state: State,
        beside: Beside,
    ) -> Result<Waits, String> {
        let (_sender, mut signals) = mpsc::channel(4);
        let services = Arc::new((self.services)(Arc::clone(&vault)));
        let beside = Beside { crowd: Some(Arc::clone(&self.crowd)), ..beside };
        let driven = drive_beside(services, state, &mut journal, &mut signals, &mut Nobody, beside).await;
        match driven.map_err(explain)? {
            Driven::Parked(parked) => Ok(Waits { parked, journal: journal.park(), vault }),
            Driven::Ended(_) => Err("a run ended instead of waiting".to_owned()),
        }
    }
}
