//! A schema as sorted lines, one for each table, column, index and constraint: what is compared, shown and recorded.
//!
//! - `table public.orders`, also `view`, `materialized-view` and the like
//! - `column public.orders.id bigint not null default 0`
//! - `index public.orders.by_day btree (placed_at)`
//! - `constraint public.orders.orders_pkey PRIMARY KEY (id)`
//!
//! Of a line the first 2,000 characters count: what a server says is cut there.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;

use crate::probe::sql_schema::asked::Said;
use crate::words::text::tame;

/// Lines that are observed and recorded at most.
pub(super) const MOST_LINES: usize = 1_000;

/// How the last line begins where not all are observed.
const MORE: &str = "… and ";

/// What stands in it before the fingerprint of all.
const FINGERPRINT: &str = " more lines, fingerprint ";

/// Which part of a schema counts.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    /// These schemas; all where there are none.
    pub(super) schemas: &'a [String],
    /// Not what these patterns fit.
    pub(super) ignore: &'a [String],
}

/// A schema.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Schema {
    /// Sorted, without duplicates.
    pub(super) lines: Vec<String>,
    pub(super) tables: usize,
    pub(super) columns: usize,
    pub(super) indexes: usize,
    pub(super) constraints: usize,
}

impl Schema {
    /// The lines of what a database said, within a scope.
    pub(super) fn of(said: &Said, scope: &Scope<'_>) -> Self {
        let kept = |rows: &[Vec<Value>], make: fn(&[&[Value]]) -> Vec<String>| {
            let rows: Vec<&[Value]> = rows.iter().map(Vec::as_slice).filter(|row| scope.has(row)).collect();
            // As they will be read again from what was recorded.
            let mut lines: Vec<String> = make(&rows).iter().map(|line| tame(line)).collect();
            lines.retain(|line| !ignored(line, scope.ignore));
            lines.sort_unstable();
            lines.dedup();
            lines
        };
        let parts = [
            kept(&said.tables, |rows| rows.iter().filter_map(|row| table(row)).collect()),
            kept(&said.columns, |rows| rows.iter().filter_map(|row| column(row)).collect()),
            kept(&said.indexes, |rows| grouped("index", rows, index_part)),
            kept(&said.constraints, |rows| grouped("constraint", rows, constraint_part)),
        ];
        let [tables, columns, indexes, constraints] = parts.each_ref().map(Vec::len);
        let mut lines = parts.concat();
        lines.sort_unstable();
        Self { lines, tables, columns, indexes, constraints }
    }

    /// The SHA-256 of all lines, in hexadecimal.
    pub(super) fn fingerprint(&self) -> String {
        let hash = digest(&SHA256, self.lines.join("\n").as_bytes());
        hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// At most [`MOST_LINES`] of them. Where there are more, the last one says how many, and the fingerprint of all.
    pub(super) fn recorded(&self) -> Vec<String> {
        if self.lines.len() <= MOST_LINES {
            return self.lines.clone();
        }
        let shown = MOST_LINES - 1;
        let mut lines: Vec<String> = self.lines.iter().take(shown).cloned().collect();
        lines.push(format!("{MORE}{}{FINGERPRINT}{}", self.lines.len() - shown, self.fingerprint()));
        lines
    }
}

impl Scope<'_> {
    fn has(&self, row: &[Value]) -> bool {
        self.schemas.is_empty() || text(row, 0).is_some_and(|name| self.schemas.iter().any(|wanted| wanted == name))
    }
}

/// The fingerprint in a line that stands for those that were not recorded.
pub(super) fn fingerprint_in(line: &str) -> Option<&str> {
    line.strip_prefix(MORE)?.split_once(FINGERPRINT).map(|(_, fingerprint)| fingerprint)
}

/// Whether one of the patterns fits what a line is about, or what that belongs to.
pub(super) fn ignored(line: &str, patterns: &[String]) -> bool {
    let Some((_, about)) = line.split_once(' ') else { return false };
    let about: Vec<char> = about.chars().collect();
    patterns.iter().any(|pattern| {
        let ending = |end: &str| fits(&pattern.chars().chain(end.chars()).collect::<Vec<char>>(), &about);
        ending("") || ending(".*") || ending(" *")
    })
}

