//! The four flavours of FSx, and what a drill may remove of each.
//!
//! Invariant: an ONTAP file system or storage virtual machine cannot be removed (trap 31). They are shared; a restore
//! makes a volume in them. [`Thing::FileSystem`] carries a [`SystemFlavour`], of which ONTAP is none.

use crate::aws::resource::shared::setting::map;
use crate::cloud::resource::Settings;
use crate::words::arn::Arn;

/// The keys of `with:` that say which flavour it is, in the order of the documents.
pub(crate) const KEYS: [&str; 4] = ["windows", "lustre", "openzfs", "ontap"];

/// Which flavour a definition is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// The restore makes a file system.
    System(SystemFlavour),
    /// The restore makes a volume in an ONTAP file system that is there already.
    Ontap,
}

/// The flavours whose restore makes a file system of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemFlavour {
    /// FSx for Windows File Server.
    Windows,
    /// FSx for Lustre.
    Lustre,
    /// FSx for OpenZFS.
    OpenZfs,
}

impl Flavour {
    /// The flavour, with its own settings.
    ///
    /// # Errors
    /// A sentence for the user when there is not exactly one.
    pub fn of(with: &Settings) -> Result<(Self, &Settings), String> {
        let mut named = KEYS.iter().filter_map(|key| Some((*key, map(with, key)?)));
        let (Some((key, own)), None) = (named.next(), named.next()) else {
            return Err(
                "`with` needs exactly one of `windows`, `lustre`, `openzfs` and `ontap`: it says what kind of \
                        FSx file system the recovery point is of"
                    .to_owned(),
            );
        };
        let flavour = match key {
            "windows" => Self::System(SystemFlavour::Windows),
            "lustre" => Self::System(SystemFlavour::Lustre),
            "openzfs" => Self::System(SystemFlavour::OpenZfs),
            _ => Self::Ontap,
        };
        Ok((flavour, own))
    }

    /// FSx's word for it, in `FileSystemType`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::System(flavour) => flavour.word(),
            Self::Ontap => "ONTAP",
        }
    }

    /// The metadata key of its configuration.
    #[must_use]
    pub fn configuration_key(self) -> &'static str {
        match self {
            Self::System(SystemFlavour::Windows) => "WindowsConfiguration",
            Self::System(SystemFlavour::Lustre) => "LustreConfiguration",
            Self::System(SystemFlavour::OpenZfs) => "OpenZFSConfiguration",
            Self::Ontap => "OntapConfiguration",
        }
    }
}

impl SystemFlavour {
    /// FSx's word for it, in `FileSystemType`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Windows => "WINDOWS",
            Self::Lustre => "LUSTRE",
            Self::OpenZfs => "OPENZFS",
        }
    }

    /// The TCP port that clients mount it at: SMB, Lustre, NFS.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Windows => 445,
            Self::Lustre => 988,
            Self::OpenZfs => 2049,
        }
    }
}

/// What a restore made, by id. There is no way to write down an ONTAP file system or a storage virtual machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing<'a> {
    /// A file system of its own.
    FileSystem {
        /// `fs-…`
        id: &'a str,
        /// Its flavour.
        flavour: SystemFlavour,
    },
    /// A volume in a shared ONTAP file system.
    Volume {
        /// `fsvol-…`
        id: &'a str,
    },
}

impl<'a> Thing<'a> {
    /// What an ARN names, if it is what a restore of this flavour makes.
    #[must_use]
    pub fn of(flavour: Flavour, arn: &'a Arn) -> Option<Self> {
        if arn.service() != "fsx" {
            return None;
        }
        match flavour {
            Flavour::System(flavour) => {
                let id = file_system_id(arn)?;
                Some(Self::FileSystem { id, flavour })
            }
            Flavour::Ontap => Some(Self::Volume { id: volume_id(arn)? }),
        }
    }

    /// What the ARN must start with after the account, for the last guard.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::FileSystem { .. } => "file-system/fs-",
            Self::Volume { .. } => "volume/fs-",
        }
    }
}

/// `fs-…` of a file system's ARN.
#[must_use]
pub fn file_system_id(arn: &Arn) -> Option<&str> {
    arn.resource().strip_prefix("file-system/").filter(|id| is_id(id, "fs-"))
}

/// `fsvol-…` of a volume's ARN, which is `volume/fs-…/fsvol-…`.
#[must_use]
pub fn volume_id(arn: &Arn) -> Option<&str> {
    let (system, volume) = arn.resource().strip_prefix("volume/")?.split_once('/')?;
    (is_id(system, "fs-") && is_id(volume, "fsvol-")).then_some(volume)
}

fn is_id(text: &str, prefix: &str) -> bool {
    let rest = text.strip_prefix(prefix).unwrap_or_default();
    !rest.is_empty() && rest.chars().all(|c| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Flavour, SystemFlavour, Thing};
    use crate::words::arn::Arn;

    #[test]
    fn there_is_exactly_one_flavour() {
        let of = |with: serde_json::Value| Flavour::of(with.as_object().unwrap()).map(|(flavour, _)| flavour);
        assert_eq!(of(json!({ "lustre": {} })), Ok(Flavour::System(SystemFlavour::Lustre)));
        assert_eq!(of(json!({ "ontap": { "svm": "svm-1" } })), Ok(Flavour::Ontap));
        assert!(of(json!({})).is_err());
        assert!(of(json!({ "lustre": {}, "windows": {} })).is_err());
    }

    #[test]
    fn of_ontap_only_a_volume_can_be_named() {
        let system: Arn = "arn:aws:fsx:eu-west-1:123456789012:file-system/fs-01".parse().unwrap();
        let volume: Arn = "arn:aws:fsx:eu-west-1:123456789012:volume/fs-01/fsvol-02".parse().unwrap();
        let machine: Arn = "arn:aws:fsx:eu-west-1:123456789012:storage-virtual-machine/fs-01/svm-02".parse().unwrap();
        assert_eq!(Thing::of(Flavour::Ontap, &volume), Some(Thing::Volume { id: "fsvol-02" }));
        assert_eq!(Thing::of(Flavour::Ontap, &system), None);
        assert_eq!(Thing::of(Flavour::Ontap, &machine), None);
        let windows = Flavour::System(SystemFlavour::Windows);
        assert_eq!(Thing::of(windows, &volume), None);
        assert!(matches!(Thing::of(windows, &system), Some(Thing::FileSystem { id: "fs-01", .. })));
    }
}
