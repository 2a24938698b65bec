//! A small shell over a simulated instance. It reads scripts of the POSIX shell and runs them over [`Files`]: nothing is
//! ever run on this machine, and nothing of this machine is seen.
//!
//! It knows quotes, variables, `$(…)`, `$((…))`, pipes, redirections, here-documents, `if`, `for`, `while`, `case`,
//! functions, `&` with `wait`, a trap at the end, and the programs of `programs`. Whatever else a script calls ends with 127 and says so.

mod arithmetic;
mod awk;
mod builtins;
mod checks;
mod compound;
mod contents;
mod disks;
mod exec;
mod expand;
mod files;
mod network;
mod parse;
mod pattern;
mod programs;
mod redirect;
mod runners;
mod text;
mod tree;
mod words;

use jiff::Timestamp;
use regex_lite::Regex;

pub(crate) use crate::sandbox::thing::shell::contents::{Contents, Written};
use crate::sandbox::thing::shell::exec::{Io, Shell};
pub(crate) use crate::sandbox::thing::shell::files::{Disk, Files, Texts};
pub(crate) use crate::sandbox::thing::shell::network::Network;
use crate::sandbox::thing::web::Pages;

/// What a script runs on.
pub(crate) struct Machine<'a> {
    pub(crate) files: &'a mut Files,
    pub(crate) hostname: &'a str,
    /// The world file's commands; they win over all others.
    pub(crate) rules: &'a [Rule],
    /// What answers at `http://localhost`.
    pub(crate) pages: &'a Pages,
    /// What it reaches besides itself.
    pub(crate) network: &'a Network,
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
    shell.leave(&mut io);
    Ran { exit: shell.status & 0xff, stdout: io.out, stderr: io.err, slept: shell.slept }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::{Contents, Disk, Files, Machine, Network, Ran, Written, run};
    use crate::sandbox::thing::web::Pages;

    fn on(files: &mut Files, script: &str) -> Ran {
        let (pages, hostname) = (Pages::default(), "ip-10-0-0-7");
        let network =
            Network { reaches: ["db.prod:5432".to_owned()].into(), resolves: ["queue.prod".to_owned()].into() };
        let network = &network.with_endpoints("eu-west-1");
        let now = Timestamp::UNIX_EPOCH;
        run(script, Machine { files, hostname, rules: &[], pages: &pages, network, now })
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
            contents: Arc::new(contents()),
        }
    }

    fn contents() -> Contents {
        let file =
            |text: &str, seconds| Written { text: text.to_owned(), modified: Timestamp::from_second(seconds).unwrap() };
        let files = [("data/a", file("x\n", 100)), ("data/b c", file("yy\n", 50))];
        Contents { files: files.map(|(path, file)| (path.to_owned(), file)).into(), ..Contents::default() }
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
        files.set_disks(vec![disk()], Vec::new());
        let script = "dev=''\nlook() {\n  for link in /dev/disk/by-id/*\"vol0a1b\"; do\n    if [ -b \"$link\" ]; then dev=$(readlink -f \"$link\"); return 0; fi\n  done\n  return 1\n}\nlook || exit 75\nfound=$(lsblk -nrpo NAME,TYPE,FSTYPE \"$dev\" | while read -r name type fs; do\n  case \"$type:$fs\" in disk:ext[234]) echo \"$name $fs\" ;; esac\ndone | head -n 1)\nmkdir -p /mnt/drill && mount -o ro,noload \"${found% *}\" /mnt/drill\nfindmnt -nro SOURCE --mountpoint /mnt/drill | tail -n 1\nfind /mnt/drill -type f | wc -l\n";
        let ran = on(&mut files, script);
        assert_eq!((ran.exit, ran.stdout.as_str()), (0, "/dev/nvme1n1\n2\n"), "{}", ran.stderr);
        assert_eq!(on(&mut files, "cat /mnt/drill/data/a; echo no > /mnt/drill/b").exit, 1);
        assert_eq!(on(&mut files, "umount /mnt/drill && rmdir /mnt/drill").exit, 0);
        assert!(!files.is_folder("/mnt/drill"));
    }

    #[test]
    fn arguments_sums_and_traps_are_those_of_a_shell() {
        assert_eq!(out("f() { for a in \"$@\"; do echo \"[$a]\"; done; }; f 'x y' '' z"), "[x y]\n[]\n[z]\n");
        assert_eq!(out("n=4; echo $((n * ($(echo 3) - 1)))"), "8\n");
        assert_eq!(out("f() { echo end; exit 0; }; trap f EXIT; (exit 3); echo $?; exit 9"), "3\nend\n");
        let ran = on(&mut Files::new(BTreeMap::new()), "trap 'echo end' EXIT; exit 9");
        assert_eq!((ran.exit, ran.stdout.as_str()), (9, "end\n"));
        assert_eq!(out("trap 'echo end' EXIT; trap - EXIT; echo x"), "x\n");
    }

    #[test]
    fn what_takes_too_long_is_ended_and_what_runs_behind_takes_no_longer_than_the_longest() {
        let ran = on(&mut Files::new(BTreeMap::new()), "timeout -k 5 3 sleep 10; echo $?; timeout 3 sleep 2; echo $?");
        assert_eq!((ran.stdout.as_str(), ran.slept), ("124\n0\n", 5));
        let ran = on(&mut Files::new(BTreeMap::new()), "a=$({ sleep 4 & sleep 7 & echo x & wait; }); echo \"$a\"");
        assert_eq!((ran.stdout.as_str(), ran.slept), ("x\n", 7));
        assert_eq!(out("command -v awk && command -v f; command -v frobnicate || echo no"), "/usr/bin/awk\nno\n");
    }

    #[test]
    fn an_instance_reaches_what_its_network_says_and_nothing_else() {
        let dial = "f() { timeout 5 bash -c ': </dev/tcp/\"$1\"/\"$2\"' x \"$1\" \"$2\" 2>/dev/null; echo $?; }\n";
        let ran = on(
            &mut Files::new(BTreeMap::new()),
            &format!(
                "{dial}f db.prod 5432; f ssm.eu-west-1.amazonaws.com 443; f queue.prod 1; f db.other 5432; f 10.0.0.9 80"
            ),
        );
        assert_eq!((ran.stdout.as_str(), ran.slept), ("0\n0\n124\n1\n124\n", 10));
        assert_eq!(out("nc -z -w 5 db.prod 5432; echo $?; nc -z -w 5 10.0.0.9 80 2>/dev/null; echo $?"), "0\n1\n");
        assert_eq!(out("getent ahosts queue.prod >/dev/null; echo $?; getent ahosts db.other; echo $?"), "0\n2\n");
        assert_eq!(out(": </dev/tcp/db.prod/5432 2>/dev/null && echo yes || echo no"), "no\n", "sh knows no /dev/tcp");
    }

    #[test]
    fn a_file_system_is_walked_checked_and_says_what_is_wrong_with_it() {
        let mut files = Files::new(BTreeMap::new());
        files.set_disks(vec![disk()], Vec::new());
        let ran = on(
            &mut files,
            "e2fsck -fn /dev/nvme1n1 || exit 8\nmkdir /run/x && mount -o ro,noload /dev/nvme1n1 /run/x\n\
             find /run/x -xdev -type f -printf '%T@ %s\\n' | awk '{ n++; b += $2; if ($1 > t) t = $1 } END { printf \"%d %d %.0f\\n\", n, b, t }'\n\
             sha256sum </run/x/data/a\n",
        );
        let sum = "73cb3858a687a8494ca3323053016282f3dad39d42cf62ca4e79dda2aac7d9ac";
        assert_eq!(ran.stdout, format!("/dev/nvme1n1: 2 files, no errors\n2 5 100\n{sum}  -\n"), "{}", ran.stderr);

        let sick = |change: fn(&mut Contents)| {
            let mut contents = contents();
            change(&mut contents);
            Disk { contents: Arc::new(contents), ..disk() }
        };
        for (disk, script, exit) in [
            (sick(|contents| contents.damaged = true), "e2fsck -fn /dev/nvme1n1", 4),
            (sick(|contents| contents.damaged = true), "mkdir /run/y; mount -o ro,noload /dev/nvme1n1 /run/y", 32),
            (sick(|contents| contents.dirty = true), "e2fsck -fn /dev/nvme1n1", 4),
            (sick(|contents| contents.dirty = true), "mkdir /run/y; mount -o ro /dev/nvme1n1 /run/y", 32),
            (sick(|contents| contents.dirty = true), "mkdir /run/y; mount -o ro,noload /dev/nvme1n1 /run/y", 0),
            (sick(|contents| contents.busy = true), "mkdir /run/y; mount -o ro /dev/nvme1n1 /run/y; umount /run/y", 32),
            (
                sick(|contents| {
                    contents.unreadable.insert("data/a".to_owned());
                }),
                "mkdir /run/y; mount -o ro /dev/nvme1n1 /run/y; sha256sum </run/y/data/a",
                1,
            ),
        ] {
            let mut files = Files::new(BTreeMap::new());
            files.set_disks(vec![disk], Vec::new());
            let ran = on(&mut files, script);
            assert_eq!(ran.exit, exit, "{script}: {}", ran.stderr);
        }
    }

    #[test]
    fn file_systems_of_the_network_are_mounted_by_their_name_and_type() {
        let share = Disk {
            volume: "fs-0a1b".to_owned(),
            device: "127.0.0.1:/".to_owned(),
            filesystem: Some("nfs4".to_owned()),
            size_gib: 0,
            contents: Arc::new(contents().below("aws-backup-restore_1")),
        };
        let mut files = Files::new(BTreeMap::new());
        files.set_disks(Vec::new(), vec![share]);
        let ran = on(
            &mut files,
            "mkdir /run/x\nmount -t nfs4 -o ro,soft 127.0.0.1:/ /run/x || exit 1\nfor f in /run/x/aws-backup-restore_*; do echo \"$f\"; done\nlsblk",
        );
        assert_eq!((ran.exit, ran.stdout.as_str()), (0, "/run/x/aws-backup-restore_1\n"), "{}", ran.stderr);
        let ran = on(&mut files, "mkdir /run/y; mount -t nfs4 -o ro 127.0.0.2:/ /run/y");
        assert_eq!((ran.exit, ran.stderr.contains("timed out")), (32, true), "{}", ran.stderr);
    }
}
