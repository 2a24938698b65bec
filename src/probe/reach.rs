//! Which addresses a probe may connect to, the way to them, and connecting.
//!
//! Invariant: a probe never reaches this machine, its links or a metadata service (design section 10.11) unless
//! address *and* port are the endpoint that the API gave for this run's resource, or the definition says so in full
//! with `allow_local`. The check is made on every address that a name resolves to, and the connection goes to the
//! checked address: nothing is resolved a second time. An endpoint without a port (an instance) is allowed at every
//! port of its own address. Private networks are fine, restored databases live there.
//!
//! Through a tunnel the instance resolves the name. What can be told from here is checked: an address, `localhost`.
//!
//! A target that refuses or hangs up was there: `connection`. One from which nothing comes back may be fine and only
//! out of reach from here: `unreachable`. Used by every kind that connects by itself. `guard` knows the addresses.

mod guard;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};

use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::remote::Tunnel;
use crate::cloud::resource::Endpoint;
use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::{Given, miss, shown};
use crate::probe::reach::guard::{Bar, barred};
use crate::probe::target::{Target, Way};

/// Addresses of one name that are looked at; the rest is not tried.
const MOST_ADDRESSES: usize = 16;

/// A name that the machine's resolver does not answer for within this, in real time, does not resolve.
const LONGEST_LOOKUP: Duration = Duration::from_secs(10);

/// What to do where nothing comes back.
const MEND: &str = "run drill inside of that network, reach it with `via: { ssm_tunnel: i-… }`, or let its security \
                    group and routes admit this machine";

/// What to do where a name does not resolve.
const MEND_NAME: &str = "check the name; a private one resolves in its own network alone: run drill there, or reach it \
                         with `via: { ssm_tunnel: i-… }`";

/// The documentation of the setting `allow_local`.
pub(crate) const ALLOW_LOCAL: &str =
    "`true`: it may also be this machine, a link-local address or a metadata service that is not the endpoint.";

/// One place to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// A DNS name or an address; an IPv6 address may have its brackets.
    pub(crate) host: String,
    /// TCP port.
    pub(crate) port: u16,
    /// The definition says that this place may be this machine, a link or a metadata service.
    pub(crate) local: bool,
}

/// The way to a place.
#[derive(Debug)]
pub(crate) struct Open {
    /// Where to connect: checked addresses of the place, or the tunnel's own end here.
    pub(crate) addresses: Vec<SocketAddr>,
    /// What keeps the way open: it must live as long as the connection does.
    pub(crate) held: Option<Tunnel>,
}

