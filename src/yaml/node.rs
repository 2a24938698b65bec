//! YAML text → nodes that know where they stand.
//!
//! Invariant: whatever the bytes are, reading ends quickly, in bounded memory, with nodes or with a diagnostic: text is
//! at most 2 MiB with 250,000 values, nesting 64 deep, and aliases can expand to no more than 50,000 nodes and 4 MiB of
//! text. A drill of 10,000 steps is 1.8 MB long.
//!
//! What a plain scalar means is for `scalar` to say. Quoted scalars are always text.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use crate::yaml::diagnostic::{Code, Diagnostic};
use crate::yaml::scalar::plain;
use crate::yaml::source::{SourceId, Sources, Span};

/// The longest text, in bytes.
pub const MAX_BYTES: usize = 2 << 20;
/// The deepest nesting of lists and mappings.
pub const MAX_DEPTH: usize = 64;
/// The most values that are written, keys included.
pub const MAX_NODES: usize = 250_000;
/// The most values that aliases may add; what an anchor keeps counts too.
const MAX_EXPANDED: usize = 50_000;
/// The most aliases.
pub const MAX_ALIASES: usize = 1_000;
/// The most text that aliases may copy, in bytes.
const MAX_COPIED: usize = 4 << 20;
/// The most separators in the text. A scanner holds a whole flow collection before it knows what it is.
const MAX_SEPARATORS: usize = 600_000;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it is written. What came by an alias is where its anchor is.
    pub span: Span,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A finite number with a point or an exponent.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the text, without duplicate keys.
    Map(Vec<(Key, Node)>),
}

/// A key and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub name: String,
    /// Where it is written.
    pub span: Span,
}

