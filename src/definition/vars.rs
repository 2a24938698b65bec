//! `vars:` and `--var`: values that a definition names once and a caller may change.
//!
//! Substitution happens on nodes, before anything is checked: a scalar that is exactly `${{ vars.x }}` becomes the
//! variable's value with its type; inside longer text the value is written out. It happens once: a variable's value
//! holds no references, so nothing can be evaluated twice.

use std::collections::BTreeMap;

use crate::words::reference::{OPEN, may_refer};
use crate::yaml::check::part;
use crate::yaml::diagnostic::{Code, Diagnostic, Diagnostics, suggestion};
use crate::yaml::node::{Node, Value};
use crate::yaml::scalar::plain;
use crate::yaml::source::Sources;

/// The variables of a definition, as they count after `--var`.
#[derive(Debug, Default)]
pub struct Variables {
    values: BTreeMap<String, Value>,
}

impl Variables {
    /// Reads `vars:` of `root` and lays `overrides` over it.
    pub fn read(
        root: &Node,
        overrides: &BTreeMap<String, String>,
        sources: &Sources,
        problems: &mut Diagnostics,
    ) -> Self {
        let mut values = BTreeMap::new();
        for (key, node) in root.get("vars").map(|(_, vars)| vars.entries()).unwrap_or_default() {
            if let Some(value) = scalar(&node.value)
                && no_reference(sources, node, problems)
            {
                values.insert(key.name.clone(), value);
            } else {
                // What is wrong with it is said once; references to it are not blamed.
                values.insert(key.name.clone(), Value::Null);
            }
        }
        for (name, text) in overrides {
            override_one(&mut values, name, text, problems);
        }
        Self { values }
    }

    /// The values as text, for the record of a run.
    #[must_use]
    pub fn texts(&self) -> BTreeMap<String, String> {
        self.values.iter().map(|(name, value)| (name.clone(), text_of(value))).collect()
    }

    /// `root` with every `${{ vars.x }}` outside of `vars:` replaced.
    pub fn substitute(&self, mut root: Node, sources: &Sources, problems: &mut Diagnostics) -> Node {
        if let Value::Map(entries) = &mut root.value {
            for (_, node) in entries.iter_mut().filter(|(key, _)| key.name != "vars") {
                self.node(node, sources, problems);
            }
        } else {
            self.node(&mut root, sources, problems);
        }
        root
    }

    fn node(&self, node: &mut Node, sources: &Sources, problems: &mut Diagnostics) {
        match &mut node.value {
            Value::List(items) => {
                for item in items {
                    self.node(item, sources, problems);
                }
            }
            Value::Map(entries) => {
                for (_, node) in entries {
                    self.node(node, sources, problems);
                }
            }
            _ => {
                if let Some(text) = node.text().filter(|text| may_refer(text)) {
                    let value = self.text(node, text, sources, problems);
                    node.value = value;
                }
            }
        }
    }

    fn text(&self, node: &Node, text: &str, sources: &Sources, problems: &mut Diagnostics) -> Value {
        let mut out = String::new();
        let mut at = 0;
        while let Some(found) = text[at..].find(OPEN) {
            let open = at + found;
            let inside = open + OPEN.len();
            let close = text[inside..].find("}}").map(|length| inside + length);
            let escaped = text[at..open].ends_with('$');
            let name = close.and_then(|close| text[inside..close].trim().strip_prefix("vars."));
            let (Some(close), Some(name), false) = (close, name, escaped) else {
                out.push_str(&text[at..inside]);
                at = inside;
                continue;
            };
            out.push_str(&text[at..open]);
            at = close + 2;
            match self.values.get(name) {
                Some(value) if open == 0 && at == text.len() => return value.clone(),
                Some(value) => out.push_str(&text_of(value)),
                None => {
                    let known: Vec<&str> = self.values.keys().map(String::as_str).collect();
                    let shown: String = name.chars().take(60).collect();
                    let place = part(sources, node, open, at - open);
                    let diagnostic =
                        Diagnostic::error(Code::UnknownVariable, format!("no variable `{shown}` in `vars`"));
                    problems.push(diagnostic.at(place).maybe_help(suggestion(name, &known)));
                }
            }
        }
        out.push_str(&text[at..]);
        Value::Text(out)
    }
}

