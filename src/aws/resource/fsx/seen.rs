//! What a look at FSx shows, as an observation.

use std::collections::BTreeMap;

use aws_sdk_fsx::types::{
    FileSystem, FileSystemFailureDetails, LifecycleTransitionReason, LustreFileSystemConfiguration as Lustre,
    OntapVolumeConfiguration as Ontap, OpenZfsFileSystemConfiguration as OpenZfs, StorageVirtualMachine, SvmEndpoint,
    SvmEndpoints, Volume, WindowsFileSystemConfiguration as Windows,
};

use crate::aws::resource::fsx::flavour::SystemFlavour;
use crate::aws::resource::fsx::readiness::{system_phase, volume_phase};
use crate::cloud::resource::{Endpoint, Observation, Part, Phase};
use crate::words::text::tame;

/// NFS.
const NFS: u16 = 2049;

/// A file system. One that is usable and has no DNS name yet is still on its way.
pub(crate) fn file_system(found: &FileSystem, flavour: SystemFlavour) -> Observation {
    let status = found.lifecycle().map(|status| tame(status.as_str())).unwrap_or_default();
    let endpoint = found.dns_name().map(|host| Endpoint { host: tame(host), port: Some(flavour.port()) });
    let phase = match system_phase(&status) {
        Phase::Ready if endpoint.is_none() => Phase::Pending,
        phase => phase,
    };
    let facts = system_facts(found, flavour);
    Observation { phase, status, endpoint, protected: false, parts: Vec::new(), facts }
}

/// A volume, reached at its storage virtual machine's NFS address, where that is known.
pub(crate) fn volume(found: &Volume, machine: Option<&StorageVirtualMachine>) -> Observation {
    let status = found.lifecycle().map(|status| tame(status.as_str())).unwrap_or_default();
    let nfs = machine.and_then(StorageVirtualMachine::endpoints).and_then(SvmEndpoints::nfs);
    let endpoint = nfs.and_then(host).map(|host| Endpoint { host, port: Some(NFS) });
    let phase = volume_phase(&status);
    Observation { phase, status, endpoint, protected: false, parts: root(found), facts: volume_facts(found) }
}

fn host(nfs: &SvmEndpoint) -> Option<String> {
    nfs.dns_name().or(nfs.ip_addresses().first().map(String::as_str)).map(tame)
}

/// The root volume carries the whole machine: whatever names it as restored is wrong, and nothing is removed.
fn root(found: &Volume) -> Vec<Part> {
    let is_root = found.ontap_configuration().and_then(Ontap::storage_virtual_machine_root).unwrap_or(false);
    if !is_root {
        return Vec::new();
    }
    let id = tame(found.volume_id().unwrap_or_default());
    vec![Part { foreign: true, ..Part::planned("root volume of a storage virtual machine", &id) }]
}

fn system_facts(found: &FileSystem, flavour: SystemFlavour) -> BTreeMap<String, String> {
    let lustre = found.lustre_configuration();
    let deployment = match flavour {
        SystemFlavour::Windows => {
            found.windows_configuration().and_then(Windows::deployment_type).map(|word| tame(word.as_str()))
        }
        SystemFlavour::Lustre => lustre.and_then(Lustre::deployment_type).map(|word| tame(word.as_str())),
        SystemFlavour::OpenZfs => {
            found.open_zfs_configuration().and_then(OpenZfs::deployment_type).map(|word| tame(word.as_str()))
        }
    };
    let throughput = match flavour {
        SystemFlavour::Windows => found.windows_configuration().and_then(Windows::throughput_capacity),
        SystemFlavour::Lustre => lustre.and_then(Lustre::throughput_capacity),
        SystemFlavour::OpenZfs => found.open_zfs_configuration().and_then(OpenZfs::throughput_capacity),
    };
    let unit = lustre.and_then(Lustre::per_unit_storage_throughput);
    let failure = found.failure_details().and_then(FileSystemFailureDetails::message);
    collected([
        ("file_system_type", Some(flavour.word().to_owned())),
        ("deployment_type", deployment),
        ("storage_gib", found.storage_capacity().map(|size| size.to_string())),
        ("storage_type", found.storage_type().map(|word| tame(word.as_str()))),
        ("throughput_mbps", throughput.map(|value| value.to_string())),
        ("throughput_mbps_per_tib", unit.map(|value| value.to_string())),
        ("mount_name", lustre.and_then(Lustre::mount_name).map(tame)),
        ("vpc", found.vpc_id().map(tame)),
        ("subnets", Some(tame(&found.subnet_ids().join(", ")))),
        ("kms_key", found.kms_key_id().map(tame)),
        ("failure", failure.map(tame)),
    ])
}

fn volume_facts(found: &Volume) -> BTreeMap<String, String> {
    let ontap = found.ontap_configuration();
    let reason = found.lifecycle_transition_reason().and_then(LifecycleTransitionReason::message);
    collected([
        ("volume_name", found.name().map(tame)),
        ("file_system", found.file_system_id().map(tame)),
        ("svm", ontap.and_then(Ontap::storage_virtual_machine_id).map(tame)),
        ("junction_path", ontap.and_then(Ontap::junction_path).map(tame)),
        ("size_mib", ontap.and_then(Ontap::size_in_megabytes).map(|size| size.to_string())),
        ("reason", reason.map(tame)),
    ])
}

fn collected<const N: usize>(pairs: [(&str, Option<String>); N]) -> BTreeMap<String, String> {
    pairs.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_fsx::types::{
        FileSystem, FileSystemLifecycle, LustreFileSystemConfiguration, OntapVolumeConfiguration, Volume,
        VolumeLifecycle,
    };

    use super::{SystemFlavour, file_system, volume};
    use crate::cloud::resource::Phase;

    #[test]
    fn a_usable_file_system_is_ready_once_it_has_a_name() {
        let early = FileSystem::builder().lifecycle(FileSystemLifecycle::Available).build();
        assert_eq!(file_system(&early, SystemFlavour::Lustre).phase, Phase::Pending);
        let ready = FileSystem::builder()
            .lifecycle(FileSystemLifecycle::Available)
            .dns_name("fs-01.fsx.example")
            .lustre_configuration(LustreFileSystemConfiguration::builder().mount_name("abcd").build())
            .build();
        let seen = file_system(&ready, SystemFlavour::Lustre);
        assert_eq!((seen.phase, seen.endpoint.and_then(|endpoint| endpoint.port)), (Phase::Ready, Some(988)));
        assert_eq!(seen.facts.get("mount_name").map(String::as_str), Some("abcd"));
    }

    #[test]
    fn a_root_volume_is_never_the_run_s() {
        let of = |root: bool| {
            let ontap = OntapVolumeConfiguration::builder().storage_virtual_machine_root(root).build();
            let found = Volume::builder().lifecycle(VolumeLifecycle::Created).ontap_configuration(ontap).build();
            volume(&found, None)
        };
        assert_eq!((of(false).phase, of(false).parts.len()), (Phase::Ready, 0));
        assert!(of(true).parts.iter().all(|part| part.foreign) && of(true).parts.len() == 1);
    }
}
