//! Restore metadata as a kind reads it. Facts 2.0: keys are compared without case, an empty value is none.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The metadata of a `StartRestoreJob`.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a>(pub(crate) &'a BTreeMap<String, String>);

impl<'a> Asked<'a> {
    /// The value of a key.
    pub(crate) fn get(self, key: &str) -> Option<&'a str> {
        let found = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(key));
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Whether a key says `true`.
    pub(crate) fn is_true(self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// A JSON array of texts in a string; nothing without one, an error if it is something else.
    pub(crate) fn list(self, key: &str) -> Result<Vec<String>, String> {
        let Some(text) = self.get(key) else { return Ok(Vec::new()) };
        serde_json::from_str(text).map_err(|_| format!("{key} must be a JSON array of strings, as a string"))
    }

    /// A JSON object in a string; empty without one, an error if it is something else.
    pub(crate) fn object(self, key: &str) -> Result<Map<String, Value>, String> {
        let Some(text) = self.get(key) else { return Ok(Map::new()) };
        serde_json::from_str(text).map_err(|_| format!("{key} must be a JSON object, as a string"))
    }
}

/// The member of an object whose key is compared without case; null is none.
pub(crate) fn member<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    let found = object.iter().find(|(known, _)| known.eq_ignore_ascii_case(key));
    found.map(|(_, value)| value).filter(|value| !value.is_null())
}

/// A member as text, where it is a text, a number or a yes or no: AWS Backup takes `"32"` for `32`.
pub(crate) fn word(object: &Map<String, Value>, key: &str) -> Option<String> {
    match member(object, key)? {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The texts of a list in a definition's settings; none if the key is absent. What only a run can resolve is left out.
pub(crate) fn texts(with: &Map<String, Value>, key: &str) -> Vec<String> {
    let listed = with.get(key).and_then(Value::as_array).into_iter().flatten();
    listed.filter_map(Value::as_str).filter(|text| !text.contains("${{")).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::Asked;

    #[test]
    fn keys_have_no_case_and_lists_are_strings() {
        let metadata = [("subnetids", r#"["subnet-1"]"#), ("Encrypted", "True"), ("KmsKeyId", "")];
        let metadata = BTreeMap::from(metadata.map(|(key, value)| (key.to_owned(), value.to_owned())));
        let asked = Asked(&metadata);
        assert_eq!(asked.list("SubnetIds"), Ok(vec!["subnet-1".to_owned()]));
        assert!(asked.is_true("encrypted") && asked.get("KmsKeyId").is_none());
        assert!(asked.list("Encrypted").is_err() && asked.object("Encrypted").is_err());
    }
}
