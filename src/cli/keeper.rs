//! Many runs in one process: who begins when, what all of them hear, and what came of them.
//!
//! One task drives all runs, and each begins, is driven and ends inside a future of its own. A run that waits for places
//! has neither journal nor lock. What is common is asked for once: one look for `drill cancel` and for answers at gates, one
//! connection for each pair of sides, one place for each restore.
//!
//! Beside many others a run that waits is parked: it is dropped but for a record, and driven on from its journal.
//!
//! Invariant: nothing begins after the first Ctrl-C, and every later one reaches every run, parked or not.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::cli::asleep::{Asleep, Sleeper};
use crate::cli::connections::Connections;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::signals::Signals;
use crate::cli::ui::{Ui, clean};
use crate::journal::event::{Event, GateAnswer, Recorded};
use crate::journal::state::State;
use crate::journal::store::{Append, Requests, RunJournal, Store, StoreError};
use crate::run::admission::{Admission, Taken};
use crate::run::drive::{Observer, Signal};
use crate::run::places::Wants;
use crate::run::stop::StopSwitch;
use crate::words::id::{DrillName, Name, RunId};
use crate::words::time::Clock;

/// Real time between two looks for `drill cancel` and for answers at gates, for all runs together.
const LOOK_FOR_REQUESTS: Duration = Duration::from_millis(500);

/// Nothing begins while so many runs are driven, where the system allows as many open files. Who wakes is driven all the same:
/// its time goes on.
const MOST_AT_ONCE: usize = 1_000;

/// Files that a run may have open: the lock of its drill, its requests, its probes.
const FILES_OF_A_RUN: usize = 4;

/// Files that are everybody's: the journals, connections, what git is asked through.
const FILES_OF_ALL: usize = 64;

/// So many runs are begun or driven on before all that are driven had their turn: most of those that wake are parked again at
/// once, and then fewer are in memory together.
const AT_A_TIME: usize = 100;

/// Of more runs than these, those that wait are parked. Builds for development park sooner, so that every test of a few runs
/// is one of this as well.
const PARKS_BEYOND: usize = if cfg!(debug_assertions) { 3 } else { 64 };

/// When something begins.
pub(crate) enum Turn {
    /// As soon as it can be driven, whatever is free: it takes these places.
    Now(Wants),
    /// Once these are free.
    Waits {
        /// So many places.
        wants: Wants,
        /// How long the longest restore is expected to take.
        expected: SignedDuration,
    },
}

/// Begins something, drives it to its end or to where it waits, and says what came of it.
pub(crate) type Life<'a> = Box<dyn FnOnce(Signals) -> LocalBoxFuture<'a, Came<'a>> + 'a>;

/// What came of something that was driven.
pub(crate) enum Came<'a> {
    /// It is over.
    Over(Vec<Ending>),
    /// A run of it waits, and is parked.
    Parked(Box<Sleeper<'a>>),
}

/// One run, or several of one drill that follow each other.
pub(crate) struct Task<'a> {
    /// The drill.
    pub(crate) drill: DrillName,
    /// When it begins.
    pub(crate) turn: Turn,
    /// What is done then.
    pub(crate) life: Life<'a>,
}

/// What came of one run.
pub(crate) struct Ending {
    /// As its own command would have ended.
    pub(crate) exit: Exit,
    /// For programs.
    pub(crate) value: Value,
}

impl Ending {
    /// Of a run that was never begun, and nobody is to blame.
    pub(crate) fn not_begun(drill: &DrillName, ui: &Ui) -> Self {
        ui.say(&format!("{drill}  ended before it began: nothing was started"));
        let error = "ended before it began: nothing was started";
        Self { exit: Exit::Inconclusive, value: without_run(drill, None, Exit::Inconclusive, Some(error)) }
    }