impl Node {
    /// The entries, if it is a mapping.
    #[must_use]
    pub fn entries(&self) -> &[(Key, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The entry of a key, if it is a mapping and has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<(&Key, &Node)> {
        self.entries().iter().find(|(known, _)| known.name == key).map(|(key, node)| (key, node))
    }

    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The node at the end of a route of keys and list positions.
    #[must_use]
    pub fn follow(&self, route: &[&str]) -> Option<&Self> {
        let mut node = self;
        for step in route {
            node = match &node.value {
                Value::List(items) => items.get(step.parse::<usize>().ok()?)?,
                _ => node.get(step)?.1,
            };
        }
        Some(node)
    }

    /// What to call it in a message.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Integer(_) | Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// What reading gave.
#[derive(Debug)]
pub struct Document {
    /// The root, unless the text could not be read to its end.
    pub root: Option<Node>,
    /// What was wrong on the way.
    pub diagnostics: Vec<Diagnostic>,
}

impl Document {
    fn refused(diagnostic: Diagnostic) -> Self {
        Self { root: None, diagnostics: vec![diagnostic] }
    }
}

/// Reads one text. It is kept in `sources` under `name`.
pub fn read(sources: &mut Sources, name: &str, bytes: &[u8]) -> Document {
    if bytes.len() > MAX_BYTES {
        sources.add(name, String::new());
        return Document::refused(too_large(name));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let (text, broken) = match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), None),
        Err(error) => {
            let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned();
            (format!("{good}\u{fffd}"), Some(error.valid_up_to()))
        }
    };
    let source = sources.add(name, text);
    let text = sources.get(source).map_or("", |source| source.text.as_str());
    if let Some(start) = broken {
        let place = Span::new(source, start, text.len());
        let message = format!("`{name}` is not UTF-8 text");
        return Document::refused(
            Diagnostic::error(Code::Encoding, message).at(place).label("the first bytes that are not"),
        );
    }
    if let Some(refusal) = refuse(source, text) {
        return Document::refused(refusal);
    }
    Reader::new(source, text).read()
}

/// The diagnostic for a file over [`MAX_BYTES`]; `load` gives it from the file's metadata.
#[must_use]
pub fn too_large(name: &str) -> Diagnostic {
    Diagnostic::error(Code::TooLarge, format!("`{name}` is larger than 2 MiB"))
        .help("a drill definition is a few kilobytes; is this the right file?")
}

/// What a scanner would read past, or hold too much of.
fn refuse(source: SourceId, text: &str) -> Option<Diagnostic> {
    // All of them are single bytes. Nearly no text has one, and that is found out faster than where it is.
    let is_control = |byte: u8| (byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')) || byte == 0x7f;
    let has_control = text.bytes().fold(false, |found, byte| found | is_control(byte));
    if has_control && let Some((start, byte)) = text.bytes().enumerate().find(|(_, byte)| is_control(*byte)) {
        let place = Span::new(source, start, start + 1);
        let message = format!("control character U+{byte:04X} is not allowed in YAML");
        return Some(Diagnostic::error(Code::Encoding, message).at(place));
    }
    let separators = text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{' | b':')).count();
    (separators > MAX_SEPARATORS)
        .then(|| Diagnostic::error(Code::TooMany, format!("more than {MAX_NODES} values in one file")))
}

/// Keys of a mapping that has no more of them are compared with each other, before a table is made.
const FEW: usize = 16;

fn has_doubles(entries: &[(Key, Node)]) -> bool {
    let is_before = |at: usize, name: &str| entries.iter().take(at).any(|(key, _)| key.name == name);
    entries.iter().enumerate().any(|(at, (key, _))| is_before(at, &key.name))
}

/// The scanner counts in characters, spans in bytes.
struct Offsets {
    bytes: Option<Vec<usize>>,
    len: usize,
}

impl Offsets {
    fn of(text: &str) -> Self {
        let bytes = (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).collect());
        Self { bytes, len: text.len() }
    }

    fn byte(&self, character: usize) -> usize {
        match &self.bytes {
            None => character.min(self.len),
            Some(bytes) => bytes.get(character).copied().unwrap_or(self.len),
        }
    }
}

/// Reading cannot go on; the reason is among the diagnostics.
struct Stop;

/// A collection whose end was not read yet.
struct Frame {
    start: usize,
    anchor: usize,
    content: Content,
}

/// What is inside of a collection lies in the reader's `items` or `entries`, from `first` on. It is taken from there when
/// the collection ends and its size is known: most are small, and there are many.
enum Content {
    List { first: usize },
    Map { first: usize, pending: Option<Slot>, merges: Vec<Node> },
}

/// The key that waits for its value.
enum Slot {
    Key(Key),
    Merge,
    Refused,
}

/// What an anchor keeps.
struct Anchored {
    node: Node,
    weight: Weight,
}

#[derive(Clone, Copy)]
struct Weight {
    nodes: usize,
    bytes: usize,
    depth: usize,
}

fn weigh(node: &Node) -> Weight {
    let add = |sum: Weight, key: usize, child: &Node| {
        let weight = weigh(child);
        Weight {
            nodes: sum.nodes + weight.nodes,
            bytes: sum.bytes + key + weight.bytes,
            depth: sum.depth.max(weight.depth + 1),
        }
    };
    let own = Weight { nodes: 1, bytes: 0, depth: 0 };
    match &node.value {
        Value::Text(text) => Weight { bytes: text.len(), ..own },
        Value::List(items) => items.iter().fold(Weight { depth: 1, ..own }, |sum, item| add(sum, 0, item)),
        Value::Map(entries) => {
            entries.iter().fold(Weight { depth: 1, ..own }, |sum, (key, node)| add(sum, key.name.len(), node))
        }
        _ => own,
    }
}

struct Reader<'t> {
    text: &'t str,
    source: SourceId,
    offsets: Offsets,
    stack: Vec<Frame>,
    items: Vec<Node>,
    entries: Vec<(Key, Node)>,
    root: Option<Node>,
    documents: usize,
    anchors: BTreeMap<usize, Anchored>,
    aliases: usize,
    nodes: usize,
    expanded: usize,
    copied: usize,
    diagnostics: Vec<Diagnostic>,
}

impl<'t> Reader<'t> {
    fn new(source: SourceId, text: &'t str) -> Self {
        Self {
            text,
            source,
            offsets: Offsets::of(text),
            stack: Vec::new(),
            items: Vec::new(),
            entries: Vec::new(),
            root: None,
            documents: 0,
            anchors: BTreeMap::new(),
            aliases: 0,
            nodes: 0,
            expanded: 0,
            copied: 0,
            diagnostics: Vec::new(),
        }
    }

