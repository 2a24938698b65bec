//! A process that stands still, seen from the wire: what it asks for waits until it wakes, and so do its answers.
//!
//! What had not left when it fell asleep never leaves: connections that nobody used for so long are closed. What a call
//! changes that began after the waking is written down, because nothing may: the process was taken over.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::{Id, try_id};

/// The sleep of one process. Without one it is awake, and nothing is written down.
#[derive(Default)]
pub(crate) struct Slumber {
    asleep: watch::Sender<bool>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    woke: bool,
    /// The calls that asked for something before it woke, by their tasks.
    begun: HashSet<Id>,
    /// What was changed after it woke, by calls that are not among those.
    changed: Vec<String>,
}

impl Slumber {
    /// Another process, which is awake.
    pub(crate) fn begin(&self) {
        self.asleep.send_replace(false);
        *self.seen() = Seen::default();
    }

    /// It stands still from now on.
    pub(crate) fn fall_asleep(&self) {
        self.asleep.send_replace(true);
    }

    /// It goes on.
    pub(crate) fn wake(&self) {
        self.seen().woke = true;
        self.asleep.send_replace(false);
    }

    /// What was changed by calls that began after it woke.
    pub(crate) fn changed(&self) -> Vec<String> {
        self.seen().changed.clone()
    }

    /// Notes that this operation of a new call changed something.
    pub(crate) fn note_change(&self, operation: String) {
        self.seen().changed.push(operation);
    }

    /// A request wants to leave. `false`: it did not, and its connection is closed by now.
    pub(crate) async fn lets_out(&self) -> bool {
        if let Some(task) = try_id() {
            let mut seen = self.seen();
            if !seen.woke {
                seen.begun.insert(task);
            }
        }
        let was_asleep = *self.asleep.borrow();
        self.awake().await;
        !was_asleep
    }

    /// Nothing happens before it is awake.
    pub(crate) async fn awake(&self) {
        let mut asleep = self.asleep.subscribe();
        while *asleep.borrow_and_update() {
            if asleep.changed().await.is_err() {
                return;
            }
        }
    }

    /// Whether the call that asks began after it woke.
    pub(crate) fn is_of_new_call(&self) -> bool {
        let seen = self.seen();
        seen.woke && try_id().is_some_and(|task| !seen.begun.contains(&task))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Slumber;

    #[tokio::test]
    async fn what_is_asked_in_its_sleep_never_leaves_and_what_is_asked_afterwards_is_new() {
        let slumber = Arc::new(Slumber::default());
        assert!(slumber.lets_out().await, "it is awake");
        slumber.fall_asleep();
        let sleeper = Arc::clone(&slumber);
        let asked = tokio::spawn(async move { (sleeper.lets_out().await, sleeper.is_of_new_call()) });
        tokio::task::yield_now().await;
        assert!(!asked.is_finished(), "it waits");
        slumber.wake();
        assert_eq!(asked.await.unwrap(), (false, false));
        let woken = Arc::clone(&slumber);
        let asked = tokio::spawn(async move { (woken.lets_out().await, woken.is_of_new_call()) });
        assert_eq!(asked.await.unwrap(), (true, true));
    }
}
