//! PostgreSQL and Aurora PostgreSQL.
//!
//! `session` connects, asks inside a transaction that is read-only and always rolled back, and reads bounded answers;
//! `param` binds values; `value` turns columns into JSON; `failure` turns what went wrong into a miss. One statement a
//! question: the extended protocol refuses more.

mod failure;
mod param;
mod session;
mod value;

use crate::probe::Miss;
use crate::probe::reach;
use crate::probe::sql::engine::{Answer, Door, Question};
use crate::probe::sql::postgres::session::Session;

/// See [`crate::probe::sql::engine::ask`].
pub(super) async fn ask(door: Door, questions: &[Question]) -> Result<Vec<Answer>, Miss> {
    let (stream, _) = reach::connect(&door.open.addresses, door.timeout).await?;
    let session = Session::open(stream, &door).await?;
    // The door stays until the last answer: it holds the way open.
    session.ask(questions).await
}
