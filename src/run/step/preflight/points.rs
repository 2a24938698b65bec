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
    for (name, restore) in &definition.restore {
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
