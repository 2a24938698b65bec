//! What a figure is, and what came of it.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One figure: a row of the table.
pub(crate) struct Figure {
    /// As the definitions name it; a letter tells the rows of one definition apart.
    pub(crate) id: &'static str,
    /// In words.
    pub(crate) what: &'static str,
    /// Of the value, the limit, the target and the moonshot.
    pub(crate) unit: &'static str,
    /// What is owed; none for a row that only explains.
    pub(crate) target: Option<f64>,
    /// What is hoped for.
    pub(crate) moonshot: Option<f64>,
    /// More is better.
    pub(crate) more: bool,
    /// So often, after once to warm up. Once alone, and no warming up, where the same comes out every time.
    pub(crate) times: usize,
    /// One repetition may take so long.
    pub(crate) deadline: Duration,
    /// What comes before the first repetition, in a process of its own, into the figure's folder.
    pub(crate) prepare: fn(&Path) -> Result<(), String>,
    /// One repetition, in a process of its own. An error is the reason why nothing was measured.
    pub(crate) once: fn(&Path) -> Result<Once, String>,
}

/// How often a figure of real time is measured.
pub(crate) const REAL: usize = 7;

/// Exactly the same each time.
pub(crate) const EXACT: usize = 1;

/// What one repetition brought.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Once {
    pub(crate) value: f64,
    /// What the machine or AWS allows, measured beside it.
    pub(crate) limit: Option<f64>,
    /// What else is worth a line.
    pub(crate) notes: Vec<String>,
}

impl Once {
    pub(crate) fn new(value: f64) -> Self {
        Self { value, limit: None, notes: Vec::new() }
    }

    pub(crate) fn limit(mut self, limit: f64) -> Self {
        self.limit = Some(limit);
        self
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// What all repetitions brought.
pub(crate) enum Reading {
    Measured(Measured),
    /// Why not.
    NotMeasured(String),
}

/// The values of the repetitions that count.
pub(crate) struct Measured {
    /// Sorted.
    pub(crate) values: Vec<f64>,
    /// The median of those measured beside them.
    pub(crate) limit: Option<f64>,
    /// Of the last repetition.
    pub(crate) notes: Vec<String>,
}

impl Measured {
    pub(crate) fn median(&self) -> f64 {
        self.values.get(self.values.len() / 2).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn least(&self) -> f64 {
        self.values.first().copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn most(&self) -> f64 {
        self.values.last().copied().unwrap_or(f64::NAN)
    }
}

/// A figure and its reading.
pub(crate) struct Row {
    pub(crate) figure: &'static Figure,
    pub(crate) reading: Reading,
}

impl Row {
    /// Whether what is owed is reached; nothing where nothing is owed, or nothing was measured.
    pub(crate) fn met(&self) -> Option<bool> {
        self.reaches(self.figure.target?)
    }

    /// Whether a value is reached.
    pub(crate) fn reaches(&self, wanted: f64) -> Option<bool> {
        let Reading::Measured(measured) = &self.reading else { return None };
        let median = measured.median();
        Some(if self.figure.more { median >= wanted } else { median <= wanted })
    }
}

impl Figure {
    /// Whether somebody who writes `wish` means it: `B5` means `B5a` and `B5b`.
    pub(crate) fn answers_to(&self, wish: &str) -> bool {
        let rest = self.id.to_lowercase();
        rest.strip_prefix(&wish.to_lowercase()).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    }
}

/// Nothing comes before the first repetition.
pub(crate) const UNPREPARED: fn(&Path) -> Result<(), String> = |_| Ok(());

/// A number of things as a number to reckon with.
pub(crate) fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

/// An error with everything beneath it.
pub(crate) fn explain(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