fn scalar(value: &Value) -> Option<Value> {
    (!matches!(value, Value::List(_) | Value::Map(_))).then(|| value.clone())
}

fn no_reference(sources: &Sources, node: &Node, problems: &mut Diagnostics) -> bool {
    let Some(at) = node.text().and_then(|text| text.find(OPEN)) else { return true };
    let place = part(sources, node, at, OPEN.len());
    problems.push(Diagnostic::error(Code::BadVariable, "a variable's value cannot hold a reference").at(place));
    false
}

fn override_one(values: &mut BTreeMap<String, Value>, name: &str, text: &str, problems: &mut Diagnostics) {
    let shown: String = name.chars().take(60).collect();
    let Some(declared) = values.get(name) else {
        let known: Vec<&str> = values.keys().map(String::as_str).collect();
        let help =
            suggestion(name, &known).unwrap_or_else(|| "declare it under `vars:` with its usual value".to_owned());
        let message = format!("`--var {shown}`: the definition has no such variable");
        problems.push(Diagnostic::error(Code::UnknownVariable, message).help(help));
        return;
    };
    if text.contains(OPEN) {
        let message = format!("`--var {shown}`: a variable's value cannot hold a reference");
        problems.push(Diagnostic::error(Code::BadVariable, message));
        return;
    }
    // What is declared as text stays text: `--var account=123456789012` must not become a number.
    let value = if matches!(declared, Value::Text(_)) { Ok(Value::Text(text.to_owned())) } else { plain(text) };
    match value {
        Ok(value) => {
            values.insert(name.to_owned(), value);
        }
        Err(why) => problems.push(Diagnostic::error(Code::BadVariable, format!("`--var {shown}`: {why}"))),
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Bool(value) => value.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Null | Value::List(_) | Value::Map(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::Variables;
    use crate::yaml::diagnostic::{Code, Diagnostics};
    use crate::yaml::node::{Node, Value, read};
    use crate::yaml::source::Sources;

    fn substituted(text: &str, overrides: &[(&str, &str)]) -> (Node, Vec<Code>) {
        let mut sources = Sources::default();
        let root = read(&mut sources, "t.yaml", text.as_bytes()).root.unwrap();
        let overrides: BTreeMap<String, String> =
            overrides.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let mut problems = Diagnostics::default();
        let variables = Variables::read(&root, &overrides, &sources, &mut problems);
        let root = variables.substitute(root, &sources, &mut problems);
        (root, problems.into_vec().iter().map(|one| one.code).collect())
    }

    #[test]
    fn a_whole_scalar_keeps_its_type_and_a_part_is_written_out() {
        let text = "vars: { n: 3, r: eu }\na: ${{ vars.n }}\nb: x-${{vars.r}}-${{ vars.n }} ${{ run.id }}\nc: $${{ vars.n }}\n";
        let (root, codes) = substituted(text, &[("n", "7"), ("r", "1")]);
        assert!(codes.is_empty());
        assert_eq!(root.follow(&["a"]).unwrap().value, Value::Integer(7));
        assert_eq!(root.follow(&["b"]).unwrap().text(), Some("x-1-7 ${{ run.id }}"));
        assert_eq!(root.follow(&["c"]).unwrap().text(), Some("$${{ vars.n }}"));
    }

    #[test]
    fn unknown_and_recursive_variables_are_problems() {
        let (_, codes) = substituted(
            "vars: { a: 1, b: \"${{ vars.a }}\" }\nx: ${{ vars.aa }}\n",
            &[("c", "1"), ("a", "${{ env.X }}")],
        );
        for code in [Code::UnknownVariable, Code::BadVariable] {
            assert_eq!(codes.iter().filter(|found| **found == code).count(), 2, "{codes:?}");
        }
    }
}
