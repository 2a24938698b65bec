//! The world's own clock, and the one place in the sandbox that reads the machine's.
//!
//! World time = start + real time since then × speed + whatever `/_world/advance` added. Timers of the world are real
//! timers of (distance ÷ speed), looked at again whenever the clock was moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use crate::sandbox::idle::IdleClock;
use crate::words::time::Clock;

/// No timer sleeps longer than this before it looks at the clock again.
const LONGEST_REST: Duration = Duration::from_mins(1);

/// The slowest and fastest speed: a pause would let waits last for ever.
const SPEEDS: (f64, f64) = (0.001, 1_000_000.0);

/// A speed within bounds; nonsense counts as real time.
pub(crate) fn sane_speed(speed: f64) -> f64 {
    if speed.is_finite() { speed.clamp(SPEEDS.0, SPEEDS.1) } else { 1.0 }
}

/// The clock of one world.
#[derive(Debug)]
pub(crate) struct WorldClock {
    start: Timestamp,
    begun: Instant,
    speed: f64,
    advanced_ms: AtomicI64,
    moved: Notify,
    /// Where it stands in the place of all of these: a clock that moves when nothing is left to do.
    idle: Option<Arc<IdleClock>>,
}

impl WorldClock {
    /// A clock that shows `start` now.
    pub(crate) fn new(start: Timestamp, speed: f64) -> Self {
        let (speed, advanced_ms) = (sane_speed(speed), AtomicI64::new(0));
        Self { start, begun: ticks(), speed, advanced_ms, moved: Notify::new(), idle: None }
    }

    /// A clock that follows another one, which moves when nothing is left to do.
    pub(crate) fn following(idle: Arc<IdleClock>) -> Self {
        Self { idle: Some(Arc::clone(&idle)), ..Self::new(idle.now(), 1.0) }
    }

    /// Lets so much pass: real time, or that of the clock it follows.
    pub(crate) async fn pass(&self, real: Duration) {
        match &self.idle {
            Some(idle) => idle.sleep_until(later(idle.now(), scaled(real, 1.0))).await,
            None => rest(real).await,
        }
    }

    pub(crate) fn speed(&self) -> f64 {
        self.speed
    }

    /// Moves the clock forward; never back.
    pub(crate) fn advance(&self, by: SignedDuration) {
        if let Some(idle) = &self.idle {
            return idle.advance(by);
        }
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX).clamp(0, 1_000 * 3_600 * 24 * 3_660);
        self.advanced_ms.fetch_add(millis, Ordering::SeqCst);
        self.moved.notify_waiters();
    }
}

#[async_trait]
impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        if let Some(idle) = &self.idle {
            return idle.now();
        }
        let passed = scaled(ticks().duration_since(self.begun), self.speed);
        later(later(self.start, passed), SignedDuration::from_millis(self.advanced_ms.load(Ordering::SeqCst)))
    }

    async fn sleep_until(&self, instant: Timestamp) {
        if let Some(idle) = &self.idle {
            return idle.sleep_until(instant).await;
        }
        loop {
            // Made before the clock is read: an advance in between wakes it.
            let moved = self.moved.notified();
            let Some(real) = real_distance(self.now(), instant, self.speed) else { return };
            tokio::select! {
                () = rest(real.min(LONGEST_REST)) => {}
                () = moved => {}
            }
        }
    }
}

/// `instant` plus `by`, at most the end of time.
pub(crate) fn later(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// `instant` minus `by`.
pub(crate) fn earlier(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

/// A real duration in world time.
pub(crate) fn scaled(real: Duration, speed: f64) -> SignedDuration {
    SignedDuration::try_from_secs_f64(real.as_secs_f64() * speed).unwrap_or(SignedDuration::MAX)
}

/// How long in real time until the world's clock shows `instant`; `None` when it already does.
pub(crate) fn real_distance(now: Timestamp, instant: Timestamp, speed: f64) -> Option<Duration> {
    if now >= instant {
        return None;
    }
    let seconds = instant.duration_since(now).as_secs_f64() / speed;
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_REST).max(Duration::from_millis(1)))
}

/// The machine's wall clock: the start of a world, and the anchor for clocks in other processes.
#[expect(clippy::disallowed_methods, reason = "a world starts at the real present; this is its one look at it")]
pub(crate) fn machine_now() -> Timestamp {
    Timestamp::now()
}

#[expect(clippy::disallowed_methods, reason = "the world's clock runs on the machine's monotonic one")]
pub(crate) fn ticks() -> Instant {
    Instant::now()
}

/// Waits in real time.
#[expect(clippy::disallowed_methods, reason = "the world's timers are real timers divided by its speed")]
pub(crate) async fn rest(real: Duration) {
    tokio::time::sleep(real).await;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::{SignedDuration, Timestamp};

    use super::{WorldClock, real_distance, sane_speed};
    use crate::words::time::Clock;

    #[test]
    fn an_advance_moves_the_clock_and_only_forward() {
        let clock = WorldClock::new(Timestamp::UNIX_EPOCH, 0.001);
        clock.advance(SignedDuration::from_hours(2));
        clock.advance(SignedDuration::from_hours(-1));
        assert!(clock.now() >= Timestamp::UNIX_EPOCH + SignedDuration::from_hours(2));
        assert!(clock.now() < Timestamp::UNIX_EPOCH + SignedDuration::from_hours(3));
    }

    #[test]
    fn distances_shrink_with_speed() {
        let later = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(300);
        assert_eq!(real_distance(Timestamp::UNIX_EPOCH, later, 300.0), Some(Duration::from_secs(1)));
        assert_eq!(real_distance(later, Timestamp::UNIX_EPOCH, 300.0), None);
        assert!((sane_speed(f64::NAN) - 1.0).abs() < f64::EPSILON);
    }
}