    /// Of a run that everything was ended before.
    pub(crate) fn not_gone_on(drill: &DrillName, run: RunId, ui: &Ui) -> Self {
        let what = format!("was not gone on with: it stays as it is, and `drill resume {run}` goes on");
        ui.say(&format!("{drill}  run {run} {what}"));
        Self { exit: Exit::Inconclusive, value: without_run(drill, Some(run), Exit::Inconclusive, Some(&what)) }
    }

    /// Of a run that something stood in the way of.
    pub(crate) fn failed(drill: &DrillName, run: Option<RunId>, error: &CliError, ui: &Ui) -> Self {
        let what = run.map_or_else(|| "was not run".to_owned(), |run| format!("run {run} did not come to its end"));
        ui.say(&format!("{drill}  {what}:"));
        ui.error(error);
        Self { exit: error.exit(), value: without_run(drill, run, error.exit(), Some(&clean(&whole(error)))) }
    }

    /// Of a run that another process drives: nothing is owed to it here.
    pub(crate) fn elsewhere(drill: &DrillName, run: RunId) -> Self {
        Self { exit: Exit::Passed, value: without_run(drill, Some(run), Exit::Passed, None) }
    }

    /// The same with another exit code.
    pub(crate) fn with_exit(mut self, exit: Exit) -> Self {
        self.value["exit_code"] = exit.number().into();
        Self { exit, ..self }
    }
}

fn without_run(drill: &DrillName, run: Option<RunId>, exit: Exit, error: Option<&str>) -> Value {
    json!({
        "version": 1,
        "run": run,
        "drill": drill,
        "verdict": null,
        "exit_code": exit.number(),
        "error": error,
    })
}

/// An error with everything beneath it, in one line.
fn whole(error: &CliError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Says what came of all of them, and gives the gravest.
pub(crate) fn concluded(endings: Vec<Ending>, ui: &Ui) -> Exit {
    let exit = endings.iter().fold(Exit::Passed, |gravest, one| gravest.or_graver(one.exit));
    if ui.is_json() {
        let runs: Vec<Value> = endings.into_iter().map(|one| one.value).collect();
        ui.json(&json!({ "version": 1, "exit_code": exit.number(), "runs": runs }));
        return exit;
    }
    if endings.len() > 1 {
        let count = |exit: Exit| endings.iter().filter(|one| one.exit == exit).count();
        let words = [
            (count(Exit::Leaked), "leaked"),
            (count(Exit::Failed), "failed"),
            (count(Exit::Inconclusive) + count(Exit::Usage), "inconclusive"),
            (count(Exit::Passed), "passed"),
        ];
        let told: Vec<String> =
            words.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        ui.print(&format!("\n{} runs: {}", endings.len(), told.join(", ")));
    }
    exit
}

/// What a run that is driven among others shares with them.
pub(crate) struct Berth {
    requests: Arc<Mutex<Requests>>,
    connections: Arc<Connections>,
    taken: Taken,
    crowd: Arc<AtomicBool>,
}

impl Berth {
    /// The connections that are there already.
    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Whether there are so many runs that those that wait are parked.
    pub(crate) fn crowd(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.crowd)
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A view that also gives places back.
pub(crate) struct Keeping {
    pub(crate) inner: Box<dyn Observer>,
    pub(crate) berth: Arc<Berth>,
}

impl Observer for Keeping {
    fn recorded(&mut self, records: &[Recorded], state: &State) {
        self.berth.taken.note(records, state);
        self.inner.recorded(records, state);
    }
}

/// A run's journal that asks the keeper what people left for the run, and not the database.
pub(crate) struct Heard<'a> {
    pub(crate) inner: &'a mut RunJournal,
    pub(crate) run: RunId,
    pub(crate) berth: Arc<Berth>,
}

#[async_trait]
impl Append for Heard<'_> {
    async fn append(&mut self, events: &[(Timestamp, Event)]) -> Result<Vec<Recorded>, StoreError> {
        self.inner.append(events).await
    }

    fn records(&self) -> Result<Vec<Recorded>, StoreError> {
        self.inner.records()
    }

    fn still_ours(&self) -> Result<(), StoreError> {
        self.inner.still_ours()
    }

    fn cancel_requested(&self) -> Result<bool, StoreError> {
        Ok(self.berth.requests().is_cancelled(&self.run))
    }

    fn answers(&self) -> Result<Vec<(Name, GateAnswer)>, StoreError> {
        Ok(self.berth.requests().answers(&self.run))
    }
}

