//! FSx for Lustre (facts 2.7).

use crate::aws::resource::fsx::configuration::{Configuration, no_backups};
use crate::aws::resource::shared::draft::Draft;
use crate::yaml::shape::Field;

/// What must be the same as in the backup, or FSx refuses the restore.
const KEPT: &[&str] = &[
    "DeploymentType",
    "PerUnitStorageThroughput",
    "DataCompressionType",
    "DriveCacheType",
    "ThroughputCapacity",
    "DataReadCacheConfiguration",
    "EfaEnabled",
];

/// The keys of `with.lustre`: none, because the backup decides.
pub(crate) fn fields() -> Vec<Field> {
    Vec::new()
}

/// Its part of the metadata. Not taken: repositories and logs, which are in the other region.
pub(crate) fn choose(made: &mut Configuration, draft: &Draft<'_>, subnets: &[String]) -> Result<(), String> {
    if subnets.len() != 1 {
        return Err(format!("`with.subnets` has {}; a Lustre file system is in exactly one", subnets.len()));
    }
    made.keep(draft, KEPT);
    no_backups(made);
    Ok(())
}
