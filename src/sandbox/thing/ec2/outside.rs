//! What lies outside of the instances of one account and region: file systems that they can mount, and what answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::sandbox::thing::Shelves;
use crate::sandbox::thing::ec2::instance::Instance;
use crate::sandbox::thing::shell::{Disk, Network};

/// See the module.
pub(super) struct Outside {
    pub(super) shares: Vec<Disk>,
    /// `HOST:PORT` of everything restored that answers.
    doors: BTreeSet<String>,
}

/// Runs the scripts whose time has come.
pub(crate) fn run_commands(shelves: &mut Shelves, mute_port: u16, now: Timestamp) {
    if shelves.ec2.has_due_commands(now) {
        let outside = Outside::of(shelves, mute_port);
        shelves.ec2.run_commands(now, &outside);
    }
}

impl Outside {
    fn of(shelves: &Shelves, mute_port: u16) -> Self {
        let shares = shelves.efs.shares().into_iter().chain(shelves.fsx.shares());
        let shares = shares.map(|(volume, device, kind, contents)| Disk {
            volume,
            device,
            filesystem: Some(kind.to_owned()),
            size_gib: 0,
            contents: Arc::clone(contents),
        });
        Self { shares: shares.collect(), doors: doors(shelves, mute_port) }
    }

    /// What an instance reaches.
    pub(super) fn network(&self, instance: &Instance) -> Network {
        let region = instance.arn.split(':').nth(3).unwrap_or_default();
        let mut network = instance.network.clone().with_endpoints(region);
        network.reaches.extend(self.doors.iter().cloned());
        network
    }
}

fn doors(shelves: &Shelves, mute_port: u16) -> BTreeSet<String> {
    let databases = shelves.rds.instances.values().filter(|one| one.made_by.is_some());
    let databases = databases.filter_map(|one| one.endpoint(mute_port));
    let clusters = shelves.clusters.clusters.values().filter(|one| one.made_by.is_some());
    let clusters = clusters.filter_map(|one| shelves.clusters.endpoint(one, mute_port));
    let servers = shelves.ec2.instances.values().filter(|one| one.made_by.is_some());
    let servers = servers.filter_map(|one| Some((one.address()?, &one.served.pages.ports)));
    let servers = servers.flat_map(|(address, ports)| ports.iter().map(move |port| (address.clone(), *port)));
    let file_systems = shelves.efs.doors().into_iter().chain(shelves.fsx.doors());
    let all = databases.chain(clusters).chain(servers).chain(file_systems);
    all.map(|(host, port)| format!("{host}:{port}")).collect()
}