    fn read(mut self) -> Document {
        for event in Parser::new_from_str(self.text) {
            let step = match event {
                Ok((event, span)) => {
                    let span = self.span(span.start.index(), span.end.index());
                    self.event(event, span)
                }
                Err(error) => self.syntax(&error),
            };
            if step.is_err() {
                return Document { root: None, diagnostics: self.diagnostics };
            }
        }
        let empty = Span::new(self.source, 0, 0);
        let root = self.root.unwrap_or(Node { value: Value::Null, span: empty });
        Document { root: Some(root), diagnostics: self.diagnostics }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        let (start, end) = (self.offsets.byte(start), self.offsets.byte(end));
        let trimmed = self.text.get(start..end.max(start)).map_or(0, |text| text.trim_end().len());
        Span::new(self.source, start, start + trimmed)
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => self.document(span),
            Event::Alias(id) => self.alias(id, span),
            Event::Scalar(text, style, anchor, tag) => self.scalar(&text, style, anchor, tag.as_deref(), span),
            Event::SequenceStart(anchor, tag) => {
                self.collection_tag(tag.as_deref(), "seq", span);
                self.open(anchor, span, Content::List { first: self.items.len() })
            }
            Event::MappingStart(anchor, tag) => {
                self.collection_tag(tag.as_deref(), "map", span);
                let first = self.entries.len();
                self.open(anchor, span, Content::Map { first, pending: None, merges: Vec::new() })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
        }
    }

    fn stop(&mut self, diagnostic: Diagnostic) -> Result<(), Stop> {
        self.diagnostics.push(diagnostic);
        Err(Stop)
    }

    fn document(&mut self, span: Span) -> Result<(), Stop> {
        self.documents += 1;
        if self.documents < 2 {
            return Ok(());
        }
        let message = "more than one YAML document in the file";
        self.stop(Diagnostic::error(Code::SeveralDocuments, message).at(span).help("put each drill into its own file"))
    }

    fn syntax(&mut self, error: &ScanError) -> Result<(), Stop> {
        let at = self.offsets.byte(error.marker().index());
        let end = at + self.text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        let place = Span::new(self.source, at, end);
        let info = error.info();
        if info.contains("recursion limit") {
            return self.stop(too_deep(place));
        }
        let help = if info.contains("mapping values are not allowed") {
            Some("text that contains `: ` must be in quotes; otherwise look at the indentation")
        } else if info.contains("unknown anchor") {
            Some("an alias `*name` needs an anchor `&name` before it")
        } else if info.contains("tab") {
            Some("YAML is indented with spaces, never with tabs")
        } else {
            None
        };
        self.stop(Diagnostic::error(Code::Syntax, format!("this is not valid YAML: {info}")).at(place).maybe_help(help))
    }

    /// One more value that is written.
    fn count(&mut self, span: Span) -> Result<(), Stop> {
        self.nodes += 1;
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        let message = format!("more than {MAX_NODES} values in one file");
        self.stop(Diagnostic::error(Code::TooMany, message).at(span).label("the limit is reached here"))
    }

