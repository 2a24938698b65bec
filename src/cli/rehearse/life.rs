//! Plays one scenario: a world, a run in it, its troubles, and every process that goes on with it.

mod asleep;

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use crate::aws::resource::facts;
use crate::cli::rehearse::damage::{back, damage, keep};
use crate::cli::rehearse::life::asleep::Asleep;
use crate::cli::rehearse::marks::Marks;
use crate::cli::rehearse::pen::{Fate, Pen, until_death};
use crate::cli::rehearse::played::{End, How, Played, PlayedRun, Woke};
use crate::cli::rehearse::script::Script;
use crate::cli::rehearse::stage::Stage;
use crate::cli::rehearse::stand_in::StandIn;
use crate::cli::rehearse::sweep::sweep;
use crate::cli::rehearse::switch::Switch;
use crate::cli::rehearse::time::MachineTime;
use crate::cli::rehearse::trouble::{Crash, Runner, Scenario, Takeover, Trouble};
use crate::cli::rehearse::watch::Watch;
use crate::cli::rehearse::weather::{faults, faults_of_lease_end};
use crate::cli::resume::{Lease, Occasion, takeover};
use crate::journal::event::{Event, LeaseEnd};
use crate::journal::state::State;
use crate::journal::store::{Append as _, RunJournal, Store, StoreError};
use crate::plan::step::Work;
use crate::run::drive::{DriveError, Ended, drive};
use crate::run::prober::Prober;
use crate::run::services::Services;
use crate::run::stop::StopSwitch;
use crate::sandbox::{Direct, IdleClock};
use crate::words::id::RunId;
use crate::words::kind::Verdict;
use crate::words::secret::Secret;
use crate::words::time::Clock;

/// No run has more lives: whatever ends the last of them is said.
const MOST_LIVES: u32 = 6;
/// Between a leak and the next try to clean up; the last is long enough for every job.
const LATER: [SignedDuration; 3] =
    [SignedDuration::from_mins(10), SignedDuration::from_hours(30), SignedDuration::from_hours(24 * 8)];
/// A process that is away is away for so long: longer than AWS Backup remembers a token, and not too long for the run.
const AWAY: SignedDuration = SignedDuration::from_mins(90);
/// After a death, what was under way gets so many turns to arrive.
const LAST_TURNS: u32 = 64;
/// The second death comes so many records after the first.
const SECOND_DEATH: u64 = 7;
/// Real time: what was asked of a run from elsewhere is never looked for.
const NEVER: Duration = Duration::from_secs(24 * 3_600);

/// One stage, one scenario.
pub(crate) struct Play<'a> {
    pub(crate) script: &'a Script,
    pub(crate) stage: &'a Stage,
    /// The stage of a process that is paused, where one is.
    pub(crate) pause: Option<&'a Stage>,
    /// The stage of the second machine, where there is one.
    pub(crate) elsewhere: Option<&'a Stage>,
    pub(crate) folder: &'a Path,
    pub(crate) clock: Arc<IdleClock>,
}

