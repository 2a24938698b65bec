//! The four flavours of FSx, and what a definition lets one know of a source.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::sandbox::spec::ResourceSpec;
use crate::sandbox::thing::fsx::fsx_error;

/// A flavour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    Windows,
    Lustre,
    OpenZfs,
    /// What is backed up and restored is a volume.
    Ontap,
}

const ALL: [Flavour; 4] = [Flavour::Windows, Flavour::Lustre, Flavour::OpenZfs, Flavour::Ontap];

impl Flavour {
    /// The flavour that the definition names, else what the source's ARN says.
    pub(crate) fn of(spec: &ResourceSpec) -> Self {
        let named = ALL.into_iter().find(|flavour| spec.with.contains_key(flavour.setting()));
        let volume = spec.arn.resource().starts_with("volume/");
        named.unwrap_or(if volume { Self::Ontap } else { Self::Lustre })
    }

    /// Its key in a definition's `with`.
    fn setting(self) -> &'static str {
        match self {
            Self::Windows => "windows",
            Self::Lustre => "lustre",
            Self::OpenZfs => "openzfs",
            Self::Ontap => "ontap",
        }
    }

    /// A text of its own settings in a definition.
    pub(crate) fn own_text(self, spec: &ResourceSpec, key: &str) -> Option<String> {
        let own = spec.with.get(self.setting()).and_then(Value::as_object)?;
        own.get(key).and_then(Value::as_str).map(str::to_owned)
    }

    /// `FileSystemType`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Windows => "WINDOWS",
            Self::Lustre => "LUSTRE",
            Self::OpenZfs => "OPENZFS",
            Self::Ontap => "ONTAP",
        }
    }

    /// The TCP port that clients mount it at.
    pub(crate) fn port(self) -> u16 {
        match self {
            Self::Windows => 445,
            Self::Lustre => 988,
            Self::OpenZfs | Self::Ontap => 2049,
        }
    }

    /// The key of its configuration, in metadata and in FSx's answers.
    pub(crate) fn configuration_key(self) -> &'static str {
        match self {
            Self::Windows => "WindowsConfiguration",
            Self::Lustre => "LustreConfiguration",
            Self::OpenZfs => "OpenZFSConfiguration",
            Self::Ontap => "OntapConfiguration",
        }
    }

    /// The key of its part of a deletion's answer.
    pub(crate) fn response_key(self) -> &'static str {
        match self {
            Self::Windows => "WindowsResponse",
            Self::Lustre => "LustreResponse",
            Self::OpenZfs => "OpenZFSResponse",
            Self::Ontap => "OntapResponse",
        }
    }

    /// Whether a deletion that does not say so skips the final backup (trap 25).
    pub(crate) fn skips_final_backup(self) -> bool {
        self == Self::Lustre
    }

    /// Another flavour's configuration in the metadata fails the job.
    pub(super) fn check_keys(self, metadata: &BTreeMap<String, String>) -> Result<(), String> {
        let mut foreign = ALL.into_iter().filter(|flavour| *flavour != self).map(Self::configuration_key);
        let is_given = |key: &&str| metadata.keys().any(|given| given.eq_ignore_ascii_case(key));
        match foreign.find(is_given) {
            Some(key) => {
                let message = format!("{key} cannot be given for a backup of type {}", self.word());
                Err(fsx_error("IncompatibleParameterError", &message))
            }
            None => Ok(()),
        }
    }
}

/// The source's storage: one from which what the definition asks for can be restored. Lustre's is the backup's exactly,
/// that of the others only grows.
pub(super) fn storage_gib(spec: &ResourceSpec) -> u32 {
    let asked = spec.with.get("storage_gib").and_then(Value::as_u64).and_then(|gib| u32::try_from(gib).ok());
    match Flavour::of(spec) {
        Flavour::Lustre => asked.unwrap_or(spec.size_gib.max(1_200)),
        _ => asked.map_or(spec.size_gib, |asked| asked.min(spec.size_gib)),
    }
}

/// The source's storage type: for Lustre what the definition asks for.
pub(super) fn storage_type(spec: &ResourceSpec) -> String {
    let asked = spec.with.get("storage_type").and_then(Value::as_str);
    asked.filter(|_| Flavour::of(spec) == Flavour::Lustre).unwrap_or("SSD").to_owned()
}

/// What the source is configured with, but for directory and subnets.
pub(super) fn source_configuration(spec: &ResourceSpec) -> Map<String, Value> {
    let own = match Flavour::of(spec) {
        Flavour::Windows => json!({ "DeploymentType": "MULTI_AZ_1", "ThroughputCapacity": 32 }),
        Flavour::OpenZfs => json!({ "DeploymentType": "SINGLE_AZ_1", "ThroughputCapacity": 64 }),
        Flavour::Ontap => json!({ "DeploymentType": "SINGLE_AZ_1", "ThroughputCapacity": 128 }),
        Flavour::Lustre => match storage_type(spec).as_str() {
            "HDD" => json!({
                "DeploymentType": "PERSISTENT_1", "PerUnitStorageThroughput": 12, "DriveCacheType": "NONE",
                "DataCompressionType": "LZ4",
            }),
            "INTELLIGENT_TIERING" => json!({
                "DeploymentType": "PERSISTENT_2", "ThroughputCapacity": 4_000, "EfaEnabled": true,
                "DataReadCacheConfiguration": { "SizingMode": "NO_CACHE" }, "DataCompressionType": "LZ4",
            }),
            _ => json!({
                "DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 125, "DataCompressionType": "LZ4",
            }),
        },
    };
    let mut configuration = own.as_object().cloned().unwrap_or_default();
    configuration.insert("AutomaticBackupRetentionDays".to_owned(), 7.into());
    configuration.insert("CopyTagsToBackups".to_owned(), true.into());
    configuration.insert("WeeklyMaintenanceStartTime".to_owned(), "7:03:00".into());
    configuration.insert("DailyAutomaticBackupStartTime".to_owned(), "04:00".into());
    configuration
}
