//! What a preflight finds. Pure data: who looked, and how, is somebody else's.
//!
//! Invariant: what could not be looked at is [`CheckResult::NotChecked`] with the reason, and never `Ok`.

use serde::{Deserialize, Serialize};

use crate::cloud::error::{CloudError, ErrorKind};
use crate::words::kind::CheckId;

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Which check: docs/preflight.md lists all.
    #[serde(default = "unnamed")]
    pub id: CheckId,
    /// What was looked at, such as `subnet group drill-isolated`.
    pub what: String,
    /// What came of it.
    pub result: CheckResult,
    /// What was seen, or why nothing could be.
    pub detail: String,
    /// What mends it: a command, or a sentence. Nothing where nothing is to be mended, or nobody knows how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

fn unnamed() -> CheckId {
    CheckId::Unnamed
}

/// What came of a check. Where a permission to look is missing it is `NotChecked`, never `Ok`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// As it should be.
    Ok,
    /// The run would fail: it stops before the first write.
    Failed,
    /// Odd, but no reason to stop.
    Warning,
    /// Could not be looked at.
    NotChecked,
}

impl CheckResult {
    /// For people: `ok`, `failed`, `warning`, `not checked`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Warning => "warning",
            Self::NotChecked => "not checked",
        }
    }
}

impl Check {
    /// A finding without a mend.
    #[must_use]
    pub fn new(id: CheckId, what: &str, result: CheckResult, detail: &str) -> Self {
        Self { id, what: what.to_owned(), result, detail: detail.to_owned(), mend: None }
    }

    /// As it should be.
    #[must_use]
    pub fn ok(id: CheckId, what: &str, detail: &str) -> Self {
        Self::new(id, what, CheckResult::Ok, detail)
    }

    /// The run would fail.
    #[must_use]
    pub fn failed(id: CheckId, what: &str, detail: &str) -> Self {
        Self::new(id, what, CheckResult::Failed, detail)
    }

    /// Odd.
    #[must_use]
    pub fn warning(id: CheckId, what: &str, detail: &str) -> Self {
        Self::new(id, what, CheckResult::Warning, detail)
    }

    /// Nobody looked, for this reason.
    #[must_use]
    pub fn not_checked(id: CheckId, what: &str, because: &str) -> Self {
        Self::new(id, what, CheckResult::NotChecked, because)
    }

    /// What could not be looked at because a request failed. `permission` is the action that it needs.
    #[must_use]
    pub fn unanswered(id: CheckId, what: &str, permission: &str, error: &CloudError) -> Self {
        if error.kind == ErrorKind::Denied {
            let detail = format!("permission `{permission}` is missing: {error}");
            return Self::not_checked(id, what, &detail)
                .mended_by(&format!("allow `{permission}` to the identity that drill runs as"));
        }
        Self::not_checked(id, what, &error.to_string())
    }

    /// The same with what mends it.
    #[must_use]
    pub fn mended_by(mut self, mend: &str) -> Self {
        self.mend = Some(mend.to_owned());
        self
    }

    /// Whether a run stops because of it.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.result == CheckResult::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::{Check, CheckResult};
    use crate::cloud::error::{CloudError, ErrorKind};
    use crate::words::kind::CheckId;

    #[test]
    fn a_request_that_failed_is_never_ok_and_a_missing_permission_is_named() {
        let of = |kind| {
            let error = CloudError::new("iam:GetRole", kind, "code", "no", None);
            Check::unanswered(CheckId::RoleExists, "role x", "iam:GetRole", &error)
        };
        let denied = of(ErrorKind::Denied);
        assert_eq!(denied.result, CheckResult::NotChecked);
        assert!(denied.detail.contains("permission `iam:GetRole` is missing"), "{}", denied.detail);
        assert!(denied.mend.is_some_and(|mend| mend.contains("`iam:GetRole`")));
        for kind in [ErrorKind::Throttled, ErrorKind::Unreachable, ErrorKind::Invalid, ErrorKind::Unreadable] {
            assert_eq!(of(kind).result, CheckResult::NotChecked, "{kind:?}");
        }
    }
}
