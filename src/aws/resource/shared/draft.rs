//! Restore metadata under construction (facts 2.0).

use std::collections::BTreeMap;

use crate::cloud::vault::Metadata;

/// Keys are compared without case, and written as AWS returned them where it did (facts 2.0, "Key case").
pub(crate) struct Draft<'a> {
    returned: &'a Metadata,
    values: BTreeMap<String, String>,
}

impl<'a> Draft<'a> {
    /// Nothing yet. `returned` is what GetRecoveryPointRestoreMetadata gave: it describes the source (trap 8).
    pub(crate) fn new(returned: &'a Metadata) -> Self {
        Self { returned, values: BTreeMap::new() }
    }

    /// What was returned under a key, with its spelling.
    pub(crate) fn returned(&self, key: &str) -> Option<(&'a String, &'a String)> {
        self.returned.iter().find(|(other, _)| other.eq_ignore_ascii_case(key))
    }

    /// What a key has by now.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.values.iter().find(|(other, _)| other.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str())
    }

    /// Sets a key, in the returned spelling where there is one.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        let spelling = self.returned(key).map_or_else(|| key.to_owned(), |(spelling, _)| spelling.clone());
        self.remove(key);
        self.values.insert(spelling, value.to_owned());
    }

    /// Sets a key to a list, which AWS takes as JSON in a string.
    pub(crate) fn set_list(&mut self, key: &str, values: &[String]) {
        self.set(key, &serde_json::Value::from(values.to_vec()).to_string());
    }

    /// Sets a key exactly as the user spelled it.
    pub(crate) fn set_raw(&mut self, key: &str, value: &str) {
        self.remove(key);
        self.values.insert(key.to_owned(), value.to_owned());
    }

    /// Removes a key.
    pub(crate) fn remove(&mut self, key: &str) {
        self.values.retain(|other, _| !other.eq_ignore_ascii_case(key));
    }

    /// Takes over what was returned under these keys, unless it is empty.
    pub(crate) fn keep(&mut self, keys: &[&str]) {
        for key in keys {
            let value = self.returned(key).map(|(_, value)| value.clone());
            if let Some(value) = value.filter(|value| !is_empty(value)) {
                self.set(key, &value);
            }
        }
    }

    /// The metadata.
    pub(crate) fn done(self) -> Metadata {
        self.values
    }
}

/// Returned metadata have nulls and empty lists in string form too (facts 2.0, "Null values").
pub(crate) fn is_empty(value: &str) -> bool {
    matches!(value.trim(), "" | "null" | "[]" | "{}")
}

/// The refusal of a raw metadata key.
pub(crate) fn refused(key: &str, because: &str) -> String {
    format!("`metadata.{key}` cannot be set: {because}. Remove it from the definition")
}
