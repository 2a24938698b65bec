//! Diagnostics and their text → what people read. The only place that counts lines and columns.
//!
//! Invariant: nothing that a diagnostic hides is drawn, by it or by its neighbours; no character of the text can move a
//! cursor; a long line costs no more than a short one.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::words::text::is_hostile;
use crate::yaml::diagnostic::{Diagnostic, Severity};
use crate::yaml::source::{Sources, Span};

/// Where a span is, counted from 1; columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Located {
    /// Line of the first character.
    pub line: usize,
    /// Column of the first character.
    pub column: usize,
    /// Line past the last character.
    pub end_line: usize,
    /// Column past the last character.
    pub end_column: usize,
}

/// Lines that start further right than this are named, not drawn. In bytes.
const WIDEST: usize = 2_000;
/// How much of a line is drawn after the underlined part. In bytes.
const TAIL: usize = 120;
/// Two places this many lines apart share one drawing.
const NEAR: usize = 40;
/// What stands for hidden text.
const HIDDEN: &str = "[secret]";
/// Keys whose plain values are never drawn, even when the text cannot be read and nothing is known about it.
const SECRET_KEYS: [&str; 4] = ["password", "secret", "token", "passwd"];

/// Lines and columns of a span; `None` if it fits no text.
#[must_use]
pub fn locate(sources: &Sources, span: Span) -> Option<Located> {
    let text = sources.get(span.source())?.text.as_str();
    let (line, column) = position(text, span.start());
    let (end_line, end_column) = position(text, span.end().max(span.start()));
    Some(Located { line, column, end_line, end_column })
}

fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = &text[..floor(text, byte)];
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (line, before[start..].chars().count() + 1)
}

/// The nearest boundary of a character at or before `byte`.
fn floor(text: &str, byte: usize) -> usize {
    let mut byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    byte
}

/// Every diagnostic under its text, as rustc draws them, with an empty line between.
#[must_use]
pub fn render(sources: &Sources, diagnostics: &[Diagnostic], colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let hidden: Vec<Span> = diagnostics.iter().filter_map(|one| one.hidden).collect();
    let mut out = String::new();
    for (count, diagnostic) in diagnostics.iter().enumerate() {
        if count > 0 {
            out.push_str("\n\n");
        }
        out.push_str(&renderer.render(&[draw(sources, diagnostic, &hidden)]));
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// `3 errors and 1 warning`.
#[must_use]
pub fn summary(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|one| one.severity == Severity::Error).count();
    let warnings = diagnostics.len() - errors;
    let mut out = String::new();
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    if errors > 0 || warnings == 0 {
        let _ = write!(out, "{errors} error{}", plural(errors));
    }
    if warnings > 0 {
        let and = if errors > 0 { " and " } else { "" };
        let _ = write!(out, "{and}{warnings} warning{}", plural(warnings));
    }
    out
}

fn draw<'a>(sources: &'a Sources, diagnostic: &'a Diagnostic, hidden: &[Span]) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning | Severity::Strict => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(diagnostic.message.as_str()).id(diagnostic.code.word()));
    let mut apart: Vec<(Span, &str)> = Vec::new();
    if let Some(place) = diagnostic.place {
        let mut marks = vec![(place, diagnostic.label.as_deref())];
        for (span, label) in &diagnostic.related {
            if near(sources, place, *span) {
                marks.push((*span, Some(label.as_str())));
            } else {
                apart.push((*span, label.as_str()));
            }
        }
        group = element(group, sources, &marks, hidden, AnnotationKind::Primary);
    } else {
        apart.extend(diagnostic.related.iter().map(|(span, label)| (*span, label.as_str())));
    }
    for (span, label) in apart {
        group = element(group, sources, &[(span, Some(label))], hidden, AnnotationKind::Context);
    }
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(help.as_str())),
        None => group,
    }
}

fn near(sources: &Sources, one: Span, other: Span) -> bool {
    let (Some(first), Some(second)) = (locate(sources, one), locate(sources, other)) else { return false };
    one.source() == other.source() && first.line.abs_diff(second.line) <= NEAR
}

