//! Which addresses a probe may connect to, and connecting to them.
//!
//! Invariant: a probe never reaches this machine, its links or a metadata service (design section 10.11) unless
//! address *and* port are the endpoint that the API gave for this run's resource. The check is made on every address
//! that a name resolves to, and the connection goes to the checked address: nothing is resolved a second time.
//! An endpoint without a port (an instance) is allowed at every port of its own address. Private networks are fine,
//! restored databases live there. Used by `tcp`, `sql` and `http`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};

use crate::cloud::resource::Endpoint;
use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::{Given, miss, shown};
use crate::probe::target::Target;

/// Addresses of one name that are looked at; the rest is not tried.
const MOST_ADDRESSES: usize = 16;

/// One place to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// A DNS name or an address; an IPv6 address may have its brackets.
    pub(crate) host: String,
    /// TCP port.
    pub(crate) port: u16,
}

/// Host and port of a probe: its own settings, else the endpoint that the API gave.
///
/// # Errors
/// A `setup` miss when neither says where.
pub(crate) fn destination(host: Option<&Given>, port: Option<&Given>, target: &Target) -> Result<Place, Miss> {
    let host = host_of(host, target)?;
    let port = port_of(port, target)?.ok_or_else(|| {
        let message = "the service gives no port of the restored resource; say where to connect with `port`";
        miss(ProbeReason::Setup, message)
    })?;
    Ok(Place { host, port })
}

/// The host alone.
///
/// # Errors
/// As [`destination`].
pub(crate) fn host_of(host: Option<&Given>, target: &Target) -> Result<String, Miss> {
    if let Some(given) = host {
        return given.fill("host", target);
    }
    target.endpoint.as_ref().map(|known| known.host.clone()).ok_or_else(|| {
        let message = "the restored resource has no endpoint; say where to connect with `host`";
        miss(ProbeReason::Setup, message)
    })
}

/// The port alone; none where neither says it.
///
/// # Errors
/// A `setup` miss when the setting is no port.
pub(crate) fn port_of(port: Option<&Given>, target: &Target) -> Result<Option<u16>, Miss> {
    match port {
        Some(given) => given.fill_port("port", target).map(Some),
        None => Ok(target.endpoint.as_ref().and_then(|known| known.port)),
    }
}

/// The addresses of `place`, each allowed.
///
/// # Errors
/// `connection` when the name does not resolve, `setup` when it is no name or one of its addresses is not allowed.
pub(crate) async fn addresses(place: &Place, given: Option<&Endpoint>) -> Result<Vec<SocketAddr>, Miss> {
    let host = place.host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(&place.host);
    if host.is_empty() || host.len() > 253 || host.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(miss(ProbeReason::Setup, &format!("`{}` is not a host", place.host)));
    }
    let resolved = lookup_host((host, place.port))
        .await
        .map_err(|error| miss(ProbeReason::Connection, &format!("cannot resolve `{host}`: {error}")))?;
    let mut addresses = Vec::new();
    for address in resolved.take(MOST_ADDRESSES) {
        if let Some(why) = refused(address, given) {
            let message = format!(
                "`{host}` is {address}, {why}: a probe connects there only if that is the restored resource's endpoint"
            );
            return Err(miss(ProbeReason::Setup, &message));
        }
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(miss(ProbeReason::Connection, &format!("`{host}` has no address")));
    }
    Ok(addresses)
}

/// The first connection that stands, and its address. All addresses together get nine tenths of `timeout`, so that a
/// target that does not answer is told from an attempt that took too long.
///
/// # Errors
/// `connection`, with what each address said.
pub(crate) async fn connect(addresses: &[SocketAddr], timeout: Duration) -> Result<(TcpStream, SocketAddr), Miss> {
    let share = timeout * 9 / 10 / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    let mut problems = Vec::new();
    for address in addresses {
        match tokio::time::timeout(share, TcpStream::connect(*address)).await {
            Ok(Ok(stream)) => return Ok((stream, *address)),
            Ok(Err(error)) => problems.push(format!("{address}: {error}")),
            Err(_) => problems.push(format!("{address}: no answer within {}", shown(share))),
        }
    }
    Err(miss(ProbeReason::Connection, &format!("cannot connect to {}", problems.join("; "))))
}

/// Why a probe may not connect to `address`, if so. `given` is the endpoint that the API gave.
///
/// A DNS name that resolves to this machine is no reason to allow it: only an address, or `localhost`, is.
#[must_use]
pub fn refused(address: SocketAddr, given: Option<&Endpoint>) -> Option<&'static str> {
    let why = forbidden(address.ip())?;
    let is_given = given.is_some_and(|endpoint| {
        endpoint.port.is_none_or(|port| port == address.port()) && names(&endpoint.host, address.ip())
    });
    if is_given { None } else { Some(why) }
}

fn names(host: &str, address: IpAddr) -> bool {
    let address = address.to_canonical();
    match host.parse::<IpAddr>() {
        Ok(literal) => literal.to_canonical() == address,
        Err(_) => host.eq_ignore_ascii_case("localhost") && address.is_loopback(),
    }
}

fn forbidden(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(four) => forbidden_four(four),
        IpAddr::V6(six) => match embedded(six) {
            Some(four) => forbidden_four(four),
            None => forbidden_six(six),
        },
    }
}

