//! Several things at a time, on several cores. Whoever asks waits for all. Where no thread can be had, one thing is done after
//! the other.

use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ScopedJoinHandle};

/// What `apart` makes on a thread of its own, and what `here` makes meanwhile on this one. A thread costs some 50 µs: it is for
/// work that takes longer.
#[must_use]
pub fn both<A: Send, B>(apart: impl Fn() -> A + Sync, here: impl FnOnce() -> B) -> (A, B) {
    thread::scope(|scope| {
        let other = thread::Builder::new().spawn_scoped(scope, &apart);
        let here = here();
        let apart = match other {
            Ok(other) => joined(other),
            Err(_) => apart(),
        };
        (apart, here)
    })
}

/// What comes of each part, in their order: the last is done on this thread, and each other one on a thread of its own.
#[must_use]
pub fn each<T: Send, R: Send>(parts: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let parts: Vec<Mutex<Option<T>>> = parts.into_iter().map(|part| Mutex::new(Some(part))).collect();
    let done = |part: &Mutex<Option<T>>| part.lock().unwrap_or_else(PoisonError::into_inner).take().map(&work);
    let done = &done;
    let all = thread::scope(|scope| {
        let Some((last, others)) = parts.split_last() else { return Vec::new() };
        let apart = |part| (part, thread::Builder::new().spawn_scoped(scope, move || done(part)));
        let others: Vec<_> = others.iter().map(apart).collect();
        let last = done(last);
        let of_other = |(part, other)| match other {
            Ok(other) => joined(other),
            Err(_) => done(part),
        };
        others.into_iter().map(of_other).chain([last]).collect()
    });
    all.into_iter().flatten().collect()
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::{both, each};

    #[test]
    fn each_is_done_once_and_apart() {
        let text = String::from("text");
        let here = thread::current().id();
        let (apart, length) = both(|| (thread::current().id(), text.len()), || text.len());
        assert_ne!(apart.0, here);
        assert_eq!((apart.1, length), (4, 4));
    }

    #[test]
    fn parts_come_back_in_their_order() {
        let here = thread::current().id();
        let done = each(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()], |part| (part, thread::current().id()));
        let texts: Vec<&str> = done.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(texts, ["a", "b", "c"]);
        assert_eq!(done.iter().map(|(_, thread)| *thread == here).collect::<Vec<_>>(), [false, false, true]);
        assert!(each(Vec::<u8>::new(), |part| part).is_empty());
    }
}
