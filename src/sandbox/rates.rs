//! The request rates that AWS documents (facts 1.3), or a world file says, as token buckets in world time.
//!
//! A bucket of a documented rate holds ten seconds' worth, so a drill that polls as it should never meets an empty one.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::sandbox::profile::{Profile, Rate};
use crate::sandbox::spec::Place;

/// How many seconds of requests a bucket holds.
const BURST_SECONDS: f64 = 10.0;

/// The buckets of a world.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    filled: BTreeMap<(Place, String), (f64, Timestamp)>,
}

impl Buckets {
    /// Takes one request's share; `false` when there is none left. What the world file says of the operation wins over what
    /// AWS documents.
    pub(crate) fn take(&mut self, place: &Place, operation: &str, now: Timestamp, profile: &Profile) -> bool {
        let documented = |rate: f64| (operation, Rate { each_second: rate, at_once: rate * BURST_SECONDS });
        let Some((name, rate)) = profile.rate(operation).or_else(|| rate(operation).map(documented)) else {
            return true;
        };
        let most = rate.at_once;
        let (tokens, last) = self.filled.entry((place.clone(), name.to_owned())).or_insert((most, now));
        *tokens = (*tokens + now.duration_since(*last).as_secs_f64().max(0.0) * rate.each_second).min(most);
        *last = now;
        let has = *tokens >= 1.0;
        if has {
            *tokens -= 1.0;
        }
        has
    }
}

/// Requests a second, for each account and region.
fn rate(operation: &str) -> Option<f64> {
    let name = operation.strip_prefix("backup:")?;
    Some(match name {
        "StartRestoreJob" | "DescribeBackupVault" | "ListCopyJobs" | "DescribeCopyJob" => 5.0,
        "DescribeProtectedResource" => 10.0,
        "DescribeRestoreJob"
        | "DescribeRecoveryPoint"
        | "GetRecoveryPointRestoreMetadata"
        | "GetBackupVaultAccessPolicy"
        | "GetBackupPlan"
        | "GetBackupSelection"
        | "GetSupportedResourceTypes" => 15.0,
        _ => 20.0,
    })
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::Buckets;
    use crate::sandbox::profile::Profile;
    use crate::sandbox::spec::Place;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let place = Place { account: "123456789012".parse().unwrap(), region: "eu-west-1".parse().unwrap() };
        let (mut buckets, usual) = (Buckets::default(), Profile::default());
        let now = Timestamp::UNIX_EPOCH;
        let passed = (0..60).filter(|_| buckets.take(&place, "backup:StartRestoreJob", now, &usual)).count();
        assert_eq!(passed, 50);
        assert!(buckets.take(&place, "backup:StartRestoreJob", now + SignedDuration::from_secs(1), &usual));
        assert!(buckets.take(&place, "rds:DescribeDBInstances", now, &usual));
    }
}