/// Draws marks of one text; the first is of the given kind, the others are context.
fn element<'a>(
    group: Group<'a>,
    sources: &'a Sources,
    marks: &[(Span, Option<&'a str>)],
    hidden: &[Span],
    kind: AnnotationKind,
) -> Group<'a> {
    let Some((source, lines)) = marks.first().and_then(|(span, _)| {
        let source = sources.get(span.source())?;
        Some((source, Lines::around(&source.text, marks)))
    }) else {
        return group;
    };
    let Some(lines) = lines else {
        let Some(at) = marks.first().and_then(|(span, _)| locate(sources, *span)) else { return group };
        return group.element(Origin::path(shown_name(&source.name)).line(at.line).char_column(at.column));
    };
    let (drawn, places) = lines.harmless(&source.text, marks, hidden);
    let mut snippet = Snippet::source(drawn).path(shown_name(&source.name)).line_start(lines.first_line);
    for (index, (place, (_, label))) in places.into_iter().zip(marks).enumerate() {
        let kind = if index == 0 { kind } else { AnnotationKind::Context };
        snippet = snippet.annotation(kind.span(place).label(*label));
    }
    group.element(snippet)
}

fn shown_name(name: &str) -> String {
    name.chars().map(|c| if is_hostile(c) { '\u{fffd}' } else { c }).collect()
}

/// The lines of a text that a drawing needs.
struct Lines {
    /// Bytes of the text, from a line's start to a line's end.
    bytes: Range<usize>,
    /// Its first line's number.
    first_line: usize,
}

impl Lines {
    /// `None` if some line is too wide to be drawn.
    fn around(text: &str, marks: &[(Span, Option<&str>)]) -> Option<Self> {
        let start = marks.iter().map(|(span, _)| floor(text, span.start())).min()?;
        let end = marks.iter().map(|(span, _)| floor(text, span.start())).max()?;
        let from = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let last = text[..end].rfind('\n').map_or(0, |at| at + 1);
        let to = text[end..].find('\n').map_or(text.len(), |at| end + at);
        let too_wide = marks.iter().any(|(span, _)| {
            let at = floor(text, span.start());
            at - text[..at].rfind('\n').map_or(0, |at| at + 1) > WIDEST
        });
        if too_wide || last - from > NEAR * WIDEST {
            return None;
        }
        Some(Self { bytes: from..to, first_line: position(text, from).0 })
    }

    /// The lines with hostile characters replaced, hidden text covered and long tails cut, and where the marks are in
    /// the result. Every character before a mark stays one character, so that columns stay true.
    fn harmless(&self, text: &str, marks: &[(Span, Option<&str>)], hidden: &[Span]) -> (String, Vec<Range<usize>>) {
        let mut out = String::new();
        let mut places = vec![0..0; marks.len()];
        let mut at = self.bytes.start;
        for line in text[self.bytes.clone()].split_inclusive('\n') {
            let end = at + line.trim_end_matches(['\n', '\r']).len();
            self.line(text, at..end, marks, hidden, &mut out, &mut places);
            out.push('\n');
            at += line.len();
        }
        if self.bytes.is_empty() {
            self.line(text, at..at, marks, hidden, &mut out, &mut places);
        }
        (out, places)
    }

    fn line(
        &self,
        text: &str,
        line: Range<usize>,
        marks: &[(Span, Option<&str>)],
        hidden: &[Span],
        out: &mut String,
        places: &mut [Range<usize>],
    ) {
        // A mark ends with its line: what spans lines is pointed at where it starts.
        let here: Vec<(usize, Range<usize>)> = marks
            .iter()
            .enumerate()
            .map(|(index, (span, _))| (index, floor(text, span.start()), floor(text, span.end())))
            .filter(|(_, start, _)| (line.start..=line.end).contains(start) && *start >= self.bytes.start)
            .map(|(index, start, end)| (index, start..end.clamp(start, line.end.max(start))))
            .collect();
        let source = marks.first().map(|(span, _)| span.source());
        let mut covered: Vec<Range<usize>> =
            hidden.iter().filter(|span| Some(span.source()) == source).map(|span| span.range()).collect();
        covered.extend(guess(text, line.clone()));
        let marked_to = here.iter().map(|(_, range)| range.end.min(range.start + WIDEST)).max().unwrap_or(line.start);
        let mut new_at: Vec<(usize, usize)> = Vec::new();
        let mut said = false;
        for (offset, c) in text[line.clone()].char_indices() {
            let byte = line.start + offset;
            new_at.push((byte, out.len()));
            if byte > marked_to + TAIL {
                out.push('…');
                break;
            }
            if !covered.iter().any(|range| range.contains(&byte)) {
                said = false;
                out.push(if c == '\t' {
                    ' '
                } else if is_hostile(c) {
                    '\u{fffd}'
                } else {
                    c
                });
            } else if byte < marked_to {
                out.push('*');
            } else if !said {
                said = true;
                out.push_str(HIDDEN);
            }
        }
        let length = out.len();
        let moved = |byte: usize| new_at.iter().find(|(old, _)| *old >= byte).map_or(length, |(_, new)| *new);
        for (index, range) in here {
            if let Some(place) = places.get_mut(index) {
                *place = moved(range.start)..moved(range.end);
            }
        }
    }
}

