//! The newest recovery point of each restore: it says engine, class and key. Which one is restored, the pick decides.

use std::collections::BTreeMap;

use crate::cloud::vault::{Metadata, RecoveryPoint};
use crate::definition::model::{Definition, Restore};
use crate::run::services::Services;
use crate::words::id::Name;

/// A recovery point as far as it could be read. That none is there, or that the vault cannot be read, the pick tells.
#[derive(Debug, Clone, Default)]
pub(super) struct Newest {
    pub(super) point: Option<RecoveryPoint>,
    /// Its restore metadata, for types that ask.
    pub(super) returned: Option<Metadata>,
}

pub(super) async fn newest(definition: &Definition, services: &Services) -> BTreeMap<Name, Newest> {
    let mut found = BTreeMap::new();
    for (name, restore) in &*definition.restore {
        found.insert(name.clone(), of(definition, services, restore).await);
    }
    found
}

async fn of(definition: &Definition, services: &Services, restore: &Restore) -> Newest {
    let (cloud, vault) = (&services.cloud.vault, &definition.destination.vault);
    let Ok(listed) = cloud.recovery_points(vault, &restore.resource).await else { return Newest::default() };
    let Some(point) = youngest(listed) else { return Newest::default() };
    let asks = (services.types)(restore.kind).asks_of_point();
    let returned = if asks { cloud.restore_metadata(vault, &point.arn).await.ok() } else { None };
    Newest { point: Some(point), returned }
}

fn youngest(listed: Vec<RecoveryPoint>) -> Option<RecoveryPoint> {
    // A temporary copy is never picked: what may be done with it says nothing about the one that is.
    let usable = |point: &RecoveryPoint| {
        matches!(point.status.as_str(), "COMPLETED" | "AVAILABLE") && !point.is_parent && !point.delete_after_copy
    };
    listed.into_iter().filter(usable).max_by_key(|point| point.created)
}

#[cfg(test)]
mod tests {
    use super::youngest;
    use crate::cloud::vault::RecoveryPoint;

    fn point(id: &str, created: &str, delete_after_copy: bool) -> RecoveryPoint {
        RecoveryPoint {
            arn: format!("arn:aws:backup:eu-west-1:123456789012:recovery-point:{id}").parse().unwrap(),
            resource: None,
            resource_type: None,
            status: "COMPLETED".to_owned(),
            created: Some(created.parse().unwrap()),
            size_bytes: None,
            source_vault: None,
            delete_at: None,
            delete_after_copy,
            is_parent: false,
            encryption_key: None,
            malware: false,
            plan: None,
        }
    }

    #[test]
    fn a_temporary_copy_is_not_the_one_that_is_looked_at() {
        let kept = point("kept", "2026-11-21T02:00:00Z", false);
        let listed = vec![kept.clone(), point("temporary", "2026-11-21T03:00:00Z", true)];
        assert_eq!(youngest(listed).map(|point| point.arn), Some(kept.arn));
    }
}
