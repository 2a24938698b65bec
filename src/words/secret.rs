//! Secrets. A `Secret` can be used and cannot be shown.

use std::fmt;

/// A secret value. It has no `Serialize`, and its `Debug` says nothing.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value that was just read from its home.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The value. Only the code that hands it to a server or to a child process may call this.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `text` with every occurrence of the secret replaced: servers echo what they were sent.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        if self.0.len() < 4 { text.to_owned() } else { text.replace(&self.0, "[secret]") }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}
