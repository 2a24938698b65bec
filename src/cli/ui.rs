//! The only printer. JSON and what was asked for go to stdout, everything else to stderr. A closed pipe is no error.

use std::io::{IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, TableStyle};
use serde_json::Value;

use crate::cli::error::CliError;
use crate::words::kind::Verdict;
use crate::words::text::is_hostile;

/// What stdout carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For programs: one documented, versioned JSON value.
    Json,
}

/// The terminal.
#[derive(Debug, Clone)]
pub struct Ui {
    /// What stdout carries.
    pub output: Output,
    /// Less.
    pub quiet: bool,
    /// Several runs share it: every line of a run says whose it is.
    pub shared: bool,
}

impl Ui {
    /// A printer.
    #[must_use]
    pub fn new(output: Output, quiet: bool) -> Self {
        Self { output, quiet, shared: false }
    }

    /// The same for one of several runs.
    #[must_use]
    pub fn among_others(&self) -> Self {
        Self { shared: true, ..self.clone() }
    }

    /// Whether stdout is to carry JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.output == Output::Json
    }

    /// Whether a live view can be shown.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !self.quiet && !self.shared && !self.is_json() && std::io::stderr().is_terminal()
    }

    /// Whether stderr shows colours: a terminal, and neither `NO_COLOR` nor `TERM=dumb`.
    #[must_use]
    pub fn is_coloured(&self) -> bool {
        !matches!(anstream::AutoStream::choice(&std::io::stderr()), anstream::ColorChoice::Never)
    }

    /// To stdout, as it is.
    pub fn print(&self, text: &str) {
        let mut out = anstream::stdout().lock();
        let _ = out.write_all(text.as_bytes());
        if !text.ends_with('\n') {
            let _ = out.write_all(b"\n");
        }
        let _ = out.flush();
    }

    /// One JSON value to stdout.
    pub fn json(&self, value: &Value) {
        self.print(&serde_json::to_string_pretty(value).unwrap_or_default());
    }

    /// One line to stderr.
    pub fn say(&self, text: &str) {
        let _ = writeln!(anstream::stderr(), "{text}");
    }

    /// An error with everything beneath it, to stderr.
    pub fn error(&self, error: &CliError) {
        let style = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let mut text = format!("{style}error{style:#}: {}", clean(&error.to_string()));
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            text.push_str("\n  caused by: ");
            text.push_str(&clean(&cause.to_string()));
            source = cause.source();
        }
        self.say(&text);
    }

    /// A table for a terminal.
    #[must_use]
    pub fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
        let mut table = Table::new();
        table.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(header.iter().map(|cell| cell.to_uppercase()));
        for row in rows {
            table.add_row(row.iter().map(|cell| clean(cell)));
        }
        let lines: Vec<String> = table.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
        lines.join("\n")
    }

    /// A verdict in its colour.
    #[must_use]
    pub fn verdict(verdict: Verdict) -> String {
        let colour = match verdict {
            Verdict::Passed => AnsiColor::Green,
            Verdict::Failed => AnsiColor::Red,
            Verdict::Inconclusive => AnsiColor::Yellow,
            Verdict::Leaked => AnsiColor::Magenta,
        };
        let style = Style::new().bold().fg_color(Some(colour.into()));
        format!("{style}{verdict}{style:#}")
    }
}

/// Text from outside may not move a terminal's cursor. Newlines stay.
#[must_use]
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c != '\n' && is_hostile(c) { '\u{fffd}' } else { c }).collect()
}