/// The value of something that looks like a secret's key, unless it looks like a reference.
fn guess(text: &str, line: Range<usize>) -> Option<Range<usize>> {
    let words = text[line.clone()].to_ascii_lowercase();
    let key = SECRET_KEYS.iter().filter_map(|key| Some((words.find(key)?, key.len()))).min()?;
    let colon = words[key.0..].find(':').map(|at| key.0 + at)?;
    let between = &words[key.0 + key.1..colon];
    let in_key = |c: char| c.is_ascii_alphanumeric() || "_- \"'".contains(c);
    if between.starts_with("smanager") || !between.chars().all(in_key) {
        return None;
    }
    let value = words[colon + 1..].trim_start();
    let start = line.end - value.len();
    (!value.is_empty() && !value.starts_with(['{', '#', '*', '&']) && !value.contains(": {")).then_some(start..line.end)
}

#[cfg(test)]
mod tests {
    use super::{locate, render, summary};
    use crate::yaml::diagnostic::{Code, Diagnostic};
    use crate::yaml::source::{Sources, Span};

    fn one(text: &str, part: &str) -> (Sources, Span) {
        let mut sources = Sources::default();
        let source = sources.add("t.yaml", text.to_owned());
        let start = text.find(part).unwrap();
        (sources, Span::new(source, start, start + part.len()))
    }

    #[test]
    fn columns_count_characters() {
        let (sources, span) = one("a: 1\nüöä: bad\n", "bad");
        let at = locate(&sources, span).unwrap();
        assert_eq!((at.line, at.column, at.end_line, at.end_column), (2, 6, 2, 9));
    }

    #[test]
    fn a_drawing_points_at_the_place() {
        let (sources, span) = one("a: 1\r\nb:\tbad\r\n", "bad");
        let text = render(&sources, &[Diagnostic::error(Code::BadValue, "it is bad").at(span).help("mend it")], false);
        assert!(text.starts_with("error[bad-value]: it is bad\n"), "{text}");
        assert!(text.contains("t.yaml:2:4"), "{text}");
        assert!(text.contains("^^^"), "{text}");
        assert!(text.contains("help: mend it"), "{text}");
    }

    #[test]
    fn hidden_text_is_not_drawn_by_a_neighbour_either() {
        let (sources, key) = one("sql: { password: hunter2, usr: x }\n", "password");
        let text = sources.get(key.source()).unwrap().text.clone();
        let span = |part: &str| {
            let start = text.find(part).unwrap();
            Span::new(key.source(), start, start + part.len())
        };
        let secret = Diagnostic::error(Code::LiteralSecret, "a secret").at(key).hiding(span("hunter2"));
        let neighbour = Diagnostic::error(Code::UnknownKey, "unknown").at(span("usr"));
        let drawn = render(&sources, &[neighbour, secret], false);
        assert!(!drawn.contains("hunter2"), "{drawn}");
        assert!(drawn.contains("[secret]"), "{drawn}");
        assert!(drawn.contains("t.yaml:1:27"), "{drawn}");
    }

    #[test]
    fn a_broken_text_does_not_show_what_looks_like_a_secret() {
        let (sources, span) = one("password: \"hunter2\n", "\"");
        let drawn = render(&sources, &[Diagnostic::error(Code::Syntax, "not YAML").at(span)], false);
        assert!(!drawn.contains("hunter2"), "{drawn}");
    }

    #[test]
    fn every_place_of_every_text_can_be_drawn() {
        let long = format!("{}: {}\nb", "k".repeat(5_000), "ü".repeat(5_000));
        for text in ["", "a", "\n", "ü\r\nb\r\n", "\u{202e}\u{1b}[31m", long.as_str()] {
            let mut sources = Sources::default();
            let source = sources.add("t\u{1b}.yaml", text.to_owned());
            for start in (0..=text.len()).step_by(7).chain([text.len()]) {
                let place = Span::new(source, start, (start + 9).min(text.len()));
                let related = Span::new(source, text.len() - start, text.len());
                let diagnostic = Diagnostic::error(Code::Syntax, "x").at(place).related(related, "y");
                let drawn = render(&sources, &[diagnostic], false);
                assert!(!drawn.contains('\u{1b}') && drawn.len() < 20_000);
            }
        }
    }

    #[test]
    fn the_summary_counts() {
        let error = Diagnostic::error(Code::Syntax, "x");
        let warning = Diagnostic::warning(Code::Syntax, "x");
        assert_eq!(summary(&[error.clone(), error, warning.clone()]), "2 errors and 1 warning");
        assert_eq!(summary(&[warning]), "1 warning");
    }
}
