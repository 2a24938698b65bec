//! The programs of a simulated instance.

use crate::sandbox::thing::shell::exec::{Io, Shell};
use crate::sandbox::thing::shell::files::plain;

/// What `command -v` finds.
pub(super) const KNOWN: &[&str] = &[
    "[",
    "awk",
    "bash",
    "blkid",
    "btrfs",
    "cat",
    "chmod",
    "chown",
    "curl",
    "cut",
    "date",
    "e2fsck",
    "echo",
    "false",
    "find",
    "findmnt",
    "fsck",
    "getent",
    "grep",
    "head",
    "hostname",
    "id",
    "logger",
    "ls",
    "lsblk",
    "mkdir",
    "mount",
    "mountpoint",
    "nc",
    "printf",
    "readlink",
    "realpath",
    "rm",
    "rmdir",
    "service",
    "sh",
    "sha256sum",
    "sleep",
    "sort",
    "sync",
    "systemctl",
    "tail",
    "tee",
    "test",
    "timeout",
    "touch",
    "true",
    "umount",
    "uname",
    "uniq",
    "wc",
    "whoami",
    "xfs_repair",
];

impl Shell<'_> {
    /// Runs a program by its name; its exit code.
    pub(super) fn program(&mut self, name: &str, args: &[String], io: &mut Io) -> i32 {
        let name = name.rsplit('/').next().unwrap_or(name);
        match name {
            ":" | "true" | "sync" | "chmod" | "chown" | "logger" => 0,
            "false" => 1,
            "echo" => echo(args, io),
            "printf" => printf(args, io),
            "test" => self.test(args, io),
            "[" => match args.split_last() {
                Some((last, rest)) if last == "]" => self.test(rest, io),
                _ => fail(io, "[: missing `]'", 2),
            },
            "mkdir" => self.mkdir(args, io),
            "rmdir" => self.rmdir(args, io),
            "rm" => self.rm(args, io),
            "touch" => self.touch(args, io),
            "readlink" | "realpath" => self.readlink(args, io),
            "mount" => self.mount(args, io),
            "umount" => self.umount(args, io),
            "findmnt" => self.findmnt(args, io),
            "mountpoint" => self.findmnt(args, &mut Io::default()),
            "lsblk" => self.lsblk(args, io),
            "blkid" => self.blkid(args, io),
            "e2fsck" | "fsck" | "fsck.ext4" | "xfs_repair" | "btrfs" => self.check(name, args, io),
            "nc" => self.nc(args, io),
            "getent" => self.getent(args, io),
            "date" => self.date(args, io),
            "hostname" => say(io, self.machine.hostname),
            "uname" => say(io, "Linux"),
            "whoami" => say(io, "root"),
            "id" => say(io, "0"),
            "systemctl" | "service" => systemctl(args, io),
            "curl" => self.curl(args, io),
            name => match self.text_program(name, args, io) {
                Some(status) => status,
                None => fail(io, &format!("the simulated instance does not know `{name}`"), 127),
            },
        }
    }

    fn test(&self, args: &[String], io: &mut Io) -> i32 {
        let words: Vec<&str> = args.iter().map(String::as_str).collect();
        match self.holds(&words) {
            Some(holds) => i32::from(!holds),
            None => fail(io, &format!("test: the simulated instance cannot judge `{}`", words.join(" ")), 2),
        }
    }

    fn holds(&self, words: &[&str]) -> Option<bool> {
        let files = &*self.machine.files;
        let numbers = |a: &str, b: &str| Some((a.parse::<i64>().ok()?, b.parse::<i64>().ok()?));
        Some(match words {
            [] => false,
            ["!", rest @ ..] => !self.holds(rest)?,
            [left @ .., "-a", a, b] if left.len() > 1 => self.holds(left)? && self.holds(&[*a, *b])?,
            [text] => !text.is_empty(),
            ["-n", text] => !text.is_empty(),
            ["-z", text] => text.is_empty(),
            ["-e" | "-r" | "-L", path] => files.is_file(path) || files.is_folder(path) || files.disk(path).is_some(),
            ["-f", path] => files.is_file(path),
            ["-s", path] => files.read(path).is_some_and(|text| !text.is_empty()),
            ["-d", path] => files.is_folder(path),
            ["-b", path] => files.disk(path).is_some(),
            ["-x" | "-w", path] => files.is_folder(path) || files.is_file(path),
            [a, "=" | "==", b] => a == b,
            [a, "!=", b] => a != b,
            [a, sign, b] => {
                let (a, b) = numbers(a, b)?;
                match *sign {
                    "-eq" => a == b,
                    "-ne" => a != b,
                    "-lt" => a < b,
                    "-le" => a <= b,
                    "-gt" => a > b,
                    "-ge" => a >= b,
                    _ => return None,
                }
            }
            _ => return None,
        })
    }

    fn mkdir(&mut self, args: &[String], io: &mut Io) -> i32 {
        let parents = args.iter().any(|arg| arg.starts_with('-') && arg.contains('p'));
        for path in args.iter().filter(|arg| !arg.starts_with('-')) {
            let path = plain(path);
            if self.machine.files.is_folder(&path) && parents {
                continue;
            }
            let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
            if self.machine.files.is_folder(&path) || self.machine.files.is_file(&path) {
                return fail(io, &format!("mkdir: cannot create directory '{path}': File exists"), 1);
            }
            if !parents && !parent.is_empty() && !self.machine.files.is_folder(parent) {
                return fail(io, &format!("mkdir: cannot create directory '{path}': No such file or directory"), 1);
            }
            self.machine.files.make_folder(&path);
        }
        0
    }

    fn rmdir(&mut self, args: &[String], io: &mut Io) -> i32 {
        for path in args.iter().filter(|arg| !arg.starts_with('-')) {
            let files = &mut *self.machine.files;
            let busy = files.mounts().iter().any(|mount| mount.at == plain(path));
            if busy || !files.is_empty(path) || !files.remove_folder(path) {
                return fail(io, &format!("rmdir: failed to remove '{path}'"), 1);
            }
        }
        0
    }

    fn rm(&mut self, args: &[String], io: &mut Io) -> i32 {
        let flag = |sign: char| args.iter().any(|arg| arg.starts_with('-') && arg.contains(sign));
        let (whole, force) = (flag('r') || flag('R'), flag('f'));
        for path in args.iter().filter(|arg| !arg.starts_with('-')) {
            if !self.machine.files.remove(path, whole) && !force {
                return fail(io, &format!("rm: cannot remove '{path}': No such file or directory"), 1);
            }
        }
        0
    }

    fn touch(&mut self, args: &[String], io: &mut Io) -> i32 {
        for path in args.iter().filter(|arg| !arg.starts_with('-')) {
            if let Err(problem) = self.machine.files.write(path, "", true) {
                return fail(io, &format!("touch: {problem}"), 1);
            }
        }
        0
    }

    fn readlink(&mut self, args: &[String], io: &mut Io) -> i32 {
        let Some(path) = args.iter().find(|arg| !arg.starts_with('-')) else { return 1 };
        let found = self.machine.files.disk(path).map(|disk| disk.device.clone());
        say(io, &found.unwrap_or_else(|| plain(path)))
    }

    /// World time.
    fn date(&self, args: &[String], io: &mut Io) -> i32 {
        let slept = i64::try_from(self.slept).unwrap_or(i64::MAX);
        let now = crate::sandbox::clock::later(self.machine.now, jiff::SignedDuration::from_secs(slept));
        let wanted = args.iter().find_map(|arg| arg.strip_prefix('+'));
        let text = match wanted {
            Some("%s") => now.as_second().to_string(),
            Some("%F" | "%Y-%m-%d") => now.strftime("%Y-%m-%d").to_string(),
            Some("%T" | "%H:%M:%S") => now.strftime("%H:%M:%S").to_string(),
            Some(_) | None => now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        };
        say(io, &text)
    }

    /// The instance's own web server.
    fn curl(&mut self, args: &[String], io: &mut Io) -> i32 {
        let Some(url) = args.iter().find(|arg| arg.contains("://") || arg.starts_with("localhost")) else {
            return fail(io, "curl: (3) no URL", 3);
        };
        let short = |arg: &str| arg.starts_with('-') && !arg.starts_with("--");
        let fails = args.iter().any(|arg| arg == "--fail" || (short(arg) && arg.contains('f')));
        let rest = url.strip_prefix("http://").unwrap_or(url);
        let (server, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = server.split_once(':').unwrap_or((server, "80"));
        let port: u16 = port.parse().unwrap_or(0);
        if !matches!(host, "localhost" | "127.0.0.1") || !self.machine.pages.ports.contains(&port) {
            return fail(io, &format!("curl: (7) Failed to connect to {host} port {port}"), 7);
        }
        let path = if path.is_empty() { "/" } else { path };
        let page = self.machine.pages.answer_here(self.machine.files, path);
        if fails && page.status >= 400 {
            return fail(io, &format!("curl: (22) The requested URL returned error: {}", page.status), 22);
        }
        io.out.push_str(&page.body);
        0
    }
}

