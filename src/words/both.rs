//! Two things at a time, on two cores. Whoever asks waits for both.

use std::panic::resume_unwind;
use std::thread;

/// What `apart` makes on a thread of its own, and what `here` makes meanwhile on this one. A thread costs some 50 µs: it is for
/// work that takes longer. Where none can be had, one thing is done after the other.
#[must_use]
pub fn both<A: Send, B>(apart: impl Fn() -> A + Sync, here: impl FnOnce() -> B) -> (A, B) {
    thread::scope(|scope| {
        let other = thread::Builder::new().spawn_scoped(scope, &apart);
        let here = here();
        let apart = match other {
            Ok(other) => other.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(_) => apart(),
        };
        (apart, here)
    })
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::both;

    #[test]
    fn each_is_done_once_and_apart() {
        let text = String::from("text");
        let here = thread::current().id();
        let (apart, length) = both(|| (thread::current().id(), text.len()), || text.len());
        assert_ne!(apart.0, here);
        assert_eq!((apart.1, length), (4, 4));
    }
}