/// Drives many runs at once.
pub(crate) struct Keeper {
    stores: Vec<Store>,
    requests: Arc<Mutex<Requests>>,
    connections: Arc<Connections>,
    admission: Arc<Admission>,
    /// Of the places: what the runs that wait go by.
    clock: Arc<dyn Clock>,
    /// What runs that are parked do not look at themselves.
    stop: Arc<dyn StopSwitch>,
    crowd: Arc<AtomicBool>,
    ui: Ui,
}

/// What is left of the files that the process may open.
struct Room {
    /// All of them; nothing if nobody bounds them.
    files: Option<usize>,
    driven: usize,
    /// Who is asleep has the lock of the drill open.
    asleep: usize,
}

impl Room {
    /// How many more runs may begin. A quarter of the files is kept for those who wake: they cannot wait until others are
    /// over.
    fn to_begin(&self) -> usize {
        let most = MOST_AT_ONCE.saturating_sub(self.driven);
        let is_empty = self.driven + self.asleep == 0;
        most.min(self.within(|files| files - files / 4)).max(usize::from(is_empty))
    }

    /// How many more of those who woke may be driven on.
    fn to_wake(&self) -> usize {
        self.within(|files| files).max(usize::from(self.driven == 0))
    }

    fn within(&self, part: impl FnOnce(usize) -> usize) -> usize {
        let Some(files) = self.files else { return usize::MAX };
        let taken = self.driven.saturating_mul(FILES_OF_A_RUN).saturating_add(self.asleep);
        part(files.saturating_sub(FILES_OF_ALL)).saturating_sub(taken) / FILES_OF_A_RUN
    }
}

/// What is not over.
struct Crowd<'a> {
    /// By its number among the places: where it stands in the list of tasks, and the task.
    waiting: BTreeMap<u64, (usize, Task<'a>)>,
    /// Have their places, and are begun as soon as fewer are driven.
    ready: VecDeque<u64>,
    driven: FuturesUnordered<LocalBoxFuture<'a, (u64, usize, Came<'a>)>>,
    asleep: Asleep<'a>,
    /// So many more may come before all that are driven had their turn.
    turn: usize,
    speaking: BTreeMap<u64, mpsc::Sender<Signal>>,
    /// What was said to all of them, in order.
    said: Vec<Signal>,
    endings: Vec<(usize, Vec<Ending>)>,
}

impl Crowd<'_> {
    fn room(&self, files: Option<usize>) -> Room {
        Room { files, driven: self.driven.len(), asleep: self.asleep.count() }
    }

    /// Whether somebody could be driven and comes only after all others had their turn.
    fn waits_for_turn(&self, files: Option<usize>) -> bool {
        let room = self.room(files);
        let wakes = self.asleep.is_next() && room.to_wake() > 0;
        self.turn == 0 && (wakes || (!self.ready.is_empty() && room.to_begin() > 0))
    }

    fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.driven.is_empty() && self.asleep.count() == 0
    }

    /// Says it to everybody who is driven, and wakes everybody else.
    fn hears(&mut self, signal: Signal) {
        for sender in self.speaking.values() {
            // Whose queue is full was told as often before, and one that is over hears nothing.
            let _ = sender.try_send(signal.clone());
        }
        self.said.push(signal);
        self.asleep.wake_all();
    }
}

