//! Any text inside of Markdown: a parser finds a line of text, a cell, a piece of code, a block, and nothing else.

use pulldown_cmark::{Event, Options, Parser, Tag};
use restore_drill::report::markdown::{block, cell, code, inline};

pub(crate) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let text = text.as_ref();
    let inside = |shown: &str| structure(&format!("before {shown} after {shown}\n\nend\n"));
    assert_eq!(inside(&inline(text)), ["paragraph", "paragraph"], "{:?}", inline(text));
    assert_eq!(structure(&format!("{}\n\nend\n", cell(text))), ["paragraph", "paragraph"], "{:?}", cell(text));
    let shown = code(text);
    let found = inside(&shown);
    assert!(found.iter().all(|one| one == "paragraph" || one == "code" || one == "tag"), "{shown:?}: {found:?}");
    for shown in [cell(text), code(text)] {
        let table = format!("| a | b |\n|---|---|\n| {shown} | x |\n| y | {shown} |\n\nend\n");
        let found: Vec<String> = structure(&table).into_iter().filter(|one| one != "code" && one != "tag").collect();
        let mut wanted = vec!["table", "head", "cell", "cell"];
        wanted.extend(["row", "cell", "cell", "row", "cell", "cell", "paragraph"]);
        assert_eq!(found, wanted, "{shown:?}");
    }
    let fenced = format!("begin\n\n{}\n\nend\n", block("sh", text));
    assert_eq!(structure(&fenced), ["paragraph", "block", "paragraph"], "{fenced:?}");
}

/// What a parser finds, apart from text: a word for each thing that begins.
fn structure(markdown: &str) -> Vec<String> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_MATH;
    let word = |event: Event<'_>| match event {
        Event::Start(Tag::Paragraph) => Some("paragraph".to_owned()),
        Event::Start(Tag::Table(_)) => Some("table".to_owned()),
        Event::Start(Tag::TableHead) => Some("head".to_owned()),
        Event::Start(Tag::TableRow) => Some("row".to_owned()),
        Event::Start(Tag::TableCell) => Some("cell".to_owned()),
        Event::Start(Tag::CodeBlock(_)) => Some("block".to_owned()),
        Event::Start(other) => Some(format!("{other:?}")),
        Event::Code(_) => Some("code".to_owned()),
        Event::InlineHtml(tag) if matches!(&*tag, "<code>" | "</code>") => Some("tag".to_owned()),
        // What keeps a name from being a mention.
        Event::InlineHtml(tag) if &*tag == "<!-- -->" => None,
        Event::End(_) | Event::Text(_) | Event::SoftBreak => None,
        other => Some(format!("{other:?}")),
    };
    Parser::new_ext(markdown, options).filter_map(word).collect()
}
