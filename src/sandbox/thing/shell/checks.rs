//! `e2fsck`, `fsck`, `xfs_repair` and `btrfs check`, as far as they only look.

use crate::sandbox::thing::shell::exec::{Io, Shell};
use crate::sandbox::thing::shell::programs::fail;

const SKIPPED: &str = "Warning: skipping journal recovery because doing a read-only filesystem check.\n";
const IGNORED: &str = "ALERT: The filesystem has valuable metadata changes in a log which is being\nignored because the -n \
                       option was used.  Expect spurious inconsistencies.\n";

impl Shell<'_> {
    /// What a check says of a disk.
    pub(super) fn check(&self, name: &str, args: &[String], io: &mut Io) -> i32 {
        let short = |arg: &String| arg.starts_with('-') && !arg.starts_with("--") && arg.contains('n');
        if !args.iter().any(|arg| short(arg) || arg == "--readonly") {
            return fail(io, &format!("{name}: the simulated instance checks without writing only"), 16);
        }
        let Some(disk) = args.iter().find_map(|arg| self.machine.files.disk(arg)) else {
            return fail(io, &format!("{name}: No such file or directory while trying to open the device"), 8);
        };
        let found = disk.filesystem.as_deref().unwrap_or_default();
        let fits = match name {
            "xfs_repair" => found == "xfs",
            "btrfs" => found == "btrfs",
            _ => found.starts_with("ext"),
        };
        if !fits {
            return fail(
                io,
                &format!("{name}: Bad magic number in super-block while trying to open {}", disk.device),
                8,
            );
        }
        let (is_ext, device) = (found.starts_with("ext"), &disk.device);
        if disk.contents.dirty {
            io.out.push_str(if is_ext { SKIPPED } else { IGNORED });
        }
        if disk.contents.damaged {
            io.out.push_str("Inode 12 has a bad checksum and block 8203 is claimed twice. Fix? no\n");
        }
        let errors = disk.contents.dirty || disk.contents.damaged;
        match (errors, is_ext) {
            (false, _) => io.out.push_str(&format!("{device}: {} files, no errors\n", disk.contents.files.len())),
            (true, true) => io.out.push_str(&format!("{device}: ********** WARNING: Filesystem still has errors\n")),
            (true, false) => io.out.push_str("No modify flag set, skipping the repair of what was found.\n"),
        }
        match (errors, is_ext) {
            (false, _) => 0,
            (true, true) => 4,
            (true, false) => 1,
        }
    }
}
