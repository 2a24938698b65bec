//! Holds: a request of a chosen operation stops until it is released, so that a test can end the client at that very
//! call.
//!
//! A request held *before* its effect whose client goes away never has an effect. A request held *after* its effect has
//! had it, whatever becomes of the client.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// In the place of an operation: any.
pub const ANY: &str = "*";

/// No request is held longer, in real time.
const LONGEST_HOLD: Duration = Duration::from_mins(10);

/// Which request to hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Such as `backup:StartRestoreJob`; [`ANY`] counts the requests of all operations together.
    pub operation: String,
    /// The first request after the hold was set is 1.
    pub nth: u32,
    /// Where.
    pub when: When,
}

/// Where a request is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Nothing has happened yet.
    Before,
    /// It has happened; the answer is not sent yet.
    After,
}

impl Hold {
    fn fits(&self, operation: &str) -> bool {
        self.operation == ANY || self.operation == operation
    }
}

/// A hold that was set. Dropping it releases it.
#[derive(Debug)]
pub struct Held {
    entry: Arc<Entry>,
}

impl Held {
    /// Returns once the request has come and is held. The caller bounds it.
    pub async fn reached(&self) {
        let mut stage = self.entry.stage.subscribe();
        // An error would mean that the sender is gone, and `self` keeps it.
        let _ = stage.wait_for(|stage| *stage != Stage::Waiting).await;
    }

    /// Lets the request go on, or never stops it.
    pub fn release(&self) {
        self.entry.stage.send_replace(Stage::Released);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    Reached,
    Released,
}

#[derive(Debug)]
struct Entry {
    id: u32,
    rule: Hold,
    seen: AtomicU32,
    stage: watch::Sender<Stage>,
}

/// All holds of a world.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    entries: Mutex<Vec<Arc<Entry>>>,
    given: AtomicU32,
}

impl Holds {
    /// Sets a hold for a caller in this process.
    pub(crate) fn set(&self, rule: Hold) -> Held {
        Held { entry: self.insert(rule) }
    }

    /// Sets a hold for a caller elsewhere, who names it by the id.
    pub(crate) fn set_remote(&self, rule: Hold) -> u32 {
        self.insert(rule).id
    }

    /// Whether the request has come: `None` for an unknown id.
    pub(crate) fn is_reached(&self, id: u32) -> Option<bool> {
        self.find(id).map(|entry| *entry.stage.borrow() != Stage::Waiting)
    }

    /// Releases by id; `false` for an unknown id.
    pub(crate) fn release(&self, id: u32) -> bool {
        self.find(id).map(|entry| entry.stage.send_replace(Stage::Released)).is_some()
    }

    /// Waits if a hold says so.
    pub(crate) async fn pass(&self, operation: &str, when: When) {
        let matching: Vec<Arc<Entry>> =
            self.lock().iter().filter(|entry| entry.rule.fits(operation) && entry.rule.when == when).cloned().collect();
        // Every hold counts the request when it comes, also while another holds it.
        let nth = |entry: &Arc<Entry>| entry.seen.fetch_add(1, Ordering::SeqCst) + 1 == entry.rule.nth;
        let holding: Vec<Arc<Entry>> = matching.into_iter().filter(nth).collect();
        for entry in holding.into_iter().filter(|entry| *entry.stage.borrow() == Stage::Waiting) {
            entry.stage.send_replace(Stage::Reached);
            let mut stage = entry.stage.subscribe();
            let released = stage.wait_for(|stage| *stage == Stage::Released);
            let _ = tokio::time::timeout(LONGEST_HOLD, released).await;
        }
    }

    fn insert(&self, rule: Hold) -> Arc<Entry> {
        let id = self.given.fetch_add(1, Ordering::SeqCst) + 1;
        let stage = watch::Sender::new(Stage::Waiting);
        let entry = Arc::new(Entry { id, rule, seen: AtomicU32::new(0), stage });
        self.lock().push(Arc::clone(&entry));
        entry
    }

    fn find(&self, id: u32) -> Option<Arc<Entry>> {
        self.lock().iter().find(|entry| entry.id == id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{ANY, Hold, Holds, When};

    #[tokio::test]
    async fn the_nth_request_is_held_until_it_is_released() {
        let holds = Arc::new(Holds::default());
        let held = holds.set(Hold { operation: "rds:X".into(), nth: 2, when: When::After });
        holds.pass("rds:X", When::Before).await;
        holds.pass("rds:X", When::After).await;
        let second = tokio::spawn({
            let holds = Arc::clone(&holds);
            async move { holds.pass("rds:X", When::After).await }
        });
        tokio::time::timeout(Duration::from_secs(10), held.reached()).await.unwrap();
        assert!(!second.is_finished());
        held.release();
        tokio::time::timeout(Duration::from_secs(10), second).await.unwrap().unwrap();
        holds.pass("rds:X", When::After).await;
    }

    #[tokio::test]
    async fn any_counts_the_requests_of_all_operations() {
        let holds = Holds::default();
        let held = holds.set(Hold { operation: ANY.into(), nth: 3, when: When::Before });
        for operation in ["rds:X", "backup:Y"] {
            holds.pass(operation, When::Before).await;
            holds.pass(operation, When::After).await;
        }
        let third = async {
            tokio::join!(holds.pass("s3:Z", When::Before), async {
                held.reached().await;
                held.release();
            })
        };
        tokio::time::timeout(Duration::from_secs(10), third).await.unwrap();
    }
}
