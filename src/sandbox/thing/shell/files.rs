//! The files and disks of a simulated instance. Nothing here touches this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::sandbox::thing::shell::contents::Contents;

/// Files by their path.
pub(crate) type Texts = BTreeMap<String, String>;

/// No instance holds more files, nor larger ones.
const MOST_FILES: usize = 2_000;
const LARGEST_FILE: usize = 1024 * 1024;

/// Everything that a script and the web server see.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files {
    texts: Texts,
    folders: BTreeSet<String>,
    disks: Vec<Disk>,
    /// File systems that can be mounted over the network.
    shares: Vec<Disk>,
    mounts: Vec<Mount>,
}

/// A volume that is attached, or a file system somewhere in the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Disk {
    /// Such as `vol-0a1b…` or `fs-0a1b…`.
    pub(crate) volume: String,
    /// Such as `/dev/nvme1n1`, or `127.0.0.1:/` in the network.
    pub(crate) device: String,
    /// Such as `ext4`, or `nfs4` in the network.
    pub(crate) filesystem: Option<String>,
    pub(crate) size_gib: u32,
    pub(crate) contents: Arc<Contents>,
}

/// A disk in the tree of folders.
#[derive(Debug, Clone)]
pub(crate) struct Mount {
    pub(crate) at: String,
    pub(crate) disk: Disk,
}

