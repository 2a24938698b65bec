//! What may not be reached, what must be, and from where that is tried.

use std::fmt;
use std::net::IpAddr;

use serde::Deserialize;

use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::{Given, miss};
use crate::probe::target::Target;
use crate::words::text::tame;
use crate::yaml::shape::{Field, Shape};

/// Places and names that one probe tries at most.
const MOST: usize = 60;

/// The settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IsolationSettings {
    from: Option<Where>,
    cannot_reach: Vec<Spot>,
    can_reach: Option<Vec<Spot>>,
    #[serde(default)]
    cannot_resolve: Vec<Given>,
}

/// From where it is tried.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Where {
    /// By a script on this instance.
    Ssm(Given),
    /// By this function, in the restored network.
    Lambda(Given),
}

/// `HOST:PORT`, in one piece or in two.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Spot {
    Apart(Apart),
    Text(Given),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Apart {
    host: Given,
    port: Given,
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) host: String,
    pub(super) port: u16,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// From where it is tried, with its references filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Vantage {
    Instance(String),
    Function(String),
}

/// The settings, with their references filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) from: Vantage,
    pub(super) can: Vec<Place>,
    pub(super) cannot: Vec<Place>,
    /// Names that may have no address.
    pub(super) unresolved: Vec<String>,
}

/// Their fields.
pub(super) fn fields() -> Vec<Field> {
    let place = || Shape::Either {
        text: Box::new(Shape::Template),
        map: Box::new(Shape::Map(vec![
            Field::required("host", Shape::Template, "A name or an address."),
            Field::required("port", Shape::Template, "A TCP port."),
        ])),
    };
    let places = |min| Shape::List { of: Box::new(place()), min };
    let from = Shape::OneOf(vec![
        Field::optional("ssm", Shape::Template, "An instance, by its id: a script on it tries."),
        Field::optional("lambda", Shape::Template, "A function in that network: it tries."),
    ]);
    vec![
        Field::optional("from", from, "From where it is tried. Default: the restored instance."),
        Field::required("cannot_reach", places(1), "What must not be reached: HOST:PORT, or host and port."),
        Field::optional(
            "can_reach",
            places(1),
            "What must be reached, or nothing can be concluded. Default: the region's endpoint of Systems Manager.",
        ),
        Field::optional(
            "cannot_resolve",
            Shape::List { of: Box::new(Shape::Template), min: 1 },
            "Names that must have no address there.",
        ),
    ]
}

impl IsolationSettings {
    /// Whether they make sense, as far as is known before the run.
    pub(super) fn check(&self) -> Result<(), String> {
        match &self.from {
            Some(Where::Ssm(given)) => given.check("from.ssm")?,
            Some(Where::Lambda(given)) => given.check("from.lambda")?,
            None => {}
        }
        let controls = self.can_reach.as_deref().unwrap_or_default();
        if controls.len() + self.cannot_reach.len() + self.cannot_resolve.len() > MOST {
            return Err(format!("one probe tries at most {MOST} places and names; write another"));
        }
        let forbidden = known("cannot_reach", &self.cannot_reach)?;
        let wanted = known("can_reach", controls)?;
        if let Some(both) = forbidden.iter().find(|place| wanted.contains(place)) {
            return Err(format!("`{both}` cannot be both in `cannot_reach` and in `can_reach`"));
        }
        for name in &self.cannot_resolve {
            name.check("cannot_resolve")?;
            name.literal().map_or(Ok(()), |name| check_host(&name, "cannot_resolve"))?;
        }
        let by_number = |place: &Place| place.host.parse::<IpAddr>().is_ok();
        let unnamed = !wanted.is_empty() && wanted.len() == controls.len() && wanted.iter().all(by_number);
        if unnamed && !self.cannot_resolve.is_empty() {
            return Err(
                "`cannot_resolve` needs a name in `can_reach`: where no name resolves, it proves nothing".to_owned()
            );
        }
        Ok(())
    }

    /// With the references filled.
    pub(super) fn fill(&self, target: &Target) -> Result<Asked, Miss> {
        let setup = |problem: String| miss(ProbeReason::Setup, &problem);
        let from = match &self.from {
            Some(Where::Ssm(given)) => Vantage::Instance(given.fill("from.ssm", target)?),
            Some(Where::Lambda(given)) => Vantage::Function(given.fill("from.lambda", target)?),
            None => Vantage::Instance(restored(target).map_err(setup)?),
        };
        let places = |key: &str, spots: &[Spot]| -> Result<Vec<Place>, Miss> {
            spots.iter().map(|spot| place(&spot.fill(key, target)?, key).map_err(setup)).collect()
        };
        let can = match &self.can_reach {
            Some(spots) => places("can_reach", spots)?,
            None => vec![endpoint(target.region.as_str())],
        };
        let name = |given: &Given| -> Result<String, Miss> {
            let name = given.fill("cannot_resolve", target)?;
            check_host(&name, "cannot_resolve").map_err(setup)?;
            Ok(name)
        };
        Ok(Asked {
            from,
            can,
            cannot: places("cannot_reach", &self.cannot_reach)?,
            unresolved: self.cannot_resolve.iter().map(name).collect::<Result<_, Miss>>()?,
        })
    }
}

/// The places that hold no reference.
fn known(key: &str, spots: &[Spot]) -> Result<Vec<Place>, String> {
    let mut places = Vec::new();
    for spot in spots {
        if let Some(text) = spot.check(key)? {
            places.push(place(&text, key)?);
        }
    }
    Ok(places)
}

impl Spot {
    /// The text in one piece, if it holds no reference.
    fn check(&self, key: &str) -> Result<Option<String>, String> {
        match self {
            Self::Text(text) => {
                text.check(key)?;
                Ok(text.literal())
            }
            Self::Apart(Apart { host, port }) => {
                host.check(key)?;
                port.check_port(key)?;
                Ok(host.literal().zip(port.literal()).map(|(host, port)| joined(&host, &port)))
            }
        }
    }

    fn fill(&self, key: &str, target: &Target) -> Result<String, Miss> {
        match self {
            Self::Text(text) => text.fill(key, target),
            Self::Apart(Apart { host, port }) => {
                Ok(joined(&host.fill(key, target)?, &port.fill_port(key, target)?.to_string()))
            }
        }
    }
}

fn joined(host: &str, port: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn place(text: &str, key: &str) -> Result<Place, String> {
    let wrong = || format!("`{key}` needs a host and a port, such as db.prod.internal:5432, not `{}`", tame(text));
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let host = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
    let port = port.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(wrong)?;
    check_host(host, key)?;
    Ok(Place { host: host.to_owned(), port })
}

/// A name or an address, and nothing that a program could take for an option.
fn check_host(host: &str, key: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    let starts = host.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'));
    if starts && host.len() <= 253 && host.chars().all(fits) {
        Ok(())
    } else {
        Err(format!("`{key}`: `{}` is neither a name nor an address", tame(host)))
    }
}

/// Scripts come by it, so that an instance that runs one reaches it: it shows that trying works.
fn endpoint(region: &str) -> Place {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    Place { host: format!("ssm.{region}.{domain}"), port: 443 }
}

fn restored(target: &Target) -> Result<String, String> {
    let id = target.identifier.as_deref().filter(|id| id.starts_with("i-"));
    id.map(str::to_owned).ok_or_else(|| {
        "what was restored is no instance that could try anything; say from where with `from: { ssm: i-… }` or `from: { \
         lambda: … }`"
            .to_owned()
    })
}
