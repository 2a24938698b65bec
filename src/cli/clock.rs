//! The machine's clock: the only place that reads it.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::words::time::Clock;

/// Wall-clock time of this machine.
#[derive(Debug, Clone, Copy)]
pub struct MachineClock;

/// A wait is cut into pieces, so that a clock that was set or a machine that slept is noticed.
const LONGEST_NAP: std::time::Duration = std::time::Duration::from_secs(30);

#[async_trait]
impl Clock for MachineClock {
    #[expect(clippy::disallowed_methods, reason = "the home of the machine's clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    #[expect(clippy::disallowed_methods, reason = "the home of the machine's clock")]
    async fn sleep_until(&self, instant: Timestamp) {
        while let Ok(left) = std::time::Duration::try_from(instant.duration_since(self.now())) {
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LONGEST_NAP)).await;
        }
    }
}
