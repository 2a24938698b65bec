//! Addresses that probes have no business with: this machine, its links, metadata services, and those of nobody.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::cloud::resource::Endpoint;

/// Why an address is not for probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bar {
    /// Unless the definition says so.
    Local(&'static str),
    /// No server is ever there.
    Never(&'static str),
}

/// Why a probe may not connect to `address`, if so. `given` is the endpoint that the API gave.
///
/// A DNS name that resolves to this machine is no reason to allow it: only an address, or `localhost`, is.
pub(super) fn barred(address: SocketAddr, given: Option<&Endpoint>) -> Option<Bar> {
    let bar = forbidden(address.ip())?;
    let is_given = given.is_some_and(|endpoint| {
        endpoint.port.is_none_or(|port| port == address.port()) && names(&endpoint.host, address.ip())
    });
    if is_given { None } else { Some(bar) }
}

fn names(host: &str, address: IpAddr) -> bool {
    let address = address.to_canonical();
    match host.parse::<IpAddr>() {
        Ok(literal) => literal.to_canonical() == address,
        Err(_) => host.eq_ignore_ascii_case("localhost") && address.is_loopback(),
    }
}

fn forbidden(address: IpAddr) -> Option<Bar> {
    match address {
        IpAddr::V4(four) => forbidden_four(four),
        IpAddr::V6(six) => match embedded(six) {
            Some(four) => forbidden_four(four),
            None => forbidden_six(six),
        },
    }
}

fn forbidden_four(address: Ipv4Addr) -> Option<Bar> {
    let [first, ..] = address.octets();
    if address.is_loopback() {
        Some(Bar::Local("this machine itself"))
    } else if address.is_link_local() {
        Some(Bar::Local("a link-local address, where metadata services live"))
    } else if first == 0 {
        Some(Bar::Never("an unspecified address"))
    } else if address.is_multicast() || address.is_broadcast() {
        Some(Bar::Never("an address of many machines"))
    } else {
        None
    }
}

fn forbidden_six(address: Ipv6Addr) -> Option<Bar> {
    let [first, second, ..] = address.segments();
    if address.is_loopback() {
        Some(Bar::Local("this machine itself"))
    } else if address.is_unicast_link_local() {
        Some(Bar::Local("a link-local address"))
    } else if first == 0xfd00 && second == 0x0ec2 {
        Some(Bar::Local("an address where metadata services live"))
    } else if address.is_unspecified() {
        Some(Bar::Never("an unspecified address"))
    } else if address.is_multicast() {
        Some(Bar::Never("an address of many machines"))
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
    use super::barred;
    use crate::cloud::resource::Endpoint;

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

    #[test]
    fn this_machine_links_metadata_and_many_machines_are_barred() {
        let elsewhere = endpoint("10.1.1.1", 5432);
        for text in NEVER {
            assert!(barred(text.parse().unwrap(), None).is_some(), "{text}");
            assert!(barred(text.parse().unwrap(), Some(&elsewhere)).is_some(), "{text}");
        }
        for text in FINE {
            assert_eq!(barred(text.parse().unwrap(), None), None, "{text}");
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
            assert_eq!(barred(address.parse().unwrap(), Some(&given)).is_none(), allowed, "{host} {address}");
        }
    }

    #[test]
    fn an_endpoint_without_a_port_is_allowed_at_every_port_of_its_own_address() {
        let given = Endpoint { host: "127.0.0.1".to_owned(), port: None };
        for (address, allowed) in [("127.0.0.1:22", true), ("127.0.0.1:8080", true), ("127.0.0.2:22", false)] {
            assert_eq!(barred(address.parse().unwrap(), Some(&given)).is_none(), allowed, "{address}");
        }
    }
}
