//! What a Describe request asks for, and pages of its answer.

use std::collections::BTreeMap;

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::query::{filters, texts};
use crate::sandbox::protocol::xml::{Element, list, text};
use crate::sandbox::service::page::cut;

/// Ids and filters of a Describe request.
pub(super) struct Choice {
    ids: Vec<String>,
    filters: BTreeMap<String, Vec<String>>,
}

impl Choice {
    pub(super) fn read(ask: &Ask, ids: &str) -> Self {
        Self { ids: texts(ask, ids), filters: filters(ask) }
    }

    /// EC2 refuses a request that names an id it does not know.
    pub(super) fn known<'a>(
        &self,
        all: impl Iterator<Item = &'a str> + Clone,
        (code, what): (&str, &str),
    ) -> Result<(), Failure> {
        let unknown = self.ids.iter().find(|id| !all.clone().any(|known| known == id.as_str()));
        match unknown {
            Some(id) => Err(Failure::bad(code, format!("The {what} '{id}' does not exist"))),
            None => Ok(()),
        }
    }

    pub(super) fn fits(&self, id: &str, values: &[(&str, String)]) -> bool {
        let named = self.ids.is_empty() || self.ids.iter().any(|known| known == id);
        named
            && self
                .filters
                .iter()
                .all(|(name, wanted)| values.iter().any(|(known, value)| known == name && wanted.contains(value)))
    }
}

/// A page of a list, and the token for the rest. Without `MaxResults` an answer carries a thousand items.
pub(super) fn paged(ask: &Ask, name: &'static str, rows: Vec<Vec<Element>>) -> Result<Vec<Element>, Failure> {
    let size = ask.param("MaxResults").and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let page = cut(rows, name, size, ask.param("NextToken"))
        .map_err(|_| Failure::bad("InvalidNextToken", "The token is not valid"))?;
    let mut answer = vec![list(name, "item", page.items)];
    answer.extend(page.token.map(|token| text("nextToken", token)));
    Ok(answer)
}

/// What a request must name.
pub(super) fn required<'a>(ask: &'a Ask, name: &str) -> Result<&'a str, Failure> {
    ask.param(name)
        .ok_or_else(|| Failure::bad("MissingParameter", format!("The request must contain the parameter {name}")))
}

/// The `tag:KEY` filters that these tags fit.
pub(super) fn tag_values(tags: &BTreeMap<String, String>) -> impl Iterator<Item = (String, String)> {
    tags.iter().map(|(key, value)| (format!("tag:{key}"), value.clone()))
}

/// A list of tags.
pub(super) fn tag_set(tags: &BTreeMap<String, String>) -> Element {
    list("tagSet", "item", tags.iter().map(|(key, value)| vec![text("key", key), text("value", value)]))
}
