//! The script that a probe host runs: constant parts, and before each the values that it works on, as quoted words.

use crate::probe::script::quoted;

const BEGIN: &str = include_str!("begin.sh");
const VOLUME: &str = include_str!("volume.sh");
const CHECK: &str = include_str!("check.sh");
const MOUNT: &str = include_str!("mount.sh");
const RESTORED: &str = include_str!("restored.sh");
const PATH: &str = include_str!("path.sh");
const COUNT: &str = include_str!("count.sh");
const SUMS: &str = include_str!("sums.sh");
const CLEAN: &str = include_str!("clean.sh");

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A volume that is attached to the host.
    Volume {
        /// Its serial number there: its id without the hyphen.
        serial: String,
        /// The device, where the user names one.
        device: Option<String>,
        /// The partition, where the user names one.
        partition: Option<u32>,
        /// The type of file system, where the user names one.
        file_system: Option<String>,
        /// Whether it is checked first.
        check: bool,
    },
    /// A file system that the host reaches over the network.
    Share {
        /// What `mount -t` calls it.
        kind: &'static str,
        /// What is mounted, such as `10.0.0.7:/`.
        source: String,
        /// The mount options, besides those that keep anything in it from being run.
        options: String,
        /// Whether what was restored lies in a folder of AWS Backup's.
        in_folder: bool,
    },
}

/// What is read of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    /// The directory on the host, made for this attempt alone.
    pub(crate) at: String,
    /// What is mounted there.
    pub(crate) source: Source,
    /// Where files are counted, relative to what was restored; empty for all of it.
    pub(crate) path: String,
    /// Whether they are counted at all.
    pub(crate) count: bool,
    /// Files whose checksums are taken, relative to what was restored.
    pub(crate) sums: Vec<String>,
}

impl Job {
    /// The script, which ends by itself within so many seconds.
    pub(crate) fn script(&self, seconds: u64) -> String {
        let mut script = String::new();
        set(&mut script, &[("at", &self.at), ("seconds", &seconds.to_string()), ("path", &self.path)]);
        script.push_str(BEGIN);
        match &self.source {
            Source::Volume { serial, device, partition, file_system, check } => {
                let number = partition.map(|number| number.to_string()).unwrap_or_default();
                let device = device.clone().unwrap_or_default();
                let wanted = file_system.clone().unwrap_or_default();
                let values = [("serial", serial), ("device", &device), ("number", &number), ("wanted", &wanted)];
                set(&mut script, &values);
                script.push_str(VOLUME);
                script.push_str(if *check { CHECK } else { "" });
                script.push_str(MOUNT);
            }
            Source::Share { kind, source, options, in_folder } => {
                set(&mut script, &[("fs", &(*kind).to_owned()), ("source", source), ("options", options)]);
                script.push_str(MOUNT);
                script.push_str(if *in_folder { RESTORED } else { "" });
            }
        }
        script.push_str(PATH);
        script.push_str(if self.count { COUNT } else { "" });
        script.push_str(SUMS);
        for path in &self.sums {
            script.push_str(&format!("sum {}\n", quoted(path)));
        }
        script.push_str("stage=done\nexit 0\n");
        script
    }

    /// Unmounts what a script that did not end may have left.
    pub(crate) fn cleaning(&self) -> String {
        let mut script = String::new();
        set(&mut script, &[("at", &self.at)]);
        script.push_str(CLEAN);
        script
    }
}

fn set(script: &mut String, values: &[(&str, &String)]) {
    for (name, value) in values {
        script.push_str(&format!("{name}={}\n", quoted(value)));
    }
}