    /// What an alias adds, or an anchor keeps.
    fn expand(&mut self, weight: Weight, span: Span) -> Result<(), Stop> {
        self.expanded = self.expanded.saturating_add(weight.nodes);
        self.copied = self.copied.saturating_add(weight.bytes);
        if self.expanded > MAX_EXPANDED {
            let message = format!("more than {MAX_EXPANDED} values once aliases are expanded");
            return self.stop(Diagnostic::error(Code::TooMany, message).at(span).label("the limit is reached here"));
        }
        if self.copied > MAX_COPIED {
            let message = "aliases copy more than 4 MiB of text";
            return self.stop(Diagnostic::error(Code::TooMany, message).at(span).label("the limit is reached here"));
        }
        Ok(())
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<(), Stop> {
        self.aliases += 1;
        if self.aliases > MAX_ALIASES {
            return self.stop(
                Diagnostic::error(Code::TooMany, format!("more than {MAX_ALIASES} aliases in one file")).at(span),
            );
        }
        let Some(weight) = self.anchors.get(&id).map(|anchored| anchored.weight) else {
            return self.stop(Diagnostic::error(Code::Alias, "an alias inside of what it refers to").at(span));
        };
        self.expand(weight, span)?;
        if self.stack.len() + weight.depth > MAX_DEPTH {
            return self.stop(too_deep(span));
        }
        let Some(node) = self.anchors.get(&id).map(|anchored| anchored.node.clone()) else { return Ok(()) };
        self.place(node, false);
        Ok(())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        span: Span,
    ) -> Result<(), Stop> {
        self.count(span)?;
        let is_plain = style == ScalarStyle::Plain;
        let span = if is_plain && text.is_empty() { self.nowhere(span) } else { span };
        let value = self.resolve(text, is_plain, tag, span);
        self.complete(Node { value, span }, anchor, is_plain && text == "<<" && tag.is_none())
    }

    /// An empty value is told at the next token; it is shown right behind its key.
    fn nowhere(&self, span: Span) -> Span {
        match self.stack.last().map(|frame| &frame.content) {
            Some(Content::Map { pending: Some(Slot::Key(key)), .. }) => {
                Span::new(self.source, key.span.end(), key.span.end())
            }
            _ => Span::new(span.source(), span.start(), span.start()),
        }
    }

    fn resolve(&mut self, text: &str, is_plain: bool, tag: Option<&Tag>, span: Span) -> Value {
        let wanted = match tag {
            None if is_plain => "",
            None => "str",
            Some(tag) if tag.is_yaml_core_schema() => tag.suffix.as_str(),
            Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => "str",
            Some(tag) => {
                self.unknown_tag(tag, span);
                "str"
            }
        };
        if wanted == "str" {
            return Value::Text(text.to_owned());
        }
        let value = match plain(text) {
            Ok(value) => value,
            Err(why) => {
                self.diagnostics.push(Diagnostic::error(Code::NumberRange, why).at(span));
                return Value::Text(text.to_owned());
            }
        };
        let fits = match (&value, wanted) {
            (_, "") | (Value::Integer(_), "int" | "float") | (Value::Float(_), "float") | (Value::Bool(_), "bool") => {
                true
            }
            (found, "null") => *found == Value::Null,
            _ => false,
        };
        if !fits {
            let message = format!("the tag `!!{wanted}` does not fit this value");
            self.diagnostics.push(Diagnostic::error(Code::Tag, message).at(span).help(TAGS));
        }
        value
    }

    fn unknown_tag(&mut self, tag: &Tag, span: Span) {
        let message = format!("the tag `{tag}` is not supported");
        self.diagnostics.push(Diagnostic::error(Code::Tag, message).at(span).help(TAGS));
    }

    fn collection_tag(&mut self, tag: Option<&Tag>, expected: &str, span: Span) {
        if let Some(tag) = tag
            && !(tag.is_yaml_core_schema() && tag.suffix == expected)
            && !(tag.handle.is_empty() && tag.suffix == "!")
        {
            self.unknown_tag(tag, span);
        }
    }

    fn open(&mut self, anchor: usize, span: Span, content: Content) -> Result<(), Stop> {
        self.count(span)?;
        if self.stack.len() >= MAX_DEPTH {
            return self.stop(too_deep(span));
        }
        self.stack.push(Frame { start: span.start(), anchor, content });
        Ok(())
    }

    fn close(&mut self, span: Span) -> Result<(), Stop> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        // A block's end is told at the next token: a block ends with its last child.
        let last = match &frame.content {
            Content::List { first } => self.items.iter().skip(*first).next_back().map(|item| item.span),
            Content::Map { first, .. } => self.entries.iter().skip(*first).next_back().map(|(_, node)| node.span),
        };
        let end = match last {
            // A flow collection ends with its bracket; the scanner counts the comment behind it too.
            _ if span.end() > span.start() => span.start() + 1,
            Some(last) if last.source() == self.source && last.end() > frame.start => last.end(),
            _ => frame.start,
        };
        let value = match frame.content {
            Content::List { first } => Value::List(self.items.drain(first..).collect()),
            Content::Map { first, merges, .. } => {
                let entries = self.entries.drain(first..).collect();
                Value::Map(self.unique(entries, merges))
            }
        };
        let span = Span::new(self.source, frame.start, end);
        self.complete(Node { value, span }, frame.anchor, false)
    }

    fn unique(&mut self, entries: Vec<(Key, Node)>, merges: Vec<Node>) -> Vec<(Key, Node)> {
        let mut unique = self.once(entries);
        if !merges.is_empty() {
            let mut known: BTreeSet<String> = unique.iter().map(|(key, _)| key.name.clone()).collect();
            for merge in merges {
                self.merge(merge, &mut known, &mut unique);
            }
        }
        unique
    }

