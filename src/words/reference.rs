//! `${{ … }}`: the grammar of references, and text that holds them.
//!
//! Invariant: what a reference is filled with is data. It is never parsed again, so no value from AWS or a database can
//! become a reference. `$${{` stands for a literal `${{`.

use std::fmt;

use serde_json::Value;

use crate::words::id::Name;

/// The opening mark.
pub const OPEN: &str = "${{";

/// Whether a text has the opening mark. Most texts have not even a dollar sign, which is found out sooner.
#[must_use]
pub fn may_refer(text: &str) -> bool {
    text.contains('$') && text.contains(OPEN)
}

/// Something that a run knows and a definition may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reference {
    /// `restore.NAME.…`: what a restore made.
    Restore {
        /// The restore.
        name: Name,
        /// What of it.
        output: RestoreOutput,
    },
    /// `probes.NAME.values.COLUMN`: what a probe observed.
    Probe {
        /// The probe.
        name: Name,
        /// The observed value's name.
        value: String,
    },
    /// `on.…`: what the restore made that the probe or action is on.
    On(RestoreOutput),
    /// `run.id`.
    RunId,
    /// `vars.X`: replaced before the definition is checked.
    Variable(String),
    /// `env.X`: a variable of the environment in which drill runs.
    Environment(String),
}

/// What a restore gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RestoreOutput {
    /// `endpoint.host`.
    Host,
    /// `endpoint.port`.
    Port,
    /// `endpoint.address`: host and port with a colon between.
    Address,
    /// `arn`.
    Arn,
    /// `identifier`: the restored resource's name.
    Identifier,
    /// `recovery_point.arn`.
    PointArn,
    /// `recovery_point.created`.
    PointCreated,
}

impl RestoreOutput {
    const ALL: [Self; 7] =
        [Self::Host, Self::Port, Self::Address, Self::Arn, Self::Identifier, Self::PointArn, Self::PointCreated];

    /// The words after the restore's name.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Host => "endpoint.host",
            Self::Port => "endpoint.port",
            Self::Address => "endpoint.address",
            Self::Arn => "arn",
            Self::Identifier => "identifier",
            Self::PointArn => "recovery_point.arn",
            Self::PointCreated => "recovery_point.created",
        }
    }
}

/// What a reference yields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// Text.
    Text,
    /// A number, such as a port.
    Number,
    /// An instant, as RFC 3339.
    Timestamp,
}

impl Reference {
    /// The text between the marks: `restore.orders.endpoint.host`.
    #[must_use]
    pub fn text(&self) -> String {
        self.to_string()
    }

    /// What it yields.
    #[must_use]
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Restore { output: RestoreOutput::Port, .. } | Self::On(RestoreOutput::Port) => ValueType::Number,
            Self::Restore { output: RestoreOutput::PointCreated, .. } | Self::On(RestoreOutput::PointCreated) => {
                ValueType::Timestamp
            }
            _ => ValueType::Text,
        }
    }

    /// The restore that it reads.
    #[must_use]
    pub fn restore(&self) -> Option<&Name> {
        match self {
            Self::Restore { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The probe that it reads.
    #[must_use]
    pub fn probe(&self) -> Option<&Name> {
        match self {
            Self::Probe { name, .. } => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restore { name, output } => write!(f, "restore.{name}.{}", output.words()),
            Self::Probe { name, value } => write!(f, "probes.{name}.values.{value}"),
            Self::On(output) => write!(f, "on.{}", output.words()),
            Self::RunId => f.write_str("run.id"),
            Self::Variable(name) => write!(f, "vars.{name}"),
            Self::Environment(name) => write!(f, "env.{name}"),
        }
    }
}

/// One part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text as it is.
    Text(String),
    /// A reference to fill in.
    Reference(Reference),
}

/// Text with references.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadReference {
    /// First byte of what is wrong.
    pub at: usize,
    /// How many bytes of it.
    pub len: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

/// What the help says when nothing nearer is known.
const FORMS: &str = "write `on.endpoint.host` (or another output of the probe's own restore), `restore.NAME.endpoint.host` (or `.port`, `.address`), `restore.NAME.arn`, `restore.NAME.identifier`, \
                     `restore.NAME.recovery_point.arn` (or `.created`), `probes.NAME.values.COLUMN`, `run.id`, `vars.NAME` or `env.NAME`";

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    /// The first reference that cannot be read.
    pub fn parse(text: &str) -> Result<Self, BadReference> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut at = 0;
        while let Some(found) = text[at..].find(OPEN) {
            let open = at + found;
            if text[at..open].ends_with('$') {
                plain.push_str(&text[at..open - 1]);
                plain.push_str(OPEN);
                at = open + OPEN.len();
                continue;
            }
            plain.push_str(&text[at..open]);
            let inside = open + OPEN.len();
            let Some(length) = text[inside..].find("}}") else {
                let help = format!("close it with `}}}}`; a literal `{OPEN}` is written `${OPEN}`");
                return Err(BadReference {
                    at: open,
                    len: OPEN.len(),
                    message: "a reference is not closed".to_owned(),
                    help,
                });
            };
            let close = inside + length + 2;
            let reference = reference(text[inside..inside + length].trim())
                .map_err(|(message, help)| BadReference { at: open, len: close - open, message, help })?;
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Reference(reference));
            at = close;
        }
        plain.push_str(&text[at..]);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self { parts })
    }

    /// The parts, in order.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Its references, in the order of the text.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.parts.iter().filter_map(|part| match part {
            Part::Reference(reference) => Some(reference),
            Part::Text(_) => None,
        })
    }

    /// The one reference that is the whole text.
    #[must_use]
    pub fn only(&self) -> Option<&Reference> {
        match self.parts.as_slice() {
            [Part::Reference(reference)] => Some(reference),
            _ => None,
        }
    }

    /// The text with every reference replaced. What `lookup` gives is not looked at again.
    ///
    /// # Errors
    /// The first reference that `lookup` does not know.
    pub fn fill(&self, lookup: impl Fn(&Reference) -> Option<String>) -> Result<String, Reference> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Reference(reference) => out.push_str(&lookup(reference).ok_or_else(|| reference.clone())?),
            }
        }
        Ok(out)
    }
}

