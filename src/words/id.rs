//! Names and ids. Each is its own type, so that a step's id can never stand where a run's id belongs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text cannot be the name or id that it was given as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}: {rule}")]
pub struct InvalidId {
    text: String,
    what: &'static str,
    rule: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// What a valid value looks like, in words for a user.
            pub const RULE: &'static str = $rule;

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            fn check(text: &str) -> Result<(), InvalidId> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(())
                } else {
                    Err(InvalidId { text: text.chars().take(80).collect(), what: $what, rule: $rule })
                }
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::check(text).map(|()| Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::check(&text).map(|()| Self(text))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
    };
}

fn slug(text: &str, longest: usize) -> bool {
    let bytes = text.as_bytes();
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    bytes.len() <= longest
        && bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes.last().is_some_and(|last| plain(*last))
        && bytes.windows(2).all(|pair| matches!(*pair, [one, next] if plain(one) || (one == b'-' && plain(next))))
}

fn digits(text: &str, count: usize) -> bool {
    text.len() == count && text.chars().all(|c| c.is_ascii_digit())
}

text_id!(
    /// A drill's name: the stem of its file, and the name of its folder of reports.
    DrillName,
    "a drill's name",
    "it must be 1 to 60 lower-case letters, digits and single hyphens, and start with a letter",
    |text| slug(text, 60)
);
text_id!(
    /// The name of a restore or a probe inside a definition. Short, because it becomes part of resource names.
    Name,
    "a name",
    "it must be 1 to 40 lower-case letters, digits and single hyphens, and start with a letter",
    |text| slug(text, 40)
);
impl Name {
    /// The most characters that a name has.
    pub const LONGEST: usize = 40;
}

text_id!(
    /// An AWS region's code.
    Region,
    "a region",
    "it must look like eu-west-1",
    |text| {
        let parts: Vec<&str> = text.split('-').collect();
        parts.len() >= 3
            && text.len() <= 32
            && parts.iter().all(|p| !p.is_empty() && p.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()))
            && digits(parts[parts.len() - 1], 1)
    }
);
text_id!(
    /// An AWS account's id.
    AccountId,
    "an account id",
    "it must be twelve digits, in quotes",
    |text| digits(text, 12)
);
text_id!(
    /// A backup vault's name (2 to 50 characters; facts 1.5).
    VaultName,
    "a vault's name",
    "it must be 2 to 50 letters, digits, hyphens and underscores (the name, not the ARN)",
    |text| (2..=50).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
);
text_id!(
    /// The id that AWS Backup gave a restore job.
    JobId,
    "a restore job's id",
    "it must be 1 to 128 printable characters without spaces",
    |text| !text.is_empty() && text.len() <= 128 && text.chars().all(|c| c.is_ascii_graphic())
);
text_id!(
    /// A step's id, such as `restore.orders`: stable for a definition, whatever the order it is compiled in.
    StepId,
    "a step's id",
    "it must be a kind, or a kind and a name with a dot between",
    |text| match text.split_once('.') {
        Some((kind, name)) => slug(kind, 40) && slug(name, 40),
        None => slug(text, 40),
    }
);
text_id!(
    /// The idempotency token of one attempt to start one restore: `drill-` and 48 hexadecimal digits of
    /// SHA-256(run, step, attempt, metadata).
    Token,
    "an idempotency token",
    "it must be `drill-` and 48 hexadecimal digits",
    |text| text.strip_prefix("drill-").is_some_and(|hex| hex.len() == 48 && hex.chars().all(|c| c.is_ascii_hexdigit()))
);

/// A run's id: a UUID of version 7, so that ids sort by start.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(uuid::Uuid);

impl RunId {
    /// The id for a run that starts at `millis` (Unix time), made unique by `random`.
    #[must_use]
    pub fn new(millis: u64, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// The last eight hexadecimal digits. Names carry these: the first digits of a version 7 UUID are its time and
    /// collide for runs that start together.
    #[must_use]
    pub fn short(&self) -> String {
        let text = self.0.simple().to_string();
        text[text.len() - 8..].to_owned()
    }
}

impl FromStr for RunId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        uuid::Uuid::parse_str(text).map(Self).map_err(|_| InvalidId {
            text: text.chars().take(80).collect(),
            what: "a run's id",
            rule: "it must be a UUID, as `drill list` prints it",
        })
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.hyphenated())
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::{AccountId, DrillName, Region, RunId, StepId};

    #[test]
    fn a_step_is_a_kind_or_a_kind_and_a_name() {
        for text in ["", ".", "a.", ".a", "a.b.c", "a.b-", "a.b--c", "a.1", "A.b"] {
            assert!(text.parse::<StepId>().is_err(), "{text:?}");
            assert!(StepId::try_from(text.to_owned()).is_err(), "{text:?}");
        }
        assert_eq!(StepId::try_from("restore.b-2".to_owned()), "restore.b-2".parse::<StepId>());
    }

    #[test]
    fn names_that_could_leave_their_folder_are_refused() {
        for text in ["", "..", "a/b", "../x", "A", "a--b", "a-", "-a", "a\0", "ünder", &"a".repeat(61)] {
            assert!(text.parse::<DrillName>().is_err(), "{text:?}");
        }
        assert!("rds-prod2".parse::<DrillName>().is_ok());
    }

    #[test]
    fn regions_and_accounts() {
        assert!("eu-west-1".parse::<Region>().is_ok());
        assert!("us-gov-west-1".parse::<Region>().is_ok());
        assert!("europe".parse::<Region>().is_err());
        assert!("123456789012".parse::<AccountId>().is_ok());
        assert!("12345678901".parse::<AccountId>().is_err());
    }

    #[test]
    fn runs_that_start_together_get_different_short_names() {
        let one = RunId::new(1_767_225_600_000, [1; 10]);
        let two = RunId::new(1_767_225_600_000, [2; 10]);
        assert_ne!(one.short(), two.short());
        assert_eq!(one.to_string().parse::<RunId>().unwrap(), one);
    }
}
