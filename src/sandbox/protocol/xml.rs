//! A small tree of XML, written with `quick-xml`.

use std::fmt::Display;

use jiff::Timestamp;
use quick_xml::escape::escape;

/// An element.
#[derive(Debug, Clone)]
pub(crate) struct Element {
    name: &'static str,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Text(String),
    Children(Vec<Element>),
}

/// `<name>value</name>`
pub(crate) fn text(name: &'static str, value: impl Display) -> Element {
    Element { name, content: Content::Text(value.to_string()) }
}

/// `<name>2026-11-21T03:00:00Z</name>`, with milliseconds.
pub(crate) fn instant(name: &'static str, at: Timestamp) -> Element {
    text(name, iso(at))
}

/// `<name>…</name>`
pub(crate) fn node(name: &'static str, children: Vec<Element>) -> Element {
    Element { name, content: Content::Children(children) }
}

/// A list: `<name><item>…</item><item>…</item></name>`.
pub(crate) fn list(name: &'static str, item: &'static str, items: impl IntoIterator<Item = Vec<Element>>) -> Element {
    node(name, items.into_iter().map(|children| node(item, children)).collect())
}

/// An instant as XML answers and query strings carry it.
pub(crate) fn iso(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// Writes elements one after the other.
pub(crate) fn write(elements: &[Element]) -> String {
    let mut out = String::new();
    for element in elements {
        element.write(&mut out);
    }
    out
}

impl Element {
    fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(self.name);
        out.push('>');
        match &self.content {
            Content::Text(text) => {
                // XML 1.0 has no way to write most control characters.
                let clean: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
                out.push_str(&escape(clean.as_str()));
            }
            Content::Children(children) => children.iter().for_each(|child| child.write(out)),
        }
        out.push_str("</");
        out.push_str(self.name);
        out.push('>');
    }
}

#[cfg(test)]
mod tests {
    use super::{list, text, write};

    #[test]
    fn text_is_escaped_and_lists_nest() {
        let tree = [list("Tags", "Tag", [vec![text("Key", "a<b&\"\u{1}")]])];
        assert_eq!(write(&tree), "<Tags><Tag><Key>a&lt;b&amp;&quot;</Key></Tag></Tags>");
    }
}