impl Play<'_> {
    /// Plays it to its end.
    pub(crate) async fn play(&self, scenario: &Scenario) -> Result<Played, StoreError> {
        let direct = Direct::of(&self.script.blueprint, &self.clock);
        self.stage.show(&direct, &self.clock);
        for other in [self.pause, self.elsewhere].into_iter().flatten() {
            other.show(&direct, &self.clock);
        }
        let before = direct.holdings();
        for fault in faults(self.script.definition(), scenario) {
            direct.add_fault(fault);
        }
        self.stage.expect_stranger(scenario.0.iter().find_map(|trouble| match trouble {
            Trouble::Stranger { nth } => Some(*nth),
            _ => None,
        }));
        let second = scenario.0.iter().find_map(|trouble| match trouble {
            Trouble::Runner(runner) => Some(*runner),
            _ => None,
        });
        let mut runs = Vec::new();
        let mut second_let_in = false;
        if let Some(elsewhere) = self.elsewhere {
            let none = Scenario::default();
            let (one, two) =
                tokio::join!(self.run(&direct, self.stage, 1, scenario), self.run(&direct, elsewhere, 2, &none));
            runs.extend([one?, two?]);
        } else {
            if second == Some(Runner::SameFolder) {
                second_let_in = self.lets_a_second_in()?;
            }
            runs.push(self.run(&direct, self.stage, 1, scenario).await?);
        }
        let after = direct.inventory();
        let others = self.stage.jobs_of_stranger();
        let stranger = scenario.0.iter().any(|trouble| matches!(trouble, Trouble::Stranger { .. }));
        let struck = direct.all_struck() && (!stranger || !others.is_empty()) && runs.iter().all(|run| run.struck);
        Ok(Played { before, after, runs, asked: self.stage.asked(), second_let_in, others, struck, panics: Vec::new() })
    }

    /// Whether the drill's lock can be had twice.
    fn lets_a_second_in(&self) -> Result<bool, StoreError> {
        let store = Store::open(&self.folder.join("state-1"))?;
        let first = store.lock(&self.script.definition().name)?;
        let second = store.lock(&self.script.definition().name);
        drop(first);
        Ok(!matches!(second, Err(StoreError::Locked { .. })))
    }

    async fn run(
        &self,
        direct: &Direct,
        stage: &Stage,
        number: u8,
        scenario: &Scenario,
    ) -> Result<PlayedRun, StoreError> {
        let began = self.clock.now();
        let run = RunId::new(u64::try_from(began.as_millisecond()).unwrap_or(0), [number.wrapping_mul(37); 10]);
        let definition = self.script.definition();
        let stand_in = Arc::new(StandIn::new(direct.clone(), run, definition, &scenario.0));
        let state_folder = self.folder.join(format!("state-{number}"));
        let report = self.folder.join(format!("report-{number}"));
        let machine = MachineTime::new(Arc::clone(&self.clock));
        let switch = Switch::new(&self.clock, stop_of(scenario));
        let mut actor = Actor {
            play: self,
            direct,
            stage,
            scenario,
            run,
            began,
            store: Store::open(&state_folder)?,
            state_folder,
            services: self.services(stage, &machine, &stand_in, &report, Arc::clone(&switch) as Arc<dyn StopSwitch>),
            machine,
            switch,
            ends: Vec::new(),
            state: None,
            struck: true,
            lease_is_over: false,
            appends: Vec::new(),
            asked_until_lease: None,
            asleep: None,
            woke: None,
        };
        actor.lives().await?;
        actor.outsleeps_everybody().await;
        // What was to befall the end of a lease cannot have come where nothing was kept.
        actor.struck &= actor.lease_is_over || faults_of_lease_end(scenario).is_empty();
        let records = Store::open(&actor.state_folder).and_then(|store| store.load(&run)).unwrap_or_default();
        Ok(PlayedRun {
            marks: Marks::of(definition, &run).but_not(self.stage.jobs_of_stranger()),
            ends: actor.ends,
            state: actor.state,
            records,
            said: stand_in.said(),
            run,
            digits: run.short(),
            struck: actor.struck && actor.switch.is_through(),
            looks: actor.switch.looks(),
            stopped: actor.switch.pulled(),
            asked_until_lease: actor.asked_until_lease,
            woke: actor.woke,
            appends: actor.appends,
            began,
            report,
        })
    }

    fn services(
        &self,
        stage: &Stage,
        machine: &Arc<MachineTime>,
        stand_in: &Arc<StandIn>,
        report: &Path,
        stop: Arc<dyn StopSwitch>,
    ) -> Services {
        Services {
            cloud: stage.cloud.clone(),
            clock: Arc::clone(machine) as Arc<dyn Clock>,
            region: self.script.definition().destination.region.clone(),
            types: facts,
            folder: self.script.folder.clone(),
            ca_bundle: None,
            sandbox_ca: None,
            environment: |_| None,
            key: Secret::new("0123456789abcdef".repeat(4)),
            stop,
            evidence: report.to_owned(),
            signing_key: PathBuf::new(),
            imported: false,
            prober: Arc::clone(stand_in) as Arc<dyn Prober>,
            look_for_requests: NEVER,
            guards: self.script.guards,
        }
    }
}