    /// The first of each key; the others are problems.
    fn once(&mut self, mut entries: Vec<(Key, Node)>) -> Vec<(Key, Node)> {
        let again = self.doubled(&entries);
        if again.is_empty() {
            return entries;
        }
        let mut again = again.into_iter().peekable();
        let mut at = 0;
        entries.retain(|_| {
            let is_doubled = again.next_if_eq(&at).is_some();
            at += 1;
            !is_doubled
        });
        entries
    }

    /// The positions of keys that were there before.
    fn doubled(&mut self, entries: &[(Key, Node)]) -> Vec<usize> {
        if entries.len() <= FEW && !has_doubles(entries) {
            return Vec::new();
        }
        let mut firsts: HashMap<&str, Span> = HashMap::with_capacity(entries.len());
        let mut again = Vec::new();
        for (at, (key, _)) in entries.iter().enumerate() {
            match firsts.entry(key.name.as_str()) {
                Entry::Vacant(free) => {
                    free.insert(key.span);
                }
                Entry::Occupied(first) => {
                    let message = format!("the key `{}` is there twice", key.name);
                    let diagnostic = Diagnostic::error(Code::DuplicateKey, message).at(key.span).label("again here");
                    self.diagnostics.push(diagnostic.related(*first.get(), "first here"));
                    again.push(at);
                }
            }
        }
        again
    }

    /// `<<: *base` or `<<: [*one, *other]`: what is there already wins.
    fn merge(&mut self, node: Node, known: &mut BTreeSet<String>, into: &mut Vec<(Key, Node)>) {
        match node.value {
            Value::Map(entries) => {
                for (key, value) in entries {
                    if known.insert(key.name.clone()) {
                        into.push((key, value));
                    }
                }
            }
            Value::List(items) if items.iter().all(|item| matches!(item.value, Value::Map(_))) => {
                for item in items {
                    self.merge(item, known, into);
                }
            }
            _ => {
                let message = "`<<` merges a mapping or a list of mappings, nothing else";
                self.diagnostics.push(Diagnostic::error(Code::Alias, message).at(node.span));
            }
        }
    }

    fn complete(&mut self, node: Node, anchor: usize, merge: bool) -> Result<(), Stop> {
        if anchor > 0 {
            let weight = weigh(&node);
            self.expand(weight, node.span)?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), weight });
        }
        self.place(node, merge);
        Ok(())
    }

    fn place(&mut self, node: Node, merge: bool) {
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut frame.content {
            Content::List { .. } => self.items.push(node),
            Content::Map { pending, merges, .. } => match pending.take() {
                Some(Slot::Key(key)) => self.entries.push((key, node)),
                Some(Slot::Merge) => merges.push(node),
                Some(Slot::Refused) => {}
                None if merge => *pending = Some(Slot::Merge),
                None => {
                    let slot = key(node, self.text);
                    *pending = Some(match slot {
                        Ok(key) => Slot::Key(key),
                        Err(diagnostic) => {
                            self.diagnostics.push(*diagnostic);
                            Slot::Refused
                        }
                    });
                }
            },
        }
    }
}

const TAGS: &str =
    "only `!!str`, `!!int`, `!!float`, `!!bool`, `!!null`, `!!map` and `!!seq` are known; tags are rarely needed";

fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::error(Code::TooDeep, format!("lists and mappings are nested more than {MAX_DEPTH} deep")).at(span)
}

