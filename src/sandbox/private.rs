//! The private network of a world. What a world file calls `private: true` has a name or an address there that nobody
//! outside of it reaches; what is inside, a session's instance or a function, gets from here where it really is.
//!
//! A private database has a DNS name under `.invalid`, which resolves nowhere (RFC 6761): an address of a network for
//! documents would do as well, if every machine left it unanswered. A private instance has such an address, because
//! EC2 gives no name that says more.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::sandbox::spec::ResourceSpec;
use crate::sandbox::world::Site;
use crate::words::kind::ResourceKind;

/// The domain of private databases. Their certificates are for every name in it.
pub(crate) const DOMAIN: &str = "private.rds.invalid";

/// The kinds that can be private.
pub(crate) const KINDS: [ResourceKind; 5] =
    [ResourceKind::Rds, ResourceKind::Aurora, ResourceKind::DocumentDb, ResourceKind::Neptune, ResourceKind::Ec2];

impl ResourceSpec {
    /// The name of the database that a restore job makes; none if it is not private, or if no job made it.
    pub(crate) fn private_name(&self, job: Option<&str>) -> Option<String> {
        let mark: String = job?.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
        self.private.then(|| format!("db-{}.{DOMAIN}", mark.to_lowercase()))
    }
}

/// The address of a private instance: TEST-NET-1 (RFC 5737).
pub(crate) fn address(instance: &str) -> Ipv4Addr {
    let sum = instance.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    Ipv4Addr::new(192, 0, 2, u8::try_from(sum % 254 + 1).unwrap_or(1))
}

/// Where host and port of a site's network really are. `from` is the instance that asks, which may ask for itself.
pub(crate) fn route(site: &Site, mute_port: u16, from: Option<&str>, host: &str, port: u16) -> Option<SocketAddr> {
    let host = host.trim_end_matches('.');
    let fits = |(known, at): &(String, u16)| known.eq_ignore_ascii_case(host) && *at == port;
    let real = |(host, port): (String, u16)| Some(SocketAddr::new(host.parse::<IpAddr>().ok()?, port));
    let shelves = &site.shelves;
    let instance = shelves.rds.instances.values().find(|one| one.endpoint(mute_port).as_ref().is_some_and(fits));
    if let Some(instance) = instance {
        return instance.database.endpoint(instance.settings.port, mute_port).and_then(real);
    }
    let clusters = &shelves.clusters;
    let cluster = clusters.clusters.values().find(|one| clusters.endpoint(one, mute_port).as_ref().is_some_and(fits));
    if let Some(cluster) = cluster {
        return cluster.database.endpoint(cluster.settings.port, mute_port).and_then(real);
    }
    let is_own = |id: &str| from == Some(id) && ["localhost", "127.0.0.1", "::1"].contains(&host);
    let server = shelves.ec2.instances.values().find(|one| one.address().as_deref() == Some(host) || is_own(&one.id));
    let web = server.and_then(|server| server.web.as_ref())?;
    Some(SocketAddr::new(web.address().into(), port))
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn a_private_address_is_one_that_nobody_has() {
        for instance in ["i-0a1b2c3d4e5f60718", "i-1", ""] {
            let [a, b, c, d] = address(instance).octets();
            assert_eq!((a, b, c), (192, 0, 2));
            assert!((1..=254).contains(&d));
        }
        assert_ne!(address("i-1"), address("i-2"));
    }
}
