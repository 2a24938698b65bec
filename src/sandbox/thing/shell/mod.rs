//! A small shell over a simulated instance. It reads scripts of the POSIX shell and runs them over [`Files`]: nothing is
//! ever run on this machine, and nothing of this machine is seen.
//!
//! It knows quotes, variables, `$(…)`, pipes, redirections, here-documents, `if`, `for`, `while`, `case`, functions, and
//! the programs of `programs`. Whatever else a script calls ends with 127 and says so.

mod builtins;
mod compound;
mod disks;
mod exec;
mod expand;
mod files;
mod parse;
mod pattern;
mod programs;
mod redirect;
mod text;
mod tree;
mod words;

use jiff::Timestamp;
use regex_lite::Regex;

use crate::sandbox::thing::shell::exec::{Io, Shell};
pub(crate) use crate::sandbox::thing::shell::files::{Disk, Files, Texts};
use crate::sandbox::thing::web::Pages;

/// What a script runs on.
pub(crate) struct Machine<'a> {
    pub(crate) files: &'a mut Files,
    pub(crate) hostname: &'a str,
    /// The world file's commands; they win over all others.
    pub(crate) rules: &'a [Rule],
    /// What answers at `http://localhost`.
    pub(crate) pages: &'a Pages,
    pub(crate) now: Timestamp,
}

/// A command of the world file.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) pattern: Regex,
    pub(crate) stdout: String,
    pub(crate) exit: i32,
}

/// What came of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// World seconds that it slept.
    pub(crate) slept: u64,
}

/// Runs a script.
pub(crate) fn run(script: &str, machine: Machine<'_>) -> Ran {
    if let Some(rule) = machine.rules.iter().find(|rule| rule.pattern.is_match(script.trim())) {
        return Ran { exit: rule.exit, stdout: rule.stdout.clone(), stderr: String::new(), slept: 0 };
    }
    let (mut shell, mut io) = (Shell::new(machine), Io::default());
    shell.script(script, &mut io);
    Ran { exit: shell.status & 0xff, stdout: io.out, stderr: io.err, slept: shell.slept }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::{Disk, Files, Machine, Ran, run};
    use crate::sandbox::thing::web::Pages;

    fn on(files: &mut Files, script: &str) -> Ran {
        let pages = Pages::default();
        let machine = Machine { files, hostname: "ip-10-0-0-7", rules: &[], pages: &pages, now: Timestamp::UNIX_EPOCH };
        run(script, machine)
    }

    fn out(script: &str) -> String {
        on(&mut Files::new(BTreeMap::new()), script).stdout
    }

    fn disk() -> Disk {
        Disk {
            volume: "vol-0a1b".to_owned(),
            device: "/dev/nvme1n1".to_owned(),
            filesystem: Some("ext4".to_owned()),
            size_gib: 8,
            contents: Arc::new([("data/a".to_owned(), "x\n".to_owned())].into()),
        }
    }

    #[test]
    fn words_are_quoted_split_and_cut_as_a_shell_does() {
        assert_eq!(out("a='x  y'; echo $a \"$a\" '$a'"), "x y x  y $a\n");
        assert_eq!(out("f='/dev/a xfs'; echo \"${f% *}|${f##* }|${none:-no}\""), "/dev/a|xfs|no\n");
        assert_eq!(out("echo \"$(printf '%s-%s\\n' 1 2)\" | while read -r x; do echo \"[$x]\"; done"), "[1-2]\n");
        assert_eq!(out("cat <<EOF; echo after\na $HOME\nEOF\n"), "a /root\nafter\n");
        assert_eq!(out("f() { case \"$1\" in a|b*) echo yes;; *) echo no;; esac; }; f bee; f c"), "yes\nno\n");
    }

    #[test]
    fn failures_are_what_a_shell_makes_of_them() {
        let ran = |script: &str| on(&mut Files::new(BTreeMap::new()), script).exit;
        assert_eq!((ran("false || exit 7"), ran("true && exit 3; exit 4"), ran("set -e; false; exit 9")), (7, 3, 1));
        let unknown = on(&mut Files::new(BTreeMap::new()), "frobnicate");
        assert_eq!((unknown.exit, unknown.stderr.contains("does not know `frobnicate`")), (127, true));
        assert_eq!(ran("if ! [ -e /etc/none ]; then exit 5; fi"), 5);
        assert_eq!(ran("while true; do :; done"), 137);
    }

    #[test]
    fn a_file_that_was_written_can_be_read() {
        let mut files = Files::new(BTreeMap::new());
        let ran = on(
            &mut files,
            "DRILL_VALUE_1='127.0.0.1'\nprintf 'DB_HOST=%s\\nDB_PORT=%s\\n' \"$DRILL_VALUE_1\" 5432 > /etc/shop.env\nsystemctl restart shop\n",
        );
        assert_eq!(ran.exit, 0, "{}", ran.stderr);
        assert_eq!(files.environment(&[]).get("DB_HOST").map(String::as_str), Some("127.0.0.1"));
        on(&mut files, "rm -f /etc/shop.env");
        assert_eq!(files.read("/etc/shop.env"), None);
    }

    #[test]
    fn a_volume_is_found_mounted_read_and_unmounted() {
        let mut files = Files::new(BTreeMap::new());
        files.set_disks(vec![disk()]);
        let script = "dev=''\nlook() {\n  for link in /dev/disk/by-id/*\"vol0a1b\"; do\n    if [ -b \"$link\" ]; then dev=$(readlink -f \"$link\"); return 0; fi\n  done\n  return 1\n}\nlook || exit 75\nfound=$(lsblk -nrpo NAME,TYPE,FSTYPE \"$dev\" | while read -r name type fs; do\n  case \"$type:$fs\" in disk:ext[234]) echo \"$name $fs\" ;; esac\ndone | head -n 1)\nmkdir -p /mnt/drill && mount -o ro,noload \"${found% *}\" /mnt/drill\nfindmnt -nro SOURCE --mountpoint /mnt/drill | tail -n 1\nfind /mnt/drill -type f | wc -l\n";
        let ran = on(&mut files, script);
        assert_eq!((ran.exit, ran.stdout.as_str()), (0, "/dev/nvme1n1\n1\n"), "{}", ran.stderr);
        assert_eq!(on(&mut files, "cat /mnt/drill/data/a; echo no > /mnt/drill/b").exit, 1);
        assert_eq!(on(&mut files, "umount /mnt/drill && rmdir /mnt/drill").exit, 0);
        assert!(!files.is_folder("/mnt/drill"));
    }
}