/// The look at which everything turns out to be stopped.
fn stop_of(scenario: &Scenario) -> Option<u32> {
    scenario.0.iter().find_map(|trouble| match trouble {
        Trouble::Stop { look } => Some(*look),
        _ => None,
    })
}

/// One run and its processes.
struct Actor<'a> {
    play: &'a Play<'a>,
    direct: &'a Direct,
    /// What its processes ask by, but for one that is paused.
    stage: &'a Stage,
    scenario: &'a Scenario,
    run: RunId,
    began: Timestamp,
    store: Store,
    state_folder: PathBuf,
    services: Services,
    machine: Arc<MachineTime>,
    switch: Arc<Switch>,
    ends: Vec<End>,
    state: Option<State>,
    appends: Vec<u64>,
    struck: bool,
    /// The time of what it keeps is over.
    lease_is_over: bool,
    asked_until_lease: Option<usize>,
    /// Its first process, while that is paused.
    asleep: Option<Asleep>,
    woke: Option<Woke>,
}

/// How a process begins.
enum Birth {
    Life(Box<(RunJournal, State)>),
    /// There is nothing to go on with.
    Over,
    Refused(String),
}

/// How one process ended.
enum Life {
    Died,
    Stopped,
    JournalLost(Vec<String>),
    Concluded(Box<State>),
    Endless,
    Broken(String),
    /// It is paused, and another goes on.
    Asleep,
}

impl From<Result<Ended, DriveError>> for Life {
    fn from(ended: Result<Ended, DriveError>) -> Self {
        match ended {
            Ok(Ended::Concluded(state)) => Self::Concluded(state),
            Ok(Ended::Stopped(_)) => Self::Stopped,
            Err(DriveError::Journal { left, .. }) => Self::JournalLost(left),
            Err(error) => Self::Broken(error.to_string()),
        }
    }
}

