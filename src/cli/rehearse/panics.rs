//! Panics of the tasks of a rehearsal. A task that panics ends, and what waits for it goes on or waits for ever: a rehearsal
//! that only looks at the world might call that nothing. So every panic is a finding.
//!
//! A process of a rehearsal dies by unwinding without a panic ([`std::panic::resume_unwind`]), which is not heard here.

use std::cell::RefCell;
use std::panic::{self, PanicHookInfo};
use std::sync::{Arc, Mutex, Once, PoisonError};

use crate::words::text::tame;

/// No more of one scenario are kept: they repeat.
const MOST: usize = 20;

thread_local! {
    /// Who hears the panics of this thread, if anybody does.
    static EAR: RefCell<Option<Panics>> = const { RefCell::new(None) };
}

/// The panics of one scenario, on all of its threads.
#[derive(Clone, Default)]
pub(crate) struct Panics(Arc<Mutex<Vec<String>>>);

impl Panics {
    /// From now on those of this thread are heard here, until another ear is lent.
    pub(crate) fn listen(&self) {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                hear(info);
                before(info);
            }));
        });
        EAR.with(|ear| *ear.borrow_mut() = Some(self.clone()));
    }

    /// Each with its place in the code.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, what: String) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.len() < MOST {
            heard.push(what);
        }
    }
}

/// Of a thread that ends, or that panics while it lends its ear, nothing is heard: a hook must not panic.
fn hear(info: &PanicHookInfo<'_>) {
    let ear = EAR.try_with(|ear| ear.try_borrow().ok().and_then(|ear| ear.clone())).ok().flatten();
    if let Some(panics) = ear {
        let text = info.payload_as_str().unwrap_or("without words");
        let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        panics.note(tame(&format!("a task panicked at {place}: {text}")));
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{catch_unwind, resume_unwind};

    use super::Panics;

    fn fails(what: &str) {
        panic!("{what}");
    }

    fn dies() {
        resume_unwind(Box::new(()));
    }

    #[test]
    fn a_panic_of_any_task_is_heard_and_a_death_is_none() {
        let panics = Panics::default();
        panics.listen();
        let ears = panics.clone();
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().on_thread_start(move || ears.listen()).build().unwrap();
        runtime.block_on(async {
            assert!(tokio::spawn(async { fails("a task\u{1b}[2J") }).await.is_err());
            assert!(tokio::task::spawn_blocking(|| fails("a thread")).await.is_err());
        });
        assert!(catch_unwind(dies).is_err());
        let heard = panics.heard();
        assert_eq!(heard.len(), 2, "{heard:?}");
        assert!(
            heard[0].contains("panics.rs:") && heard[0].contains("a task") && !heard[0].contains('\u{1b}'),
            "{heard:?}"
        );
        assert!(heard[1].contains("a thread"), "{heard:?}");
        // Another scenario on the same thread hears its own alone.
        let next = Panics::default();
        next.listen();
        assert!(catch_unwind(|| fails("the next")).is_err());
        assert_eq!((panics.heard().len(), next.heard().len()), (2, 1));
    }
}
