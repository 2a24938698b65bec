//! `dns`: what a name stands for, as a resolver says.
//!
//! The name is asked for as it is: no search domains, nothing from a cache of drill's own, and with `server` no hosts
//! file either. A name that has no such record is a miss, unless `absent` says that it must not be there. A server that
//! is written in full is the definition's own word; one that a reference yields is held against the guard of addresses.
//!
//! Observed: `records` (sorted texts), `count`, `ttl` in seconds (the smallest), `exists`.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{Resolver, TokioResolver};
use serde::Deserialize;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::input::{Given, miss, shown, typed};
use crate::probe::target::Target;
use crate::probe::{Miss, Observed, Outcome, ProbeCalls, reach};
use crate::words::kind::ProbeKind;
use crate::words::text::tame;
use crate::yaml::shape::{Field, Shape};

/// Records that are observed at most.
const MOST_RECORDS: usize = 1_000;

/// DNS's port.
const PORT: u16 = 53;

/// The kind.
pub struct Dns;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DnsSettings {
    name: Given,
    #[serde(default, rename = "type")]
    wanted: Wanted,
    server: Option<Given>,
    #[serde(default)]
    absent: bool,
}

/// The types of records that can be asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Wanted {
    #[default]
    A,
    Aaaa,
    Cname,
    Txt,
    Mx,
    Srv,
    Ns,
    Caa,
    Ptr,
}

impl Wanted {
    const WORDS: &'static [&'static str] = &["A", "AAAA", "CNAME", "TXT", "MX", "SRV", "NS", "CAA", "PTR"];

    fn record_type(self) -> RecordType {
        match self {
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
            Self::Cname => RecordType::CNAME,
            Self::Txt => RecordType::TXT,
            Self::Mx => RecordType::MX,
            Self::Srv => RecordType::SRV,
            Self::Ns => RecordType::NS,
            Self::Caa => RecordType::CAA,
            Self::Ptr => RecordType::PTR,
        }
    }
}

#[async_trait]
impl ProbeCalls for Dns {
    fn kind(&self) -> ProbeKind {
        ProbeKind::Dns
    }

    fn about(&self) -> &'static str {
        "Ask a resolver for a name."
    }

    fn holds_when(&self) -> &'static str {
        "the name has such a record"
    }

    fn page(&self) -> &'static str {
        include_str!("pages/dns.md")
    }

    fn fields(&self) -> Vec<Field> {
        vec![
            Field::required("name", Shape::Template, "The whole name; for PTR an address will do."),
            Field::optional("type", Shape::Choice(Wanted::WORDS), "The type of the records; A by default."),
            Field::optional("server", Shape::Template, "The resolver: an address, with or without a port."),
            Field::optional("absent", Shape::Bool, "`true`: the name must not have such a record."),
        ]
    }

    fn judges(&self) -> bool {
        true
    }

    fn control_keys(&self) -> &'static [&'static str] {
        &["name", "type", "server", "absent"]
    }

    fn check(&self, settings: &Settings) -> Result<(), String> {
        let settings: DnsSettings = typed(settings)?;
        settings.name.check("name")?;
        if let Some(text) = settings.name.literal() {
            name(&text, settings.wanted)?;
        }
        let Some(given) = settings.server else { return Ok(()) };
        given.check("server")?;
        given.literal().map_or(Ok(()), |text| server(&text).map(drop))
    }

    async fn attempt(&self, settings: &Settings, target: &Target, timeout: Duration) -> Outcome {
        let settings: DnsSettings = typed(settings).map_err(|problem| miss(ProbeReason::Setup, &problem))?;
        let late = |_| Err(miss(ProbeReason::Unreachable, &silent("the resolver", timeout)));
        tokio::time::timeout(timeout, ask(&settings, target, timeout)).await.unwrap_or_else(late)
    }
}

/// A name, taken as it is.
fn name(text: &str, wanted: Wanted) -> Result<Name, String> {
    let turned = || text.parse::<IpAddr>().ok().map(Name::from);
    let spelled = || Name::from_str_relaxed(text).ok().filter(|name| name.num_labels() > 0);
    let named = if wanted == Wanted::Ptr { turned().or_else(spelled) } else { spelled() };
    let mut named = named.ok_or_else(|| format!("`{}` is not a name that DNS knows", tame(text)))?;
    named.set_fqdn(true);
    Ok(named)
}

/// A resolver's address, and its port.
fn server(text: &str) -> Result<SocketAddr, String> {
    let bare = text.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(text);
    let whole = text.parse::<SocketAddr>().ok().filter(|address| address.port() != 0);
    let alone = || bare.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, PORT));
    whole.or_else(alone).ok_or_else(|| format!("`server` is an address, with or without a port, not `{}`", tame(text)))
}

