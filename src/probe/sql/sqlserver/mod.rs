//! SQL Server.
//!
//! `greeting` agrees on TLS and shakes hands, over the connections of `handshake` and `greeted`; `session` logs in, asks
//! inside a transaction that is always rolled back, and reads bounded answers; `statement` says which queries may be
//! asked, because SQL Server has no read-only transaction; `value` turns columns into JSON; `failure` turns what went
//! wrong into a miss.

mod failure;
mod greeted;
mod greeting;
mod handshake;
mod session;
mod statement;
mod value;

use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::miss;
use crate::probe::reach;
use crate::probe::sql::engine::{Answer, Door, Question};
use crate::probe::sql::wire::{Bounded, Full, Task, too_large};

pub(crate) use crate::probe::sql::sqlserver::greeting::encryption_of;
pub(crate) use crate::probe::sql::sqlserver::statement::check_query;

/// What is said where the driver gave up.
const GAVE_UP: &str = "the driver cannot read what the server sent: is it SQL Server?";

/// See [`crate::probe::sql::engine::ask`].
pub(super) async fn ask(door: Door, questions: &[Question]) -> Result<Vec<Answer>, Miss> {
    for question in questions.iter().filter(|question| question.read_only) {
        check_query(&question.query).map_err(|problem| miss(ProbeReason::Setup, &problem))?;
    }
    let read_only = questions.iter().all(|question| question.read_only);
    let config = session::login(&door, read_only);
    // The way stays open until the last answer.
    let Door { open, trust, timeout, .. } = door;
    let (stream, _) = reach::connect(&open.addresses, timeout).await?;
    let full = Full::default();
    let stream = Bounded::new(stream, full.clone());
    let questions = questions.to_vec();
    // A task of its own, so that a panic of the driver ends the attempt alone.
    let mut task = Task(tokio::spawn(async move {
        match trust {
            Some(trusted) => session::ask(config, greeting::encrypted(stream, trusted).await?, &questions).await,
            None => session::ask(config, greeting::plain(stream).await?, &questions).await,
        }
    }));
    let answers = (&mut task.0).await.unwrap_or_else(|_| Err(miss(ProbeReason::Connection, GAVE_UP)));
    answers.map_err(|missed| if full.is_full() { too_large() } else { missed })
}
