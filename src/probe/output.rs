//! What programs, scripts, functions and servers say, as observed values: bounded, harmless, without secrets.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::probe::Observed;
use crate::words::secret::Secret;
use crate::words::text::{is_hostile, tame};

/// Fields of a JSON object that become values at most, and names of others that are listed.
const MOST_FIELDS: usize = 200;

/// Elements of a list that is observed at most. A longer one is left out whole: of a part, the length would be wrong.
const MOST_ELEMENTS: usize = 1_000;

/// What of a text a message or a fact shows, in characters.
const SHOWN_CHARS: usize = 300;

/// The fact that names what did not become a value.
const LEFT_OUT: &str = "fields left out (lists, objects, too many)";

/// What a program printed: the scalar fields of a JSON object; of anything else its start, as a fact.
pub(crate) fn printed(output: &[u8], secrets: &[Secret]) -> Observed {
    if let Ok(Value::Object(fields)) = serde_json::from_slice(output) {
        return scalars(fields, secrets);
    }
    let mut seen = nothing();
    if let Some(start) = start(output, secrets) {
        seen.facts.insert("stdout (not a JSON object)".to_owned(), start);
    }
    seen
}

/// Nothing observed.
pub(crate) fn nothing() -> Observed {
    Observed { values: BTreeMap::new(), facts: BTreeMap::new() }
}

/// The scalar fields of an object, at its first level.
pub(crate) fn scalars(fields: Map<String, Value>, secrets: &[Secret]) -> Observed {
    let mut found = Found { seen: nothing(), ignored: Vec::new() };
    for (name, value) in fields {
        found.add(clean(&name, secrets), value, secrets);
    }
    found.done()
}

/// The scalar fields of an object at every level, their names joined by dots. A name that is one of `taken` is observed
/// as `json.NAME`.
pub(crate) fn flattened(fields: Map<String, Value>, taken: &[&str], secrets: &[Secret]) -> Observed {
    let mut found = Found { seen: nothing(), ignored: Vec::new() };
    found.level("", fields, taken, secrets);
    found.done()
}

/// The scalars and the lists of scalars of an object, at its first level.
pub(crate) fn listed(fields: &Map<String, Value>, secrets: &[Secret]) -> Observed {
    let mut found = Found { seen: nothing(), ignored: Vec::new() };
    for (name, value) in fields {
        let name = clean(name, secrets);
        match kept(value, secrets) {
            Some(value) if found.seen.values.len() < MOST_FIELDS => {
                found.seen.values.insert(name, value);
            }
            _ => found.ignore(name),
        }
    }
    found.done()
}

/// A scalar, or a list of at most 1,000 of them; harmless, without secrets. None for anything else.
pub(crate) fn kept(value: &Value, secrets: &[Secret]) -> Option<Value> {
    match value {
        Value::Array(items) if items.len() > MOST_ELEMENTS => None,
        Value::Array(items) => {
            let items: Option<Vec<Value>> = items.iter().map(|item| scalar(item, secrets)).collect();
            items.map(Value::Array)
        }
        other => scalar(other, secrets),
    }
}

fn scalar(value: &Value, secrets: &[Secret]) -> Option<Value> {
    match value {
        Value::Array(_) | Value::Object(_) => None,
        Value::String(text) => Some(clean(text, secrets).into()),
        other => Some(other.clone()),
    }
}

struct Found {
    seen: Observed,
    ignored: Vec<String>,
}

impl Found {
    /// The parser bounds the depth; a name is cut at each level, so that long ones do not multiply.
    fn level(&mut self, above: &str, fields: Map<String, Value>, taken: &[&str], secrets: &[Secret]) {
        for (name, value) in fields {
            let name = clean(&format!("{above}{name}"), secrets);
            match value {
                Value::Object(inner) => self.level(&format!("{name}."), inner, taken, secrets),
                value if taken.contains(&name.as_str()) => self.add(format!("json.{name}"), value, secrets),
                value => self.add(name, value, secrets),
            }
        }
    }

    fn add(&mut self, name: String, value: Value, secrets: &[Secret]) {
        let value = match value {
            Value::Array(_) | Value::Object(_) => return self.ignore(name),
            _ if self.seen.values.len() == MOST_FIELDS => return self.ignore(name),
            Value::String(text) => Value::String(clean(&text, secrets)),
            value => value,
        };
        self.seen.values.insert(name, value);
    }

    fn ignore(&mut self, name: String) {
        if self.ignored.len() < MOST_FIELDS {
            self.ignored.push(name);
        }
    }

    fn done(mut self) -> Observed {
        if !self.ignored.is_empty() {
            self.seen.facts.insert(LEFT_OUT.to_owned(), tame(&self.ignored.join(", ")));
        }
        self.seen
    }
}

/// The start of a text as one harmless line; none if there is nothing in it.
pub(crate) fn start(output: &[u8], secrets: &[Secret]) -> Option<String> {
    let text = clean(&String::from_utf8_lossy(output), secrets);
    (!text.trim().is_empty()).then(|| text.chars().take(SHOWN_CHARS).collect())
}