/// The server of the settings. What a reference yields came from elsewhere, so it is checked as an address is.
fn chosen(settings: &DnsSettings, target: &Target) -> Result<Option<SocketAddr>, Miss> {
    let setup = |problem: String| miss(ProbeReason::Setup, &problem);
    let Some(given) = &settings.server else { return Ok(None) };
    let address = server(&given.fill("server", target)?).map_err(setup)?;
    if given.literal().is_none()
        && let Some(why) = reach::refused(address, target.endpoint.as_ref())
    {
        return Err(setup(format!("`server` is {address}, {why}; if that is meant, write it in full")));
    }
    Ok(Some(address))
}

async fn ask(settings: &DnsSettings, target: &Target, timeout: Duration) -> Outcome {
    reach::directly(target, "dns")?;
    let text = settings.name.fill("name", target)?;
    let named = name(&text, settings.wanted).map_err(|problem| miss(ProbeReason::Setup, &problem))?;
    let server = chosen(settings, target)?;
    let by = server.map_or_else(|| "this machine's resolver".to_owned(), |address| address.to_string());
    let within = timeout * 9 / 10;
    let resolver = resolver(server, within)?;
    let record_type = settings.wanted.record_type();
    let mut asked = JoinSet::new();
    // What comes back is anybody's bytes: should they break the library that reads them, they break a task of its own.
    asked.spawn(async move { resolver.lookup(named, record_type).await });
    let answer = asked.join_next().await.and_then(Result::ok);
    let broken = || miss(ProbeReason::Query, &format!("what {by} answered cannot be read"));
    let mut seen = match answer.ok_or_else(broken)? {
        Ok(found) => found_records(&found, record_type),
        Err(error) => none(&error).ok_or_else(|| unanswered(&error, &by, within))?,
    };
    seen.facts.insert("resolver".to_owned(), by);
    judged(seen, &text, record_type, settings.absent)
}

