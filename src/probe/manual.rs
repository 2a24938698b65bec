//! `manual`: a person looks and answers, at the terminal or with `drill approve`. Who, when and what is evidence.
//!
//! The engine asks and waits, as at a gate (`run/step/probe.rs`); there is nothing here to attempt.

use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use serde::Deserialize;

use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::input::{miss, typed};
use crate::probe::target::Target;
use crate::probe::{Outcome, ProbeCalls};
use crate::words::kind::ProbeKind;
use crate::yaml::shape::{Field, Shape};

/// The kind.
pub struct Manual;

/// What a person is asked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The question.
    pub ask: String,
    /// Without an answer for so long, nothing was measured.
    pub within: SignedDuration,
}

impl Asked {
    /// The question of a manual probe's settings.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn read(settings: &Settings) -> Result<Self, String> {
        typed(settings)
    }
}

#[async_trait]
impl ProbeCalls for Manual {
    fn kind(&self) -> ProbeKind {
        ProbeKind::Manual
    }

    fn about(&self) -> &'static str {
        "Ask a person."
    }

    fn holds_when(&self) -> &'static str {
        "a person says yes"
    }

    fn page(&self) -> &'static str {
        include_str!("pages/manual.md")
    }

    fn fields(&self) -> Vec<Field> {
        vec![
            Field::required("ask", Shape::Text, "What the person should look at, and what a yes means."),
            Field::required("within", Shape::Duration, "Without an answer for so long, nothing was measured."),
        ]
    }

    fn judges(&self) -> bool {
        true
    }

    fn control_keys(&self) -> &'static [&'static str] {
        &[]
    }

    fn check(&self, settings: &Settings) -> Result<(), String> {
        Asked::read(settings).map(drop)
    }

    async fn attempt(&self, _: &Settings, _: &Target, _: Duration) -> Outcome {
        Err(miss(ProbeReason::Setup, "a person answers this one; nothing can be attempted"))
    }
}