impl Keeper {
    /// Over these journals and connections. Whoever waits goes by the clock, and `stop` stops everything.
    pub(crate) fn new(
        stores: Vec<Store>,
        connections: Arc<Connections>,
        clock: Arc<dyn Clock>,
        stop: Arc<dyn StopSwitch>,
        ui: &Ui,
    ) -> Self {
        let (requests, admission, crowd) = (Arc::default(), Arc::default(), Arc::default());
        Self { stores, requests, connections, admission, clock, stop, crowd, ui: ui.clone() }
    }

    /// Drives all of them to their ends, in the order of the places, and gives what came of them in the order of the tasks.
    pub(crate) async fn drive_all(&self, tasks: Vec<Task<'_>>, signals: &mut Signals) -> Vec<Ending> {
        let files = files();
        let mut crowd = self.admitted(tasks);
        let mut look = tokio::time::interval(LOOK_FOR_REQUESTS);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        self.look();
        loop {
            if signals.asked_to_end() {
                self.sent_away(&mut crowd);
            }
            self.drive_on(&mut crowd, files, signals);
            self.let_in(&mut crowd, files, signals);
            if crowd.is_over() {
                break;
            }
            self.crowd.store(crowd.driven.len() + crowd.asleep.count() > PARKS_BEYOND, Ordering::Relaxed);
            let wake = self.admission.places().wake();
            let sleep = async {
                match wake {
                    Some(at) => self.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Some(signal) = signals.receiver().recv() => crowd.hears(signal),
                Some(over) = crowd.driven.next(), if !crowd.driven.is_empty() => self.over(over, &mut crowd),
                () = crowd.asleep.wait(), if !crowd.asleep.is_quiet() => {}
                () = self.admission.changed() => {}
                _ = look.tick() => {
                    self.look();
                    self.ask(&mut crowd);
                }
                () = sleep => {}
                // The last: nobody else had anything to do.
                () = tokio::task::yield_now(), if crowd.waits_for_turn(files) => crowd.turn = AT_A_TIME,
            }
        }
        crowd.endings.sort_by_key(|(position, _)| *position);
        crowd.endings.into_iter().flat_map(|(_, endings)| endings).collect()
    }

    fn admitted<'a>(&self, tasks: Vec<Task<'a>>) -> Crowd<'a> {
        let mut crowd = Crowd {
            waiting: BTreeMap::new(),
            ready: VecDeque::new(),
            driven: FuturesUnordered::new(),
            asleep: Asleep::default(),
            turn: AT_A_TIME,
            speaking: BTreeMap::new(),
            said: Vec::new(),
            endings: Vec::new(),
        };
        let now = self.clock.now();
        let mut places = self.admission.places();
        for (position, task) in tasks.into_iter().enumerate() {
            let number = match &task.turn {
                Turn::Now(wants) => {
                    let number = places.take(wants.clone());
                    crowd.ready.push_back(number);
                    number
                }
                Turn::Waits { wants, expected } => places.ask(wants.clone(), *expected, now),
            };
            crowd.waiting.insert(number, (position, task));
        }
        crowd
    }

    /// Begins whose turn it is.
    fn let_in(&self, crowd: &mut Crowd<'_>, files: Option<usize>, signals: &Signals) {
        let come = self.admission.places().let_in(self.clock.now());
        crowd.ready.extend(come);
        let free = crowd.room(files).to_begin().min(crowd.turn).min(crowd.ready.len());
        crowd.turn -= free;
        for number in crowd.ready.drain(..free) {
            let Some((position, task)) = crowd.waiting.remove(&number) else { continue };
            let own = signals.for_one(Arc::new(self.berth(number)));
            crowd.speaking.insert(number, own.sender());
            let life = (task.life)(own);
            crowd.driven.push(Box::pin(async move { (number, position, life.await) }));
        }
    }

    fn berth(&self, number: u64) -> Berth {
        Berth {
            requests: Arc::clone(&self.requests),
            connections: Arc::clone(&self.connections),
            taken: Taken::new(number, Arc::clone(&self.admission)),
            crowd: Arc::clone(&self.crowd),
        }
    }

    /// Drives on who woke, and says what was said meanwhile.
    fn drive_on(&self, crowd: &mut Crowd<'_>, files: Option<usize>, signals: &Signals) {
        while crowd.turn > 0
            && crowd.room(files).to_wake() > 0
            && let Some(awake) = crowd.asleep.next()
        {
            crowd.turn -= 1;
            let (number, position) = (awake.number, awake.position);
            let own = signals.for_one(Arc::new(self.berth(number)));
            for signal in crowd.said.iter().skip(awake.heard) {
                // Whose queue is full was told as often before.
                let _ = own.sender().try_send(signal.clone());
            }
            crowd.speaking.insert(number, own.sender());
            let life = awake.drive(own);
            crowd.driven.push(Box::pin(async move { (number, position, life.await) }));
        }
    }

    fn over<'a>(&self, (number, position, came): (u64, usize, Came<'a>), crowd: &mut Crowd<'a>) {
        crowd.speaking.remove(&number);
        match came {
            Came::Over(endings) => {
                self.admission.places().leave(number);
                crowd.endings.push((position, endings));
            }
            Came::Parked(sleeper) => crowd.asleep.put(number, position, crowd.said.len(), *sleeper),
        }
    }

    /// Nobody who waits begins any more.
    fn sent_away(&self, crowd: &mut Crowd<'_>) {
        crowd.ready.clear();
        for (number, (position, task)) in std::mem::take(&mut crowd.waiting) {
            self.admission.places().leave(number);
            crowd.endings.push((position, vec![Ending::not_begun(&task.drill, &self.ui)]));
        }
    }

    /// Wakes those for whom people left something.
    fn ask(&self, crowd: &mut Crowd<'_>) {
        if !crowd.asleep.is_quiet() {
            let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
            crowd.asleep.ask(&requests, self.stop.stopped().is_some());
        }
    }

    /// Looks for what people left for any of the runs. What cannot be read now is looked for again.
    fn look(&self) {
        let mut found = Requests::default();
        for store in &self.stores {
            match store.requests() {
                Ok(requests) => found.extend(requests),
                Err(_) => return,
            }
        }
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner) = found;
    }
}

