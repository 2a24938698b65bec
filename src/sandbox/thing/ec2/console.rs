//! What an instance writes to its console: the kernel's lines once it runs, the rest when it has booted.

use jiff::Timestamp;

use crate::sandbox::thing::ec2::instance::Instance;

/// Families that do not run on Nitro: what they write now, EC2 does not tell.
const BEFORE_NITRO: &[&str] = &["c3.", "c4.", "i3.", "m3.", "m4.", "r3.", "r4.", "t1.", "t2."];

impl Instance {
    /// Whether EC2 tells what is on its console now.
    pub(crate) fn is_nitro(&self) -> bool {
        !BEFORE_NITRO.iter().any(|family| self.settings.kind.starts_with(family))
    }

    /// The console's text: as it is now, or as EC2 kept it once the instance had booted. Nothing before there is any.
    pub(crate) fn console(&self, now: Timestamp, latest: bool) -> Option<String> {
        let booted = self.checked_at.is_some_and(|at| at <= now);
        match self.state {
            "pending" => None,
            _ if booted => Some(format!("{}{}", self.kernel(), self.boot())),
            "running" if latest => Some(self.kernel()),
            _ => None,
        }
    }

    fn kernel(&self) -> String {
        let id = &self.id;
        [
            "[    0.000000] Linux version 6.1.0 (simulated) #1 SMP",
            "[    0.000000] Command line: BOOT_IMAGE=(hd0,gpt1)/boot/vmlinuz root=LABEL=/ console=tty0 console=ttyS0,115200n8",
            "[    0.412000] nvme nvme0: pci function 0000:00:04.0",
            "[    0.981000] XFS (nvme0n1p1): Mounting V5 Filesystem",
            "[    0.993000] XFS (nvme0n1p1): Ending clean mount",
            &format!("[    1.204000] systemd[1]: Detected virtualization amazon ({id})."),
        ]
        .map(|line| format!("{line}\r\n"))
        .concat()
    }

    /// With the world file's own lines before the last.
    fn boot(&self) -> String {
        let own: String = self.console.lines().map(|line| format!("{line}\r\n")).collect();
        let hostname = self.hostname();
        format!(
            "[\u{1b}[0;32m  OK  \u{1b}[0m] Reached target multi-user.target - Multi-User System.\r\n\
             [   21.450000] cloud-init[1480]: Cloud-init v. 22.2.2 finished. Datasource DataSourceEc2. Up 21.45 seconds\r\n\
             {own}\r\n{hostname} login: "
        )
    }
}
