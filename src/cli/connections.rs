//! Connections that the runs of a process share: one for each pair of sides, and one simulated AWS for all of them.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::cli::connect::{CloudArgs, Connection, connect, inside};
use crate::cli::error::CliError;
use crate::cli::place::Place;
use crate::definition::model::Definition;
use crate::sandbox::Sandbox;
use crate::words::arn::Arn;
use crate::words::id::{AccountId, Region};

/// What tells one pair of sides from another, and where it is reached.
#[derive(PartialEq, Eq)]
struct Pair {
    sides: [(Region, AccountId, Option<String>, Option<Arn>); 2],
    profile: Option<String>,
    sandbox: Option<String>,
}

impl Pair {
    fn of(definition: &Definition, args: &CloudArgs) -> Self {
        let (there, here) = (&definition.destination, &definition.source);
        let there = (there.region.clone(), there.account.clone(), there.profile.clone(), there.access_role.clone());
        let here = (here.region.clone(), here.account.clone(), here.profile.clone(), here.access_role.clone());
        Self { sides: [there, here], profile: args.profile.clone(), sandbox: args.sandbox.clone() }
    }
}

/// The connections of a process.
pub(crate) struct Connections {
    /// The simulated AWS of this process, if it has one.
    world: Option<Sandbox>,
    /// Names the sessions of assumed roles.
    tag: String,
    open: Mutex<Vec<(Pair, Arc<Connection>)>>,
}

impl Connections {
    /// None yet. `tag` names the sessions of assumed roles, in the place of one run's id.
    pub(crate) fn new(world: Option<Sandbox>, tag: String) -> Self {
        Self { world, tag, open: Mutex::new(Vec::new()) }
    }

    /// A run's own view of the cloud that the options name.
    ///
    /// # Errors
    /// As [`connect`].
    pub(crate) async fn of(
        &self,
        definition: &Definition,
        args: &CloudArgs,
        place: &Place,
    ) -> Result<Connection, CliError> {
        let pair = Pair::of(definition, args);
        let mut open = self.open.lock().await;
        if let Some((_, known)) = open.iter().find(|(known, _)| *known == pair) {
            return Ok(known.beside());
        }
        let connection = match (&self.world, args.sandbox.as_deref()) {
            (Some(world), Some("")) => inside(definition, world, &self.tag).await?,
            _ => connect(definition, args, place, &self.tag).await?,
        };
        let connection = Arc::new(connection);
        let own = connection.beside();
        open.push((pair, connection));
        Ok(own)
    }

    /// Ends the simulated AWS of this process, and its databases.
    pub(crate) async fn close(self) {
        if let Some(world) = self.world {
            world.stop().await;
        }
    }
}
