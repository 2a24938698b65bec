//! `_defaults.yaml`: what lies below every definition of its folder.
//!
//! Mappings merge key by key, the definition's values win; lists and scalars are replaced as a whole. Every node keeps
//! the place where it is written, so a problem in the defaults points into the defaults.

use crate::yaml::node::{Key, Node, Value};

/// The file's name, beside the definitions.
pub const FILE: &str = "_defaults.yaml";

/// `over` laid over `under`.
#[must_use]
pub fn merge(under: Node, over: Node) -> Node {
    match (under.value, over.value) {
        (Value::Map(under), Value::Map(over_entries)) => {
            Node { value: Value::Map(merge_entries(under, over_entries)), span: over.span }
        }
        (_, value) => Node { value, span: over.span },
    }
}

fn merge_entries(under: Vec<(Key, Node)>, over: Vec<(Key, Node)>) -> Vec<(Key, Node)> {
    let mut below = under;
    let mut merged = Vec::with_capacity(over.len() + below.len());
    for (key, node) in over {
        match below.iter().position(|(known, _)| known.name == key.name) {
            Some(at) => {
                let (_, beneath) = below.remove(at);
                merged.push((key, merge(beneath, node)));
            }
            None => merged.push((key, node)),
        }
    }
    merged.extend(below);
    merged
}

#[cfg(test)]
mod tests {
    use super::merge;
    use crate::yaml::node::{Value, read};
    use crate::yaml::source::Sources;

    #[test]
    fn mappings_merge_and_lists_are_replaced() {
        let mut sources = Sources::default();
        let under = read(&mut sources, "_defaults.yaml", b"a: { x: 1, y: 2 }\nl: [1, 2]\nb: 3\n").root.unwrap();
        let over = read(&mut sources, "t.yaml", b"a: { y: 5 }\nl: [9]\n").root.unwrap();
        let merged = merge(under, over);
        assert_eq!(merged.follow(&["a", "x"]).unwrap().value, Value::Integer(1));
        assert_eq!(merged.follow(&["a", "y"]).unwrap().value, Value::Integer(5));
        assert_eq!(merged.follow(&["l", "0"]).unwrap().value, Value::Integer(9));
        assert!(merged.follow(&["l", "1"]).is_none());
        let place = merged.follow(&["b"]).unwrap().span;
        assert_eq!(sources.get(place.source()).unwrap().name, "_defaults.yaml");
    }
}
