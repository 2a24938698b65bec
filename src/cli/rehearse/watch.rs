//! Sees what a rehearsed run records, and does what a person or a machine would do at that moment: Ctrl-C, an answer at
//! a gate, a jump of the clock.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::cli::rehearse::time::MachineTime;
use crate::cli::rehearse::trouble::{Jump, Scenario, Trouble};
use crate::journal::event::{Event, GateAnswer, Recorded};
use crate::journal::state::State;
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
}

impl Watch {
    pub(crate) fn new(
        signals: mpsc::Sender<Signal>,
        machine: &Arc<MachineTime>,
        world: &Arc<IdleClock>,
        scenario: &Scenario,
        first: bool,
    ) -> Self {
        let troubles = scenario.0.iter().filter(|_| first);
        let interrupt = troubles.clone().find_map(|trouble| match trouble {
            Trouble::Interrupt { records, twice } => Some((*records, *twice)),
            _ => None,
        });
        let jumps = troubles.filter_map(|trouble| match trouble {
            Trouble::Clock { records, how } => Some((*records, *how)),
            _ => None,
        });
        let jumps = jumps.collect();
        Self { signals, machine: Arc::clone(machine), world: Arc::clone(world), interrupt, stop: false, jumps }
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
        self.interrupt.is_none() && self.jumps.is_empty()
    }
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