/// A path without `.`, `..` and doubled slashes; relative ones begin at the root.
pub(super) fn plain(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

impl Files {
    /// The files that a server has when it starts.
    pub(crate) fn new(texts: Texts) -> Self {
        let texts = texts.into_iter().map(|(path, text)| (plain(&path), text)).collect();
        let folders = ["/etc", "/mnt", "/run", "/tmp", "/var/log", "/root"].map(str::to_owned).into();
        Self { texts, folders, ..Self::default() }
    }

    /// The disks that are attached now, and what can be mounted over the network; what is mounted of others is gone.
    pub(crate) fn set_disks(&mut self, disks: Vec<Disk>, shares: Vec<Disk>) {
        let is_there = |mount: &Mount| disks.iter().chain(&shares).any(|disk| disk.volume == mount.disk.volume);
        self.mounts.retain(is_there);
        (self.disks, self.shares) = (disks, shares);
    }

    /// The values of all `/etc/*.env` files, or of the named ones; the last file wins.
    pub(crate) fn environment(&self, named: &[String]) -> BTreeMap<String, String> {
        let wanted = |path: &str| {
            if named.is_empty() {
                path.strip_prefix("/etc/").is_some_and(|name| name.strip_suffix(".env").is_some())
            } else {
                named.iter().any(|name| plain(name) == path)
            }
        };
        let lines = self.texts.iter().filter(|(path, _)| wanted(path)).flat_map(|(_, text)| text.lines());
        lines
            .filter_map(|line| line.trim().trim_start_matches("export ").split_once('='))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().trim_matches(['"', '\'']).to_owned()))
            .collect()
    }

    /// A file's text.
    pub(crate) fn read(&self, path: &str) -> Option<&str> {
        let path = plain(path);
        match self.mount_of(&path) {
            Some((mount, rest)) => mount.disk.contents.files.get(rest).map(|file| file.text.as_str()),
            None => self.texts.get(&path).map(String::as_str),
        }
    }

    /// Whether reading it ends in an error.
    pub(super) fn is_unreadable(&self, path: &str) -> bool {
        let path = plain(path);
        self.mount_of(&path).is_some_and(|(mount, rest)| mount.disk.contents.unreadable.contains(rest))
    }

    /// When a file was written; nobody remembers that of the instance's own.
    pub(super) fn modified(&self, path: &str) -> Option<Timestamp> {
        let path = plain(path);
        self.mount_of(&path).and_then(|(mount, rest)| Some(mount.disk.contents.files.get(rest)?.modified))
    }

    /// Writes a file.
    pub(super) fn write(&mut self, path: &str, text: &str, append: bool) -> Result<(), String> {
        let path = plain(path);
        if self.mount_of(&path).is_some() {
            return Err(format!("{path}: Read-only file system"));
        }
        if path.starts_with("/dev/") {
            return Err(format!("{path}: Permission denied"));
        }
        let known = self.texts.get(&path).map_or(0, String::len);
        if self.texts.len() >= MOST_FILES || text.len() + if append { known } else { 0 } > LARGEST_FILE {
            return Err(format!("{path}: No space left on device"));
        }
        if self.is_folder(&path) {
            return Err(format!("{path}: Is a directory"));
        }
        let (parent, _) = path.rsplit_once('/').unwrap_or(("", &path));
        if !parent.is_empty() && !self.is_folder(parent) {
            return Err(format!("{path}: No such file or directory"));
        }
        let file = self.texts.entry(path).or_default();
        if !append {
            file.clear();
        }
        file.push_str(text);
        Ok(())
    }

    /// Removes a file, or a folder with what is in it. Whether there was something.
    pub(super) fn remove(&mut self, path: &str, whole: bool) -> bool {
        let path = plain(path);
        let mut found = self.texts.remove(&path).is_some();
        if whole && self.mount_of(&path).is_none() {
            found |= self.is_folder(&path);
            let below = format!("{path}/");
            self.texts.retain(|known, _| !known.starts_with(&below));
            self.folders.retain(|known| *known != path && !known.starts_with(&below));
        }
        found
    }

    pub(super) fn is_file(&self, path: &str) -> bool {
        self.read(path).is_some()
    }

    pub(super) fn is_folder(&self, path: &str) -> bool {
        let path = plain(path);
        let below = if path == "/" { path.clone() } else { format!("{path}/") };
        path == "/" || self.folders.contains(&path) || self.paths().iter().any(|known| known.starts_with(&below))
    }

    pub(super) fn make_folder(&mut self, path: &str) {
        self.folders.insert(plain(path));
    }

    /// Whether nothing is in a folder.
    pub(super) fn is_empty(&self, path: &str) -> bool {
        let below = format!("{}/", plain(path));
        !self.paths().iter().any(|known| known.starts_with(&below))
    }

    pub(super) fn remove_folder(&mut self, path: &str) -> bool {
        self.folders.remove(&plain(path))
    }

    /// Every file, folder and device, by path.
    pub(super) fn paths(&self) -> BTreeSet<String> {
        let hidden = |path: &str| self.mount_of(path).is_some();
        let own = self.texts.keys().chain(&self.folders).filter(|path| !hidden(path)).cloned();
        let mounted = self.mounts.iter().flat_map(|mount| {
            mount.disk.contents.files.keys().map(|path| format!("{}/{path}", mount.at)).chain([mount.at.clone()])
        });
        let devices = self.disks.iter().flat_map(|disk| [disk.device.clone(), disk.link()]);
        own.chain(mounted).chain(devices).collect()
    }

    /// Every file at or below a path.
    pub(super) fn files_below(&self, path: &str) -> Vec<String> {
        let path = plain(path);
        let below = if path == "/" { path.clone() } else { format!("{path}/") };
        let all = self.paths();
        all.into_iter().filter(|known| (*known == path || known.starts_with(&below)) && self.is_file(known)).collect()
    }

    /// The disk of a device, or of a link to it.
    pub(super) fn disk(&self, path: &str) -> Option<&Disk> {
        let path = plain(path);
        self.disks.iter().find(|disk| disk.device == path || disk.link() == path)
    }

    /// What `mount` finds: a disk, or with this type a file system in the network.
    pub(super) fn source(&self, device: &str, kind: Option<&str>) -> Option<&Disk> {
        let fits = |share: &&Disk| share.device == device && share.filesystem.as_deref() == kind.map(network_kind);
        self.disk(device).or_else(|| self.shares.iter().find(fits))
    }

    pub(super) fn disks(&self) -> &[Disk] {
        &self.disks
    }

    pub(super) fn mounts(&self) -> &[Mount] {
        &self.mounts
    }

    pub(super) fn mount(&mut self, disk: Disk, at: &str) {
        self.mounts.push(Mount { at: plain(at), disk });
    }

    /// Unmounts the last of what lies at a folder, or of a device. Whether there was something, unless it is busy.
    pub(super) fn unmount(&mut self, what: &str) -> Result<bool, ()> {
        let what = plain(what);
        let found = self.mounts.iter().rposition(|mount| mount.at == what || mount.disk.device == what);
        let Some(index) = found else { return Ok(false) };
        if self.mounts.get(index).is_some_and(|mount| mount.disk.contents.busy) {
            return Err(());
        }
        self.mounts.remove(index);
        Ok(true)
    }

    /// The mount that a path lies in, and the path in it.
    fn mount_of<'p>(&self, path: &'p str) -> Option<(&Mount, &'p str)> {
        let inside = |mount: &Mount| path.strip_prefix(&mount.at).and_then(|rest| rest.strip_prefix('/'));
        self.mounts.iter().rev().find_map(|mount| inside(mount).map(|rest| (mount, rest)))
    }
}

/// How the mount table calls a type of file system in the network.
fn network_kind(kind: &str) -> &str {
    if kind == "nfs" { "nfs4" } else { kind }
}

/// The folders that a path lies in.
pub(super) fn ancestors(path: &str) -> Vec<String> {
    path.match_indices('/').skip(1).filter_map(|(at, _)| path.get(..at).map(str::to_owned)).collect()
}

impl Disk {
    /// The link that Nitro instances make: the serial number is the volume's id without its hyphen.
    pub(super) fn link(&self) -> String {
        format!("/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{}", self.volume.replacen('-', "", 1))
    }
}