/// An error that a program says.
pub(super) fn fail(io: &mut Io, what: &str, status: i32) -> i32 {
    io.err.push_str(what);
    io.err.push('\n');
    status
}

fn say(io: &mut Io, what: &str) -> i32 {
    io.out.push_str(what);
    io.out.push('\n');
    0
}

fn echo(args: &[String], io: &mut Io) -> i32 {
    let (bare, args) = match args.split_first() {
        Some((first, rest)) if first == "-n" => (true, rest),
        _ => (false, args),
    };
    io.out.push_str(&args.join(" "));
    if !bare {
        io.out.push('\n');
    }
    0
}

/// The format is used again until no argument is left.
fn printf(args: &[String], io: &mut Io) -> i32 {
    let Some((format, mut rest)) = args.split_first() else { return fail(io, "printf: a format is needed", 2) };
    loop {
        let before = rest.len();
        formatted(format, &mut rest, io);
        if rest.is_empty() || rest.len() == before {
            return 0;
        }
    }
}

fn formatted(format: &str, rest: &mut &[String], io: &mut Io) {
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => io.out.push('\n'),
                Some('t') => io.out.push('\t'),
                Some('\\') => io.out.push('\\'),
                Some(other) => io.out.extend(['\\', other]),
                None => io.out.push('\\'),
            },
            '%' => match chars.next() {
                Some('%') | None => io.out.push('%'),
                Some(_) => {
                    if let Some((first, after)) = rest.split_first() {
                        io.out.push_str(first);
                        *rest = after;
                    }
                }
            },
            c => io.out.push(c),
        }
    }
}

/// Every unit exists and runs.
fn systemctl(args: &[String], io: &mut Io) -> i32 {
    if args.iter().any(|arg| arg == "is-active" || arg == "status") {
        return say(io, "active");
    }
    0
}
