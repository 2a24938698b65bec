//! Nodes against shapes: every problem, never only the first, and what is good as canonical JSON.
//!
//! Canonical means: durations as ISO 8601 (`PT1H30M`), secrets as `{"env": …}`, `{"file": …}`, `{"ssm": …}` or
//! `{"secretsmanager": …, "key": …}`, of databases also `{"rds_iam": true}` or `{"master_password_reset": true}`,
//! everything else as it was written. What is wrong is left out of the JSON, so that later checks can still look at the
//! rest.
//!
//! Invariant: a literal that stands where a secret belongs is in no message, and its text is marked as hidden.

use serde_json::{Map, Value as Json};

use crate::words::path::stays_inside;
use crate::words::reference::{OPEN, Template, is_variable_name, may_refer};
use crate::words::time::parse_duration;
use crate::yaml::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean, suggestion, ticked};
use crate::yaml::node::{Key, Node, Value};
use crate::yaml::shape::{Field, Need, Shape};
use crate::yaml::source::{Sources, Span};

/// Where a value stands in its mapping.
#[derive(Debug, Clone, Copy)]
struct At<'a> {
    name: &'a str,
    key: Span,
}

/// Checks `node` against `shape`; `name` is what messages call it. `None` if nothing of it can be used.
pub fn check(sources: &Sources, node: &Node, shape: &Shape, name: &str, problems: &mut Diagnostics) -> Option<Json> {
    Checker { sources, problems }.value(node, shape, At { name, key: node.span })
}

/// The part of a node's text that starts `at` bytes into its value, where the value is written as it is; otherwise the
/// whole node.
#[must_use]
pub fn part(sources: &Sources, node: &Node, at: usize, len: usize) -> Span {
    let written = sources.slice(node.span);
    match node.text().and_then(|text| written.find(text)) {
        Some(offset) => {
            let start = node.span.start() + offset + at;
            Span::new(node.span.source(), start, (start + len).min(node.span.end()))
        }
        None => node.span,
    }
}

/// What was looked at before the fields of a mapping are.
#[derive(Debug, Clone, Copy, Default)]
struct Beside<'a> {
    /// One of these is there, or that was said: none of them is missed.
    one_of: &'a [&'a str],
    /// The word at this key says which fields there are.
    kind: Option<&'static str>,
}

struct Checker<'a> {
    sources: &'a Sources,
    problems: &'a mut Diagnostics,
}