/// How many files the process may open; nothing if nobody bounds that. The soft limit is raised to the hard one first.
fn files() -> Option<usize> {
    let files = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: files.maximum, maximum: files.maximum };
    let current = if setrlimit(Resource::Nofile, raised).is_ok() { files.maximum } else { files.current };
    current.map(|files| usize::try_from(files).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::{MOST_AT_ONCE, Room};

    fn room(files: usize, driven: usize, asleep: usize) -> (usize, usize) {
        let room = Room { files: Some(files), driven, asleep };
        (room.to_begin(), room.to_wake())
    }

    #[test]
    fn whoever_sleeps_leaves_files_for_those_who_wake() {
        // As many begin and are parked as may: then a quarter of the files is free.
        let mut asleep = 0;
        loop {
            let (begin, wake) = room(1_024, 0, asleep);
            assert!(wake >= 59, "{asleep} are asleep, and {wake} can wake");
            if begin == 0 {
                break;
            }
            asleep += 1;
        }
        assert!((700..=720).contains(&asleep), "{asleep}");
        assert_eq!(room(20_000, 100, 9_900).0, MOST_AT_ONCE - 100);
    }

    #[test]
    fn who_wakes_waits_for_no_end_of_others_and_with_few_files_one_at_a_time_goes_on() {
        assert_eq!(room(1_000_000, MOST_AT_ONCE, 9_000).0, 0);
        assert!(room(1_000_000, MOST_AT_ONCE, 9_000).1 > 9_000);
        assert_eq!((room(20, 0, 0), room(20, 1, 0), room(20, 0, 1)), ((1, 1), (0, 0), (0, 1)));
        let unbounded = Room { files: None, driven: 10, asleep: 10 };
        assert_eq!(unbounded.to_begin(), MOST_AT_ONCE - 10);
    }
}
