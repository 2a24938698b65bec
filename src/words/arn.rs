//! Amazon Resource Names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::words::id::{AccountId, Region};

/// An Amazon Resource Name, taken apart.
///
/// Region and account may be empty in the text (an EBS snapshot's ARN has no account): then they are `None`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Arn {
    text: String,
    parts: [usize; 5],
}

/// Why a text is not an ARN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an ARN: {reason}")]
pub struct InvalidArn {
    text: String,
    reason: &'static str,
}

impl Arn {
    fn part(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.parts[index - 1] + 1 };
        let end = self.parts.get(index).copied().unwrap_or(self.text.len());
        &self.text[start..end]
    }

    /// `aws`, `aws-cn` or `aws-us-gov`.
    #[must_use]
    pub fn partition(&self) -> &str {
        self.part(1)
    }

    /// The service's namespace, such as `rds`.
    #[must_use]
    pub fn service(&self) -> &str {
        self.part(2)
    }

    /// The region, where the ARN has one.
    #[must_use]
    pub fn region(&self) -> Option<Region> {
        self.part(3).parse().ok()
    }

    /// The account, where the ARN has one.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        self.part(4).parse().ok()
    }

    /// Everything after the account, such as `db:orders`.
    #[must_use]
    pub fn resource(&self) -> &str {
        self.part(5)
    }

    /// The part of [`Arn::resource`] after the first `:` or `/`: the name of an `rds` instance, a vault, a role.
    #[must_use]
    pub fn name(&self) -> &str {
        let resource = self.resource();
        resource.find([':', '/']).map_or(resource, |at| &resource[at + 1..])
    }

    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Arn {
    type Err = InvalidArn;

    fn from_str(text: &str) -> Result<Self, InvalidArn> {
        let invalid = |reason| Err(InvalidArn { text: text.chars().take(200).collect(), reason });
        if text.len() > 2048 {
            return invalid("it is longer than 2,048 characters");
        }
        // Nearly all of them: a journal has one in every second record.
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_plain && text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return invalid("it contains spaces or control characters");
        }
        let mut parts = [0; 5];
        let mut colons = text.match_indices(':').map(|(at, _)| at);
        for slot in &mut parts {
            match colons.next() {
                Some(at) => *slot = at,
                None => return invalid("it must look like arn:aws:service:region:account:resource"),
            }
        }
        let arn = Self { text: text.to_owned(), parts };
        if arn.part(0) != "arn" || !arn.partition().starts_with("aws") {
            return invalid("it must start with `arn:aws`");
        }
        if arn.service().is_empty() || arn.resource().is_empty() {
            return invalid("its service or its resource is missing");
        }
        Ok(arn)
    }
}

impl TryFrom<String> for Arn {
    type Error = InvalidArn;
    fn try_from(text: String) -> Result<Self, InvalidArn> {
        text.parse()
    }
}

impl From<Arn> for String {
    fn from(arn: Arn) -> Self {
        arn.text
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::Arn;

    #[test]
    fn a_db_instance_comes_apart() {
        let arn: Arn = "arn:aws:rds:eu-west-2:123456789012:db:orders".parse().unwrap();
        assert_eq!((arn.service(), arn.resource(), arn.name()), ("rds", "db:orders", "orders"));
        assert_eq!(arn.region().unwrap().as_str(), "eu-west-2");
        assert_eq!(arn.account().unwrap().as_str(), "123456789012");
    }

    #[test]
    fn a_snapshot_keeps_its_colons_and_may_lack_an_account() {
        let arn: Arn = "arn:aws:rds:eu-west-1:123456789012:snapshot:awsbackup:copyjob-1".parse().unwrap();
        assert_eq!(arn.name(), "awsbackup:copyjob-1");
        let arn: Arn = "arn:aws:ec2:eu-west-1::snapshot/snap-1".parse().unwrap();
        assert_eq!((arn.account(), arn.name()), (None, "snap-1"));
    }

    #[test]
    fn what_is_no_arn_is_refused() {
        for text in ["", "orders", "arn:aws:rds:eu-west-2", "arn:gcp:a:b:c:d", "arn:aws:rds:r:1:db:a b", "arn:aws::::x"]
        {
            assert!(text.parse::<Arn>().is_err(), "{text}");
        }
    }
}
