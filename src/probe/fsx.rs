//! `fsx`: read a restored FSx file system, or ONTAP volume, on a probe host that mounts it.
//!
//! What the service says of it decides how: Lustre by its own protocol, OpenZFS and ONTAP over NFS, Windows over SMB with
//! credentials that the host keeps itself. Observed: `mounted`, `file_system`, `files`, `bytes`, `newest`, `checksums`.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;

use crate::cloud::resource::{Observation, Settings};
use crate::definition::model::ProbeReason;
use crate::probe::input::{Given, miss, shown, typed, unasked};
use crate::probe::mounted::{CONTROL_KEYS, PERMISSIONS, Reading, Source, apart, attempt, check_address, fields, nfs};
use crate::probe::target::Target;
use crate::probe::{Miss, Outcome, ProbeCalls};
use crate::words::kind::ProbeKind;
use crate::words::text::tame;
use crate::yaml::shape::{Field, Shape};

/// The settings of this kind's own.
const OWN: [&str; 5] = ["address", "export", "mount_name", "share", "credentials_file"];

/// A server that does not answer is given up, so that the host does not hang on it.
const NFS: &str = "ro,nfsvers=4.1,soft,timeo=100,retrans=2";

/// The kind.
pub struct Fsx;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FsxSettings {
    address: Option<Given>,
    export: Option<Given>,
    mount_name: Option<Given>,
    share: Option<Given>,
    credentials_file: Option<Given>,
}

#[async_trait]
impl ProbeCalls for Fsx {
    fn kind(&self) -> ProbeKind {
        ProbeKind::Fsx
    }

    fn about(&self) -> &'static str {
        "Read a restored FSx file system on a probe host."
    }

    fn holds_when(&self) -> &'static str {
        "the file system can be mounted and read"
    }

    fn page(&self) -> &'static str {
        include_str!("pages/fsx.md")
    }

    fn fields(&self) -> Vec<Field> {
        let mut all = fields();
        all.extend([
            Field::optional("address", Shape::Template, "Where it is mounted from. Default: its endpoint."),
            Field::optional(
                "export",
                Shape::Template,
                "What is mounted of OpenZFS and ONTAP. Default: `/fsx`, and the volume's junction path.",
            ),
            Field::optional("mount_name", Shape::Template, "The mount name of Lustre. Default: what the service says."),
            Field::optional("share", Shape::Template, "The share of a Windows file system. Default: `share`."),
            Field::optional(
                "credentials_file",
                Shape::Template,
                "For Windows: a file on the host with user and password, which never leave it. See mount.cifs.",
            ),
        ]);
        all
    }

    fn judges(&self) -> bool {
        true
    }

    fn reads_data(&self) -> bool {
        true
    }

    fn permissions(&self) -> &'static [&'static str] {
        PERMISSIONS
    }

    fn control_keys(&self) -> &'static [&'static str] {
        const KEYS: [&str; 9] = {
            let [host, path, checksums, sha256] = CONTROL_KEYS;
            let [address, export, mount_name, share, credentials_file] = OWN;
            [host, path, checksums, sha256, address, export, mount_name, share, credentials_file]
        };
        &KEYS
    }

    fn check(&self, settings: &Settings) -> Result<(), String> {
        let (own, shared) = apart(settings, &OWN);
        let own: FsxSettings = typed(&own)?;
        own.check()?;
        Reading::read(&shared).map(drop)
    }

    async fn attempt(&self, settings: &Settings, target: &Target, timeout: Duration) -> Outcome {
        let setup = |problem: String| miss(ProbeReason::Setup, &problem);
        let (own, shared) = apart(settings, &OWN);
        let own: FsxSettings = typed(&own).map_err(setup)?;
        let reading = Reading::read(&shared).map_err(setup)?;
        let looking = timeout / 6;
        let seen = tokio::time::timeout(looking, look(target)).await.unwrap_or_else(|_| {
            Err(miss(ProbeReason::Timeout, &format!("FSx did not describe it within {}", shown(looking))))
        })?;
        let source = own.source(&seen, target)?;
        attempt(&reading, source, target, timeout.saturating_sub(looking)).await
    }
}

async fn look(target: &Target) -> Result<Observation, Miss> {
    let Some(look) = &target.look else {
        return Err(miss(ProbeReason::Setup, "there is no restored file system to look at; say which with `on`"));
    };
    look.look().await.map_err(|error| unasked(&error))
}

