//! Sees what a rehearsed run records, and does what a person or a machine would do at that moment: Ctrl-C, an answer at
//! a gate, a jump of the clock.

use std::sync::Arc;

use jiff::SignedDuration;
use tokio::sync::{Notify, mpsc};

use crate::cli::rehearse::switch::Switch;
use crate::cli::rehearse::time::MachineTime;
use crate::cli::rehearse::trouble::{Jump, Scenario, Trouble};
use crate::journal::event::{Event, GateAnswer, Recorded};
use crate::journal::state::State;
use crate::run::decide::is_forward;
use crate::run::drive::{Observer, Signal};
use crate::sandbox::IdleClock;
use crate::words::id::StepId;

/// One process's watch.
pub(crate) struct Watch {
    signals: mpsc::Sender<Signal>,
    machine: Arc<MachineTime>,
    world: Arc<IdleClock>,
    interrupt: Option<(u64, bool)>,
    stop: bool,
    jumps: Vec<(u64, Jump)>,
    /// From this record on it is so late that the bound on what the run costs is reached.
    costs: Option<u64>,
    switch: Arc<Switch>,
    /// At this record somebody is woken.
    alarm: Option<(u64, Arc<Notify>)>,
}

impl Watch {
    pub(crate) fn new(
        signals: mpsc::Sender<Signal>,
        machine: &Arc<MachineTime>,
        world: &Arc<IdleClock>,
        (scenario, switch): (&Scenario, &Arc<Switch>),
        first: bool,
    ) -> Self {
        let troubles = scenario.0.iter().filter(|_| first);
        let interrupt = troubles.clone().find_map(|trouble| match trouble {
            Trouble::Interrupt { records, twice } => Some((*records, *twice)),
            _ => None,
        });
        let costs = troubles.clone().find_map(|trouble| match trouble {
            Trouble::MaxCost { records } => Some(*records),
            _ => None,
        });
        let jumps = troubles.filter_map(|trouble| match trouble {
            Trouble::Clock { records, how } => Some((*records, *how)),
            _ => None,
        });
        let jumps = jumps.collect();
        let (machine, world, switch) = (Arc::clone(machine), Arc::clone(world), Arc::clone(switch));
        Self { signals, machine, world, interrupt, stop: false, jumps, costs, switch, alarm: None }
    }

    /// Wakes somebody as soon as this record is written.
    pub(crate) fn ring(&mut self, record: u64, alarm: Arc<Notify>) {
        self.alarm = Some((record, alarm));
    }

    fn saw(&mut self, record: &Recorded, state: &State) {
        let due: Vec<Jump> = self.jumps.extract_if(.., |(at, _)| *at == record.seq).map(|(_, how)| how).collect();
        for jump in due {
            let (by, with_the_world) = jump.by();
            if with_the_world {
                self.world.advance(by);
            } else {
                self.machine.jump(by);
            }
        }
        self.switch.saw(record.seq);
        if self.costs.is_some_and(|at| record.seq >= at)
            && let Some(long) = until_too_dear(state)
        {
            self.costs = None;
            self.world.advance(long);
        }
        if let Some((_, alarm)) = self.alarm.take_if(|(at, _)| record.seq >= *at) {
            alarm.notify_one();
        }
        if let Event::StepStarted { step } = &record.event {
            self.answer(step, state);
        }
        self.press(record.seq);
    }

    fn answer(&self, step: &StepId, state: &State) {
        for gate in state.questions() {
            if state.asks(&gate).is_some_and(|work| work.id() == *step) {
                let texts = ("somebody".to_owned(), "rehearsal".to_owned());
                let answer = GateAnswer { approved: true, by: texts.0, at: texts.1, note: String::new() };
                let _ = self.signals.try_send(Signal::Answer { gate, answer });
            }
        }
    }

    fn press(&mut self, record: u64) {
        if let Some((_, twice)) = self.interrupt.take_if(|(at, _)| *at == record) {
            let _ = self.signals.try_send(Signal::Cancel);
            self.stop = twice;
        }
    }

    /// Whether everything that it waited for has come.
    pub(crate) fn is_through(&self) -> bool {
        self.interrupt.is_none() && self.jumps.is_empty() && self.costs.is_none()
    }
}

/// After so long what is there has cost more than the run may: all of it costs a dollar an hour in such a rehearsal. Nothing
/// where nothing is there, or nothing left to do with it.
fn until_too_dear(state: &State) -> Option<SignedDuration> {
    let goes_on = state.in_order().any(|(step, known)| is_forward(&step.work) && known.end().is_none());
    if !goes_on {
        return None;
    }
    let there = state.ledger.values().filter(|entry| entry.job.is_some() && entry.gone.is_none()).count();
    let there = u32::try_from(there).ok().filter(|there| *there > 0)?;
    let most = state.started.plan.definition.limits.max_cost_usd?;
    SignedDuration::try_from_secs_f64(most / f64::from(there) * 3_600.0 + 60.0).ok()
}

impl Observer for Watch {
    fn recorded(&mut self, records: &[Recorded], state: &State) {
        if std::mem::take(&mut self.stop) {
            let _ = self.signals.try_send(Signal::Stop);
        }
        for record in records {
            self.saw(record, state);
        }
    }
}
