//! The person at the terminal: `yes` or `no` and Enter answers the gate that has been open longest.

use std::io::{BufRead as _, IsTerminal as _};
use std::sync::{Mutex, OnceLock, PoisonError};

use tokio::sync::mpsc;

use crate::cli::run::started_by;
use crate::cli::ui::Ui;
use crate::journal::event::{Event, GateAnswer, Recorded};
use crate::journal::state::State;
use crate::run::drive::{Observer, Signal};
use crate::words::id::Name;

/// Whether somebody can answer here.
#[must_use]
pub fn can_ask(ui: &Ui, state: &State) -> bool {
    !state.questions().is_empty() && ui.is_live() && std::io::stdin().is_terminal()
}

/// Whom the person at the terminal answers now. One thread reads the terminal for all runs of a command, and ends with
/// the process.
struct Listener {
    open: Vec<Name>,
    sender: mpsc::Sender<Signal>,
}

static LISTENER: OnceLock<Mutex<Listener>> = OnceLock::new();

/// A view that also listens to the terminal.
pub struct Asking {
    inner: Box<dyn Observer>,
}

impl Asking {
    /// Around a view. From now on answers go to this run.
    #[must_use]
    pub fn new(inner: Box<dyn Observer>, sender: mpsc::Sender<Signal>) -> Self {
        let fresh = || Listener { open: Vec::new(), sender: sender.clone() };
        match LISTENER.get() {
            Some(listener) => *listener.lock().unwrap_or_else(PoisonError::into_inner) = fresh(),
            None => {
                if LISTENER.set(Mutex::new(fresh())).is_ok() {
                    std::thread::spawn(read);
                }
            }
        }
        Self { inner }
    }
}

fn read() {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let (Some(approved), Some((gate, sender))) = (said(&line), asked()) else { continue };
        let by = started_by();
        let answer = GateAnswer { approved, by: by.clone(), at: by, note: "at the terminal".to_owned() };
        // A run that is over no longer listens; the next one may.
        let _ = sender.blocking_send(Signal::Answer { gate, answer });
    }
}

/// The gate that has been open longest, and whoever waits for it.
fn asked() -> Option<(Name, mpsc::Sender<Signal>)> {
    let listener = LISTENER.get()?.lock().unwrap_or_else(PoisonError::into_inner);
    Some((listener.open.first()?.clone(), listener.sender.clone()))
}

fn change(open: impl FnOnce(&mut Vec<Name>)) {
    if let Some(listener) = LISTENER.get() {
        open(&mut listener.lock().unwrap_or_else(PoisonError::into_inner).open);
    }
}

/// Only whole words count: a key that was hit by accident answers nothing.
fn said(line: &str) -> Option<bool> {
    match line.trim().to_lowercase().as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

impl Observer for Asking {
    fn recorded(&mut self, records: &[Recorded], state: &State) {
        for record in records {
            let gate = |step: &crate::words::id::StepId| {
                let (_, name) = step.as_str().split_once('.')?;
                let name = name.parse::<Name>().ok()?;
                state.asks(&name).filter(|work| work.id() == *step).map(|_| name)
            };
            match &record.event {
                Event::StepStarted { step } => change(|open| open.extend(gate(step))),
                Event::StepEnded { step, .. } => {
                    let ended = gate(step);
                    change(|open| open.retain(|name| Some(name) != ended.as_ref()));
                }
                _ => {}
            }
        }
        self.inner.recorded(records, state);
    }
}
