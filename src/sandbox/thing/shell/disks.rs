//! `mount`, `umount`, `findmnt`, `lsblk`, `blkid`: attached volumes, as a Nitro instance shows them, and file systems in
//! the network.

use crate::sandbox::thing::shell::exec::{Io, Shell};
use crate::sandbox::thing::shell::files::{Disk, Mount, plain};

/// The words that are no options and no options' values.
fn operands<'a>(args: &'a [String], with_value: &[&str]) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut words = args.iter();
    while let Some(word) = words.next() {
        if with_value.contains(&word.as_str()) {
            words.next();
        } else if !word.starts_with('-') {
            found.push(word.as_str());
        }
    }
    found
}

/// The value of an option.
fn option<'a>(args: &'a [String], names: &[&str]) -> Option<&'a str> {
    let at = args.iter().position(|word| names.contains(&word.as_str()))?;
    args.get(at + 1).map(String::as_str)
}

impl Shell<'_> {
    pub(super) fn mount(&mut self, args: &[String], io: &mut Io) -> i32 {
        let files = &mut *self.machine.files;
        let operands = operands(args, &["-o", "-t"]);
        let (device, at) = match operands.as_slice() {
            [] => {
                for Mount { at, disk } in files.mounts() {
                    let kind = disk.filesystem.as_deref().unwrap_or("unknown");
                    io.out.push_str(&format!("{} on {at} type {kind} (ro,relatime)\n", disk.device));
                }
                return 0;
            }
            [device, at] => (*device, *at),
            _ => {
                io.err.push_str("mount: a device and a directory are needed\n");
                return 1;
            }
        };
        let wanted = option(args, &["-t"]);
        let Some(disk) = files.source(device, wanted).cloned() else {
            let (problem, waits) = unknown(device, at, wanted);
            self.slept += waits;
            io.err.push_str(&format!("{problem}\n"));
            return 32;
        };
        if !files.is_folder(at) {
            io.err.push_str(&format!("mount: {at}: mount point does not exist.\n"));
            return 32;
        }
        let Some(kind) = &disk.filesystem else {
            io.err.push_str(&format!("mount: {at}: wrong fs type, bad option, bad superblock on {device}.\n"));
            return 32;
        };
        if wanted.is_some_and(|wanted| wanted != kind && !(wanted == "nfs" && kind == "nfs4")) {
            io.err.push_str(&format!("mount: {at}: wrong fs type: {device} holds {kind}.\n"));
            return 32;
        }
        let options: Vec<&str> = option(args, &["-o"]).unwrap_or_default().split(',').collect();
        let allowed = |file: &str| files.is_file(file);
        if let Some(problem) = refused(&disk, kind, at, &options, &allowed) {
            io.err.push_str(&format!("{problem}\n"));
            return 32;
        }
        files.mount(disk, at);
        0
    }

    pub(super) fn umount(&mut self, args: &[String], io: &mut Io) -> i32 {
        for what in operands(args, &[]) {
            let problem = match self.machine.files.unmount(what) {
                Ok(true) => continue,
                Ok(false) => "not mounted.",
                Err(()) => "target is busy.",
            };
            io.err.push_str(&format!("umount: {what}: {problem}\n"));
            return 32;
        }
        0
    }

    pub(super) fn findmnt(&mut self, args: &[String], io: &mut Io) -> i32 {
        let columns =
            args.iter().position(|word| word.starts_with('-') && !word.starts_with("--") && word.ends_with('o'));
        let columns = columns.and_then(|at| args.get(at + 1)).map_or("TARGET,SOURCE,FSTYPE,OPTIONS", String::as_str);
        let wanted = option(args, &["--mountpoint", "-M", "--target", "-T", "--source", "-S"]);
        let wanted = wanted.or_else(|| operands(args, &[]).into_iter().find(|word| word.starts_with('/')));
        let fits = |mount: &&Mount| {
            wanted.is_none_or(|path| mount.at == plain(path) || mount.disk.device == path || mount.disk.link() == path)
        };
        let found: Vec<String> = self.machine.files.mounts().iter().filter(fits).map(|one| row(one, columns)).collect();
        io.out.push_str(&found.concat());
        i32::from(found.is_empty())
    }

    pub(super) fn lsblk(&mut self, args: &[String], io: &mut Io) -> i32 {
        let columns =
            args.iter().position(|word| word.starts_with('-') && !word.starts_with("--") && word.ends_with('o'));
        let columns = columns.and_then(|at| args.get(at + 1)).map_or("NAME,SIZE,TYPE,MOUNTPOINT", String::as_str);
        let full = args.iter().any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains('p'));
        let wanted = operands(args, &[]).into_iter().find(|word| word.starts_with("/dev/"));
        let disks: Vec<Disk> = match wanted {
            None => self.machine.files.disks().to_vec(),
            Some(path) => self.machine.files.disk(path).cloned().into_iter().collect(),
        };
        if let (Some(path), true) = (wanted, disks.is_empty()) {
            io.err.push_str(&format!("lsblk: {path}: not a block device\n"));
            return 32;
        }
        for disk in &disks {
            let cell = |column: &str| self.cell(disk, column, full);
            let line: Vec<String> = columns.split(',').map(cell).collect();
            io.out.push_str(&format!("{}\n", line.join(" ").trim_end()));
        }
        0
    }

    fn cell(&self, disk: &Disk, column: &str, full: bool) -> String {
        let name = if full { disk.device.as_str() } else { disk.device.trim_start_matches("/dev/") };
        match column {
            "NAME" | "KNAME" | "PATH" => name.to_owned(),
            "TYPE" => "disk".to_owned(),
            "SIZE" => format!("{}G", disk.size_gib),
            "FSTYPE" => disk.filesystem.clone().unwrap_or_default(),
            "SERIAL" => disk.volume.replacen('-', "", 1),
            "MOUNTPOINT" | "MOUNTPOINTS" => {
                let mounted = self.machine.files.mounts().iter().rfind(|mount| mount.disk.volume == disk.volume);
                mounted.map(|mount| mount.at.clone()).unwrap_or_default()
            }
            _ => String::new(),
        }
    }

    pub(super) fn blkid(&mut self, args: &[String], io: &mut Io) -> i32 {
        let wanted = operands(args, &["-o", "-s"]).into_iter().next();
        let shown = self
            .machine
            .files
            .disks()
            .iter()
            .filter(|disk| wanted.is_none_or(|path| disk.device == path || disk.link() == path));
        let lines: Vec<String> = shown
            .filter_map(|disk| {
                let kind = disk.filesystem.as_deref()?;
                let whole = format!("{}: TYPE=\"{kind}\"\n", disk.device);
                Some(if option(args, &["-o"]) == Some("value") { format!("{kind}\n") } else { whole })
            })
            .collect();
        io.out.push_str(&lines.concat());
        if lines.is_empty() { 2 } else { 0 }
    }
}

