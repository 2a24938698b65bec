//! Time that stands still while anything can be done, and jumps to the next awaited instant when nothing can.
//!
//! A rehearsal gives one to its world and to its run: days pass in milliseconds, and the same run passes through the
//! same instants every time. Whoever owns the runtime calls [`IdleClock::jump`] whenever it has nothing left to do.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::sandbox::clock::later;
use crate::words::time::Clock;

/// A clock that only [`IdleClock::jump`] and [`IdleClock::advance`] move.
#[derive(Debug)]
pub struct IdleClock(Mutex<Time>);

#[derive(Debug)]
struct Time {
    now: Timestamp,
    /// Sleepers by instant, then by the order in which they came.
    sleepers: BTreeMap<(Timestamp, u64), Waker>,
    came: u64,
}

impl IdleClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Time { now: start, sleepers: BTreeMap::new(), came: 0 })))
    }

    /// Moves to the first awaited instant and wakes everybody who waits for it. `false`: nobody waits for anything.
    pub fn jump(&self) -> bool {
        let mut time = self.time();
        let Some((first, _)) = time.sleepers.keys().next().copied() else { return false };
        time.now = time.now.max(first);
        let due = due(&mut time);
        drop(time);
        due.into_iter().for_each(Waker::wake);
        true
    }

    /// Moves forward, whatever anybody waits for; never back.
    pub fn advance(&self, by: SignedDuration) {
        let mut time = self.time();
        time.now = later(time.now, by.max(SignedDuration::ZERO));
        let due = due(&mut time);
        drop(time);
        due.into_iter().for_each(Waker::wake);
    }

    fn time(&self) -> MutexGuard<'_, Time> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn due(time: &mut Time) -> Vec<Waker> {
    let later = time.sleepers.split_off(&(time.now, u64::MAX));
    std::mem::replace(&mut time.sleepers, later).into_values().collect()
}

#[async_trait]
impl Clock for IdleClock {
    fn now(&self) -> Timestamp {
        self.time().now
    }

    async fn sleep_until(&self, instant: Timestamp) {
        Sleep { clock: self, instant, place: None }.await;
    }
}

/// One who waits. Whoever stops waiting is forgotten: a clock jumps for nobody.
struct Sleep<'a> {
    clock: &'a IdleClock,
    instant: Timestamp,
    place: Option<u64>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut time = self.clock.time();
        if time.now >= self.instant {
            return Poll::Ready(());
        }
        let place = self.place.unwrap_or_else(|| {
            time.came += 1;
            time.came
        });
        time.sleepers.insert((self.instant, place), context.waker().clone());
        drop(time);
        self.place = Some(place);
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.clock.time().sleepers.remove(&(self.instant, place));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::{SignedDuration, Timestamp};

    use super::IdleClock;
    use crate::words::time::Clock as _;

    #[test]
    fn a_runtime_with_nothing_to_do_jumps_to_the_next_instant() {
        let start = Timestamp::UNIX_EPOCH;
        let clock = IdleClock::new(start);
        let idle = Arc::clone(&clock);
        let runtime = tokio::runtime::Builder::new_current_thread().on_thread_park(move || _ = idle.jump()).build();
        let seen = runtime.unwrap().block_on(async {
            let short = clock.sleep_until(start + SignedDuration::from_hours(1));
            let long = clock.sleep_until(start + SignedDuration::from_hours(48));
            tokio::select! { () = short => {}, () = long => {} }
            let first = clock.now();
            clock.sleep_until(start + SignedDuration::from_hours(3)).await;
            (first, clock.now())
        });
        assert_eq!(seen, (start + SignedDuration::from_hours(1), start + SignedDuration::from_hours(3)));
    }
}
