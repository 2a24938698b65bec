//! Long texts of first records, kept once: the plan, the definition and the templates of a drill are the same in all of
//! its runs.
//!
//! The record keeps a mark in the place of each. What is read has them back in their places before its hash is checked, so
//! a text that was damaged is a first record that was damaged.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::journal::chain::{Hash, sha256_hex};
use crate::journal::event::RunStarted;
use crate::journal::record::RUN_STARTED;
use crate::plan::step::Plan;
use crate::words::shared::Shared;

/// Texts are kept apart if they are longer, in bytes.
const LONGER_THAN: usize = 1_024;

/// Stands before and after the SHA-256 of a text that is kept apart. In a JSON text it can stand nowhere.
const MARK: char = '\u{1}';

/// Stands before the plan of a first record.
const PLAN: &str = r#""plan":"#;

/// Stands before its templates.
const TEMPLATES: &str = r#""templates":"#;

/// A text that is kept apart.
#[derive(Debug)]
pub(super) struct Text {
    sha256: [u8; 32],
    text: String,
}

#[derive(Deserialize)]
struct First<'a> {
    #[serde(borrow)]
    plan: &'a RawValue,
    #[serde(borrow)]
    definition: &'a RawValue,
    #[serde(borrow)]
    templates: &'a RawValue,
}

/// A first record with marks, and the texts in whose places they stand. One that cannot be taken apart stays whole.
pub(super) fn cut(body: &str) -> (String, Vec<Text>) {
    let long: Vec<Text> = match serde_json::from_str::<First<'_>>(body) {
        Ok(First { plan, definition, templates }) => {
            [plan, definition, templates].into_iter().filter_map(long_text).collect()
        }
        Err(_) => Vec::new(),
    };
    let mut rest = body.to_owned();
    for Text { sha256, text } in &long {
        // Wherever it stands first: the mark stands for the same text.
        rest = rest.replacen(text.as_str(), &mark(sha256), 1);
    }
    (rest, long)
}

fn long_text(value: &RawValue) -> Option<Text> {
    let text = value.get();
    if text.len() <= LONGER_THAN {
        return None;
    }
    let sha256 = Hash::stored(sha256_hex(text.as_bytes())).to_bytes()?;
    Some(Text { sha256, text: text.to_owned() })
}

fn mark(sha256: &[u8]) -> String {
    format!("{MARK}{}{MARK}", Hash::of_bytes(sha256))
}

/// Keeps a text. One that is there under the same hash and is not the same was damaged, and is mended.
pub(super) fn keep(connection: &Connection, text: &Text) -> rusqlite::Result<()> {
    let insert = "INSERT INTO texts (sha256, text) VALUES (?1, ?2)
                  ON CONFLICT (sha256) DO UPDATE SET text = excluded.text WHERE text IS NOT excluded.text";
    connection.prepare_cached(insert)?.execute(params![&text.sha256[..], text.text])?;
    Ok(())
}

/// A text that is kept apart, if it is there.
fn text_of(connection: &Connection, sha256: &[u8; 32]) -> rusqlite::Result<Option<String>> {
    let mut statement = connection.prepare_cached("SELECT text FROM texts WHERE sha256 = ?1")?;
    statement.query_row(params![&sha256[..]], |row| row.get(0)).optional()
}

/// A first record as it was written; nothing if a text of it is not there.
pub(super) fn whole(connection: &Connection, body: String) -> rusqlite::Result<Option<String>> {
    if !body.contains(MARK) {
        return Ok(Some(body));
    }
    Ok(Known::default().first(connection, body)?.map(|kept| kept.whole()))
}

/// Template and partials, by name.
type Templates = BTreeMap<String, String>;

/// Texts that were looked for. Each is looked for once, and what it means is read once, whatever the number of first records
/// that have it.
#[derive(Debug, Default)]
pub(super) struct Known(HashMap<[u8; 32], Option<Arc<Apart>>>);