/// One of the settings, its value, and what it must be.
type Checked<'a> = (&'static str, Option<&'a Given>, fn(&str) -> bool);

impl FsxSettings {
    fn each(&self) -> [Checked<'_>; 5] {
        [
            ("address", self.address.as_ref(), is_address),
            ("export", self.export.as_ref(), is_path),
            ("mount_name", self.mount_name.as_ref(), is_name),
            ("share", self.share.as_ref(), is_name),
            ("credentials_file", self.credentials_file.as_ref(), is_path),
        ]
    }

    fn check(&self) -> Result<(), String> {
        for (key, given, fits) in self.each() {
            let Some(given) = given else { continue };
            given.check(key)?;
            given.literal().map_or(Ok(()), |text| fitting(key, text, fits).map(drop))?;
        }
        Ok(())
    }

    /// The value of one, if it is given.
    fn filled(&self, wanted: &str, target: &Target) -> Result<Option<String>, Miss> {
        let found = self.each().into_iter().find(|(key, ..)| *key == wanted);
        let Some((key, Some(given), fits)) = found else { return Ok(None) };
        let text = given.fill(key, target)?;
        fitting(key, text, fits).map(Some).map_err(|problem| miss(ProbeReason::Setup, &problem))
    }

    fn source(&self, seen: &Observation, target: &Target) -> Result<Source, Miss> {
        let setup = |problem: &str| miss(ProbeReason::Setup, problem);
        let address = match self.filled("address", target)? {
            Some(address) => address,
            None => endpoint(seen, target).ok_or_else(|| {
                setup("the restored file system has no address yet; say where to mount it from with `address`")
            })?,
        };
        check_address(&address).map_err(|problem| setup(&problem))?;
        let (kind, source, options) = match flavour(&seen.facts)? {
            Flavour::Lustre => {
                let told = self.filled("mount_name", target)?.or_else(|| seen.facts.get("mount_name").cloned());
                let name = told.filter(|name| is_name(name)).ok_or_else(|| {
                    setup("FSx names no mount name of the restored Lustre file system; say it with `mount_name`")
                })?;
                ("lustre", format!("{address}@tcp:/{name}"), "ro".to_owned())
            }
            Flavour::OpenZfs => {
                let export = self.filled("export", target)?.unwrap_or_else(|| "/fsx".to_owned());
                ("nfs", nfs(&address, &export), NFS.to_owned())
            }
            Flavour::Ontap => {
                let told = self.filled("export", target)?.or_else(|| seen.facts.get("junction_path").cloned());
                let export = told
                    .filter(|path| is_path(path))
                    .ok_or_else(|| setup("FSx names no junction path of the restored volume; say it with `export`"))?;
                ("nfs", nfs(&address, &export), NFS.to_owned())
            }
            Flavour::Windows => {
                let file = self.filled("credentials_file", target)?.ok_or_else(|| setup(WITHOUT_CREDENTIALS))?;
                let share = self.filled("share", target)?.unwrap_or_else(|| "share".to_owned());
                ("cifs", format!("//{address}/{share}"), format!("ro,vers=3.0,credentials={file}"))
            }
        };
        Ok(Source::Share { kind, source, options, in_folder: false })
    }
}

const WITHOUT_CREDENTIALS: &str = "a Windows file system is mounted with a user and a password, and drill puts no secret into a script: keep them in a \
     file on the probe host that only root reads, and name it with `credentials_file`";

/// How it is mounted.
enum Flavour {
    Lustre,
    OpenZfs,
    Ontap,
    Windows,
}

/// What the service says that it is. An ONTAP volume has a junction path and no type.
fn flavour(facts: &BTreeMap<String, String>) -> Result<Flavour, Miss> {
    match facts.get("file_system_type").map(String::as_str) {
        Some("LUSTRE") => Ok(Flavour::Lustre),
        Some("OPENZFS") => Ok(Flavour::OpenZfs),
        Some("WINDOWS") => Ok(Flavour::Windows),
        Some("ONTAP") => Ok(Flavour::Ontap),
        None if facts.contains_key("junction_path") || facts.contains_key("svm") => Ok(Flavour::Ontap),
        other => {
            let word = other.map_or_else(|| "no type".to_owned(), |word| format!("the type `{}`", tame(word)));
            Err(miss(ProbeReason::Setup, &format!("FSx says {word} of the restored file system; read it with `ssm`")))
        }
    }
}

