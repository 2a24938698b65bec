//! Long texts of first records, kept once: the plan, the definition and the templates of a drill are the same in all of
//! its runs.
//!
//! The record keeps a mark in the place of each. What is read has them back in their places before its hash is checked, so
//! a text that was damaged is a first record that was damaged.

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::journal::chain::{Hash, sha256_hex};

/// Texts are kept apart if they are longer, in bytes.
const LONGER_THAN: usize = 1_024;

/// Stands before and after the SHA-256 of a text that is kept apart. In a JSON text it can stand nowhere.
const MARK: char = '\u{1}';

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
pub(super) fn text_of(connection: &Connection, sha256: &[u8; 32]) -> rusqlite::Result<Option<String>> {
    let mut statement = connection.prepare_cached("SELECT text FROM texts WHERE sha256 = ?1")?;
    statement.query_row(params![&sha256[..]], |row| row.get(0)).optional()
}

/// A first record as it was written; nothing if a text of it is not there.
pub(super) fn whole(connection: &Connection, body: String) -> rusqlite::Result<Option<String>> {
    put_back(body, |sha256| text_of(connection, &sha256))
}

/// The same with the texts from anywhere.
pub(super) fn put_back(
    body: String,
    mut find: impl FnMut([u8; 32]) -> rusqlite::Result<Option<String>>,
) -> rusqlite::Result<Option<String>> {
    if !body.contains(MARK) {
        return Ok(Some(body));
    }
    let mut text = String::new();
    for (position, part) in body.split(MARK).enumerate() {
        if position % 2 == 0 {
            text.push_str(part);
            continue;
        }
        let Some(sha256) = Hash::stored(part.to_owned()).to_bytes() else { return Ok(None) };
        let Some(kept) = find(sha256)? else { return Ok(None) };
        text.push_str(&kept);
    }
    Ok(Some(text))
}
