//! The ledgers of this machine.

use crate::cli::error::CliError;
use crate::cli::place::Place;
use crate::cli::resume::owes;
use crate::cli::sweep::Order;
use crate::cli::sweep::look::Unseen;
use crate::cli::world::is_home;
use crate::definition::model::Definition;
use crate::journal::state::State;
use crate::journal::store::{RunRow, Store};
use crate::run::sweep::{Known, Standing};

/// So many runs that are over are read besides those that owe something: things of older ones are judged without a ledger.
const MOST_OVER: usize = 200;

/// A run of this machine.
pub(crate) struct Kept {
    /// Where its journal is.
    pub(crate) store: Store,
    /// Its line.
    pub(crate) row: RunRow,
    /// What it may own.
    pub(crate) known: Known,
    /// What it was started with.
    pub(crate) definition: Definition,
}

/// The runs that talked to AWS or, with a URL, to the very world that answers there. A journal that cannot be read is something that
/// was not looked at.
///
/// # Errors
/// When the list of runs cannot be read.
pub(crate) async fn ledgers(place: &Place, order: &Order) -> Result<(Vec<Kept>, Vec<Unseen>), CliError> {
    let (mut kept, mut unseen) = (Vec::new(), Vec::new());
    for store in place.stores_or_why()? {
        let mut over = 0;
        let listed = store.and_then(|store| store.runs(None).map(|rows| (store, rows)));
        let (store, rows) = match listed {
            Ok(listed) => listed,
            // A journal that was lost or damaged is what a sweep is for.
            Err(error) => {
                unseen.push(Unseen::journals(&error));
                continue;
            }
        };
        for row in rows {
            let owed = owes(&store, &row).await;
            over += usize::from(!owed);
            if !owed && over > MOST_OVER {
                continue;
            }
            match store.state(&row.run) {
                Ok(state) if is_of(&state, order) => kept.push(one(&store, row, &state, owed)),
                Ok(_) => {}
                Err(error) => unseen.push(Unseen::journal(&row, &error)),
            }
        }
    }
    Ok((kept, unseen))
}

fn is_of(state: &State, order: &Order) -> bool {
    match &order.sandbox {
        Some(url) => is_home(&state.started, url, order.world_id.as_ref()),
        None => state.started.world.is_none(),
    }
}

fn one(store: &Store, row: RunRow, state: &State, owed: bool) -> Kept {
    let standing = match (owed, store.running(&row.drill) == Some(row.run)) {
        (true, true) => Standing::Running,
        (true, false) => Standing::Owed,
        (false, _) => row.kept_until.map_or(Standing::Over, Standing::Kept),
    };
    let entries = state.ledger.values().cloned().collect();
    let known = Known { run: row.run, drill: row.drill.clone(), standing, entries };
    Kept { store: store.clone(), row, known, definition: state.started.plan.definition.clone() }
}