/// A connection that stands.
#[derive(Debug)]
pub(crate) struct Dialled {
    /// The connection.
    pub(crate) stream: TcpStream,
    /// Whom it leads to; through a tunnel the place itself, because only the instance knows its address.
    pub(crate) address: String,
    /// See [`Open`].
    pub(crate) held: Option<Tunnel>,
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
    Ok(Place { host, port, local: false })
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

/// The way to `place`: its checked addresses, or a tunnel that was opened for it.
///
/// # Errors
/// As [`addresses`]; `setup` when a tunnel is not permitted, `connection` when the target refuses the instance,
/// `unreachable` when the tunnel does not come about.
pub(crate) async fn way(place: &Place, target: &Target) -> Result<Open, Miss> {
    match &target.tunnel {
        Some(way) => through(place, way, target.endpoint.as_ref()).await,
        None => Ok(Open { addresses: addresses(place, target.endpoint.as_ref()).await?, held: None }),
    }
}

/// Opens the way to `place` and connects, within nine tenths of `timeout`: a target that does not answer is told from
/// an attempt that took too long.
///
/// # Errors
/// As [`way`] and [`connect`].
pub(crate) async fn dial(place: &Place, target: &Target, timeout: Duration) -> Result<Dialled, Miss> {
    let within = timeout * 9 / 10;
    let silent = |_| {
        let message = format!("no way to {} was found within {}; {MEND}", place.text(), shown(within));
        Err(miss(ProbeReason::Unreachable, &message))
    };
    tokio::time::timeout(within, dialled(place, target, within)).await.unwrap_or_else(silent)
}

async fn dialled(place: &Place, target: &Target, timeout: Duration) -> Result<Dialled, Miss> {
    let Open { addresses, held } = way(place, target).await?;
    let (stream, address) = connect(&addresses, timeout).await?;
    let address = if held.is_some() { place.text() } else { address.to_string() };
    Ok(Dialled { stream, address, held })
}

/// For the kinds that no tunnel leads to.
///
/// # Errors
/// A `setup` miss where there is one.
pub(crate) fn directly(target: &Target, kind: &str) -> Result<(), Miss> {
    match target.tunnel {
        None => Ok(()),
        Some(_) => {
            let mend = "write `via: { lambda: … }`, or no `via`";
            Err(miss(ProbeReason::Setup, &format!("a `{kind}` probe cannot go through a tunnel; {mend}")))
        }
    }
}

/// The addresses of `place`, each allowed.
///
/// # Errors
/// `unreachable` when the name does not resolve, `setup` when it is no name or one of its addresses is not allowed.
pub(crate) async fn addresses(place: &Place, given: Option<&Endpoint>) -> Result<Vec<SocketAddr>, Miss> {
    let host = place.bare()?;
    let unresolved = |why: &str| {
        let message = format!("cannot resolve `{host}`: {why}; {MEND_NAME}");
        miss(ProbeReason::Unreachable, &message)
    };
    let resolved = tokio::time::timeout(LONGEST_LOOKUP, lookup_host((host, place.port))).await;
    let resolved = resolved
        .map_err(|_| unresolved(&format!("no answer within {}", shown(LONGEST_LOOKUP))))?
        .map_err(|error| unresolved(&error.to_string()))?;
    let mut addresses = Vec::new();
    for address in resolved.take(MOST_ADDRESSES) {
        place.check(address, given)?;
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(unresolved("it has no address"));
    }
    Ok(addresses)
}

/// The first connection that stands, and its address. All addresses together get nine tenths of `timeout`, so that a
/// target that does not answer is told from an attempt that took too long.
///
/// # Errors
/// `connection` if any of them refused or hung up, else `unreachable`; with what each address said.
pub(crate) async fn connect(addresses: &[SocketAddr], timeout: Duration) -> Result<(TcpStream, SocketAddr), Miss> {
    let share = timeout * 9 / 10 / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    let (mut problems, mut was_there) = (Vec::new(), false);
    for address in addresses {
        match tokio::time::timeout(share, TcpStream::connect(*address)).await {
            Ok(Ok(stream)) => return Ok((stream, *address)),
            Ok(Err(error)) => {
                was_there |= is_answer(&error);
                problems.push(format!("{address}: {error}"));
            }
            Err(_) => problems.push(format!("{address}: no answer within {}", shown(share))),
        }
    }
    let said = format!("cannot connect to {}", problems.join("; "));
    Err(if was_there {
        miss(ProbeReason::Connection, &said)
    } else {
        miss(ProbeReason::Unreachable, &format!("{said}; {MEND}"))
    })
}

/// Whether an error of connecting came from the other side. No route, no network and silence did not.
fn is_answer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionReset | ConnectionAborted)
}

/// A tunnel's end.
async fn through(place: &Place, way: &Way, given: Option<&Endpoint>) -> Result<Open, Miss> {
    let host = place.bare()?;
    if let Some(address) = literal(host)? {
        place.check(SocketAddr::new(address, place.port), given)?;
    }
    let opened = way.tunnels.open(&way.instance, host, place.port).await;
    let tunnel = opened.map_err(|error| unopened(place, &way.instance, &error))?;
    Ok(Open { addresses: vec![tunnel.address], held: Some(tunnel) })
}

/// The address that a text is without anybody being asked.
///
/// # Errors
/// A `setup` miss for what some resolvers take for an address, such as `127.1` and `0x7f000001`.
fn literal(host: &str) -> Result<Option<IpAddr>, Miss> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(Some(address));
    }
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let last = name.rsplit('.').next().unwrap_or_default();
    if last == "localhost" {
        return Ok(Some(Ipv4Addr::LOCALHOST.into()));
    }
    if last.starts_with("0x") || last.chars().all(|c| c.is_ascii_digit()) || name.contains(':') {
        return Err(miss(ProbeReason::Setup, &format!("`{host}` is neither a name nor a whole address")));
    }
    Ok(None)
}

fn unopened(place: &Place, instance: &str, error: &CloudError) -> Miss {
    let (reason, mend) = match (error.kind, error.code.as_str()) {
        // The instance did get there.
        (_, "ConnectionRefused") => (ProbeReason::Connection, "is what is restored listening on that port?"),
        (_, "TargetNotConnected") => {
            let mend = "it must run and be managed by SSM: a role with AmazonSSMManagedInstanceCore, and a way to SSM";
            (ProbeReason::Unreachable, mend)
        }
        (ErrorKind::Denied | ErrorKind::Credentials | ErrorKind::Invalid | ErrorKind::NotFound, _) => {
            (ProbeReason::Setup, error.advice())
        }
        _ => (ProbeReason::Unreachable, "look at the instance, and at the security group of what is restored"),
    };
    miss(reason, &format!("no tunnel through `{instance}` to {}: {error}; {mend}", place.text()))
}

