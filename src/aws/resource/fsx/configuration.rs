//! A flavour's configuration: a JSON object inside one string of the metadata (facts 2.0, "Encoding").

use serde_json::{Map, Value};

use crate::aws::resource::shared::draft::Draft;

/// One under construction. Keys are compared without case, as everywhere in metadata.
pub(crate) struct Configuration {
    returned: Map<String, Value>,
    values: Map<String, Value>,
}

impl Configuration {
    /// Nothing yet. What AWS returned under `key` is read as an object; anything else counts as nothing.
    pub(crate) fn new(draft: &Draft<'_>, key: &str) -> Self {
        let text = draft.returned(key).map(|(_, value)| value.as_str()).unwrap_or_default();
        Self { returned: serde_json::from_str(text).unwrap_or_default(), values: Map::new() }
    }

    /// What was returned under a key, unless it is null.
    pub(crate) fn returned(&self, key: &str) -> Option<&Value> {
        let found = self.returned.iter().find(|(other, _)| other.eq_ignore_ascii_case(key));
        found.map(|(_, value)| value).filter(|value| !value.is_null())
    }

    /// What a key has by now.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.values.iter().find(|(other, _)| other.eq_ignore_ascii_case(key)).map(|(_, value)| value)
    }

    /// Sets a key, in the returned spelling where there is one.
    pub(crate) fn set(&mut self, key: &str, value: Value) {
        let spelling = self.returned.keys().find(|other| other.eq_ignore_ascii_case(key)).cloned();
        self.values.retain(|other, _| !other.eq_ignore_ascii_case(key));
        self.values.insert(spelling.unwrap_or_else(|| key.to_owned()), value);
    }

    /// Takes over what was returned under these keys; what is not inside may be beside, as one of the common keys.
    pub(crate) fn keep(&mut self, draft: &Draft<'_>, keys: &[&str]) {
        for key in keys {
            let beside = || draft.returned(key).map(|(_, value)| Value::from(value.as_str()));
            if let Some(value) = self.returned(key).cloned().or_else(beside) {
                self.set(key, value);
            }
        }
    }

    /// Lays the user's own object over it.
    pub(crate) fn lay_over(&mut self, raw: Map<String, Value>) {
        for (key, value) in raw {
            self.values.retain(|other, _| !other.eq_ignore_ascii_case(&key));
            self.values.insert(key, value);
        }
    }

    /// The object, as text.
    pub(crate) fn done(self) -> String {
        Value::Object(self.values).to_string()
    }
}

/// What a drill's file system must not do: make backups of its own that outlive it.
pub(crate) fn no_backups(configuration: &mut Configuration) {
    configuration.set("AutomaticBackupRetentionDays", Value::from(0));
    configuration.set("CopyTagsToBackups", Value::from(false));
}
