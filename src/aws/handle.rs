//! A service's client, made when it is first asked for something.
//!
//! Making one takes the SDK a good part of a millisecond, there are forty of them in a session, and a drill uses a few.
//! Whether a client was made yet is nothing that anybody can see.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

type Make<C> = Box<dyn FnOnce() -> C + Send>;

/// A client that is made at its first use. Copies share it.
pub struct Handle<C>(Arc<LazyLock<C, Make<C>>>);

impl<C> Handle<C> {
    pub(crate) fn new(make: impl FnOnce() -> C + Send + 'static) -> Self {
        let make: Make<C> = Box::new(make);
        Self(Arc::new(LazyLock::new(make)))
    }
}

impl<C> Deref for Handle<C> {
    type Target = C;

    fn deref(&self) -> &C {
        LazyLock::force(&self.0)
    }
}

impl<C> Clone for Handle<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C> fmt::Debug for Handle<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}
