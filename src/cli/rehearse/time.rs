//! The machine's clock of a rehearsed run: it follows the world's, and can jump.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::sandbox::IdleClock;
use crate::words::time::Clock;

/// A clock that is off by something.
pub(crate) struct MachineTime {
    world: Arc<IdleClock>,
    off: Mutex<SignedDuration>,
}

impl MachineTime {
    pub(crate) fn new(world: Arc<IdleClock>) -> Arc<Self> {
        Arc::new(Self { world, off: Mutex::new(SignedDuration::ZERO) })
    }

    /// From now on it is off by so much more.
    pub(crate) fn jump(&self, by: SignedDuration) {
        let mut off = self.off.lock().unwrap_or_else(PoisonError::into_inner);
        *off = off.saturating_add(by);
    }

    fn off(&self) -> SignedDuration {
        *self.off.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Clock for MachineTime {
    fn now(&self) -> Timestamp {
        self.world.now().saturating_add(self.off()).unwrap_or(Timestamp::MAX)
    }

    async fn sleep_until(&self, instant: Timestamp) {
        while self.now() < instant {
            let left = instant.duration_since(self.now());
            // Cut into pieces, as the machine's own clock does, so that a jump is noticed.
            let nap = left.min(SignedDuration::from_mins(5));
            self.world.sleep_until(self.world.now().saturating_add(nap).unwrap_or(Timestamp::MAX)).await;
        }
    }
}
