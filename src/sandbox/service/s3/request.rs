//! What a request to S3 carries: headers, and a document of XML in the body.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;

/// No document of S3 nests deeper.
const DEEPEST: usize = 16;

/// An element of a request's body.
#[derive(Debug, Default)]
pub(super) struct Node {
    name: String,
    text: String,
    children: Vec<Node>,
}

impl Node {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// The element's own text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The children of this name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Node> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text at the end of a path of names, without the space around it.
    pub(super) fn at(&self, path: &[&str]) -> Option<&str> {
        let mut node = self;
        for name in path {
            node = node.children.iter().find(|child| child.name == *name)?;
        }
        Some(node.text.trim()).filter(|text| !text.is_empty())
    }

    /// Whether that text is `true`.
    pub(super) fn is_true(&self, path: &[&str]) -> bool {
        self.at(path).is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }
}

/// Reads the body, whose root must have this name.
pub(super) fn document(ask: &Ask, root: &str) -> Result<Node, Failure> {
    let read = std::str::from_utf8(&ask.raw).ok().and_then(tree);
    read.filter(|node| node.name == root).ok_or_else(malformed)
}

pub(super) fn malformed() -> Failure {
    Failure::bad(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}

/// A header's text.
pub(super) fn header_text<'a>(ask: &'a Ask, name: &str) -> Option<&'a str> {
    ask.headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty())
}

fn tree(text: &str) -> Option<Node> {
    let mut reader = Reader::from_str(text);
    // The first stands for the document itself.
    let mut open = vec![Node::default()];
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) if open.len() <= DEEPEST => open.push(Node::new(start.local_name().into_inner())),
            Event::Start(_) => return None,
            Event::Empty(empty) => open.last_mut()?.children.push(Node::new(empty.local_name().into_inner())),
            Event::End(_) => {
                let closed = open.pop()?;
                open.last_mut()?.children.push(closed);
            }
            Event::Text(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
            Event::CData(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
            Event::GeneralRef(entity) => {
                let resolved = resolve(&entity)?;
                open.last_mut()?.text.push_str(&resolved);
            }
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::DocType(_) => {}
            Event::Eof => break,
        }
    }
    let document = open.pop().filter(|_| open.is_empty())?;
    document.children.into_iter().next()
}

fn resolve(entity: &BytesRef) -> Option<String> {
    match entity.resolve_char_ref().ok()? {
        Some(character) => Some(character.to_string()),
        None => resolve_predefined_entity(entity).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::{Node, document};
    use crate::sandbox::protocol::Ask;

    fn ask(body: &str) -> Ask {
        Ask { raw: body.as_bytes().to_vec(), ..Ask::default() }
    }

    #[test]
    fn a_document_is_read_with_its_entities() {
        let body = "<?xml version=\"1.0\"?><Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Object><Key>a&amp;b\
                    &#xE4;</Key></Object><Object><Key> c</Key><VersionId>1</VersionId></Object><Quiet>true</Quiet>\
                    </Delete>";
        let read = document(&ask(body), "Delete").unwrap();
        let keys: Vec<&str> = read.all("Object").flat_map(|object| object.all("Key")).map(Node::text).collect();
        assert_eq!(keys, ["a&bä", " c"]);
        assert!(read.is_true(&["Quiet"]));
        assert_eq!(read.at(&["Object", "VersionId"]), None);
    }

    #[test]
    fn what_is_no_such_document_is_malformed() {
        for body in ["", "<Other/>", "<Delete>", "<Delete><a></Delete>", "text"] {
            assert_eq!(document(&ask(body), "Delete").unwrap_err().code, "MalformedXML", "{body}");
        }
    }
}