/// A resolver for one question. Its own timeout is for one try of two, because a datagram may get lost.
fn resolver(server: Option<SocketAddr>, within: Duration) -> Result<TokioResolver, Miss> {
    let setup = |error: NetError| {
        let message = format!("this machine's resolver cannot be used: {error}; name one as `server: ADDRESS`");
        miss(ProbeReason::Setup, &message)
    };
    let mut builder = match server {
        None => TokioResolver::builder_tokio().map_err(setup)?,
        Some(address) => {
            let port = |mut connection: ConnectionConfig| {
                connection.port = address.port();
                connection
            };
            let connections = vec![port(ConnectionConfig::udp()), port(ConnectionConfig::tcp())];
            let servers = vec![NameServerConfig::new(address.ip(), true, connections)];
            let config = ResolverConfig::from_name_servers(servers);
            Resolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    };
    let options = builder.options_mut();
    options.timeout = within / 2;
    options.attempts = 1;
    options.cache_size = 0;
    // Else a day is the most that is ever seen.
    options.positive_max_ttl = Some(Duration::from_secs(u32::MAX.into()));
    if server.is_some() {
        options.use_hosts_file = ResolveHosts::Never;
    }
    builder.build().map_err(setup)
}

fn found_records(found: &Lookup, wanted: RecordType) -> Observed {
    let of_type = found.answers().iter().filter(|record| record.data.record_type() == wanted);
    let mut texts: Vec<String> = of_type.map(|record| tame(&text(&record.data))).collect();
    texts.sort();
    let count = texts.len();
    let ttl = found.answers().iter().map(|record| record.ttl).min().unwrap_or_default();
    let mut facts = BTreeMap::from([("response".to_owned(), "NOERROR".to_owned())]);
    if count > MOST_RECORDS {
        texts.truncate(MOST_RECORDS);
        facts.insert("records".to_owned(), format!("only the first {MOST_RECORDS} of {count}"));
    }
    let mut values = values(texts);
    values.insert("count".to_owned(), count.into());
    values.insert("ttl".to_owned(), ttl.into());
    Observed { values, facts }
}

fn values(records: Vec<String>) -> BTreeMap<String, Value> {
    BTreeMap::from([
        ("exists".to_owned(), (!records.is_empty()).into()),
        ("count".to_owned(), records.len().into()),
        ("records".to_owned(), records.into()),
    ])
}

/// A record's data as one writes it, names without their last dot.
fn text(data: &RData) -> String {
    let plain = |name: &Name| {
        let text = name.to_string();
        text.strip_suffix('.').filter(|short| !short.is_empty()).map_or_else(|| text.clone(), str::to_owned)
    };
    match data {
        RData::CNAME(name) => plain(&name.0),
        RData::NS(name) => plain(&name.0),
        RData::PTR(name) => plain(&name.0),
        RData::MX(mx) => format!("{} {}", mx.preference, plain(&mx.exchange)),
        RData::SRV(srv) => format!("{} {} {} {}", srv.priority, srv.weight, srv.port, plain(&srv.target)),
        RData::TXT(txt) => {
            let bytes: Vec<u8> = txt.txt_data.iter().flat_map(|part| part.iter().copied()).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        other => other.to_string(),
    }
}

/// Nothing observed, if that is what the resolver said: no such name, or no such record of it.
fn none(error: &NetError) -> Option<Observed> {
    let NetError::Dns(DnsError::NoRecordsFound(none)) = error else { return None };
    let response = match none.response_code {
        ResponseCode::NXDomain => "NXDOMAIN: there is no such name".to_owned(),
        ResponseCode::NoError => "NOERROR: the name has no such record".to_owned(),
        code => code.to_string(),
    };
    let facts = BTreeMap::from([("response".to_owned(), tame(&response))]);
    Some(Observed { values: values(Vec::new()), facts })
}

fn unanswered(error: &NetError, by: &str, within: Duration) -> Miss {
    match error {
        NetError::Timeout => miss(ProbeReason::Unreachable, &silent(by, within)),
        NetError::Io(_) | NetError::NoConnections | NetError::Busy => {
            miss(ProbeReason::Unreachable, &format!("{by} cannot be asked: {error}"))
        }
        NetError::Dns(DnsError::ResponseCode(code)) => {
            miss(ProbeReason::Query, &format!("{by} answered with an error: {code}"))
        }
        other => miss(ProbeReason::Query, &format!("what {by} answered cannot be used: {other}")),
    }
}

fn silent(by: &str, within: Duration) -> String {
    let mend = "check its address, and that port 53 is open on the way there (UDP and TCP)";
    format!("{by} did not answer within {}; {mend}", shown(within))
}

fn judged(seen: Observed, name: &str, wanted: RecordType, absent: bool) -> Outcome {
    let exists = seen.values.get("exists") == Some(&Value::Bool(true));
    if exists != absent {
        return Ok(seen);
    }
    let name = tame(name);
    let message = if absent {
        let records = seen.values.get("records").map(ToString::to_string).unwrap_or_default();
        format!("`{name}` should have no {wanted} record and has {records}")
    } else {
        let response = seen.facts.get("response").map_or("nothing", String::as_str);
        format!("`{name}` has no {wanted} record: {response}; if it must have none, set `absent: true`")
    };
    Err(Miss { observed: Some(seen), ..miss(ProbeReason::Expectation, &message) })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Dns, Wanted, name, server};
    use crate::probe::ProbeCalls as _;

    fn check(settings: Value) -> Result<(), String> {
        let Value::Object(settings) = settings else { unreachable!() };
        Dns.check(&settings)
    }

    #[test]
    fn settings_are_checked() {
        for good in [
            json!({ "name": "db.example.com" }),
            json!({ "name": "_sip._tcp.example.com.", "type": "SRV", "server": "10.0.0.2", "absent": true }),
            json!({ "name": "${{ on.endpoint.host }}", "type": "CNAME", "server": "[fd00:ec2::253]:53" }),
            json!({ "name": "10.0.0.7", "type": "PTR", "server": "${{ on.endpoint.host }}" }),
        ] {
            assert_eq!(check(good.clone()), Ok(()), "{good}");
        }
        let long = "x".repeat(300);
        for (bad, part) in [
            (json!({}), "name"),
            (json!({ "name": long }), "not a name"),
            (json!({ "name": "a..b" }), "not a name"),
            (json!({ "name": "a", "type": "ANY" }), "do not fit"),
            (json!({ "name": "a", "server": "ns.example.com" }), "`server` is an address"),
            (json!({ "name": "a", "server": "10.0.0.2:0" }), "`server` is an address"),
        ] {
            let problem = check(bad).unwrap_err();
            assert!(problem.contains(part), "{problem}");
        }
    }

    #[test]
    fn names_are_whole_and_addresses_are_turned_around() {
        assert_eq!(name("db", Wanted::A).unwrap().to_string(), "db.");
        assert_eq!(name("10.0.0.7", Wanted::Ptr).unwrap().to_string(), "7.0.0.10.in-addr.arpa.");
        assert_eq!(server("10.0.0.2").unwrap().port(), 53);
        assert_eq!(server("[::1]:5353").unwrap().to_string(), "[::1]:5353");
        assert_eq!(server("::1").unwrap(), server("[::1]").unwrap());
    }
}
