//! Two schemas, held against each other.

use std::collections::BTreeSet;

use crate::probe::sql_schema::lines::{Schema, fingerprint_in, ignored};
use crate::words::text::tame;

/// Lines of a difference that a message shows.
const SHOWN_LINES: usize = 20;

/// What of one line it shows, in characters. All of them fit into one message.
const SHOWN_CHARS: usize = 80;

/// What the restored schema should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// Its lines, or the first of them.
    lines: BTreeSet<String>,
    /// The fingerprint of all, where these are the first.
    whole: Option<String>,
}

/// What is different.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Only in the reference.
    pub(super) missing: Vec<String>,
    /// Only in what was restored.
    pub(super) added: Vec<String>,
    /// The fingerprints differ, whatever the lines say.
    beyond: bool,
}

impl Reference {
    /// From lines that were observed once. What is to be ignored now may not have been then.
    pub(super) fn recorded(lines: impl IntoIterator<Item = String>, ignore: &[String]) -> Self {
        let mut lines: BTreeSet<String> = lines.into_iter().map(|line| tame(&line)).collect();
        // It is the last of its list, and of every order.
        let whole = lines.last().and_then(|line| fingerprint_in(line)).map(str::to_owned);
        if whole.is_some() {
            lines.pop_last();
        }
        lines.retain(|line| !ignored(line, ignore));
        Self { lines, whole }
    }

    /// From a schema that was read a moment ago.
    pub(super) fn live(schema: Schema) -> Self {
        Self { lines: schema.lines.into_iter().collect(), whole: None }
    }

    /// What is different; none if the two are the same. Of a reference that was cut only the part that is there can be
    /// shown, but every difference is found.
    pub(super) fn difference(&self, restored: &Schema) -> Option<Difference> {
        if self.whole.as_ref().is_some_and(|whole| *whole == restored.fingerprint()) {
            return None;
        }
        let within = |line: &&String| match (&self.whole, self.lines.last()) {
            (Some(_), Some(last)) => *line <= last,
            (Some(_), None) => false,
            (None, _) => true,
        };
        let now: BTreeSet<&String> = restored.lines.iter().filter(within).collect();
        let missing: Vec<String> = self.lines.iter().filter(|line| !now.contains(line)).cloned().collect();
        let added: Vec<String> = now.into_iter().filter(|line| !self.lines.contains(*line)).cloned().collect();
        let beyond = self.whole.is_some();
        (beyond || !missing.is_empty() || !added.is_empty()).then_some(Difference { missing, added, beyond })
    }
}

impl Difference {
    /// One sentence: how many, and the first of them, what belongs together side by side.
    pub(super) fn message(&self, what: &str) -> String {
        let (missing, added) = (self.missing.len(), self.added.len());
        if missing + added == 0 {
            return format!(
                "the schema is not the same as {what}: the fingerprints differ, in lines beyond those recorded"
            );
        }
        let mut lines: Vec<(&str, char)> = self.missing.iter().map(|line| (line.as_str(), '-')).collect();
        lines.extend(self.added.iter().map(|line| (line.as_str(), '+')));
        lines.sort_unstable_by_key(|(line, sign)| (about(line).to_owned(), *sign == '+', (*line).to_owned()));
        let shown: Vec<String> =
            lines.iter().take(SHOWN_LINES).map(|(line, sign)| format!("{sign} {}", cut(line))).collect();
        let more = match lines.len().saturating_sub(SHOWN_LINES) {
            0 if self.beyond => "; and what lies beyond the lines that were recorded".to_owned(),
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        format!("the schema is not the same as {what}: {missing} missing, {added} added: {}{more}", shown.join("; "))
    }
}

/// The kind and the name: what a line and its changed self have in common.
fn about(line: &str) -> &str {
    line.match_indices(' ').nth(1).map_or(line, |(at, _)| line.get(..at).unwrap_or(line))
}

fn cut(line: &str) -> String {
    if line.chars().count() <= SHOWN_CHARS {
        return line.to_owned();
    }
    line.chars().take(SHOWN_CHARS).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::Reference;
    use crate::probe::sql_schema::lines::Schema;
    use crate::words::text::LONGEST;

    fn schema(lines: &[&str]) -> Schema {
        let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        lines.sort();
        Schema { lines, ..Schema::default() }
    }

    const SHOP: &[&str] = &["column a.t.id bigint", "index a.t.pk unique btree (id)", "table a.t"];

    #[test]
    fn the_same_is_the_same_from_wherever_it_comes() {
        for reference in [Reference::live(schema(SHOP)), Reference::recorded(schema(SHOP).recorded(), &[])] {
            assert_eq!(reference.difference(&schema(SHOP)), None);
        }
    }

    #[test]
    fn a_change_is_shown_as_what_is_gone_beside_what_came() {
        let reference = Reference::live(schema(SHOP));
        let restored = schema(&["column a.t.id integer", "table a.t", "table a.u"]);
        let difference = reference.difference(&restored).unwrap();
        assert_eq!(
            difference.message("the source"),
            "the schema is not the same as the source: 2 missing, 2 added: - column a.t.id bigint; \
             + column a.t.id integer; - index a.t.pk unique btree (id); + table a.u"
        );
        assert_eq!(difference.added, ["column a.t.id integer", "table a.u"]);
        assert_eq!(difference.missing, ["column a.t.id bigint", "index a.t.pk unique btree (id)"]);
    }

    #[test]
    fn what_is_ignored_now_may_have_been_recorded() {
        let reference = Reference::recorded(schema(SHOP).recorded(), &["a.t.pk".to_owned()]);
        assert_eq!(reference.difference(&schema(&["column a.t.id bigint", "table a.t"])), None);
    }

    #[test]
    fn a_long_schema_is_compared_to_its_end() {
        let long = |extra: &[&str]| {
            let mut lines: Vec<String> = (0..1_500).map(|number| format!("table a.t{number:04}")).collect();
            lines.extend(extra.iter().map(|line| (*line).to_owned()));
            lines.sort();
            Schema { lines, ..Schema::default() }
        };
        let reference = Reference::recorded(long(&[]).recorded(), &[]);
        assert_eq!(reference.difference(&long(&[])), None);
        let early = reference.difference(&long(&["table a.t0000b"])).unwrap();
        assert_eq!((early.missing.len(), early.added.as_slice()), (0, &["table a.t0000b".to_owned()][..]));
        let late = reference.difference(&long(&["table a.z"])).unwrap();
        assert!(late.message("the last pass").contains("beyond"), "{}", late.message("the last pass"));
        let other = Reference::live(long(&[])).difference(&schema(SHOP)).unwrap();
        let message = other.message("the source");
        assert!(message.contains("; and 1483 more") && message.chars().count() < LONGEST, "{message}");
    }
}