/// The value with references exchanged: those for which `other` gives one. Texts that hold none stay as they are.
#[must_use]
pub fn exchange(value: &Value, other: &dyn Fn(&Reference) -> Option<Reference>) -> Value {
    match value {
        Value::String(text) => match Template::parse(text) {
            Ok(template) if template.references().any(|reference| other(reference).is_some()) => {
                Value::String(template.parts.iter().map(|part| written(part, other)).collect())
            }
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(|item| exchange(item, other)).collect(),
        Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| (key.clone(), exchange(value, other)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other_value => other_value.clone(),
    }
}

fn written(part: &Part, other: &dyn Fn(&Reference) -> Option<Reference>) -> String {
    match part {
        Part::Text(text) => text.replace(OPEN, "$${{"),
        Part::Reference(reference) => {
            let reference = other(reference).unwrap_or_else(|| reference.clone());
            format!("{OPEN} {reference} }}}}")
        }
    }
}

/// Every reference in every text of a value, in order. Texts that cannot be read hold none.
#[must_use]
pub fn references_in(value: &Value) -> Vec<Reference> {
    match value {
        Value::String(text) if may_refer(text) => {
            Template::parse(text).map(|template| template.references().cloned().collect()).unwrap_or_default()
        }
        Value::Array(items) => items.iter().flat_map(references_in).collect(),
        Value::Object(entries) => entries.values().flat_map(references_in).collect(),
        _ => Vec::new(),
    }
}

/// For settings that must yield a port: digits from 1 to 65535, or one reference that yields a number. A variable of
/// the environment is let through: only the run knows it.
///
/// # Errors
/// A sentence for the user.
pub fn check_port(text: &str) -> Result<(), String> {
    let template = Template::parse(text).map_err(|bad| bad.message)?;
    if let Some(reference) = template.only() {
        return match (reference, reference.value_type()) {
            (Reference::Environment(_), _) | (_, ValueType::Number) => Ok(()),
            _ => Err(format!("`{reference}` is not a number; a port needs one, such as `restore.NAME.endpoint.port`")),
        };
    }
    match text.parse::<u16>() {
        Ok(1..) => Ok(()),
        _ => Err("a port is a number from 1 to 65535".to_owned()),
    }
}

/// Whether a text may name a variable of a definition or of the environment.
#[must_use]
pub fn is_variable_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// Whether a text may name an observed value: a column, or the levels of a JSON field with dots between.
#[must_use]
pub fn is_value_name(text: &str) -> bool {
    let fits = |level: &str| !level.is_empty() && level.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    (1..=63).contains(&text.len()) && text.split('.').all(fits)
}

fn reference(text: &str) -> Result<Reference, (String, String)> {
    let shown: String = text.chars().take(80).collect();
    let unknown = || (format!("`{shown}` is not a reference"), FORMS.to_owned());
    let (first, rest) = text.split_once('.').ok_or_else(unknown)?;
    match first {
        "restore" => restore(rest),
        "on" => output(rest, "on").map(Reference::On),
        "probes" => probe(rest),
        "run" if rest == "id" => Ok(Reference::RunId),
        "vars" if is_variable_name(rest) => Ok(Reference::Variable(rest.to_owned())),
        "env" if is_variable_name(rest) && !rest.contains('-') => Ok(Reference::Environment(rest.to_owned())),
        "restores" | "probe" | "var" => {
            let plural = if first == "restores" {
                "restore"
            } else if first == "probe" {
                "probes"
            } else {
                "vars"
            };
            Err((format!("`{shown}` is not a reference"), format!("did you mean `{plural}.…`?")))
        }
        _ => Err(unknown()),
    }
}

fn name(text: &str) -> Result<Name, (String, String)> {
    text.parse::<Name>().map_err(|error| (error.to_string(), FORMS.to_owned()))
}

fn restore(rest: &str) -> Result<Reference, (String, String)> {
    let (restore, words) = rest.split_once('.').unwrap_or((rest, ""));
    let name = name(restore)?;
    let output = output(words, &format!("restore.{name}"))?;
    Ok(Reference::Restore { name, output })
}

fn output(words: &str, of: &str) -> Result<RestoreOutput, (String, String)> {
    if let Some(output) = RestoreOutput::ALL.into_iter().find(|output| output.words() == words) {
        return Ok(output);
    }
    let shown: String = words.chars().take(60).collect();
    let near = RestoreOutput::ALL
        .into_iter()
        .map(|output| (strsim::osa_distance(&shown, output.words()), output.words()))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    let known: Vec<String> = RestoreOutput::ALL.iter().map(|output| format!("`{}`", output.words())).collect();
    let help = match near {
        Some((_, near)) => format!("did you mean `{of}.{near}`?"),
        None => format!("a restore gives {}", known.join(", ")),
    };
    Err((format!("a restore has no `{shown}`"), help))
}

fn probe(rest: &str) -> Result<Reference, (String, String)> {
    let (probe, words) = rest.split_once('.').unwrap_or((rest, ""));
    let name = name(probe)?;
    match words.strip_prefix("values.") {
        Some(value) if is_value_name(value) => Ok(Reference::Probe { name, value: value.to_owned() }),
        _ => {
            let shown: String = words.chars().take(60).collect();
            Err((format!("a probe has no `{shown}`"), format!("write `probes.{name}.values.COLUMN`")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Reference, Template, ValueType, check_port, references_in};
    use serde_json::json;

    #[test]
    fn every_form_reads_and_writes_itself() {
        for text in [
            "restore.orders.endpoint.host",
            "restore.orders.endpoint.port",
            "restore.orders.endpoint.address",
            "restore.orders.arn",
            "restore.orders.identifier",
            "restore.orders.recovery_point.arn",
            "restore.orders.recovery_point.created",
            "on.identifier",
            "probes.has-orders.values.order_count",
            "run.id",
            "vars.region",
            "env.PGUSER",
        ] {
            let template = Template::parse(&format!("${{{{ {text} }}}}")).unwrap();
            assert_eq!(template.only().unwrap().text(), text);
        }
    }

    #[test]
    fn filling_replaces_and_escapes_stay() {
        let template = Template::parse("a ${{run.id}} b $${{ run.id }} ${{ env.X }}").unwrap();
        let filled = template
            .fill(|reference| Some(if *reference == Reference::RunId { "7".into() } else { "${{ run.id }}".into() }));
        assert_eq!(filled.unwrap(), "a 7 b ${{ run.id }} ${{ run.id }}");
        assert_eq!(template.fill(|_| None).unwrap_err(), Reference::RunId);
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        let bad = Template::parse("xü ${{ restore.orders.endpoint.hots }}").unwrap_err();
        assert_eq!((bad.at, bad.len), (4, 35));
        assert!(bad.help.contains("restore.orders.endpoint.host"), "{}", bad.help);
        for text in
            ["${{", "${{ }}", "${{ x", "${{ restore }}", "${{ restore.A.arn }}", "${{ probes.x.value }}", "${{ env. }}"]
        {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ports_need_numbers() {
        assert!(check_port("5432").is_ok());
        assert!(check_port("${{ restore.orders.endpoint.port }}").is_ok());
        for text in ["0", "65536", "x", "${{ restore.orders.endpoint.host }}", "1${{ restore.orders.endpoint.port }}"] {
            assert!(check_port(text).is_err(), "{text}");
        }
        assert_eq!(
            Template::parse("${{ restore.a.recovery_point.created }}").unwrap().only().unwrap().value_type(),
            ValueType::Timestamp
        );
    }

    #[test]
    fn references_are_exchanged_and_the_rest_stays() {
        let to = Reference::Restore { name: "orders".parse().unwrap(), output: super::RestoreOutput::Host };
        let other = |reference: &Reference| matches!(reference, Reference::On(_)).then(|| to.clone());
        let before =
            json!({"a": ["x $${{ y ${{ on.endpoint.host }} ${{ run.id }}"], "b": "$${{ ${{ run.id }}", "c": 1});
        let after = json!({
            "a": ["x $${{ y ${{ restore.orders.endpoint.host }} ${{ run.id }}"], "b": "$${{ ${{ run.id }}", "c": 1
        });
        assert_eq!(super::exchange(&before, &other), after);
    }

    #[test]
    fn values_are_walked() {
        let found = references_in(&json!({"a": ["${{ run.id }}", 1], "b": {"c": "x ${{ env.Y }} ${{"}}));
        assert_eq!(found, [Reference::RunId]);
    }
}
