//! Mounting a volume on the probe instance, and unmounting it, by scripts through SSM.
//!
//! Both scripts may be run again and again, and at once: they look first. They touch the run's own volume only, which
//! they find by its id: on Nitro instances a volume's serial number is its id without the hyphen, whatever the device
//! is called there.

use std::time::Duration;

use crate::aws::remote::AwsRemote;
use crate::aws::session::Clients;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::remote::{Remote, ScriptEnd, ScriptState};
use crate::words::text::tame;

/// How long a mount may take to be delivered, and then to run: the blocks that it reads come from the snapshot.
const MOUNT_WITHIN: Duration = Duration::from_secs(120);
/// The same for an unmount: the shortest time that SSM takes.
const UNMOUNT_WITHIN: Duration = Duration::from_secs(30);
/// Between two looks at a script, in real time.
const PAUSE: Duration = Duration::from_secs(1);
/// Looks at a mount. One that takes longer is asked for again by the engine.
const MOUNT_LOOKS: u32 = 20;
/// Looks at an unmount: until SSM has said that it cannot deliver it, so that an instance that SSM does not reach any
/// more does not keep the volume.
const UNMOUNT_LOOKS: u32 = 40;

/// The exit code of a script that should be run again.
const AGAIN: i32 = 75;

const OPERATION: &str = "ssm:SendCommand";

/// SSM, for these two scripts.
pub(crate) struct Mounts {
    remote: AwsRemote,
}

impl Mounts {
    /// Over the destination's clients.
    pub(crate) fn new(clients: &Clients) -> Self {
        Self { remote: AwsRemote::new(clients) }
    }

    /// Mounts the volume read-only. Success means that it is mounted.
    pub(crate) async fn mount(&self, instance: &str, volume: &str, at: &str) -> Result<(), CloudError> {
        let end = self.run(instance, &mount_script(volume, at), (MOUNT_WITHIN, MOUNT_LOOKS)).await?;
        match (end.exit_code, end.status.as_str()) {
            (Some(0), _) | (None, "Success") => Ok(()),
            (Some(AGAIN) | None, _) => Err(failed(ErrorKind::Busy, instance, "mount", &end)),
            (Some(_), _) => Err(failed(ErrorKind::Invalid, instance, "mount", &end)),
        }
    }