/// A text that stands apart from its first records, with what it means there.
#[derive(Debug)]
struct Apart {
    text: String,
    plan: OnceLock<Option<Shared<Plan>>>,
    templates: OnceLock<Option<Shared<Templates>>>,
}

/// A first record as it stands in its table, with the texts in whose places the marks stand.
#[derive(Debug)]
pub(super) struct Kept {
    body: String,
    texts: Vec<Arc<Apart>>,
}

impl Known {
    /// The first record that has this body; nothing if a text of it is not there.
    pub(super) fn first(&mut self, connection: &Connection, body: String) -> rusqlite::Result<Option<Kept>> {
        let mut texts = Vec::new();
        for marked in body.split(MARK).skip(1).step_by(2) {
            let Some(sha256) = Hash::stored(marked.to_owned()).to_bytes() else { return Ok(None) };
            let Some(text) = self.text(connection, sha256)? else { return Ok(None) };
            texts.push(text);
        }
        Ok(Some(Kept { body, texts }))
    }

    fn text(&mut self, connection: &Connection, sha256: [u8; 32]) -> rusqlite::Result<Option<Arc<Apart>>> {
        if let Some(known) = self.0.get(&sha256) {
            return Ok(known.clone());
        }
        let (plan, templates) = (OnceLock::new(), OnceLock::new());
        let found = text_of(connection, &sha256)?.map(|text| Arc::new(Apart { text, plan, templates }));
        self.0.insert(sha256, found.clone());
        Ok(found)
    }
}

impl Apart {
    fn plan(&self) -> Option<Shared<Plan>> {
        self.plan.get_or_init(|| serde_json::from_str(&self.text).ok()).clone()
    }

    fn templates(&self) -> Option<Shared<Templates>> {
        self.templates.get_or_init(|| serde_json::from_str(&self.text).ok()).clone()
    }
}

impl Kept {
    /// As it was written: what its hash is over.
    pub(super) fn whole(&self) -> String {
        self.with(|_, apart| Some(apart.text.as_str())).unwrap_or_default()
    }

    /// What it says, with the plan and the templates that other first records with the same texts have. Nothing if it is not
    /// one of a drill's own making: then the whole text says what it is.
    pub(super) fn started(&self) -> Option<RunStarted> {
        if !self.body.starts_with(RUN_STARTED) {
            return None;
        }
        let (mut plan, mut templates) = (None, None);
        let rest = self.with(|before, apart| {
            if before.ends_with(PLAN) {
                plan = Some(apart.plan()?);
                return Some("null");
            }
            if before.ends_with(TEMPLATES) {
                templates = Some(apart.templates()?);
                return Some("null");
            }
            Some(apart.text.as_str())
        })?;
        let mut rest: RunStarted<Option<Plan>, Option<Templates>> = serde_json::from_str(&rest).ok()?;
        let plan = only(plan, rest.plan.take())?;
        let templates = only(templates, rest.templates.take())?;
        Some(rest.with(plan, templates))
    }

    /// The body with something in the place of each mark: it is given what stands before, and the text that is meant.
    fn with<'a>(&'a self, mut instead: impl FnMut(&str, &'a Apart) -> Option<&'a str>) -> Option<String> {
        let mut texts = self.texts.iter();
        let apart: usize = self.texts.iter().map(|apart| apart.text.len()).sum();
        let mut all = String::with_capacity(self.body.len() + apart);
        for (position, part) in self.body.split(MARK).enumerate() {
            if position % 2 == 0 {
                all.push_str(part);
            } else {
                let put = instead(&all, texts.next()?)?;
                all.push_str(put);
            }
        }
        Some(all)
    }
}

/// What stands apart, or else what stands in its place; nothing if both do, or neither.
fn only<T>(apart: Option<Shared<T>>, here: Option<T>) -> Option<Shared<T>> {
    match (apart, here) {
        (Some(apart), None) => Some(apart),
        (None, Some(here)) => Some(Shared::new(here)),
        _ => None,
    }
}