/// Whether a pattern fits a whole text: `*` is any text, `?` one character.
fn fits(pattern: &[char], text: &[char]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(c) = text.get(seen) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == c => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((before, from)) = star else { return false };
                star = Some((before, from + 1));
                at = before + 1;
                seen = from + 1;
            }
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == '*')
}

/// A cell that says something.
fn text(row: &[Value], at: usize) -> Option<&str> {
    row.get(at).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn table(row: &[Value]) -> Option<String> {
    Some(format!("{} {}.{}", text(row, 2)?, text(row, 0)?, text(row, 1)?))
}

fn column(row: &[Value]) -> Option<String> {
    let line = format!("column {}.{}.{}", text(row, 0)?, text(row, 1)?, text(row, 2)?);
    // An empty default is one too.
    let default = row.get(5).and_then(Value::as_str);
    let default = [default.map(|_| "default"), default.filter(|text| !text.is_empty())];
    let words = [text(row, 3), text(row, 4)].into_iter().chain(default).chain([text(row, 6)]);
    Some(words.flatten().fold(line, |line, word| format!("{line} {word}")))
}

/// One row of an index or of a constraint.
struct Part<'a> {
    column: Option<&'a str>,
    other_table: Option<&'a str>,
    other_column: Option<&'a str>,
    tail: Option<&'a str>,
}

fn index_part(row: &[Value]) -> Part<'_> {
    Part { column: text(row, 4), other_table: None, other_column: None, tail: text(row, 5) }
}

fn constraint_part(row: &[Value]) -> Part<'_> {
    Part { column: text(row, 4), other_table: text(row, 5), other_column: text(row, 6), tail: text(row, 7) }
}

/// One line for the rows that have schema, table, name and head in common, their parts in the order of the rows.
fn grouped(word: &str, rows: &[&[Value]], part: for<'a> fn(&'a [Value]) -> Part<'a>) -> Vec<String> {
    let mut groups: BTreeMap<[&str; 4], Vec<Part<'_>>> = BTreeMap::new();
    for row in rows {
        let (Some(schema), Some(table), Some(name)) = (text(row, 0), text(row, 1), text(row, 2)) else { continue };
        groups.entry([schema, table, name, text(row, 3).unwrap_or_default()]).or_default().push(part(row));
    }
    let line = |([schema, table, name, head], parts): ([&str; 4], Vec<Part<'_>>)| {
        let head = format!("{word} {schema}.{table}.{name} {head}");
        whole(head.trim_end().to_owned(), &parts)
    };
    groups.into_iter().map(line).collect()
}