fn forbidden_four(address: Ipv4Addr) -> Option<&'static str> {
    let [first, ..] = address.octets();
    if address.is_loopback() {
        Some("this machine itself")
    } else if address.is_link_local() {
        Some("a link-local address, where metadata services live")
    } else if first == 0 {
        Some("an unspecified address")
    } else if address.is_multicast() || address.is_broadcast() {
        Some("an address of many machines")
    } else {
        None
    }
}

fn forbidden_six(address: Ipv6Addr) -> Option<&'static str> {
    let [first, second, ..] = address.segments();
    if address.is_loopback() {
        Some("this machine itself")
    } else if address.is_unicast_link_local() {
        Some("a link-local address")
    } else if first == 0xfd00 && second == 0x0ec2 {
        Some("an address where metadata services live")
    } else if address.is_unspecified() {
        Some("an unspecified address")
    } else if address.is_multicast() {
        Some("an address of many machines")
    } else {
        None
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible, NAT64 and 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let four = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(four(high, low)),
        // `::` and `::1` are IPv6's own.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some(four(high, low)),
        [0x2002, high, low, ..] => Some(four(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, addresses, refused};
    use crate::cloud::resource::Endpoint;
    use crate::definition::model::ProbeReason;

    const NEVER: &[&str] = &[
        "127.0.0.1:5432",
        "127.8.9.1:5432",
        "0.0.0.0:5432",
        "0.1.2.3:5432",
        "169.254.169.254:80",
        "169.254.170.2:80",
        "224.0.0.1:5432",
        "255.255.255.255:5432",
        "[::1]:5432",
        "[::]:5432",
        "[fe80::1]:5432",
        "[ff02::1]:5432",
        "[fd00:ec2::254]:80",
        "[::ffff:127.0.0.1]:5432",
        "[::ffff:169.254.169.254]:80",
        "[::7f00:1]:5432",
        "[64:ff9b::7f00:1]:5432",
        "[64:ff9b::a9fe:a9fe]:80",
        "[2002:7f00:1::]:5432",
    ];

    const FINE: &[&str] = &[
        "10.0.0.1:5432",
        "172.16.3.4:5432",
        "192.168.1.1:5432",
        "100.64.0.1:5432",
        "52.95.110.1:443",
        "[2a05:d018::1]:5432",
        "[fd12:3456::1]:5432",
        "[::ffff:10.0.0.1]:5432",
    ];

    fn endpoint(host: &str, port: u16) -> Endpoint {
        Endpoint { host: host.to_owned(), port: Some(port) }
    }

    fn place(host: &str) -> Place {
        Place { host: host.to_owned(), port: 80 }
    }

    #[test]
    fn this_machine_links_metadata_and_many_machines_are_refused() {
        let elsewhere = endpoint("10.1.1.1", 5432);
        for text in NEVER {
            assert!(refused(text.parse().unwrap(), None).is_some(), "{text}");
            assert!(refused(text.parse().unwrap(), Some(&elsewhere)).is_some(), "{text}");
        }
        for text in FINE {
            assert_eq!(refused(text.parse().unwrap(), None), None, "{text}");
        }
    }

    #[test]
    fn the_endpoint_that_the_api_gave_is_allowed_by_address_and_port() {
        for (host, port, address, allowed) in [
            ("127.0.0.1", 5432, "127.0.0.1:5432", true),
            ("127.0.0.1", 5432, "[::ffff:127.0.0.1]:5432", true),
            ("127.0.0.1", 5432, "127.0.0.1:5433", false),
            ("127.0.0.1", 5432, "127.0.0.2:5432", false),
            ("127.0.0.1", 5432, "[::1]:5432", false),
            ("localhost", 5432, "127.0.0.1:5432", true),
            ("localhost", 5432, "[::1]:5432", true),
            ("localhost", 5432, "169.254.169.254:5432", false),
            ("orders.example.com", 5432, "127.0.0.1:5432", false),
        ] {
            let given = endpoint(host, port);
            assert_eq!(refused(address.parse().unwrap(), Some(&given)).is_none(), allowed, "{host} {address}");
        }
    }

    #[test]
    fn an_endpoint_without_a_port_is_allowed_at_every_port_of_its_own_address() {
        let given = Endpoint { host: "127.0.0.1".to_owned(), port: None };
        for (address, allowed) in [("127.0.0.1:22", true), ("127.0.0.1:8080", true), ("127.0.0.2:22", false)] {
            assert_eq!(refused(address.parse().unwrap(), Some(&given)).is_none(), allowed, "{address}");
        }
    }

    #[tokio::test]
    async fn addresses_are_checked_and_hosts_must_be_hosts() {
        let refused = addresses(&place("127.0.0.1"), None).await.unwrap_err();
        assert_eq!(refused.reason, ProbeReason::Setup);
        assert!(refused.message.contains("this machine itself"), "{}", refused.message);
        for host in ["", "a b", "a\nb", "[]"] {
            assert_eq!(addresses(&place(host), None).await.unwrap_err().reason, ProbeReason::Setup, "{host:?}");
        }
        assert_eq!(addresses(&place("[10.0.0.1]"), None).await.unwrap().len(), 1);
    }
}
