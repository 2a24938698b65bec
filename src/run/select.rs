//! Which resources a selection means: asked of the destination's vault, because that is what can be restored.
//!
//! Tags are those of the newest recovery point of each resource, as they were when it was made. A resource that has no
//! recovery point in the vault cannot be seen here; one that `arns` names and that is not there is an error.

use std::collections::{BTreeMap, BTreeSet};

use crate::cloud::Cloud;
use crate::cloud::error::CloudError;
use crate::cloud::resource::Types;
use crate::cloud::vault::RecoveryPoint;
use crate::definition::model::{Definition, Select, Selection};
use crate::words::arn::Arn;
use crate::words::id::{Name, VaultName};

/// Why selections cannot be resolved.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// The vault could not be asked.
    #[error("the vault could not be asked what `{selection}` selects")]
    Vault {
        /// The selection.
        selection: Name,
        /// Why.
        source: CloudError,
    },
    /// Nothing fits: a drill that restores nothing proves nothing.
    #[error(
        "`{selection}` selects nothing: vault `{vault}` holds recovery points of {all} resource(s) of its type, and none fits"
    )]
    Nothing {
        /// The selection.
        selection: Name,
        /// The vault.
        vault: VaultName,
        /// How many there are of the type.
        all: usize,
    },
    /// A recovery point does not say what it is of: whether it belongs to the selection cannot be known.
    #[error("a recovery point of `{selection}`'s type in vault `{vault}` does not say which resource it is of")]
    Nameless {
        /// The selection.
        selection: Name,
        /// The vault.
        vault: VaultName,
    },
    /// Resources that are named have no recovery point.
    #[error("`{selection}` names resources that have no recovery point in vault `{vault}`: {}", list(missing))]
    Missing {
        /// The selection.
        selection: Name,
        /// The vault.
        vault: VaultName,
        /// Which.
        missing: Vec<Arn>,
    },
}

fn list(arns: &[Arn]) -> String {
    arns.iter().map(|arn| format!("`{arn}`")).collect::<Vec<_>>().join(", ")
}

/// The resources of every selection, by ARN.
///
/// # Errors
/// When the vault cannot be asked, a selection finds nothing, or a named resource is not there.
pub async fn resolve(
    cloud: &Cloud,
    types: Types,
    definition: &Definition,
) -> Result<BTreeMap<Name, Vec<Arn>>, SelectError> {
    let mut found = BTreeMap::new();
    for (name, selection) in &definition.selections {
        let failed = |source| SelectError::Vault { selection: name.clone(), source };
        let vault = &definition.destination.vault;
        let kind = types(selection.template.kind).backup_type(&selection.template.with);
        let points = cloud.vault.points_of_type(vault, &kind).await.map_err(failed)?;
        let newest =
            of_each(points).ok_or_else(|| SelectError::Nameless { selection: name.clone(), vault: vault.clone() })?;
        let all = newest.len();
        let fitting = fitting(cloud, selection, newest).await.map_err(failed)?;
        let missing: Vec<Arn> = selection.select.arns.iter().filter(|arn| !fitting.contains(arn)).cloned().collect();
        if !missing.is_empty() {
            return Err(SelectError::Missing { selection: name.clone(), vault: vault.clone(), missing });
        }
        if fitting.is_empty() {
            return Err(SelectError::Nothing { selection: name.clone(), vault: vault.clone(), all });
        }
        found.insert(name.clone(), fitting);
    }
    Ok(found)
}

/// A resource as its recovery points show it.
struct Shown {
    /// The newest that can be restored; a restore's own pick decides later which one is.
    newest: RecoveryPoint,
    /// Every plan that made one of them.
    plans: BTreeSet<String>,
}

/// Each resource with what can be restored of it. None: a recovery point names no resource.
fn of_each(points: Vec<RecoveryPoint>) -> Option<BTreeMap<Arn, Shown>> {
    let restorable =
        |point: &RecoveryPoint| matches!(point.status.as_str(), "COMPLETED" | "AVAILABLE") && !point.delete_after_copy;
    let mut found: BTreeMap<Arn, Shown> = BTreeMap::new();
    for point in points.into_iter().filter(restorable) {
        let resource = point.resource.clone()?;
        let plan = point.plan.clone();
        let shown = found.entry(resource).or_insert_with(|| Shown { newest: point.clone(), plans: BTreeSet::new() });
        shown.plans.extend(plan);
        if shown.newest.created < point.created {
            shown.newest = point;
        }
    }
    Some(found)
}

async fn fitting(cloud: &Cloud, selection: &Selection, newest: BTreeMap<Arn, Shown>) -> Result<Vec<Arn>, CloudError> {
    let Select { tags, arns, plan, except } = &selection.select;
    let mut fitting = Vec::new();
    for (arn, shown) in newest {
        let named = arns.is_empty() || arns.contains(&arn);
        let of_plan = plan.as_ref().is_none_or(|plan| shown.plans.contains(plan));
        if !named || !of_plan || except.contains(&arn) {
            continue;
        }
        if !tags.is_empty() {
            let carried = cloud.vault.point_tags(&shown.newest.arn).await?;
            if !tags.iter().all(|(key, value)| carried.get(key) == Some(value)) {
                continue;
            }
        }
        fitting.push(arn);
    }
    Ok(fitting)
}