impl Actor<'_> {
    /// Every process of the run, one after the other, until it is over and clean or nothing more can be done.
    async fn lives(&mut self) -> Result<(), StoreError> {
        let mut fate = self.first_fate();
        let mut cleaned = LATER.iter();
        for number in 1..=MOST_LIVES {
            let (journal, state) = match self.comes_to_life(number).await? {
                Birth::Life(life) => *life,
                Birth::Over => {
                    // It had died after its last record, and nothing is owed but the end of what it keeps.
                    if let Some(until) = self.state.as_ref().and_then(State::lease) {
                        self.lease_ends(until);
                        continue;
                    }
                    // Nothing was left to take over.
                    self.struck &= self.asleep.is_none();
                    return Ok(());
                }
                Birth::Refused(why) => {
                    self.end_faults();
                    let play = self.play;
                    let clock = Arc::clone(&self.services.clock);
                    let began = self.began;
                    let left = sweep(play.script, &self.stage.cloud, &clock, began).await;
                    self.ended(How::Refused(why, left));
                    return Ok(());
                }
            };
            let life = match self.takeover().filter(|_| number == 1) {
                Some(takeover) => self.falls_asleep(journal, state, takeover).await,
                None => self.live(journal, state, fate, number == 1).await,
            };
            fate = Fate::default();
            match life {
                Life::Died => {
                    self.struck &= self.between_lives();
                    if number == 1 && self.crashes(Crash::Twice) {
                        let died_at = self.first_fate().dies_at.unwrap_or_default();
                        fate.dies_at = Some(died_at + 1 + SECOND_DEATH);
                    }
                }
                Life::Stopped | Life::Asleep => {}
                Life::JournalLost(left) => {
                    let started = self.direct.holdings().restore_jobs.len().saturating_sub(self.intended());
                    self.ended(How::JournalLost(left, started));
                }
                Life::Endless => {
                    self.ended(How::Endless);
                    return Ok(());
                }
                Life::Broken(why) => {
                    self.ended(How::Broken(why));
                    return Ok(());
                }
                Life::Concluded(state) => {
                    let Some((at, conclusion)) = state.concluded.clone() else { return Ok(()) };
                    let leaked = conclusion.verdict == Verdict::Leaked;
                    let kept = state.lease().filter(|_| !leaked);
                    self.state = Some(*state);
                    self.ended(How::Concluded(Box::new(conclusion), at));
                    if let Some(until) = kept {
                        self.lease_ends(until);
                        continue;
                    }
                    let Some(later) = cleaned.next().filter(|_| leaked) else { return Ok(()) };
                    self.end_faults();
                    self.play.clock.advance(*later);
                }
            }
        }
        Ok(())
    }

    /// From now on nothing goes wrong any more. What did not until now never came.
    fn end_faults(&mut self) {
        self.struck &= self.direct.all_struck();
        self.direct.end_faults();
    }

    /// The time of what it keeps is over, and now its removal has troubles of its own.
    fn lease_ends(&mut self, until: Timestamp) {
        self.end_faults();
        self.asked_until_lease = Some(self.play.stage.asked_so_far());
        self.play.clock.advance(until.duration_since(self.services.clock.now()) + LATER[0]);
        self.lease_is_over = true;
        for fault in faults_of_lease_end(self.scenario) {
            self.direct.add_fault(fault);
        }
    }

    fn ended(&mut self, how: How) {
        let keeps = !self.lease_is_over && self.state.as_ref().is_some_and(|state| state.lease().is_some());
        self.ends.push(End { how, world: self.direct.holdings(), keeps });
    }

    fn crashes(&self, how: Crash) -> bool {
        self.scenario.0.iter().any(|trouble| matches!(trouble, Trouble::Crash { how: one, .. } if *one == how))
    }

    /// How many restores its journal announces.
    fn intended(&self) -> usize {
        let records = self.store.load(&self.run).unwrap_or_default();
        records.iter().filter(|record| matches!(record.event, Event::RestoreIntended { .. })).count()
    }

    fn is_damaged(&self) -> bool {
        self.scenario.0.iter().any(|trouble| matches!(trouble, Trouble::Damage { .. }))
    }

    fn first_fate(&self) -> Fate {
        let mut fate = Fate::default();
        for trouble in &self.scenario.0 {
            match trouble {
                Trouble::Crash { records, how } => {
                    fate.dies_at = Some(*records);
                    fate.unwritten = matches!(how, Crash::Unwritten | Crash::Away);
                }
                Trouble::Damage { records, .. } => fate.dies_at = Some(*records),
                Trouble::DiskFull { append } => fate.full_from = Some(*append),
                _ => {}
            }
        }
        fate
    }

    /// When its first process is paused, and when that wakes.
    fn takeover(&self) -> Option<(u64, Takeover)> {
        self.scenario.0.iter().find_map(|trouble| match trouble {
            Trouble::Takeover { records, how } => Some((*records, *how)),
            _ => None,
        })
    }

    /// What happens while nobody drives the run. `false`: something that should happen could not.
    fn between_lives(&self) -> bool {
        if self.crashes(Crash::Away) {
            self.play.clock.advance(AWAY);
        }
        self.scenario.0.iter().all(|trouble| match trouble {
            Trouble::Damage { how, records } => {
                back(&self.state_folder);
                damage(&self.state_folder, *how, *records)
            }
            _ => true,
        })
    }

    /// A process begins the run, or goes on with it.
    async fn comes_to_life(&mut self, number: u32) -> Result<Birth, StoreError> {
        let name = &self.play.script.definition().name;
        let now = self.services.clock.now();
        if number == 1 {
            let first = self.play.script.first(self.scenario);
            let lock = self.store.lock(name)?;
            let journal = self.store.begin(lock, self.run, now, &first).await?;
            let state = State::begin(self.run, now, &first);
            return Ok(state.map_or(Birth::Over, |state| Birth::Life(Box::new((journal, state)))));
        }
        match self.begins_again(now).await {
            Ok((_, state)) if self.is_over(&state) => {
                let concluded = state.concluded.clone();
                self.state = Some(state);
                if let Some((at, conclusion)) = concluded {
                    self.ended(How::Concluded(Box::new(conclusion), at));
                }
                Ok(Birth::Over)
            }
            Ok(life) => Ok(Birth::Life(Box::new(life))),
            Err(refused) => Ok(Birth::Refused(refused.to_string())),
        }
    }

    /// What the next process finds, with its takeover recorded.
    async fn begins_again(&mut self, now: Timestamp) -> Result<(RunJournal, State), StoreError> {
        // Nothing stays open of the process before.
        self.store = Store::open(&self.state_folder)?;
        let lock = self.store.lock(&self.play.script.definition().name)?;
        let (mut journal, records) = self.store.go_on(lock, self.run)?;
        let senseless = |source| StoreError::Senseless { run: self.run, source };
        let mut state = State::replay(&records).map_err(senseless)?;
        let at = now.max(state.last_at);
        if self.is_over(&state) {
            return Ok((journal, state));
        }
        let lease = if self.lease_is_over { Lease::Ends(LeaseEnd::Expired) } else { Lease::Stays };
        let events = takeover(&state, at, "a rehearsal".to_owned(), &Occasion::Asked, lease);
        let events: Vec<_> = events.into_iter().map(|event| (at, event)).collect();
        journal.append(&events).await?;
        events.iter().try_for_each(|(at, event)| state.apply(*at, event)).map_err(senseless)?;
        Ok((journal, state))
    }

    fn is_over(&self, state: &State) -> bool {
        let clean = state.concluded.as_ref().is_some_and(|(_, conclusion)| conclusion.verdict != Verdict::Leaked);
        let clean = clean && !(self.lease_is_over && state.lease().is_some());
        clean && state.step(&Work::Report).end().is_some()
    }

    async fn live(&mut self, journal: RunJournal, state: State, fate: Fate, first: bool) -> Life {
        self.stage.begin_process();
        let (sender, mut signals) = mpsc::channel(16);
        let play = self.play;
        let mut watch = Watch::new(sender, &self.machine, &play.clock, (self.scenario, &self.switch), first);
        self.sets_alarm(&mut watch, state.seq);
        let limit = self.limit();
        let mut pen = Pen::new(journal, state.seq, fate);
        let ended = {
            let services = Arc::new(self.services.clone());
            let mut life = pin!(drive(services, state, &mut pen, &mut signals, &mut watch));
            let ended = tokio::select! {
                biased;
                ended = until_death(life.as_mut()) => Some(ended),
                () = self.wakes_beside() => None,
                () = play.clock.sleep_until(limit) => None,
            };
            if matches!(ended, Some(None)) && self.is_damaged() {
                // As the dead process left it: the last connection that closes would tidy the journal up.
                keep(&self.state_folder);
            }
            if matches!(ended, Some(None)) && !self.crashes(Crash::Lost) {
                for _ in 0..LAST_TURNS {
                    tokio::task::yield_now().await;
                }
            }
            ended
        };
        if first {
            self.appends = pen.appends();
            let fated = fate.dies_at.is_some() && !matches!(ended, Some(None));
            let full = fate.full_from.is_some() && !pen.was_lost();
            self.struck = watch.is_through() && !fated && !full;
        }
        match ended {
            None => Life::Endless,
            Some(None) => Life::Died,
            Some(Some(ended)) => Life::from(ended),
        }
    }

    /// No process may go on for longer.
    fn limit(&self) -> Timestamp {
        self.play.clock.now().saturating_add(self.play.script.longest()).unwrap_or(Timestamp::MAX)
    }
}
