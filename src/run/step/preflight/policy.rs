//! What a policy document says, as far as a preflight must know. Pure.
//!
//! A document is somebody else's text: what cannot be read gives nothing, and whoever asked says "not checked".

use serde_json::Value;

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// `Deny`, not `Allow`.
    pub(super) denies: bool,
    /// It holds under conditions, which only a request can meet.
    pub(super) conditional: bool,
    /// It is about everybody but some (`NotPrincipal`).
    pub(super) excludes: bool,
    actions: Vec<String>,
    not_actions: Vec<String>,
    principals: Vec<String>,
}

/// The statements of a document; none if any of it cannot be read.
pub(super) fn statements(document: &str) -> Option<Vec<Statement>> {
    let document: Value = serde_json::from_str(document).ok()?;
    match document.get("Statement")? {
        Value::Array(all) => all.iter().map(statement).collect(),
        one => statement(one).map(|one| vec![one]),
    }
}

fn statement(one: &Value) -> Option<Statement> {
    let fields = one.as_object()?;
    let denies = match fields.get("Effect")?.as_str()? {
        "Deny" => true,
        "Allow" => false,
        _ => return None,
    };
    let principals = match fields.get("Principal") {
        Some(Value::Object(kinds)) => kinds.values().flat_map(texts).collect(),
        Some(other) => texts(other),
        None => Vec::new(),
    };
    let conditions = fields.get("Condition").and_then(Value::as_object);
    Some(Statement {
        denies,
        conditional: conditions.is_some_and(|conditions| !conditions.is_empty()),
        excludes: fields.contains_key("NotPrincipal"),
        actions: fields.get("Action").map(texts).unwrap_or_default(),
        not_actions: fields.get("NotAction").map(texts).unwrap_or_default(),
        principals,
    })
}

/// A text, or a list of texts.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

impl Statement {
    /// Whether it is about this action. IAM compares actions without case.
    pub(super) fn is_about(&self, action: &str) -> bool {
        let action = action.to_ascii_lowercase();
        let matches = |pattern: &String| glob(&pattern.to_ascii_lowercase(), &action);
        if self.not_actions.is_empty() {
            self.actions.iter().any(matches)
        } else {
            !self.not_actions.iter().any(matches)
        }
    }

    /// Whether it names this principal, or everybody.
    pub(super) fn names(&self, principal: &str) -> bool {
        self.principals.iter().any(|named| named == "*" || named == principal)
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any text and `?` for any character.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut seen) = (0, 0);
    // Where the last star was, and how much of the text it stands for so far.
    let mut star: Option<(usize, usize)> = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == text[seen] => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((back, taken)) = star else { return false };
                star = Some((back, taken + 1));
                at = back + 1;
                seen = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::{glob, statements};

    #[test]
    fn patterns_are_matched_as_aws_does() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("*", "arn:aws:rds:eu-west-1:1:db:x", true),
            ("arn:aws:rds:*:*:db:*", "arn:aws:rds:eu-west-1:1:db:drill-1-x", true),
            ("arn:aws:rds:*:*:cluster:*", "arn:aws:rds:eu-west-1:1:db:cluster", false),
            ("arn:aws:ec2:*:*:volume/*", "arn:aws:ec2:eu-west-1:1:volume/*", true),
            ("a?c*", "abc", true),
            ("a?c", "ac", false),
            ("*b*b*c", "abbbbc", true),
            ("*b*b*c", "abc", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn a_long_pattern_of_stars_ends() {
        assert!(!glob(&"*a".repeat(200), &"a".repeat(150)));
    }

    #[test]
    fn one_statement_or_a_list_one_action_or_many() {
        let one = r#"{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "backup:start*"}}"#;
        let [one]: [_; 1] = statements(one).unwrap().try_into().unwrap();
        assert!(one.denies && !one.conditional && one.is_about("backup:StartRestoreJob") && one.names("arn:anybody"));
        let many = r#"{"Statement": [{"Effect": "Allow", "Principal": {"Service": ["a.example", "b.example"]},
            "NotAction": ["sts:TagSession"], "Condition": {"StringEquals": {"aws:SourceAccount": "1"}}}]}"#;
        let [many]: [_; 1] = statements(many).unwrap().try_into().unwrap();
        assert!(!many.denies && many.conditional && many.names("b.example") && !many.names("c.example"));
        assert!(many.is_about("sts:AssumeRole") && !many.is_about("sts:tagsession"));
    }

    #[test]
    fn what_cannot_be_read_gives_nothing() {
        for text in ["", "{}", "[]", "{\"Statement\": [1]}", "{\"Statement\": {\"Effect\": \"Maybe\"}}"] {
            assert_eq!(statements(text), None, "{text}");
        }
    }
}
