//! The machine's clock: the only place that reads it.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::words::time::Clock;

/// Wall-clock time of this machine, which never goes back within a process: a clock that is set back under way would make
/// what a run measures shorter than it was. A clock that is set forward, and a machine that slept, are followed.
#[derive(Debug, Clone, Copy)]
pub struct MachineClock;

/// A wait is cut into pieces, so that a clock that was set or a machine that slept is noticed.
const LONGEST_NAP: Duration = Duration::from_secs(30);

/// When this process first looked, by the wall clock and by the one that only goes forward.
static FIRST: OnceLock<(Timestamp, Instant)> = OnceLock::new();

/// The present, from what the wall clock says and from what has passed since it was first looked at.
fn present(wall: Timestamp, first: Timestamp, passed: Duration) -> Timestamp {
    let passed = SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
    wall.max(first.saturating_add(passed).unwrap_or(wall))
}

#[async_trait]
impl Clock for MachineClock {
    #[expect(clippy::disallowed_methods, reason = "the home of the machine's clock")]
    fn now(&self) -> Timestamp {
        let wall = Timestamp::now();
        let (first, begun) = *FIRST.get_or_init(|| (wall, Instant::now()));
        present(wall, first, begun.elapsed())
    }

    #[expect(clippy::disallowed_methods, reason = "the home of the machine's clock")]
    async fn sleep_until(&self, instant: Timestamp) {
        while let Ok(left) = Duration::try_from(instant.duration_since(self.now())) {
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LONGEST_NAP)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::{SignedDuration, Timestamp};

    use super::present;

    #[test]
    fn a_clock_that_is_set_back_goes_on_and_one_that_is_set_forward_is_followed() {
        let first = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(9);
        let passed = Duration::from_secs(90);
        let honest = first + SignedDuration::from_secs(90);
        for (set, wanted) in [
            (honest, honest),
            (honest - SignedDuration::from_hours(1), honest),
            (Timestamp::UNIX_EPOCH, honest),
            (honest + SignedDuration::from_hours(6), honest + SignedDuration::from_hours(6)),
        ] {
            assert_eq!(present(set, first, passed), wanted);
        }
    }
}
