//! What can be predicted of an FSx restore before anything is started (facts 2.11, appendix B; trap 41). Reads only.
//!
//! Invariant: a check that could not be made is `NotChecked`, with the permission that was missing, and never `Ok`.

use aws_sdk_fsx::types::{StorageVirtualMachine, StorageVirtualMachineLifecycle};

use crate::aws::resource::fsx::flavour::SystemFlavour;
use crate::aws::resource::fsx::look;
use crate::aws::resource::fsx::ontap::{svm, volume_name};
use crate::aws::resource::shared::check::{check, existence, name_is_free, security_group_check};
use crate::aws::resource::shared::network;
use crate::aws::resource::shared::setting::{security_groups, text, texts};
use crate::cloud::check::{Check, CheckResult};
use crate::cloud::error::CloudError;
use crate::cloud::ground::Ground;
use crate::cloud::resource::{Observation, Settings, Subject};
use crate::words::kind::CheckId;
use crate::words::text::tame;

/// Subnets, security groups, key, and for Windows the directory. There is no name that could be taken.
pub(crate) async fn system(
    ec2: &aws_sdk_ec2::Client,
    ground: &dyn Ground,
    subject: &Subject,
    flavour: SystemFlavour,
    own: &Settings,
) -> Vec<Check> {
    let with = &subject.with;
    let (subnets, vpc) = network::subnets(ec2, &texts(with, "subnets"), None).await;
    let mut checks = vec![subnets, security_group_check(ground, &security_groups(with), vpc.as_deref()).await];
    checks.extend(network::key(ground, subject).await);
    if flavour == SystemFlavour::Windows {
        checks.push(directory(text(own, "active_directory_id").unwrap_or("without an id")));
    }
    checks
}

/// The storage virtual machine, and that the name is free in it.
pub(crate) async fn volume(
    fsx: &aws_sdk_fsx::Client,
    subject: &Subject,
    own: &Settings,
    seen: Result<Observation, CloudError>,
) -> Vec<Check> {
    let id = svm(own).unwrap_or("without an id");
    let what = format!("storage virtual machine {id}");
    let machine = match look::machine(fsx, id).await {
        Ok(machine) => judge_machine(&what, &machine),
        Err(error) => existence(CheckId::HostReady, &what, "fsx:DescribeStorageVirtualMachines", Err(error)),
    };
    let free = name_is_free(subject, "fsx:DescribeVolumes", seen);
    let what = format!("volume name {}", volume_name(&subject.expected.name));
    vec![machine, Check { what, ..free }]
}

/// A definition that does not say which flavour it is.
pub(crate) fn wrong(why: &str) -> Check {
    check(CheckId::SettingsKind, "kind of file system", CheckResult::Failed, why)
}

fn judge_machine(what: &str, machine: &StorageVirtualMachine) -> Check {
    match machine.lifecycle() {
        Some(StorageVirtualMachineLifecycle::Created) => check(
            CheckId::HostReady,
            what,
            CheckResult::Ok,
            "it is there; whether its file system has room is not looked at",
        ),
        other => {
            let status = tame(other.map_or("no status", StorageVirtualMachineLifecycle::as_str));
            let detail = format!("its status is `{status}`; a restore needs `CREATED`");
            Check::failed(CheckId::HostReady, what, &detail)
                .mended_by("wait until it is created, or name another `svm`")
        }
    }
}

fn directory(id: &str) -> Check {
    check(
        CheckId::HostReady,
        &format!("directory {id}"),
        CheckResult::NotChecked,
        "whether it exists and is reachable from the subnets shows when the file system joins it; the computer object \
         that this makes in the directory is not removed by teardown",
    )
}

#[cfg(test)]
mod tests {
    use aws_sdk_fsx::types::{StorageVirtualMachine, StorageVirtualMachineLifecycle};

    use super::judge_machine;
    use crate::cloud::check::CheckResult;

    #[test]
    fn a_machine_must_have_been_created() {
        let judged = |status| judge_machine("x", &StorageVirtualMachine::builder().lifecycle(status).build()).result;
        assert_eq!(judged(StorageVirtualMachineLifecycle::Created), CheckResult::Ok);
        assert_eq!(judged(StorageVirtualMachineLifecycle::Misconfigured), CheckResult::Failed);
    }
}
