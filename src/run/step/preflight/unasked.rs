//! The checks for which nobody could ask, because the credentials or the vault were refused before: each is listed as "not
//! checked", and none is missing from a list that looks complete.

use crate::cloud::check::Check;
use crate::definition::model::{Definition, SignBy};
use crate::probe::stored::stored;
use crate::run::services::Services;
use crate::run::step::preflight::{expected, protection};
use crate::words::id::RunId;
use crate::words::kind::{CheckId, ResourceKind};

/// All checks of the definition that are not among these, in the order of a whole look. What asks nobody is made.
pub(super) fn rest(
    definition: &Definition,
    services: &Services,
    run: &RunId,
    made: &[Check],
    because: &str,
) -> Vec<Check> {
    let is_new = |id: CheckId| made.iter().all(|check| check.id != id);
    let unasked = |id: CheckId| Check::not_checked(id, about(id), because);
    let mut rest: Vec<Check> =
        [CheckId::AccountIdentity, CheckId::VaultPlace].into_iter().filter(|id| is_new(*id)).map(unasked).collect();
    for (name, restore) in &*definition.restore {
        for id in (services.types)(restore.kind).looks(&restore.with) {
            rest.push(Check::not_checked(id, &format!("{} of `{name}`", about(id)), because));
        }
    }
    rest.extend(common(definition, services, run).into_iter().filter(|id| is_new(*id)).map(unasked));
    rest.extend(protection::check(definition));
    rest.extend(of_the_evidence(definition).into_iter().map(unasked));
    rest
}

/// What does not depend on a type's settings.
fn common(definition: &Definition, services: &Services, run: &RunId) -> Vec<CheckId> {
    let mut ids = vec![CheckId::ClockSkew, CheckId::RegionEnabled, CheckId::VaultPolicy, CheckId::VaultKey];
    ids.extend([CheckId::RoleExists, CheckId::RoleTrust, CheckId::RolePass, CheckId::CallerStart]);
    if definition.restore.values().any(|restore| restore.kind != ResourceKind::Other) {
        ids.extend([CheckId::RegionOptIn, CheckId::RoleActions, CheckId::RolePolicy, CheckId::LeftoversEarlier]);
        ids.extend([CheckId::CallerTeardown, CheckId::CallerTag]);
    }
    if !stored(definition).is_empty() {
        ids.push(CheckId::CallerSecrets);
    }
    let counts = definition.restore.iter().any(|(name, restore)| {
        let facts = (services.types)(restore.kind);
        expected(definition, services, run, name, 1)
            .is_some_and(|expected| !facts.quotas(&restore.with, &expected).is_empty())
    });
    ids.extend(counts.then_some(CheckId::QuotaHeadroom));
    ids.extend([CheckId::KeyAccess, CheckId::PlansSelection]);
    ids
}

fn of_the_evidence(definition: &Definition) -> Vec<CheckId> {
    let report = &definition.report;
    let signs = matches!(report.sign, Some(SignBy::Kms(_)));
    let parts = [(signs, CheckId::ReportSigning), (report.archive.is_some(), CheckId::ReportArchive)];
    parts.into_iter().filter(|(is_asked, _)| *is_asked).map(|(_, id)| id).collect()
}

/// What a check is about, where its own words need an answer of AWS.
fn about(id: CheckId) -> &'static str {
    match id {
        CheckId::Unnamed => "an older check",
        CheckId::AccountIdentity => "account behind the credentials",
        CheckId::ClockSkew => "clock",
        CheckId::RegionEnabled => "region",
        CheckId::RegionOptIn => "opt-in of AWS Backup for the types",
        CheckId::VaultPlace => "vault",
        CheckId::VaultPolicy => "access policy of the vault",
        CheckId::VaultKey => "key of the vault",
        CheckId::RoleExists => "restore role",
        CheckId::RoleTrust => "trust policy of the restore role",
        CheckId::RolePass => "whether the drill may pass the restore role",
        CheckId::RoleActions => "what the restore role may do for the types",
        CheckId::RolePolicy => "policies of the restore role",
        CheckId::CallerStart => "whether the drill may start the restore",
        CheckId::CallerTeardown => "whether the drill may remove what is restored",
        CheckId::CallerTag => "whether the drill may tag what is restored",
        CheckId::CallerSecrets => "whether the drill may read the secrets of its probes",
        CheckId::KeyState => "KMS key",
        CheckId::KeyAccess => "what the restore role may do with the keys",
        CheckId::NetworkSubnets => "subnets",
        CheckId::NetworkDefaultVpc => "default VPC",
        CheckId::NetworkSecurityGroups => "security groups",
        CheckId::NetworkVpc => "VPC",
        CheckId::NetworkZone => "availability zone",
        CheckId::NetworkPort => "port",
        CheckId::DatabaseParameterGroup => "parameter group",
        CheckId::DatabaseOptionGroup => "option group",
        CheckId::ComputeClass => "instance class",
        CheckId::QuotaHeadroom => "quotas",
        CheckId::NameFree => "name",
        CheckId::HostReady => "host",
        CheckId::LeftoversEarlier => "leftovers of earlier runs",
        CheckId::ProtectionAsked => "deletion protection",
        CheckId::RecycleBinRules => "rules of the Recycle Bin",
        CheckId::PlansSelection => "backup plans",
        CheckId::SettingsKind => "kind of thing in the settings",
        CheckId::ReportSigning => "signing key",
        CheckId::ReportArchive => "archive bucket",
    }
}
