//! What a simulated instance reaches: `bash`'s `/dev/tcp`, `nc` and `getent`. Nothing of this machine's network is asked.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::sandbox::thing::shell::exec::{Io, Shell};
use crate::sandbox::thing::shell::programs::fail;

/// What a client without a time-out of its own waits for an answer, in world seconds.
const SILENCE: u64 = 130;

/// What an instance reaches besides itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Network {
    /// `HOST:PORT` each.
    pub(crate) reaches: BTreeSet<String>,
    /// Names that have an address, besides those that are reached.
    pub(crate) resolves: BTreeSet<String>,
}

/// What comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Echo {
    Connected,
    Refused,
    Silence,
    /// The name has no address.
    Nowhere,
}

impl Network {
    /// Adds what every instance reaches: the endpoints of Systems Manager, by which scripts come.
    pub(crate) fn with_endpoints(mut self, region: &str) -> Self {
        let services = ["ssm", "ssmmessages", "ec2messages"];
        self.reaches.extend(services.map(|service| format!("{service}.{region}.amazonaws.com:443")));
        self
    }

    /// Whether a name has an address. AWS's own names always do.
    pub(super) fn knows(&self, host: &str) -> bool {
        let reached = |known: &String| known.rsplit_once(':').is_some_and(|(name, _)| name == host);
        host.parse::<IpAddr>().is_ok()
            || host == "localhost"
            || host.ends_with(".amazonaws.com")
            || self.resolves.contains(host)
            || self.reaches.iter().any(reached)
    }
}

impl Shell<'_> {
    /// A connection.
    pub(super) fn dial(&self, host: &str, port: &str) -> Echo {
        let network = &self.machine.network;
        let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let own = || port.parse().is_ok_and(|port: u16| self.machine.pages.ports.contains(&port));
        if network.reaches.contains(&format!("{host}:{port}")) || (here && own()) {
            Echo::Connected
        } else if here {
            Echo::Refused
        } else if network.knows(host) {
            Echo::Silence
        } else {
            Echo::Nowhere
        }
    }

    /// `</dev/tcp/HOST/PORT`, which `bash` alone knows.
    pub(super) fn dev_tcp(&mut self, path: &str) -> Option<Result<(), String>> {
        let (host, port) = path.strip_prefix("/dev/tcp/").filter(|_| self.bash)?.split_once('/')?;
        let problem = match self.dial(host, port) {
            Echo::Connected => return Some(Ok(())),
            Echo::Refused => "Connection refused",
            Echo::Nowhere => "Name or service not known",
            Echo::Silence => {
                self.slept += SILENCE;
                "Connection timed out"
            }
        };
        Some(Err(format!("{path}: {problem}")))
    }

    /// `nc -z -w SECONDS HOST PORT`.
    pub(super) fn nc(&mut self, args: &[String], io: &mut Io) -> i32 {
        let wait = args.iter().position(|arg| arg == "-w").and_then(|at| args.get(at + 1)).map(String::as_str);
        let named: Vec<&str> =
            args.iter().map(String::as_str).filter(|arg| !arg.starts_with('-') && Some(*arg) != wait).collect();
        let ([host, port], true) = (named.as_slice(), args.iter().any(|arg| arg == "-z")) else {
            return fail(io, "nc: the simulated instance knows `nc -z -w SECONDS HOST PORT`", 1);
        };
        match self.dial(host, port) {
            Echo::Connected => 0,
            Echo::Refused => fail(io, "nc: Connection refused", 1),
            Echo::Nowhere => fail(io, "nc: Name or service not known", 1),
            Echo::Silence => {
                self.slept += wait.and_then(|seconds| seconds.parse().ok()).unwrap_or(SILENCE);
                fail(io, "nc: Operation timed out", 1)
            }
        }
    }

    /// `getent ahosts NAME`: whether a name has an address.
    pub(super) fn getent(&self, args: &[String], io: &mut Io) -> i32 {
        match args {
            [table, name] if table == "ahosts" || table == "hosts" => {
                if !self.machine.network.knows(name) {
                    return 2;
                }
                let address = if name.parse::<IpAddr>().is_ok() { name.as_str() } else { "192.0.2.1" };
                io.out.push_str(&format!("{address:<15} STREAM {name}\n"));
                0
            }
            _ => fail(io, "getent: the simulated instance knows `getent ahosts NAME`", 1),
        }
    }
}
