//! What a run may have left: things as their services list them, whoever made them. Plain data; `run::sweep` judges.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::cloud::error::CloudError;
use crate::cloud::resource::Settings;
use crate::words::arn::Arn;
use crate::words::id::{AccountId, Region};
use crate::words::kind::ResourceKind;

/// The tag that carries a run's id.
pub const RUN_TAG: &str = "drill:run";

/// Where is looked, and for what besides names and tags.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The account of the session.
    pub account: AccountId,
    /// The region of the session.
    pub region: Region,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// What restore jobs made that carry a drill's mark: listed whatever it is called.
    pub made: Vec<Arn>,
    /// Also what a service keeps of things that are gone: its snapshots and backups of all things, page after page.
    pub kept: bool,
}

impl Wanted {
    /// Whether a thing may be a drill's: by its name, by its tag, or by a restore job.
    #[must_use]
    pub fn has(&self, arn: &Arn, name: Option<&str>, tags: &BTreeMap<String, String>) -> bool {
        tags.contains_key(RUN_TAG) || name.is_some_and(|name| digits_in(name).is_some()) || self.made.contains(arn)
    }
}

/// What runs that share a cloud were last told of each type: one of them lists for all.
#[derive(Debug, Default)]
pub struct Listings {
    by_kind: Mutex<BTreeMap<ResourceKind, Arc<Listing>>>,
}

#[derive(Debug, Default)]
struct Listing {
    /// How many lists have failed.
    failures: AtomicU64,
    /// Who has it lists; the others wait for the answer.
    last: tokio::sync::Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    found: Option<(Timestamp, Arc<[Leftover]>)>,
    failure: Option<CloudError>,
}

impl Listings {
    /// Nothing was listed yet. Who is listing now lists on.
    pub fn forget(&self) {
        self.by_kind.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// What was last listed of the type, if that is no longer ago than `age`; else it is listed. A failure is told to those
    /// who waited for it, so that they do not wait for one after the other, and is not kept for anybody else.
    ///
    /// # Errors
    /// As `list` has them.
    pub async fn recent(
        &self,
        kind: ResourceKind,
        now: Timestamp,
        age: SignedDuration,
        list: impl Future<Output = Result<Vec<Leftover>, CloudError>>,
    ) -> Result<Arc<[Leftover]>, CloudError> {
        let listing = {
            let mut by_kind = self.by_kind.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(by_kind.entry(kind).or_default())
        };
        let failures = listing.failures.load(Ordering::SeqCst);
        let mut last = listing.last.lock().await;
        if let Some((_, found)) = last.found.as_ref().filter(|(at, _)| now.duration_since(*at).abs() <= age) {
            return Ok(Arc::clone(found));
        }
        if listing.failures.load(Ordering::SeqCst) > failures
            && let Some(failure) = &last.failure
        {
            return Err(failure.clone());
        }
        match list.await {
            Ok(found) => {
                let found: Arc<[Leftover]> = found.into();
                *last = Last { found: Some((now, Arc::clone(&found))), failure: None };
                Ok(found)
            }
            Err(error) => {
                listing.failures.fetch_add(1, Ordering::SeqCst);
                last.failure = Some(error.clone());
                Err(error)
            }
        }
    }
}

/// Something that a run may have left.
#[derive(Debug, Clone, PartialEq)]
pub struct Leftover {
    /// The type whose calls are about it.
    pub kind: ResourceKind,
    /// What it is, in words: `DB instance`, `volume`, `DB snapshot`.
    pub what: &'static str,
    /// Its ARN.
    pub arn: Arn,
    /// The name that its restore gave it; none where AWS assigns an id and nothing else.
    pub name: Option<String>,
    /// The service's word for its state.
    pub state: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// The tags that it carries.
    pub tags: BTreeMap<String, String>,
    /// What the type's calls need of a definition's settings to look at it and to remove it. What hangs on it and is not
    /// named here counts as somebody else's.
    pub with: Settings,
    /// False for what a service keeps of a thing (snapshots, automated backups): drill deletes none of that.
    pub removable: bool,
}

/// The run's digits in a name such as `drill-7f3a9c21-orders`; none in any other name.
#[must_use]
pub fn digits_in(name: &str) -> Option<&str> {
    let (digits, restore) = name.strip_prefix("drill-")?.split_at_checked(8)?;
    let hexadecimal = digits.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
    let restore = restore.strip_prefix('-')?;
    let plain = restore.starts_with(|c: char| c.is_ascii_lowercase())
        && restore.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    (hexadecimal && plain).then_some(digits)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use jiff::{SignedDuration, Timestamp};

    use super::{Listings, digits_in};
    use crate::cloud::error::{CloudError, ErrorKind};
    use crate::words::kind::ResourceKind;

    #[tokio::test]
    async fn who_asks_together_is_told_by_one_list_and_a_failure_is_not_kept() {
        let (listings, lists, now) = (Listings::default(), AtomicU32::new(0), Timestamp::UNIX_EPOCH);
        let asks = |kind, after: i64, answer: Result<(), CloudError>| {
            let list = async {
                tokio::task::yield_now().await;
                lists.fetch_add(1, Ordering::SeqCst);
                answer.map(|()| Vec::new())
            };
            let at = now + SignedDuration::from_secs(after);
            listings.recent(kind, at, SignedDuration::from_mins(10), list)
        };
        let denied = || CloudError::new("rds:DescribeDBInstances", ErrorKind::Denied, "AccessDenied", "no", None);
        let (one, other) = tokio::join!(asks(ResourceKind::Rds, 0, Err(denied())), asks(ResourceKind::Rds, 0, Ok(())),);
        assert_eq!((one.is_err(), other.is_err(), lists.load(Ordering::SeqCst)), (true, true, 1), "both waited for it");
        assert!(asks(ResourceKind::Rds, 0, Ok(())).await.is_ok());
        assert_eq!(lists.load(Ordering::SeqCst), 2, "who comes later asks again");
        let (one, other, third) = tokio::join!(
            asks(ResourceKind::Rds, 599, Ok(())),
            asks(ResourceKind::Rds, 600, Err(denied())),
            asks(ResourceKind::S3, 600, Ok(())),
        );
        assert_eq!((one.is_ok(), other.is_ok(), third.is_ok(), lists.load(Ordering::SeqCst)), (true, true, true, 3));
        assert!(asks(ResourceKind::Rds, 601, Ok(())).await.is_ok());
        assert_eq!(lists.load(Ordering::SeqCst), 4, "what is older is listed again");
        listings.forget();
        assert!(asks(ResourceKind::Rds, 601, Ok(())).await.is_ok());
        assert_eq!(lists.load(Ordering::SeqCst), 5, "and so is what was forgotten");
    }

    #[test]
    fn only_whole_names_of_drills_count() {
        assert_eq!(digits_in("drill-7f3a9c21-orders"), Some("7f3a9c21"));
        assert_eq!(digits_in("drill-7f3a9c21-orders-2"), Some("7f3a9c21"));
        for name in [
            "drill-orders",
            "drill-7f3a9c21",
            "drill-7f3a9c21-",
            "drill-7F3A9C21-orders",
            "drill-7f3a9c2-orders",
            "x-drill-7f3a9c21-orders",
            "drill-7f3a9c21_orders",
            "drill-7f3a9cü1-orders",
        ] {
            assert_eq!(digits_in(name), None, "{name}");
        }
    }
}
