//! The switch of this machine that stops everything, under somebody else's power: it is pulled when a run looks at it for
//! a chosen time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::run::stop::StopSwitch;
use crate::sandbox::IdleClock;
use crate::words::time::Clock as _;

/// A switch, and when it was looked at.
pub(crate) struct Switch {
    world: Arc<IdleClock>,
    /// Pulled at this look, counted from 1, and at every later one.
    at: Option<u32>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    record: u64,
    /// The last record before each look.
    looks: Vec<u64>,
    pulled: Option<Timestamp>,
}

impl Switch {
    pub(crate) fn new(world: &Arc<IdleClock>, at: Option<u32>) -> Arc<Self> {
        Arc::new(Self { world: Arc::clone(world), at, seen: Mutex::default() })
    }

    /// This record was written.
    pub(crate) fn saw(&self, record: u64) {
        self.seen().record = record;
    }

    /// The last record before each look.
    pub(crate) fn looks(&self) -> Vec<u64> {
        self.seen().looks.clone()
    }

    /// Since when it says that everything is stopped, by the world's clock.
    pub(crate) fn pulled(&self) -> Option<Timestamp> {
        self.seen().pulled
    }

    /// Whether what it waited for has come.
    pub(crate) fn is_through(&self) -> bool {
        self.at.is_none() || self.pulled().is_some()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StopSwitch for Switch {
    fn stopped(&self) -> Option<String> {
        let mut seen = self.seen();
        let record = seen.record;
        seen.looks.push(record);
        let looks = u32::try_from(seen.looks.len()).unwrap_or(u32::MAX);
        if self.at.is_none_or(|at| looks < at) {
            return None;
        }
        seen.pulled.get_or_insert(self.world.now());
        Some("by a rehearsal".to_owned())
    }
}
