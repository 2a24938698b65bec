//! The parsers of this folder that read what others wrote, behind one door: `fuzz/` and its corpus knock here. Nothing
//! else needs it; the kinds of probes call the parsers themselves.

use crate::probe::sql::encryption_of;
use crate::probe::{Observed, Outcome, output, protocol};
use crate::words::secret::Secret;

/// What a program of a `command` probe printed.
#[must_use]
pub fn printed(output: &[u8], secrets: &[Secret]) -> Observed {
    output::printed(output, secrets)
}

/// The end of what a program wrote to standard error.
#[must_use]
pub fn last_words(errors: &[u8], secrets: &[Secret]) -> String {
    output::last_words(errors, secrets)
}

/// The answer of a custom probe, or of a function that asked in drill's place.
///
/// # Errors
/// The miss that it tells of, or that it is none.
pub fn answered(output: &[u8], secrets: &[Secret]) -> Outcome {
    protocol::read(output, secrets)
}

/// Whether a custom probe of this name describes itself so.
#[must_use]
pub fn describes(output: &[u8], name: &str) -> bool {
    protocol::description(output, name).is_ok()
}

/// Whether a text is a manifest of a bucket. `columns` are those of a table without a header.
#[must_use]
pub fn is_manifest(text: &str, columns: Option<&[String]>) -> bool {
    crate::probe::s3::manifest::is_manifest(text, columns)
}

/// What a SQL Server's greeting says about TLS.
#[must_use]
pub fn encryption(greeting: &[u8]) -> Option<u8> {
    encryption_of(greeting)
}
