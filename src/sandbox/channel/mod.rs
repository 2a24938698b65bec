//! Session Manager's data channels: websockets at `/v1/data-channel/SESSION`, on the world's own server.
//!
//! `ssm:StartSession` (`service/sessions`) makes a session with a token; whoever comes with both is connected by a
//! simulated SSM Agent ([`forwarder`]) to what is behind the instance, in the world's own network
//! ([`crate::sandbox::private`]).

mod forwarder;
mod frame;
mod stream;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::sandbox::channel::forwarder::{Breaks, Order};
use crate::sandbox::fault::Mischief;
use crate::sandbox::inventory::CallRecord;
use crate::sandbox::line::Scissors;
use crate::sandbox::private;
use crate::sandbox::spec::Place;
use crate::sandbox::world::World;
use crate::words::secret::Secret;

/// Where data channels are.
pub(crate) const PATH: &str = "/v1/data-channel/";

/// The word before the colon in IAM and in faults.
pub(crate) const PREFIX: &str = "ssmmessages";

/// What opening one is called, after the colon.
pub(crate) const OPENS: &str = "OpenDataChannel";

/// What opening one is called.
const OPERATION: &str = "ssmmessages:OpenDataChannel";

/// Whether a request wants a data channel.
pub(crate) fn is_wanted(parts: &Parts) -> bool {
    let upgrade = parts.headers.get(header::UPGRADE).and_then(|value| value.to_str().ok());
    parts.uri.path().starts_with(PATH) && upgrade.is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("websocket"))
}

/// Answers a request for a data channel on an advanced world.
pub(crate) fn answer(world: &mut World, scissors: Scissors, mut parts: Parts) -> Response<Body> {
    let key = parts.headers.get(header::SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
    let accept = key.and_then(|key| HeaderValue::from_str(&key).ok());
    let (Some(accept), Some(upgrade)) = (accept, parts.extensions.remove::<OnUpgrade>()) else {
        return refuse(StatusCode::BAD_REQUEST, "a data channel is a websocket");
    };
    let id = parts.uri.path().strip_prefix(PATH).unwrap_or_default().to_owned();
    let Some((place, mut order)) = order(world, &id) else {
        return refuse(StatusCode::NOT_FOUND, "there is no such session, or it has ended");
    };
    let times = world.times();
    let mischief = world.faults.on_request(OPERATION, place.region.as_str(), times);
    let error = match mischief {
        None | Some(Mischief::Late(_) | Mischief::Stale | Mischief::Old) => None,
        Some(Mischief::CutBefore) => {
            scissors.cut();
            return refuse(StatusCode::OK, "");
        }
        Some(Mischief::CutAfter) => {
            order.breaks = Some(Breaks::Cut);
            None
        }
        Some(Mischief::Silence) => {
            order.breaks = Some(Breaks::Silence);
            None
        }
        Some(Mischief::Refuse(failure)) if failure.code.starts_with("ExpiredToken") => {
            // The session's own token: the websocket opens, and nothing that is said on it is right.
            order.token = Secret::new(format!("not {}", order.token.expose()));
            Some(failure.code)
        }
        Some(Mischief::Refuse(failure)) => {
            record(world, &place, Some(failure.code));
            let status = StatusCode::from_u16(failure.status).unwrap_or(StatusCode::FORBIDDEN);
            return refuse(status, &failure.message);
        }
    };
    record(world, &place, error);
    tokio::spawn(forwarder::serve(upgrade, order, scissors));
    let mut response = refuse(StatusCode::SWITCHING_PROTOCOLS, "");
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

/// What is to be forwarded for a session that has not ended, and whose it is.
fn order(world: &World, id: &str) -> Option<(Place, Order)> {
    let found = world.sites.iter().find_map(|(place, site)| Some((place, site, site.shelves.sessions.get(id)?)));
    let (place, site, session) = found.filter(|(_, _, session)| session.ended.is_none())?;
    let mute_port = world.databases.mute_port;
    let order = Order {
        id: id.to_owned(),
        token: Secret::new(session.token.clone()),
        host: session.host.clone(),
        port: session.port,
        route: private::route(site, mute_port, Some(session.target.as_str()), &session.host, session.port),
        breaks: None,
        ended: session.watched(),
    };
    Some((place.clone(), order))
}

fn record(world: &mut World, place: &Place, error: Option<String>) {
    let at = world.now;
    world.calls.push(CallRecord {
        operation: OPERATION.to_owned(),
        at,
        effect: false,
        error,
        account: place.account.to_string(),
        region: place.region.to_string(),
        resource: None,
    });
}

fn refuse(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(text.to_owned()));
    *response.status_mut() = status;
    response
}
