//! What is in a restored database: the writes of the world file up to the recovery point's moment.

use jiff::{SignedDuration, Timestamp};

use crate::sandbox::clock::{earlier, later};
use crate::sandbox::engine::Engine;
use crate::sandbox::file::WriteRule;
use crate::sandbox::make::user_password;
use crate::sandbox::seed::Seed;
use crate::sandbox::spec::ResourceSpec;
use crate::sandbox::sql::{Data, Write};

/// No database gets more statements than this; the oldest are left out.
const MOST_WRITES: usize = 20_000;

/// Repeated writes without `from` begin this long before the world.
const USUAL_HISTORY: SignedDuration = SignedDuration::from_hours(24 * 90);

/// The database as it was at `moment`, in a world that began at `started`.
///
/// `tokens`: whether what was restored lets users in with tokens of IAM.
pub(crate) fn at_moment(
    source: &ResourceSpec,
    seed: Seed,
    (moment, started): (Timestamp, Timestamp),
    tokens: bool,
) -> Data {
    let until = (moment, started);
    let mut writes: Vec<Write> = source.writes.iter().flat_map(|rule| expand(rule, source.engine(), until)).collect();
    writes.sort_by_key(|write| write.at);
    let users = source.users.iter().map(|(user, credential)| (user.clone(), user_password(seed, credential))).collect();
    Data {
        engine: source.engine().server(),
        database: source.database.clone(),
        users,
        master: Some(source.master().to_owned()),
        token_users: if tokens { source.token_users.iter().cloned().collect() } else { Vec::new() },
        writes,
    }
}

fn expand(rule: &WriteRule, engine: Engine, (moment, started): (Timestamp, Timestamp)) -> Vec<Write> {
    let write = |at: Timestamp| Write { at, sql: rule.sql.replace("$at", &engine.moment(at)) };
    if let Some(at) = rule.at {
        let at = at.resolve(started);
        return if at <= moment { vec![write(at)] } else { Vec::new() };
    }
    let Some(every) = rule.every else { return Vec::new() };
    let from = rule.from.map_or_else(|| earlier(started, USUAL_HISTORY), |from| from.resolve(started));
    let until = rule.until.map_or(started, |until| until.resolve(started)).min(moment);
    let mut writes = Vec::new();
    let mut at = from;
    // The bound holds because `every` is at least a minute (`WorldFile::read` refuses less).
    while at <= until && writes.len() < MOST_WRITES {
        writes.push(write(at));
        at = later(at, every.0.max(SignedDuration::from_secs(60)));
    }
    writes
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::expand;
    use crate::sandbox::engine::Engine;
    use crate::sandbox::file::{Moment, Span, WriteRule};

    #[test]
    fn a_point_holds_what_was_written_before_it() {
        let started: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let hourly = WriteRule {
            at: None,
            every: Some(Span(SignedDuration::from_hours(1))),
            from: Some(Moment::Ago(SignedDuration::from_hours(10))),
            until: None,
            sql: "INSERT INTO t VALUES ($at)".to_owned(),
        };
        let point = started - SignedDuration::from_hours(4);
        let writes = expand(&hourly, Engine::Postgres, (point, started));
        assert_eq!(writes.len(), 7);
        assert_eq!(writes[6].sql, "INSERT INTO t VALUES (TIMESTAMPTZ '2026-11-21T08:00:00Z')");
        assert!(writes.iter().all(|write| write.at <= point));
    }
}