fn whole(mut line: String, parts: &[Part<'_>]) -> String {
    let list = |of: Vec<&str>| if of.is_empty() { String::new() } else { format!(" ({})", of.join(", ")) };
    line.push_str(&list(parts.iter().filter_map(|part| part.column).collect()));
    let first = parts.first();
    if let Some(other) = first.and_then(|part| part.other_table) {
        line.push_str(" references ");
        line.push_str(other);
        line.push_str(&list(parts.iter().filter_map(|part| part.other_column).collect()));
    }
    if let Some(tail) = first.and_then(|part| part.tail) {
        line.push(' ');
        line.push_str(tail);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::{MOST_LINES, Schema, Scope, fingerprint_in, fits, ignored};
    use crate::probe::sql_schema::asked::Said;
    use serde_json::{Value, json};

    fn rows(rows: Value) -> Vec<Vec<Value>> {
        serde_json::from_value(rows).unwrap()
    }

    fn shop() -> Said {
        Said {
            tables: rows(json!([["shop", "orders", "table"], ["audit", "log", "table"]])),
            columns: rows(json!([
                ["shop", "orders", "note", "varchar(9)", null, "", ""],
                ["shop", "orders", "id", "bigint", "not null", "0", "auto_increment"],
                ["audit", "log", "at", "date", null, null],
            ])),
            indexes: rows(json!([
                ["shop", "orders", "by_note", "btree", "note(4)"],
                ["shop", "orders", "by_note", "btree", "id desc", null],
                ["shop", "orders", "pk", "unique btree (id)", null, "invalid"],
            ])),
            constraints: rows(json!([
                ["shop", "orders", "fk", "foreign key", "a", "shop.customers", "x", "on delete cascade"],
                ["shop", "orders", "fk", "foreign key", "b", "shop.customers", "y", "on delete cascade"],
                ["shop", "orders", "fk", "unique", "a", null, null, null],
                ["shop", "orders", "pk", "PRIMARY KEY (id)"],
            ])),
            ..Said::default()
        }
    }

    #[test]
    fn rows_become_sorted_lines() {
        let schema = Schema::of(&shop(), &Scope { schemas: &["shop".to_owned()], ignore: &[] });
        assert_eq!(
            schema.lines,
            [
                "column shop.orders.id bigint not null default 0 auto_increment",
                "column shop.orders.note varchar(9) default",
                "constraint shop.orders.fk foreign key (a, b) references shop.customers (x, y) on delete cascade",
                "constraint shop.orders.fk unique (a)",
                "constraint shop.orders.pk PRIMARY KEY (id)",
                "index shop.orders.by_note btree (note(4), id desc)",
                "index shop.orders.pk unique btree (id) invalid",
                "table shop.orders",
            ]
        );
        assert_eq!((schema.tables, schema.columns, schema.indexes, schema.constraints), (1, 2, 2, 3));
        assert_eq!(Schema::of(&shop(), &Scope::default()).tables, 2);
    }

    #[test]
    fn the_fingerprint_is_that_of_the_lines_and_does_not_depend_on_their_order() {
        let mut turned = shop();
        turned.tables.reverse();
        turned.columns.reverse();
        let all = Scope::default();
        assert_eq!(Schema::of(&shop(), &all).fingerprint(), Schema::of(&turned, &all).fingerprint());
        let abc = Schema { lines: vec!["abc".to_owned()], ..Schema::default() };
        assert_eq!(abc.fingerprint(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let part = ["shop.orders.note".to_owned()];
        let less = Schema::of(&shop(), &Scope { schemas: &[], ignore: &part });
        assert_ne!(Schema::of(&shop(), &all).fingerprint(), less.fingerprint());
    }

    #[test]
    fn patterns_fit_a_thing_and_what_belongs_to_it() {
        for (pattern, line, is) in [
            ("public.tmp_*", "table public.tmp_1", true),
            ("public.tmp_*", "column public.tmp_1.id bigint", true),
            ("public.orders", "table public.orders", true),
            ("public.orders", "column public.orders.id bigint", true),
            ("public.orders", "table public.orders_old", false),
            ("public.orders", "column public.orders_old.id bigint", false),
            ("*.id", "column public.orders.id bigint not null", true),
            ("public.order?", "table public.orders", true),
            ("public.order?", "table public.order", false),
            ("orders", "table public.orders", false),
            ("*", "index a.b.c btree (x)", true),
        ] {
            assert_eq!(ignored(line, &[pattern.to_owned()]), is, "{pattern} {line}");
        }
        let many: Vec<char> = "a".repeat(2_000).chars().collect();
        let stars: Vec<char> = "*a*a*a*a*a*a*a*b".chars().collect();
        assert!(!fits(&stars, &many), "this must end soon");
    }

    #[test]
    fn a_long_schema_is_recorded_by_its_first_lines_and_the_fingerprint_of_all() {
        let lines: Vec<String> = (0..1_500).map(|number| format!("table a.t{number:04}")).collect();
        let schema = Schema { lines, ..Schema::default() };
        let recorded = schema.recorded();
        assert_eq!(recorded.len(), MOST_LINES);
        assert_eq!(recorded.last().unwrap(), &format!("… and 501 more lines, fingerprint {}", schema.fingerprint()));
        assert_eq!(fingerprint_in(recorded.last().unwrap()), Some(schema.fingerprint().as_str()));
        assert_eq!(fingerprint_in("table a.t1"), None);
    }
}