/// What `mount` says of something that is not there, and how long that takes.
fn unknown(device: &str, at: &str, kind: Option<&str>) -> (String, u64) {
    match kind {
        Some("nfs" | "nfs4") => (format!("mount.nfs4: Connection timed out for {device} on {at}"), 20),
        Some("cifs") => ("mount error(112): Host is down".to_owned(), 10),
        Some("lustre") => (format!("mount.lustre: mount {device} at {at} failed: Connection timed out"), 20),
        _ => (format!("mount: {at}: special device {device} does not exist."), 0),
    }
}

/// Why it cannot be mounted with these options.
fn refused(disk: &Disk, kind: &str, at: &str, options: &[&str], is_file: &dyn Fn(&str) -> bool) -> Option<String> {
    let in_network = matches!(kind, "nfs4" | "lustre" | "cifs");
    if disk.contents.damaged && in_network {
        return Some(format!("mount.{kind}: mount system call failed for {at}: Input/output error"));
    }
    if disk.contents.damaged {
        return Some(format!("mount: {at}: mount(2) system call failed: Structure needs cleaning."));
    }
    let as_it_is = ["norecovery", "noload", "nologreplay"].iter().any(|option| options.contains(option));
    if disk.contents.dirty && !in_network && !as_it_is {
        return Some(format!("mount: {at}: cannot mount {} read-only: its journal must be replayed.", disk.device));
    }
    let file = options.iter().find_map(|option| option.strip_prefix("credentials="));
    if kind == "cifs" && !file.is_some_and(is_file) {
        return Some("mount error(13): Permission denied".to_owned());
    }
    None
}

fn row(mount: &Mount, columns: &str) -> String {
    let cell = |column: &str| match column {
        "SOURCE" => mount.disk.device.as_str(),
        "TARGET" => mount.at.as_str(),
        "FSTYPE" => mount.disk.filesystem.as_deref().unwrap_or_default(),
        "OPTIONS" => "ro,relatime",
        _ => "",
    };
    format!("{}\n", columns.split(',').map(cell).collect::<Vec<&str>>().join(" "))
}
