//! The services of the simulated AWS: operations over a world. One file a service; adding an operation is one arm.

pub(crate) mod backup;
pub(crate) mod ec2;
pub(crate) mod kms;
pub(crate) mod page;
pub(crate) mod rds;
pub(crate) mod secretsmanager;
pub(crate) mod sts;
pub(crate) mod tagging;

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::scope::{Caller, Service};
use crate::sandbox::protocol::{Answer, Ask};
use crate::sandbox::spec::Place;
use crate::sandbox::world::World;

/// Performs an operation on an advanced world.
pub(crate) fn call(world: &mut World, caller: &Caller, ask: &Ask) -> Result<Answer, Failure> {
    let place = Place { account: caller.account.clone(), region: caller.region.clone() };
    let result = match caller.service {
        Service::Backup => backup::call(world, &place, ask),
        Service::Rds => rds::call(world, &place, ask),
        Service::Sts => sts::call(caller, ask),
        Service::Kms => kms::call(world, &place, ask),
        Service::Ec2 => ec2::call(world, &place, ask),
        Service::SecretsManager => secretsmanager::call(world, &place, ask),
        Service::Tagging => tagging::call(world, &place, ask),
    };
    if let Err(failure) = &result
        && failure.code == "UnknownOperationException"
    {
        tracing::warn!(operation = %ask.operation, "the simulated AWS does not know an operation");
    }
    result
}

/// What a successful request changed, if its operation changes anything.
pub(crate) fn changed(ask: &Ask) -> Option<String> {
    let named = match ask.operation.as_str() {
        "StartRestoreJob" => ask.text("RecoveryPointArn"),
        "DeleteDBInstance" | "ModifyDBInstance" => ask.param("DBInstanceIdentifier"),
        "AddTagsToResource" | "RemoveTagsFromResource" => ask.param("ResourceName"),
        _ => return None,
    };
    Some(named.unwrap_or_default().to_owned())
}