    /// Unmounts it. Where no script can run on the instance there is nobody to unmount it: it was mounted read-only, so
    /// detaching it all the same loses nothing.
    pub(crate) async fn unmount(&self, instance: &str, volume: &str, at: &str) -> Result<(), CloudError> {
        match self.run(instance, &unmount_script(volume, at), (UNMOUNT_WITHIN, UNMOUNT_LOOKS)).await {
            Ok(end) if end.exit_code.is_some_and(|code| code != 0) => {
                Err(failed(ErrorKind::Busy, instance, "unmount", &end))
            }
            Err(error) if !cannot_run(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Sends a script and looks at it until it is over; one that is not is busy.
    async fn run(
        &self,
        instance: &str,
        script: &str,
        (within, looks): (Duration, u32),
    ) -> Result<ScriptEnd, CloudError> {
        let command = self.remote.send_script(instance, script, within).await?;
        for _ in 0..looks {
            if let ScriptState::Ended(end) = self.remote.script_state(instance, &command).await? {
                return Ok(end);
            }
            pause().await;
        }
        let message = format!("the script on {instance} (SSM command {command}) is not over");
        Err(CloudError::new(OPERATION, ErrorKind::Busy, "under_way", &message, None))
    }
}

#[expect(clippy::disallowed_methods, reason = "the script runs on a machine, in real time, within one bounded call")]
async fn pause() {
    tokio::time::sleep(PAUSE).await;
}

/// The instance is gone or stopped, or SSM does not know it, or may not be asked.
fn cannot_run(error: &CloudError) -> bool {
    error.code.starts_with("InvalidInstanceId") || matches!(error.kind, ErrorKind::Denied | ErrorKind::NotFound)
}

fn failed(kind: ErrorKind, instance: &str, what: &str, end: &ScriptEnd) -> CloudError {
    let said = tame(end.stderr.trim());
    let said = if said.is_empty() { format!("it ended `{}`", tame(&end.status)) } else { said };
    CloudError::new(OPERATION, kind, &format!("{what}_failed"), &format!("on {instance}: {said}"), None)
}

/// `text` as one word of a shell, quoted whatever is in it.
fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The lines that both scripts begin with: `$dev` is the volume's device, or empty.
fn preamble(volume: &str, at: &str) -> String {
    let (volume, serial, at) = (single(volume), single(&volume.replacen('-', "", 1)), single(at));
    format!(
        r#"volume={volume}
serial={serial}
at={at}
dev=''
look() {{
  for link in /dev/disk/by-id/*"$serial"; do
    if [ -b "$link" ]; then dev=$(readlink -f "$link"); return 0; fi
  done
  return 1
}}
is_ours() {{
  case "$1" in "$dev"|"$dev"p[0-9]*|"$dev[/"*) return 0 ;; esac
  return 1
}}
"#
    )
}

/// Waits for the device, finds the first file system on it, whole or in a partition, and mounts it without replaying
/// its journal: the volume stays as it was restored.
fn mount_script(volume: &str, at: &str) -> String {
    preamble(volume, at)
        + r#"for _ in 1 2 3 4 5; do look && break; sleep 2; done
if [ -z "$dev" ]; then
  echo "no device of $volume is there (yet) under /dev/disk/by-id; the instance must be a Nitro instance" >&2
  exit 75
fi
now=$(findmnt -nro SOURCE --mountpoint "$at" | tail -n 1)
if [ -n "$now" ]; then
  if is_ours "$now"; then exit 0; fi
  echo "$now is mounted at $at already" >&2
  exit 1
fi
found=$(lsblk -nrpo NAME,TYPE,FSTYPE "$dev" | while read -r name type fs; do
  case "$type:$fs" in
    disk:ext[234]|disk:xfs|disk:btrfs|part:ext[234]|part:xfs|part:btrfs) echo "$name $fs" ;;
  esac
done | head -n 1)
if [ -z "$found" ]; then
  echo "no ext, xfs or btrfs file system was found on $volume ($dev), neither on it nor in a partition" >&2
  exit 1
fi
part=${found% *}
case "${found##* }" in
  xfs) options=ro,norecovery,nouuid ;;
  ext3|ext4) options=ro,noload ;;
  *) options=ro ;;
esac
mkdir -p "$at" || exit 1
if ! mount -o "$options" "$part" "$at"; then
  now=$(findmnt -nro SOURCE --mountpoint "$at" | tail -n 1)
  is_ours "$now" || exit 1
fi
"#
}

/// Unmounts what is of the volume at the directory, and only that. It may lie there twice.
fn unmount_script(volume: &str, at: &str) -> String {
    preamble(volume, at)
        + r#"look || exit 0
for _ in 1 2 3; do
  now=$(findmnt -nro SOURCE --mountpoint "$at" | tail -n 1)
  is_ours "$now" || break
  umount "$at" || exit 1
done
rmdir "$at" 2>/dev/null
exit 0
"#
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::{mount_script, single, unmount_script};

    #[test]
    fn values_are_quoted_whatever_is_in_them() {
        assert_eq!(single("/mnt/drill"), "'/mnt/drill'");
        assert_eq!(single("a'; reboot; '"), r"'a'\''; reboot; '\'''");
        let script = mount_script("vol-0a1b2c3d", "/mnt/drill");
        assert!(script.starts_with("volume='vol-0a1b2c3d'\nserial='vol0a1b2c3d'\nat='/mnt/drill'\n"), "{script}");
    }

    #[test]
    fn both_scripts_are_for_a_posix_shell() {
        for script in [mount_script("vol-0a1b2c3d", "/mnt/drill"), unmount_script("vol-0a1b2c3d", "/mnt/drill")] {
            let mut shell = Command::new("sh").arg("-n").stdin(Stdio::piped()).spawn().unwrap();
            shell.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
            assert!(shell.wait().unwrap().success(), "{script}");
        }
    }

    #[test]
    fn a_mount_never_writes_to_the_volume() {
        let script = mount_script("vol-0a1b2c3d", "/mnt/drill");
        let options: Vec<&str> = script.lines().filter_map(|line| Some(line.split_once("options=")?.1)).collect();
        assert_eq!(options, ["ro,norecovery,nouuid ;;", "ro,noload ;;", "ro ;;"]);
    }
}