impl Place {
    /// Host and port, as one writes them.
    pub(crate) fn text(&self) -> String {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        if host.contains(':') { format!("[{host}]:{}", self.port) } else { format!("{host}:{}", self.port) }
    }

    /// The host without brackets.
    pub(crate) fn bare(&self) -> Result<&str, Miss> {
        let host = self.host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(&self.host);
        if host.is_empty() || host.len() > 253 || host.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(miss(ProbeReason::Setup, &format!("`{}` is not a host", self.host)));
        }
        Ok(host)
    }

    /// Whether a probe may connect to one of the place's addresses.
    fn check(&self, address: SocketAddr, given: Option<&Endpoint>) -> Result<(), Miss> {
        let (why, unless) = match barred(address, given) {
            None => return Ok(()),
            Some(Bar::Local(_)) if self.local => return Ok(()),
            Some(Bar::Local(why)) => (why, ", or where `allow_local: true` says so"),
            Some(Bar::Never(why)) => (why, ""),
        };
        let host = &self.host;
        let only = "a probe connects there only if that is the restored resource's endpoint";
        Err(miss(ProbeReason::Setup, &format!("`{host}` is {address}, {why}: {only}{unless}")))
    }
}

/// Why a probe may not connect to `address`, if so. `given` is the endpoint that the API gave.
///
/// A DNS name that resolves to this machine is no reason to allow it: only an address, or `localhost`, is.
#[must_use]
pub fn refused(address: SocketAddr, given: Option<&Endpoint>) -> Option<&'static str> {
    barred(address, given).map(|bar| match bar {
        Bar::Local(why) | Bar::Never(why) => why,
    })
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use async_trait::async_trait;
    use tokio::net::TcpListener;

    use super::{Place, addresses, connect, dial, directly, is_answer, way};
    use crate::cloud::error::{CloudError, ErrorKind};
    use crate::cloud::remote::{Tunnel, Tunnels};
    use crate::cloud::resource::Endpoint;
    use crate::definition::model::ProbeReason;
    use crate::probe::target::{Target, Way};

    fn endpoint(host: &str, port: u16) -> Endpoint {
        Endpoint { host: host.to_owned(), port: Some(port) }
    }

    fn place(host: &str) -> Place {
        Place { host: host.to_owned(), port: 80, local: false }
    }

    /// Tunnels that lead to `end`, or fail; what was asked for is written down.
    struct Digger {
        end: Result<SocketAddr, (ErrorKind, &'static str)>,
        asked: Mutex<Vec<String>>,
    }

    #[async_trait]
    impl Tunnels for Digger {
        async fn open(&self, instance: &str, host: &str, port: u16) -> Result<Tunnel, CloudError> {
            self.asked.lock().unwrap().push(format!("{instance} {host} {port}"));
            match self.end {
                Ok(address) => Ok(Tunnel { address, held: Box::new(()) }),
                Err((kind, code)) => Err(CloudError::new("ssm:StartSession", kind, code, "no", None)),
            }
        }
    }

    fn tunnelled(end: Result<SocketAddr, (ErrorKind, &'static str)>) -> (Target, Arc<Digger>) {
        let digger = Arc::new(Digger { end, asked: Mutex::default() });
        let tunnels: Arc<dyn Tunnels> = Arc::clone(&digger) as Arc<dyn Tunnels>;
        let way = Way { instance: "i-0a1b2c3d".to_owned(), tunnels };
        (Target { tunnel: Some(way), ..Target::for_tests() }, digger)
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

    #[tokio::test]
    async fn local_places_need_to_be_asked_for_and_places_of_nobody_stay_refused() {
        let local = |host: &str| Place { local: true, ..place(host) };
        for host in ["127.0.0.1", "169.254.169.254", "[fd00:ec2::254]", "[::1]", "[fe80::1]"] {
            let refused = addresses(&place(host), None).await.unwrap_err();
            assert!(refused.message.contains("allow_local"), "{}", refused.message);
            assert_eq!(addresses(&local(host), None).await.unwrap().len(), 1, "{host}");
        }
        for host in ["0.0.0.0", "224.0.0.1", "255.255.255.255", "[::]", "[ff02::1]"] {
            let refused = addresses(&local(host), None).await.unwrap_err();
            assert_eq!(refused.reason, ProbeReason::Setup, "{host}");
            assert!(!refused.message.contains("allow_local"), "{}", refused.message);
        }
    }

    #[tokio::test]
    async fn who_refuses_was_there_and_silence_says_how_to_get_nearer() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let refused = connect(&[free], Duration::from_secs(30)).await.unwrap_err();
        assert_eq!(refused.reason, ProbeReason::Connection, "{}", refused.message);
        // RFC 6666: no route, or nothing ever comes back.
        let nobody: SocketAddr = "[100::1]:80".parse().unwrap();
        let silent = connect(&[nobody], Duration::from_millis(500)).await.unwrap_err();
        assert_eq!(silent.reason, ProbeReason::Unreachable, "{}", silent.message);
        assert!(silent.message.contains("ssm_tunnel"), "{}", silent.message);
        let mixed = connect(&[nobody, free], Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(mixed.reason, ProbeReason::Connection, "{}", mixed.message);
        let unknown = addresses(&place("orders.invalid"), None).await.unwrap_err();
        assert_eq!(unknown.reason, ProbeReason::Unreachable, "{}", unknown.message);
        assert!(unknown.message.contains("orders.invalid"), "{}", unknown.message);
    }

    #[test]
    fn errors_of_the_network_are_no_answers() {
        use std::io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable, TimedOut};
        assert!([ConnectionRefused, ConnectionReset].iter().all(|kind| is_answer(&(*kind).into())));
        assert!(![HostUnreachable, NetworkUnreachable, TimedOut].iter().any(|kind| is_answer(&(*kind).into())));
    }

    #[tokio::test]
    async fn a_tunnel_leads_to_names_that_are_not_resolved_here() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let end = listener.local_addr().unwrap();
        let (target, digger) = tunnelled(Ok(end));
        let open = way(&place("orders.invalid"), &target).await.unwrap();
        assert_eq!((open.addresses.as_slice(), open.held.is_some()), ([end].as_slice(), true));
        let dialled = dial(&place("[fd12:3456::1]"), &target, Duration::from_secs(30)).await.unwrap();
        assert_eq!(dialled.address, "[fd12:3456::1]:80");
        assert_eq!(*digger.asked.lock().unwrap(), ["i-0a1b2c3d orders.invalid 80", "i-0a1b2c3d fd12:3456::1 80"]);
        assert_eq!(directly(&target, "dns").unwrap_err().reason, ProbeReason::Setup);
    }

    #[tokio::test]
    async fn a_tunnel_is_no_way_around_the_guard() {
        let end = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let (mut target, digger) = tunnelled(Ok(end));
        let links = ["169.254.169.254", "[fd00:ec2::254]", "[fe80::1%eth0]"];
        let here = ["127.0.0.1", "LocalHost.", "a.localhost", "127.1", "0x7f000001"];
        for host in links.into_iter().chain(here) {
            assert_eq!(way(&place(host), &target).await.unwrap_err().reason, ProbeReason::Setup, "{host}");
        }
        assert!(digger.asked.lock().unwrap().is_empty());
        target.endpoint = Some(endpoint("127.0.0.1", 80));
        assert!(way(&place("127.0.0.1"), &target).await.is_ok());
    }

    #[tokio::test]
    async fn a_tunnel_that_is_not_permitted_is_told_from_one_that_does_not_come_about() {
        for (kind, code, reason) in [
            (ErrorKind::Denied, "AccessDeniedException", ProbeReason::Setup),
            (ErrorKind::Credentials, "ExpiredTokenException", ProbeReason::Setup),
            (ErrorKind::Invalid, "InvalidDocument", ProbeReason::Setup),
            (ErrorKind::Invalid, "TargetNotConnected", ProbeReason::Unreachable),
            (ErrorKind::Unreachable, "ConnectionRefused", ProbeReason::Connection),
            (ErrorKind::Unreachable, "no_route", ProbeReason::Unreachable),
            (ErrorKind::Unavailable, "timeout", ProbeReason::Unreachable),
        ] {
            let (target, _) = tunnelled(Err((kind, code)));
            let missed = way(&place("orders.example.com"), &target).await.unwrap_err();
            assert_eq!(missed.reason, reason, "{}", missed.message);
            assert!(missed.message.contains("i-0a1b2c3d") && missed.message.contains(code), "{}", missed.message);
        }
    }
}
