//! Tokens of IAM: what a client of RDS sends in the place of a password. A token is a presigned URL of the action
//! `connect`; its signature is not checked, as nowhere in the simulated AWS.

use jiff::{SignedDuration, Timestamp};

use crate::sandbox::private;
use crate::sandbox::protocol::encoding::form;

/// What a token is good for at most, whatever it says of itself.
const LONGEST: SignedDuration = SignedDuration::from_mins(15);

/// How far the client's clock may be from this one.
const LEEWAY: SignedDuration = SignedDuration::from_mins(5);

/// Whether a token lets a user in, now, to the server that listens on this port of 127.0.0.1 and may have a private
/// name.
pub(super) fn opens(token: &str, user: &str, port: u16, now: Timestamp) -> bool {
    let Some((place, query)) = token.split_once('?') else { return false };
    let values = form(query);
    let value = |name: &str| values.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    is_ours(place.trim_end_matches('/'), port)
        && value("Action") == Some("connect")
        && value("DBUser") == Some(user)
        && value("X-Amz-Signature").is_some_and(|signature| !signature.is_empty())
        && value("X-Amz-Credential").is_some_and(|scope| scope.ends_with("/rds-db/aws4_request"))
        && is_fresh(value("X-Amz-Date"), value("X-Amz-Expires"), now)
}

fn is_ours(place: &str, port: u16) -> bool {
    let Some((host, asked)) = place.rsplit_once(':') else { return false };
    let inside = host.strip_suffix(private::DOMAIN).is_some_and(|name| name.ends_with('.'));
    inside || (["127.0.0.1", "localhost"].contains(&host) && asked.parse() == Ok(port))
}

fn is_fresh(signed: Option<&str>, lasts: Option<&str>, now: Timestamp) -> bool {
    let signed = signed.and_then(|text| Timestamp::strptime("%Y%m%dT%H%M%S%z", text.replace('Z', "+0000")).ok());
    let lasts = lasts.and_then(|text| text.parse().ok()).map(SignedDuration::from_secs);
    let Some((signed, lasts)) = signed.zip(lasts) else { return false };
    let age = now.duration_since(signed);
    age >= -LEEWAY && age <= lasts.min(LONGEST)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::opens;

    const TOKEN: &str = "127.0.0.1:5433/?Action=connect&DBUser=drill_probe&X-Amz-Algorithm=AWS4-HMAC-SHA256&\
                         X-Amz-Credential=AKIASANDBOX123456789012%2F20261121%2Feu-west-1%2Frds-db%2Faws4_request&\
                         X-Amz-Date=20261121T120000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=0a1b";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_token_is_for_one_server_one_user_and_a_quarter_of_an_hour() {
        let noon = at("2026-11-21T12:00:01Z");
        assert!(opens(TOKEN, "drill_probe", 5433, noon));
        assert!(opens(TOKEN, "drill_probe", 5433, at("2026-11-21T12:15:00Z")));
        for late in ["2026-11-21T12:15:01Z", "2026-11-21T11:54:59Z"] {
            assert!(!opens(TOKEN, "drill_probe", 5433, at(late)), "{late}");
        }
        assert!(!opens(TOKEN, "postgres", 5433, noon));
        assert!(!opens(TOKEN, "drill_probe", 5434, noon));
        let private = TOKEN.replace("127.0.0.1:5433", "db-0a1b.private.rds.invalid:5432");
        assert!(opens(&private, "drill_probe", 5433, noon));
    }

    #[test]
    fn what_is_no_token_opens_nothing() {
        let noon = at("2026-11-21T12:00:01Z");
        for (part, other) in [
            ("Action=connect", "Action=disconnect"),
            ("rds-db", "rds"),
            ("X-Amz-Signature=0a1b", "X-Amz-Signature="),
            ("20261121T120000Z", "yesterday"),
            ("127.0.0.1:5433", "elsewhere.example:5433"),
            ("127.0.0.1:5433", "xprivate.rds.invalid:5433"),
            ("?", "!"),
        ] {
            assert!(!opens(&TOKEN.replace(part, other), "drill_probe", 5433, noon), "{other}");
        }
        assert!(!opens("", "drill_probe", 5433, noon));
    }
}