fn endpoint(seen: &Observation, target: &Target) -> Option<String> {
    seen.endpoint.as_ref().or(target.endpoint.as_ref()).map(|endpoint| endpoint.host.clone())
}

fn fitting(key: &str, text: String, fits: fn(&str) -> bool) -> Result<String, String> {
    if fits(&text) { Ok(text) } else { Err(format!("`{key}` cannot be `{}`", tame(&text))) }
}

fn is_address(text: &str) -> bool {
    check_address(text).is_ok()
}

/// A path that `mount` can take for nothing else: options are separated by commas.
fn is_path(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    text.starts_with('/') && text.len() <= 255 && text.chars().all(fits) && text.split('/').all(|part| part != "..")
}

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$');
    (1..=80).contains(&text.len()) && text.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Fsx, FsxSettings};
    use crate::cloud::resource::{Endpoint, Observation};
    use crate::definition::model::ProbeReason;
    use crate::probe::mounted::Source;
    use crate::probe::target::Target;
    use crate::probe::{Miss, ProbeCalls as _};

    fn seen(facts: &[(&str, &str)]) -> Observation {
        Observation {
            endpoint: Some(Endpoint { host: "fs-1.fsx.example".to_owned(), port: None }),
            facts: facts.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            ..Observation::absent()
        }
    }

    fn source(settings: Value, facts: &[(&str, &str)]) -> Result<(&'static str, String, String), Miss> {
        let own: FsxSettings = serde_json::from_value(settings).unwrap();
        match own.source(&seen(facts), &Target::for_tests())? {
            Source::Share { kind, source, options, in_folder: false } => Ok((kind, source, options)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_flavour_is_mounted_in_its_own_way_and_only_to_be_read() {
        for (settings, facts, kind, mounted) in [
            (
                json!({}),
                vec![("file_system_type", "LUSTRE"), ("mount_name", "abcd")],
                "lustre",
                "fs-1.fsx.example@tcp:/abcd",
            ),
            (json!({}), vec![("file_system_type", "OPENZFS")], "nfs", "fs-1.fsx.example:/fsx"),
            (
                json!({ "export": "/fsx/vol1" }),
                vec![("file_system_type", "OPENZFS")],
                "nfs",
                "fs-1.fsx.example:/fsx/vol1",
            ),
            (json!({ "address": "10.0.0.9" }), vec![("junction_path", "/orders")], "nfs", "10.0.0.9:/orders"),
            (
                json!({ "credentials_file": "/etc/drill.smb", "share": "d$" }),
                vec![("file_system_type", "WINDOWS")],
                "cifs",
                "//fs-1.fsx.example/d$",
            ),
        ] {
            let (found, source, options) = source(settings, &facts).unwrap();
            assert_eq!((found, source.as_str()), (kind, mounted));
            assert!(options.split(',').any(|option| option == "ro"), "{options}");
        }
    }

    #[test]
    fn what_is_missing_or_hostile_is_told_apart_from_a_mount_that_fails() {
        for (settings, facts, part) in [
            (json!({}), vec![("file_system_type", "WINDOWS")], "credentials_file"),
            (json!({}), vec![("file_system_type", "LUSTRE"), ("mount_name", "a,exec")], "mount_name"),
            (json!({}), vec![("junction_path", "/a,exec")], "export"),
            (json!({}), vec![("file_system_type", "SIZZLE")], "SIZZLE"),
            (json!({}), vec![], "no type"),
        ] {
            let miss = source(settings, &facts).unwrap_err();
            assert_eq!(miss.reason, ProbeReason::Setup);
            assert!(miss.message.contains(part), "{}", miss.message);
        }
    }

    #[test]
    fn a_password_has_no_place_in_the_settings() {
        let check = |settings: Value| Fsx.check(settings.as_object().unwrap());
        let host = "i-0a1b2c3d4e5f60718";
        assert_eq!(check(json!({ "host": host, "credentials_file": "/etc/drill.smb" })), Ok(()));
        for wrong in [
            json!({ "host": host, "password": { "env": "X" } }),
            json!({ "host": host, "credentials_file": "/etc/a,uid=0" }),
            json!({ "host": host, "export": "fsx" }),
            json!({ "host": host, "mount_name": "a/b" }),
        ] {
            assert!(check(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
