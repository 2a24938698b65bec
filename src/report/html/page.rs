//! A page that grows: markup from this program, text from anybody.
//!
//! Invariant: markup is a literal of the program (`&'static str`) or a number. Everything else goes through [`Page::text`]
//! and comes out as text, so that no name, message or value can become a tag, an attribute, a style or a script. No
//! attribute ever holds anybody's text.

use std::fmt::Write as _;

use crate::words::text::{is_hostile, tamed};

/// What stands for a value that is empty.
const NOTHING: &str = "–";

/// The page so far.
pub(super) struct Page {
    out: String,
}

/// One cell, or the value of one pair.
#[derive(Clone, Copy)]
pub(super) struct Cell<'a> {
    look: Look,
    text: &'a str,
}

#[derive(Clone, Copy)]
enum Look {
    Text,
    Code,
    Number,
    Word,
}

/// Ordinary text.
pub(super) fn text(text: &str) -> Cell<'_> {
    Cell { look: Look::Text, text }
}

/// Ordinary text that may be missing.
pub(super) fn maybe(text: Option<&String>) -> Cell<'_> {
    Cell { look: Look::Text, text: text.map_or("", String::as_str) }
}

/// A name, an ARN, a value: as it is.
pub(super) fn code(text: &str) -> Cell<'_> {
    Cell { look: Look::Code, text }
}

/// A number or a duration.
pub(super) fn number(text: &str) -> Cell<'_> {
    Cell { look: Look::Number, text }
}

/// A word that says how something stands, in its colour.
pub(super) fn word(text: &str) -> Cell<'_> {
    Cell { look: Look::Word, text }
}

/// The rows of a table that is being written.
pub(super) struct Rows<'p> {
    page: &'p mut Page,
    heads: &'static [&'static str],
}

impl Rows<'_> {
    /// One row, a cell for each head. Each cell names its head: on a narrow screen a row is shown as a list.
    pub(super) fn row(&mut self, cells: &[Cell<'_>]) {
        self.page.raw("<tr>");
        for (head, cell) in self.heads.iter().zip(cells) {
            self.page.raw("<td data-label=\"").raw(head).raw(class_of_cell(*cell)).raw("\"><span>");
            self.page.cell(*cell);
            self.page.raw("</span></td>");
        }
        self.page.raw("</tr>\n");
    }
}

/// The pairs of a list that is being written.
pub(super) struct Pairs<'p> {
    page: &'p mut Page,
}

impl Pairs<'_> {
    /// One pair.
    pub(super) fn pair(&mut self, name: &str, value: Cell<'_>) {
        self.page.raw("<div><dt>").text(name).raw("</dt><dd>");
        self.page.cell(value);
        self.page.raw("</dd></div>\n");
    }

    /// A pair that is left out where there is no value.
    pub(super) fn pair_if(&mut self, name: &str, value: Option<&String>, look: fn(&str) -> Cell<'_>) {
        if let Some(value) = value {
            self.pair(name, look(value));
        }
    }
}

impl Page {
    /// An empty page.
    pub(super) fn new() -> Self {
        Self { out: String::with_capacity(64 * 1024) }
    }

    /// The whole.
    pub(super) fn finish(self) -> String {
        self.out
    }

