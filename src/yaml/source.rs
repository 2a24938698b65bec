//! The texts that are read, and places in them.

use std::ops::Range;

/// Which text a span is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(u32);

/// A range of bytes of a text.
///
/// Each value of a definition has one, and each key: so it is small. No text that is read is as long as `u32` counts; a place
/// behind that is told as the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    source: SourceId,
    start: u32,
    end: u32,
}

impl Span {
    /// From the first byte to past the last one.
    #[must_use]
    pub fn new(source: SourceId, start: usize, end: usize) -> Self {
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { source, start: place(start), end: place(end) }
    }

    /// Which text.
    #[must_use]
    pub fn source(self) -> SourceId {
        self.source
    }

    /// First byte.
    #[must_use]
    pub fn start(self) -> usize {
        self.start as usize
    }

    /// Past the last byte.
    #[must_use]
    pub fn end(self) -> usize {
        self.end as usize
    }

    /// The bytes.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.start()..self.end()
    }
}

/// A text with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file's name, as a user wrote it.
    pub name: String,
    /// The text, without a byte order mark.
    pub text: String,
}

/// The texts that nodes point into: a definition's nodes come from its file and from `_defaults.yaml`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    all: Vec<Source>,
}

impl Sources {
    /// Keeps a text.
    pub fn add(&mut self, name: &str, text: String) -> SourceId {
        let id = SourceId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        self.all.push(Source { name: name.to_owned(), text });
        id
    }

    /// A text by its id.
    #[must_use]
    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.all.get(id.0 as usize)
    }

    /// What a span covers; nothing if it fits no text.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.get(span.source).and_then(|source| source.text.get(span.range())).unwrap_or("")
    }
}