fn key(node: Node, text: &str) -> Result<Key, Box<Diagnostic>> {
    let refusal = |message: String| Diagnostic::error(Code::KeyNotText, message).at(node.span);
    match node.value {
        Value::Text(name) => Ok(Key { name, span: node.span }),
        Value::List(_) | Value::Map(_) => {
            Err(Box::new(refusal("a key must be text, not a list or a mapping".to_owned())))
        }
        _ => {
            let written: String = text.get(node.span.range()).unwrap_or("").chars().take(40).collect();
            if written.is_empty() {
                return Err(Box::new(refusal("a key is missing before `:`".to_owned())));
            }
            let help = format!("put it in quotes: \"{written}\"");
            Err(Box::new(refusal(format!("a key must be text; `{written}` is not")).help(help)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, Document, Node, Sources, Value, read};

    fn document(bytes: &[u8]) -> (Document, Sources) {
        let mut sources = Sources::default();
        (read(&mut sources, "t.yaml", bytes), sources)
    }

    fn root(text: &str) -> (Node, Sources) {
        let (document, sources) = document(text.as_bytes());
        assert!(document.diagnostics.is_empty(), "{:?}", document.diagnostics);
        (document.root.unwrap(), sources)
    }

    fn codes(text: &[u8]) -> Vec<Code> {
        document(text).0.diagnostics.iter().map(|one| one.code).collect()
    }

    #[test]
    fn spans_are_bytes_of_what_is_written_also_after_other_alphabets() {
        let (node, sources) =
            root("# Größe\r\nüber: { naïve: \"ö\", b: plain text } # end\r\nc:\r\n  - x\r\n  - 'y'\r\n");
        let slices = |route: &[&str]| sources.slice(node.follow(route).unwrap().span).to_owned();
        assert_eq!(slices(&["über"]), "{ naïve: \"ö\", b: plain text }");
        assert_eq!(slices(&["über", "naïve"]), "\"ö\"");
        assert_eq!(slices(&["über", "b"]), "plain text");
        assert_eq!(slices(&["c", "1"]), "'y'");
        assert_eq!(sources.slice(node.get("c").unwrap().0.span), "c");
    }

    #[test]
    fn aliases_and_merge_keys_work() {
        let (node, _) =
            root("base: &base { a: 1, b: 2 }\none:\n  <<: *base\n  b: 3\ntwo: *base\nc: [1, [2], { d: [x, 4] }]\n");
        assert_eq!(node.follow(&["c", "2", "d", "1"]).unwrap().value, Value::Integer(4));
        assert_eq!(node.follow(&["one", "a"]).unwrap().value, Value::Integer(1));
        assert_eq!(node.follow(&["one", "b"]).unwrap().value, Value::Integer(3));
        assert_eq!(node.follow(&["two", "b"]).unwrap().value, Value::Integer(2));
    }

    #[test]
    fn bombs_depth_and_nonsense_are_diagnostics() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let inside = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{inside}]\n"));
        }
        assert_eq!(codes(bomb.as_bytes()), [Code::TooMany]);
        assert_eq!(codes("[".repeat(100).as_bytes()), [Code::TooDeep]);
        assert_eq!(codes("[".repeat(100_000).as_bytes()), [Code::TooDeep]);
        assert_eq!(codes("- ".repeat(1000).as_bytes()), [Code::TooDeep]);
        assert_eq!(codes(b"a: &a [*a]"), [Code::Alias]);
        assert_eq!(codes(b"a: 1\n---\nb: 2\n"), [Code::SeveralDocuments]);
        assert_eq!(codes(b"a: 1\na: 2\nb: 1\nb: 2\n"), [Code::DuplicateKey, Code::DuplicateKey]);
        let many: String = (0..20).map(|key| format!("k{key}: 1\n")).collect();
        assert_eq!(codes(format!("{many}k3: 2\n").as_bytes()), [Code::DuplicateKey]);
        assert_eq!(codes(b"1: x\n[a]: y\n"), [Code::KeyNotText, Code::KeyNotText]);
        assert_eq!(codes(b"a: !include x\n"), [Code::Tag]);
        assert_eq!(codes(b"a: \xff\n"), [Code::Encoding]);
        assert_eq!(codes(b"a: \0b\n"), [Code::Encoding]);
        assert_eq!(codes(b"a: [b\n"), [Code::Syntax]);
        assert_eq!(codes(&vec![b'#'; super::MAX_BYTES + 1]), [Code::TooLarge]);
        assert!(codes(b"\xef\xbb\xbfa: 1\r\n").is_empty());
        assert!(codes(b"").is_empty());
    }

    #[test]
    fn a_large_definition_is_read_and_a_larger_one_is_not() {
        let list = |count: usize| format!("[{}]", vec!["x"; count].join(", "));
        assert!(codes(list(super::MAX_NODES - 1).as_bytes()).is_empty());
        assert_eq!(codes(list(super::MAX_NODES).as_bytes()), [Code::TooMany]);
        assert_eq!(codes(",".repeat(super::MAX_SEPARATORS + 1).as_bytes()), [Code::TooMany]);
        let expanded = format!("a: &a {}\nb: *a\n", list(super::MAX_EXPANDED / 2));
        assert_eq!(codes(expanded.as_bytes()), [Code::TooMany]);
    }
}