/// The end of what a program wrote to standard error, as one harmless line.
pub(crate) fn last_words(errors: &[u8], secrets: &[Secret]) -> String {
    // Secrets go before anything is cut: a cut secret would not be recognised.
    let text = redact(&String::from_utf8_lossy(errors), secrets);
    let text = text.trim();
    let skipped = text.chars().count().saturating_sub(SHOWN_CHARS);
    tame(&text.chars().skip(skipped).collect::<String>())
}

/// The first `most` bytes of what is text, as one harmless line; none if it is not text. It may be longer than what
/// [`tame`] leaves: expectations look for words in it.
pub(crate) fn excerpt(bytes: &[u8], most: usize, secrets: &[Secret]) -> Option<String> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // What was read may end within a character.
        Err(error) if error.error_len().is_none() => std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    if text.contains('\0') {
        return None;
    }
    let text = redact(text, secrets);
    let within = text.char_indices().take_while(|(at, c)| at + c.len_utf8() <= most).map(|(_, c)| c);
    Some(within.map(harmless).collect())
}

fn harmless(c: char) -> char {
    match c {
        '\n' | '\r' | '\t' => ' ',
        c if is_hostile(c) => '\u{fffd}',
        c => c,
    }
}

/// `text` without secrets, harmless and bounded.
pub(crate) fn clean(text: &str, secrets: &[Secret]) -> String {
    tame(&redact(text, secrets))
}

/// `text` without secrets. The longest secret comes first where one may be a part of another.
pub(crate) fn redact(text: &str, secrets: &[Secret]) -> String {
    secrets.iter().fold(text.to_owned(), |text, secret| secret.redact(&text))
}

#[cfg(test)]
mod tests {
    use super::{LEFT_OUT, SHOWN_CHARS, excerpt, flattened, kept, last_words, listed, printed};
    use crate::words::secret::Secret;
    use serde_json::{Value, json};

    fn canary() -> [Secret; 1] {
        [Secret::new("canary-9f2c".into())]
    }

    #[test]
    fn output_becomes_scalars_and_secrets_do_not() {
        let output = br#"{"a": 1, "b": "x canary-9f2c\u001b", "c": [1], "d": null, "canary-9f2c": {}}"#;
        let seen = printed(output, &canary());
        assert_eq!(seen.values.len(), 3);
        assert_eq!(seen.values["b"], json!("x [secret]\u{fffd}"));
        assert_eq!(seen.facts[LEFT_OUT], "c, [secret]");
        assert!(!format!("{seen:?}").contains("canary"));
        let seen = printed(b"up canary-9f2c\n", &canary());
        assert!(seen.values.is_empty() && !format!("{seen:?}").contains("canary"));
    }

    #[test]
    fn last_words_are_short_clean_and_the_last() {
        let errors = format!("{}\x1b[31m canary-9f2c the end\n", "x".repeat(10_000));
        let said = last_words(errors.as_bytes(), &canary());
        assert!(said.ends_with("[31m [secret] the end"), "{said}");
        assert_eq!(said.chars().count(), SHOWN_CHARS);
        assert!(!said.contains('\x1b'));
    }

    #[test]
    fn levels_are_joined_by_dots_and_bounded() {
        let fields = json!({ "status": "up", "health": { "db": true, "all": [1], "deep": { "x": 1.5 } } });
        let Value::Object(fields) = fields else { unreachable!() };
        let seen = flattened(fields, &["status"], &[]);
        let names: Vec<&str> = seen.values.keys().map(String::as_str).collect();
        assert_eq!(names, ["health.db", "health.deep.x", "json.status"]);
        assert_eq!(seen.facts[LEFT_OUT], "health.all");
        let many = (0..1_000).map(|count| (count.to_string(), json!(count))).collect();
        assert_eq!(flattened(many, &[], &[]).values.len(), 200);
    }

    #[test]
    fn an_excerpt_is_text_harmless_and_cut_between_characters() {
        assert_eq!(excerpt("a\nb\x1b canary-9f2c".as_bytes(), 4096, &canary()).unwrap(), "a b\u{fffd} [secret]");
        assert_eq!(excerpt("äöü".as_bytes(), 3, &[]).unwrap(), "ä");
        assert_eq!(excerpt("ä".as_bytes().get(..1).unwrap(), 3, &[]).unwrap(), "");
        assert_eq!(excerpt(&[0xff, 0xd8, 0xff], 3, &[]), None);
        assert_eq!(excerpt(b"a\0b", 3, &[]), None);
    }

    #[test]
    fn lists_of_scalars_are_kept_whole_or_not_at_all() {
        let fields = json!({
            "names": ["a\u{1b}", "canary-9f2c", 1, null], "none": [], "one": true,
            "deep": [[1]], "long": vec![0; 1_001],
        });
        let Value::Object(fields) = fields else { unreachable!() };
        let seen = listed(&fields, &canary());
        assert_eq!(seen.values["names"], json!(["a\u{fffd}", "[secret]", 1, null]));
        assert_eq!((&seen.values["none"], &seen.values["one"], seen.values.len()), (&json!([]), &json!(true), 3));
        assert_eq!(seen.facts[LEFT_OUT], "deep, long");
        assert!(kept(&json!(vec![0; 1_000]), &[]).is_some() && kept(&json!({}), &[]).is_none());
    }
}