impl Checker<'_> {
    fn value(&mut self, node: &Node, shape: &Shape, at: At<'_>) -> Option<Json> {
        match shape {
            Shape::SecretRef => self.secret(node, at),
            Shape::Map(fields) => self.map(node, fields, Beside::default(), at),
            Shape::OneOf(fields) => {
                let keys: Vec<&str> = fields.iter().map(|field| field.key).collect();
                self.tagged(node, fields, &keys, at)
            }
            Shape::Tagged { fields, exactly_one_of } => self.tagged(node, fields, exactly_one_of, at),
            &Shape::Kinds { key, ref cases } => self.kinds(node, key, cases, at),
            Shape::Dictionary { key, of, min } => self.dictionary(node, key, of, *min, at),
            Shape::List { of, min } => self.list(node, of, *min, at),
            Shape::Any => Some(anything(node)),
            Shape::OneOrMore(of) if matches!(node.value, Value::List(_)) => self.list(node, of, 1, at),
            Shape::OneOrMore(of) => self.value(node, of, at).map(|one| Json::Array(vec![one])),
            Shape::Either { text, map } => {
                let chosen = if matches!(node.value, Value::Map(_)) { map } else { text };
                self.value(node, chosen, at)
            }
            _ => self.scalar(node, shape, at),
        }
    }

    fn wrong(&mut self, node: &Node, expected: &str, at: At<'_>) -> Option<Json> {
        if let Value::Text(text) = &node.value
            && text.contains(OPEN)
        {
            return self.unexpected_reference(node, at);
        }
        let message = format!("{} must be {expected}, not {}", named(at.name), node.kind());
        let diagnostic =
            Diagnostic::error(Code::WrongType, message).at(node.span).label(format!("expected {expected}"));
        let help = match &node.value {
            Value::Integer(_) | Value::Float(_) | Value::Bool(_) if expected.contains("text") => {
                let written: String = self.sources.slice(node.span).chars().take(60).collect();
                (!written.contains(OPEN)).then(|| format!("put it in quotes: \"{written}\""))
            }
            Value::List(_) | Value::Map(_) if expected.contains("text") => {
                Some("encode lists and objects as JSON text, such as '[\"a\", \"b\"]'".to_owned())
            }
            _ => None,
        };
        self.problems.push(diagnostic.maybe_help(help));
        None
    }

    fn bad(&mut self, node: &Node, message: impl AsRef<str>, help: Option<String>) -> Option<Json> {
        self.problems.push(Diagnostic::error(Code::BadValue, message).at(node.span).maybe_help(help));
        None
    }

    fn unexpected_reference(&mut self, node: &Node, at: At<'_>) -> Option<Json> {
        let offset = node.text().and_then(|text| text.find(OPEN)).unwrap_or(0);
        let place = part(self.sources, node, offset, OPEN.len());
        let message = format!("`{}` cannot hold a reference", at.name);
        let diagnostic = Diagnostic::error(Code::UnexpectedReference, message).at(place);
        self.problems.push(
            diagnostic.help("only `${{ vars.NAME }}` may stand here; it is replaced before the definition is checked"),
        );
        None
    }

    fn scalar(&mut self, node: &Node, shape: &Shape, at: At<'_>) -> Option<Json> {
        match (shape, &node.value) {
            (Shape::Template, Value::Text(text)) => self.template(node, text, at),
            (Shape::Template, Value::Integer(number)) => Some(number.to_string().into()),
            (Shape::Template, Value::Float(number)) => Some(number.to_string().into()),
            (Shape::Template, Value::Bool(value)) => Some(value.to_string().into()),
            (_, Value::Text(text)) if may_refer(text) => self.unexpected_reference(node, at),
            (Shape::Text, Value::Text(text)) if text.is_empty() => {
                self.bad(node, format!("`{}` must not be empty", at.name), None)
            }
            (Shape::Text, Value::Text(text)) => Some(text.as_str().into()),
            (Shape::Parsed { parse, .. }, Value::Text(text)) => match (*parse)(text) {
                Ok(()) => Some(text.as_str().into()),
                Err(message) => self.bad(node, message, None),
            },
            (Shape::Bool, Value::Bool(value)) => Some((*value).into()),
            (Shape::Integer { min, max }, Value::Integer(number)) => self.integer(node, *number, *min, *max, at),
            (Shape::Number | Shape::Scalar, Value::Integer(number)) => Some((*number).into()),
            (Shape::Number | Shape::Scalar, Value::Float(number)) => Some((*number).into()),
            (Shape::Scalar, Value::Text(text)) => Some(text.as_str().into()),
            (Shape::Scalar, Value::Bool(value)) => Some((*value).into()),
            (Shape::Scalar, Value::Null) => Some(Json::Null),
            (Shape::Duration, Value::Text(text)) => self.duration(node, text, at),
            (Shape::Duration, Value::Integer(_) | Value::Float(_)) => {
                let written = self.sources.slice(node.span).to_owned();
                self.duration(node, &written, at)
            }
            (Shape::Choice(words), Value::Text(text)) => self.choice(node, text, words, at),
            _ => self.wrong(node, &expected(shape), at),
        }
    }

    fn template(&mut self, node: &Node, text: &str, at: At<'_>) -> Option<Json> {
        if text.is_empty() {
            return self.bad(node, format!("`{}` must not be empty", at.name), None);
        }
        if may_refer(text)
            && let Err(bad) = Template::parse(text)
        {
            let place = part(self.sources, node, bad.at, bad.len);
            self.problems.push(Diagnostic::error(Code::BadReference, &bad.message).at(place).help(&bad.help));
            return None;
        }
        Some(text.into())
    }

    fn integer(&mut self, node: &Node, number: i64, min: i64, max: i64, at: At<'_>) -> Option<Json> {
        if (min..=max).contains(&number) {
            return Some(number.into());
        }
        let rule = if min == max {
            format!("must be {min}")
        } else if max == i64::MAX {
            format!("must be {min} or more")
        } else {
            format!("must be between {min} and {max}")
        };
        self.bad(node, format!("`{}` {rule}", at.name), None)
    }

    fn duration(&mut self, node: &Node, text: &str, at: At<'_>) -> Option<Json> {
        match parse_duration(text) {
            Ok(duration) if duration.is_zero() => self.bad(node, format!("`{}` must be more than zero", at.name), None),
            Ok(duration) => Some(duration.to_string().into()),
            Err(error) => self.bad(node, error.to_string(), None),
        }
    }

    fn choice(&mut self, node: &Node, text: &str, words: &[&str], at: At<'_>) -> Option<Json> {
        if words.contains(&text) {
            return Some(text.into());
        }
        let shown: String = text.chars().take(60).collect();
        let message = format!("`{shown}` is not a value of `{}`", at.name);
        self.bad(node, message, suggestion(text, words))
    }

    fn list(&mut self, node: &Node, of: &Shape, min: usize, at: At<'_>) -> Option<Json> {
        let Value::List(items) = &node.value else { return self.wrong(node, "a list", at) };
        if items.len() < min {
            return self.bad(node, format!("`{}` needs at least {min} of them", at.name), None);
        }
        let checked: Vec<Json> = items.iter().filter_map(|item| self.value(item, of, at)).collect();
        Some(Json::Array(checked))
    }

    fn dictionary(&mut self, node: &Node, key: &Shape, of: &Shape, min: usize, at: At<'_>) -> Option<Json> {
        let Value::Map(entries) = &node.value else { return self.wrong(node, "a mapping", at) };
        if entries.len() < min {
            let place = if entries.is_empty() { at.key } else { node.span };
            let message = format!("`{}` needs at least {min} of them", at.name);
            self.problems.push(Diagnostic::error(Code::BadValue, message).at(place));
        }
        let mut checked = Map::with_capacity(entries.len());
        for (name, value) in entries {
            let as_node = Node { value: Value::Text(name.name.clone()), span: name.span };
            let good_key = self.value(&as_node, key, At { name: at.name, key: name.span }).is_some();
            let good = self.value(value, of, At { name: &name.name, key: name.span });
            if let (true, Some(good)) = (good_key, good) {
                checked.insert(name.name.clone(), good);
            }
        }
        Some(Json::Object(checked))
    }

    fn map(&mut self, node: &Node, fields: &[Field], beside: Beside<'_>, at: At<'_>) -> Option<Json> {
        let is_missed = |field: &&Field| field.need == Need::Required && !beside.one_of.contains(&field.key);
        let entries = match &node.value {
            Value::Map(entries) => entries.as_slice(),
            // `tcp:` without anything is `tcp: {}` where nothing is required.
            Value::Null if !fields.iter().any(|field| is_missed(&field)) => &[],
            _ => return self.wrong(node, "a mapping", at),
        };
        let mut checked = Map::with_capacity(entries.len());
        for (key, value) in entries.iter().filter(|(key, _)| beside.kind != Some(key.name.as_str())) {
            if let Some(good) = self.entry(key, value, fields, beside.kind) {
                checked.insert(key.name.clone(), good);
            }
        }
        for field in fields.iter().filter(is_missed) {
            if !entries.iter().any(|(key, _)| key.name == field.key) {
                let message = format!("{} needs the key `{}`", named(at.name), field.key);
                self.problems.push(Diagnostic::error(Code::MissingKey, message).at(at.key).help(field.doc));
            }
        }
        Some(Json::Object(checked))
    }

    fn entry(&mut self, key: &Key, value: &Node, fields: &[Field], kind: Option<&'static str>) -> Option<Json> {
        let Some(field) = fields.iter().find(|field| field.key == key.name) else {
            self.unknown(key, value, fields, kind);
            return None;
        };
        if field.need == Need::NotYet {
            let message = format!("`{}` is not supported yet: {}", field.key, field.doc);
            self.problems.push(Diagnostic::error(Code::NotSupportedYet, message).at(key.span));
            return None;
        }
        self.value(value, &field.shape, At { name: &key.name, key: key.span })
    }

    fn unknown(&mut self, key: &Key, value: &Node, fields: &[Field], kind: Option<&'static str>) {
        let acted_on = fields.iter().filter(|field| field.need != Need::NotYet).map(|field| field.key);
        let known: Vec<&str> = acted_on.chain(kind).collect();
        let shown: String = key.name.chars().take(60).collect();
        let message = format!("unknown key `{shown}`");
        let mut diagnostic =
            Diagnostic::error(Code::UnknownKey, message).at(key.span).maybe_help(suggestion(&key.name, &known));
        // A slip in a secret's key must not bring the secret to light.
        let meant = did_you_mean(&key.name, known.iter().copied());
        let near = |field: &Field| Some(field.key) == meant && matches!(field.shape, Shape::SecretRef);
        let lower = key.name.to_lowercase();
        if fields.iter().any(near) || ["pass", "pwd", "secret", "token"].iter().any(|word| lower.contains(word)) {
            diagnostic = diagnostic.hiding(value.span);
        }
        self.problems.push(diagnostic);
    }

    fn tagged(&mut self, node: &Node, fields: &[Field], one_of: &[&str], at: At<'_>) -> Option<Json> {
        if !matches!(node.value, Value::Map(_)) {
            return self.wrong(node, "a mapping", at);
        }
        let chosen: Vec<&Key> =
            node.entries().iter().map(|(key, _)| key).filter(|key| one_of.contains(&key.name.as_str())).collect();
        match chosen.as_slice() {
            [] => {
                let message = format!("`{}` needs exactly one of {}", at.name, ticked(one_of));
                self.problems.push(Diagnostic::error(Code::MissingKey, message).at(at.key));
            }
            [_] => {}
            [first, second, ..] => {
                let message = format!("`{}` needs exactly one of {}", at.name, ticked(one_of));
                let diagnostic =
                    Diagnostic::error(Code::ConflictingKeys, message).at(second.span).label("one too many");
                self.problems.push(diagnostic.related(first.span, "the first"));
            }
        }
        self.map(node, fields, Beside { one_of, kind: None }, at)
    }

    fn kinds(
        &mut self,
        node: &Node,
        key: &'static str,
        cases: &[(&'static str, Vec<Field>)],
        at: At<'_>,
    ) -> Option<Json> {
        if !matches!(node.value, Value::Map(_)) {
            return self.wrong(node, "a mapping", at);
        }
        let words: Vec<&str> = cases.iter().map(|(word, _)| *word).collect();
        let word = match node.get(key) {
            Some((found, value)) => self.kind(value, &words, At { name: key, key: found.span }),
            None => {
                let message = format!("{} needs the key `{key}`", named(at.name));
                let diagnostic = Diagnostic::error(Code::MissingKey, message).at(at.key);
                self.problems.push(diagnostic.help(format!("one of {}", ticked(&words))));
                None
            }
        };
        // Without the word, the keys of the first kind stand in: most are shared by all.
        let case = cases.iter().find(|(known, _)| Some(*known) == word.as_deref()).or(cases.first());
        let fields = case.map(|(_, fields)| fields.as_slice()).unwrap_or_default();
        let checked = self.map(node, fields, Beside { one_of: &[], kind: Some(key) }, at);
        let Some(Json::Object(mut checked)) = checked else { return None };
        if let Some(word) = word {
            checked.insert(key.to_owned(), word.into());
        }
        Some(Json::Object(checked))
    }

    fn kind(&mut self, value: &Node, words: &[&str], at: At<'_>) -> Option<String> {
        let checked = match &value.value {
            Value::Text(text) => self.choice(value, text, words, at),
            _ => self.wrong(value, "text", at),
        };
        checked.and_then(|word| word.as_str().map(str::to_owned))
    }

    fn secret(&mut self, node: &Node, at: At<'_>) -> Option<Json> {
        let Value::Map(entries) = &node.value else {
            let message = format!("`{}` must be a reference to a secret, never the secret itself", at.name);
            let diagnostic =
                Diagnostic::error(Code::LiteralSecret, message).at(at.key).label("a value is written here");
            self.problems.push(diagnostic.help(SECRET_FORMS).hiding(node.span));
            return None;
        };
        let mut checked = Map::with_capacity(entries.len());
        let mut sources = 0;
        for (key, value) in entries {
            match (key.name.as_str(), value.text()) {
                (word @ ("rds_iam" | "master_password_reset"), _) => {
                    sources += 1;
                    if value.value == Value::Bool(true) {
                        checked.insert(word.to_owned(), true.into());
                        continue;
                    }
                    let message = format!("`{word}` is `true`, or not there");
                    let diagnostic = Diagnostic::error(Code::BadValue, message).at(key.span).hiding(value.span);
                    self.problems.push(diagnostic.help(SECRET_FORMS));
                }
                ("file", Some(text)) if secret_source("file", text) && !stays_inside(text) => {
                    sources += 1;
                    let message = "`file` must name a file inside of the folder of the definition";
                    let diagnostic = Diagnostic::error(Code::BadValue, message).at(key.span).hiding(value.span);
                    self.problems.push(diagnostic.help("write a relative path without `..`, such as `secrets/orders`"));
                }
                (word @ ("env" | "file" | "ssm" | "secretsmanager" | "key"), Some(text))
                    if secret_source(word, text) =>
                {
                    sources += usize::from(word != "key");
                    checked.insert(word.to_owned(), text.into());
                }
                ("env" | "file" | "ssm" | "secretsmanager" | "key", _) => {
                    sources += usize::from(key.name != "key");
                    let message = format!("`{}` must name where the secret is, without references", key.name);
                    let diagnostic = Diagnostic::error(Code::BadValue, message).at(key.span).hiding(value.span);
                    self.problems.push(diagnostic.help(SECRET_FORMS));
                }
                _ => {
                    sources += 1;
                    let shown: String = key.name.chars().take(40).collect();
                    let diagnostic =
                        Diagnostic::error(Code::UnknownKey, format!("unknown source of a secret `{shown}`"));
                    self.problems.push(diagnostic.at(key.span).help(SECRET_FORMS).hiding(value.span));
                }
            }
        }
        if sources != 1 {
            let message = format!("`{}` needs exactly one source of the secret", at.name);
            self.problems.push(Diagnostic::error(Code::BadValue, message).at(at.key).help(SECRET_FORMS));
        }
        if checked.contains_key("key") && !checked.contains_key("secretsmanager") {
            let message = "`key` picks a value out of a secret of Secrets Manager; other sources have none";
            self.problems.push(Diagnostic::error(Code::BadValue, message).at(at.key));
        }
        Some(Json::Object(checked))
    }
}

const SECRET_FORMS: &str = "write `{ env: NAME }`, `{ file: PATH }`, `{ ssm: NAME }` or \
                            `{ secretsmanager: ID, key: FIELD }`; a database's password may also be \
                            `{ rds_iam: true }` or `{ master_password_reset: true }`";

fn secret_source(word: &str, text: &str) -> bool {
    let named = !text.is_empty() && text.len() <= 2_048 && !may_refer(text) && !text.chars().any(char::is_control);
    named && (word != "env" || (is_variable_name(text) && !text.contains('-')))
}

fn expected(shape: &Shape) -> String {
    match shape {
        Shape::Text | Shape::Template => "text".to_owned(),
        Shape::Parsed { what, .. } => format!("{what}, as text"),
        Shape::Bool => "`true` or `false`".to_owned(),
        Shape::Integer { .. } => "a whole number".to_owned(),
        Shape::Number => "a number".to_owned(),
        Shape::Duration => "a duration such as `90s` or `15m`".to_owned(),
        Shape::Choice(words) => format!("one of {}", ticked(words)),
        Shape::Scalar => "text, a number or a boolean".to_owned(),
        _ => "something else".to_owned(),
    }
}

/// A node as it is. Nesting is bounded where the text is read.
fn anything(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Integer(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Text(text) => text.as_str().into(),
        Value::List(items) => items.iter().map(anything).collect(),
        Value::Map(entries) => entries
            .iter()
            .map(|(key, value)| (key.name.clone(), anything(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

/// A key in backticks; words for the whole as they are.
fn named(name: &str) -> String {
    if name.contains(' ') { name.to_owned() } else { format!("`{name}`") }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::check;
    use crate::yaml::diagnostic::{Code, Diagnostic, Diagnostics};
    use crate::yaml::node::read;
    use crate::yaml::shape::{Field, Shape};
    use crate::yaml::snippet::render;
    use crate::yaml::source::Sources;

    fn checked(text: &str, fields: Vec<Field>) -> (Option<Json>, Vec<Diagnostic>, Sources) {
        let mut sources = Sources::default();
        let document = read(&mut sources, "t.yaml", text.as_bytes());
        let mut problems = Diagnostics::default();
        let json = check(&sources, &document.root.unwrap(), &Shape::Map(fields), "the definition", &mut problems);
        (json, problems.into_vec(), sources)
    }

    fn fields() -> Vec<Field> {
        vec![
            Field::required("name", Shape::Text, "A name."),
            Field::optional("timeout", Shape::Duration, "A time."),
            Field::optional("port", Shape::Template, "A port."),
            Field::optional("password", Shape::SecretRef, "A password."),
            Field::not_yet("schedule", Shape::Text, "start drills from cron."),
        ]
    }

    #[test]
    fn what_is_good_becomes_canonical() {
        let text =
            "name: x\ntimeout: 90m\nport: ${{ restore.a.endpoint.port }}\npassword: { secretsmanager: a/b, key: c }\n";
        let (json, problems, _) = checked(text, fields());
        assert!(problems.is_empty(), "{problems:?}");
        let password = json!({"secretsmanager": "a/b", "key": "c"});
        let expected =
            json!({"name": "x", "timeout": "PT90M", "port": "${{ restore.a.endpoint.port }}", "password": password});
        let mut json = json.unwrap();
        let timeout: jiff::SignedDuration = serde_json::from_value(json["timeout"].take()).unwrap();
        assert_eq!(timeout, jiff::SignedDuration::from_mins(90));
        json["timeout"] = "PT90M".into();
        assert_eq!(json, expected);
    }

    #[test]
    fn every_problem_is_found_in_one_go() {
        let (_, problems, _) = checked("nam: x\ntimeout: 90\nport: [1]\nschedule: now\n", fields());
        let codes: Vec<Code> = problems.iter().map(|one| one.code).collect();
        for code in [Code::UnknownKey, Code::MissingKey, Code::BadValue, Code::WrongType, Code::NotSupportedYet] {
            assert!(codes.contains(&code), "{code:?} in {problems:?}");
        }
        assert!(problems.iter().any(|one| one.help.as_deref() == Some("did you mean `name`?")));
        assert!(problems.iter().any(|one| one.message.contains("needs a unit")));
    }

    #[test]
    fn a_secret_has_one_source_and_some_are_only_true() {
        for (password, canonical) in [
            ("{ ssm: /drill/orders }", json!({ "ssm": "/drill/orders" })),
            ("{ rds_iam: true }", json!({ "rds_iam": true })),
            ("{ master_password_reset: true }", json!({ "master_password_reset": true })),
        ] {
            let (json, problems, _) = checked(&format!("name: x\npassword: {password}\n"), fields());
            assert!(problems.is_empty(), "{problems:?}");
            assert_eq!(json.unwrap()["password"], canonical);
        }
        for password in [
            "{ rds_iam: false }",
            "{ rds_iam: hunter2 }",
            "{ rds_iam: true, master_password_reset: true }",
            "{ ssm: hunter2, key: x }",
            "{ ssm: \"${{ vars.x }}\" }",
            "{}",
        ] {
            let (_, problems, sources) = checked(&format!("name: x\npassword: {password}\n"), fields());
            assert!(!problems.is_empty(), "{password}");
            assert!(problems.iter().all(|one| one.code == Code::BadValue), "{problems:?}");
            let text = render(&sources, &problems, false);
            assert!(password.contains("key") || !text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn a_literal_secret_is_never_shown() {
        for literal in
            ["hunter2", "\"hunter2\"", "{ value: hunter2 }", "[hunter2]", "|\n  hunter2", "{ env: \"hunter2 x\" }"]
        {
            for key in ["password", "passwort"] {
                let (_, problems, sources) = checked(&format!("name: x\n{key}: {literal}\n"), fields());
                assert!(!problems.is_empty());
                let text = render(&sources, &problems, false);
                assert!(!text.contains("hunter2"), "{text}");
            }
        }
    }
}
