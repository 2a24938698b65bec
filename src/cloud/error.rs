//! What can go wrong with a request, sorted by what to do about it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::words::text::tame;

/// A request that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudError {
    /// Service and operation, such as `backup:StartRestoreJob`.
    pub operation: String,
    /// What to do about it.
    pub kind: ErrorKind,
    /// The service's error code, or a word for what happened below it (`timeout`, `dns`, `connect`).
    pub code: String,
    /// The service's message, made harmless and bounded.
    pub message: String,
    /// AWS's request id, where an answer carried one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// The classes of facts 1.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// Too many requests, or a quota that frees itself. Nothing happened; later it will.
    Throttled,
    /// The service failed or its answer never came. What was asked for may have happened.
    Unavailable,
    /// The service cannot be reached at all. Nothing happened.
    Unreachable,
    /// Another change is under way, or the thing is in a state that passes.
    Busy,
    /// Not permitted. For a vault this may also mean that it does not exist (facts 1.2).
    Denied,
    /// Credentials expired, are missing or are unknown.
    Credentials,
    /// The thing does not exist.
    NotFound,
    /// The request can never work as it stands.
    Invalid,
    /// An answer that cannot be understood. What was asked for may have happened.
    Unreadable,
}

impl CloudError {
    /// An error with its texts made harmless.
    #[must_use]
    pub fn new(operation: &str, kind: ErrorKind, code: &str, message: &str, request_id: Option<&str>) -> Self {
        Self {
            operation: operation.to_owned(),
            kind,
            code: tame(code),
            message: tame(message),
            request_id: request_id.map(tame),
        }
    }

    /// Whether the same request may succeed later without anybody mending anything.
    #[must_use]
    pub fn passes(&self) -> bool {
        use ErrorKind::{Busy, Credentials, Throttled, Unavailable, Unreachable, Unreadable};
        matches!(self.kind, Throttled | Unavailable | Unreachable | Busy | Credentials | Unreadable)
    }

    /// Whether a request that changes something may have done so although it failed.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        matches!(self.kind, ErrorKind::Unavailable | ErrorKind::Unreadable)
    }

    /// What a person can do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self.kind {
            ErrorKind::Throttled => "ask for fewer things at once, or raise the quota",
            ErrorKind::Unavailable | ErrorKind::Unreadable => {
                "look at the service's health page, then run `drill resume`"
            }
            ErrorKind::Unreachable => "check the network, the region's name and any endpoint override",
            ErrorKind::Busy => "wait until the other change is done, then run `drill resume`",
            ErrorKind::Denied => {
                "allow the operation in IAM (README, \"Point it at AWS\"); for a vault, check its name and region too"
            }
            ErrorKind::Credentials => "renew the credentials, and check that the region is enabled for the account",
            ErrorKind::NotFound => "check the name, the region and the account",
            ErrorKind::Invalid => "mend the value that the message names",
        }
    }
}

impl fmt::Display for CloudError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.operation, self.code, self.message)?;
        if let Some(id) = &self.request_id {
            write!(f, " (request id {id})")?;
        }
        Ok(())
    }
}

impl std::error::Error for CloudError {}