    /// Markup.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.out.push_str(markup);
        self
    }

    /// Anybody's text, on one line.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        let text = tamed(text);
        if text.contains(['&', '<', '>', '"', '\'']) {
            self.escaped(text.chars());
        } else {
            self.out.push_str(&text);
        }
        self
    }

    /// A number of a picture.
    pub(super) fn figure(&mut self, value: f64) -> &mut Self {
        let value = if value.is_finite() { value } else { 0.0 };
        let _ = write!(self.out, "{value:.1}");
        self
    }

    /// A paragraph.
    pub(super) fn paragraph(&mut self, text: &str) {
        self.raw("<p>").text(text).raw("</p>\n");
    }

    /// Lines that are shown as they are, such as commands.
    pub(super) fn block(&mut self, text: &str) {
        self.raw("<pre><code>");
        let lines = text.trim_end_matches('\n').chars().filter(|c| *c != '\r');
        self.escaped(lines.map(|c| match c {
            '\n' => '\n',
            '\t' => ' ',
            c if is_hostile(c) => '\u{fffd}',
            c => c,
        }));
        self.raw("</code></pre>\n");
    }

    /// A list of sentences; nothing for none.
    pub(super) fn list(&mut self, items: &[String]) {
        self.items("<ul>\n", items, "</ul>\n");
    }

    /// A list of sentences in their order; nothing for none.
    pub(super) fn steps(&mut self, items: &[String]) {
        self.items("<ol>\n", items, "</ol>\n");
    }

    fn items(&mut self, opening: &'static str, items: &[String], closing: &'static str) {
        if items.is_empty() {
            return;
        }
        self.raw(opening);
        for item in items {
            self.raw("<li>").text(item).raw("</li>\n");
        }
        self.raw(closing);
    }

    /// A table with these heads.
    pub(super) fn table(&mut self, heads: &'static [&'static str], fill: impl FnOnce(&mut Rows<'_>)) {
        self.raw("<table><thead><tr>");
        for head in heads {
            self.raw("<th scope=\"col\">").raw(head).raw("</th>");
        }
        self.raw("</tr></thead><tbody>\n");
        fill(&mut Rows { page: self, heads });
        self.raw("</tbody></table>\n");
    }

    /// A list of names and values.
    pub(super) fn pairs(&mut self, fill: impl FnOnce(&mut Pairs<'_>)) {
        self.raw("<dl>\n");
        fill(&mut Pairs { page: self });
        self.raw("</dl>\n");
    }

    /// A cell's inside: never empty.
    fn cell(&mut self, cell: Cell<'_>) {
        if cell.text.trim().is_empty() {
            self.raw(NOTHING);
            return;
        }
        match cell.look {
            Look::Text | Look::Number => self.text(cell.text),
            Look::Code => self.raw("<code>").text(cell.text).raw("</code>"),
            Look::Word => self.raw("<b class=\"").raw(tone(cell.text)).raw("\">").text(cell.text).raw("</b>"),
        };
    }

    fn escaped(&mut self, text: impl Iterator<Item = char>) {
        for c in text {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                '\'' => self.out.push_str("&#39;"),
                c => self.out.push(c),
            }
        }
    }
}

/// Closes the label, so that the class can follow.
fn class_of_cell(cell: Cell<'_>) -> &'static str {
    if matches!(cell.look, Look::Number) { "\" class=\"number" } else { "" }
}

/// The colour of a word: good, bad, doubtful or none.
pub(super) fn tone(word: &str) -> &'static str {
    match word {
        "passed" | "yes" | "ok" | "gone" | "failed as predicted" => "good",
        "failed" | "no" | "present" | "unknown" | "leaked" | "did not fail as predicted" | "critical" | "high" => "bad",
        "inconclusive" | "unfinished" | "warning" | "not checked" | "not measured" | "not_measured" | "kept"
        | "running" | "nobody answered" | "not run" | "medium" => "doubt",
        _ => "plain",
    }
}

#[cfg(test)]
mod tests {
    use super::{Page, code, number, text, word};

    #[test]
    fn text_is_text_wherever_it_stands() {
        let mut page = Page::new();
        page.text("<b onclick='x'>\"&\n\u{202e}");
        assert_eq!(page.finish(), "&lt;b onclick=&#39;x&#39;&gt;&quot;&amp; \u{fffd}");
        let mut page = Page::new();
        page.block("a <b>\r\n\tc\u{1b}\n");
        assert_eq!(page.finish(), "<pre><code>a &lt;b&gt;\n c\u{fffd}</code></pre>\n");
    }

    #[test]
    fn a_row_names_its_heads_and_is_never_empty() {
        let mut page = Page::new();
        page.table(&["Step", "Took"], |rows| rows.row(&[code("a"), number("")]));
        let html = page.finish();
        assert!(html.contains("<td data-label=\"Step\"><span><code>a</code></span></td>"), "{html}");
        assert!(html.contains("<td data-label=\"Took\" class=\"number\"><span>–</span></td>"), "{html}");
        let mut page = Page::new();
        page.pairs(|pairs| {
            pairs.pair("Verdict", word("failed"));
            pairs.pair("<i>", text("x"));
        });
        let html = page.finish();
        assert!(html.contains("<b class=\"bad\">failed</b>") && html.contains("<dt>&lt;i&gt;</dt>"), "{html}");
    }
}
