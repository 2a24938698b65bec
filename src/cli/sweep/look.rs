//! One look into each account and region. What could not be looked at is kept: then nobody may say that nothing is left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::cli::connect::{Connection, connect_side};
use crate::cli::error::CliError;
use crate::cli::sweep::Order;
use crate::cli::sweep::spots::Spot;
use crate::cloud::Cloud;
use crate::cloud::error::CloudError;
use crate::cloud::leftover::Wanted;
use crate::journal::store::{RunRow, StoreError};
use crate::run::sweep::{Found, Marked, is_marked, kinds};
use crate::words::arn::Arn;
use crate::words::id::{AccountId, Region};
use crate::words::text::tame;
use crate::words::time::Clock;

/// An account and region that a session leads to.
pub(crate) struct Site {
    pub(crate) connection: Connection,
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    partition: String,
    /// What restore jobs were started with does not change: it is asked for once.
    metadata: BTreeMap<String, Marked>,
    /// Restore jobs that are not of a drill.
    foreign: BTreeSet<String>,
}

impl Site {
    /// A place of a cloud in memory.
    pub(crate) fn of(cloud: Cloud, clock: Arc<dyn Clock>, place: (AccountId, Region, String)) -> Self {
        let (account, region, partition) = place;
        let connection = Connection::in_memory(cloud, clock);
        Self { connection, account, region, partition, metadata: BTreeMap::new(), foreign: BTreeSet::new() }
    }
}

/// Something that could not be looked at.
#[derive(Debug, Clone)]
pub(crate) struct Unseen {
    pub(crate) account: Option<AccountId>,
    pub(crate) region: Option<Region>,
    /// What: a type's word, `restore jobs`, `session`, `journal of run …`.
    pub(crate) what: String,
    /// Why not, and what to do.
    pub(crate) message: String,
}

impl Unseen {
    /// A journal of this machine.
    pub(crate) fn journal(row: &RunRow, error: &StoreError) -> Self {
        let what = format!("journal of run {}", row.run);
        Self { account: None, region: None, what, message: chain(error) }
    }

    /// The journals of this machine.
    pub(crate) fn journals(error: &StoreError) -> Self {
        Self { account: None, region: None, what: "journals of this machine".to_owned(), message: chain(error) }
    }

    fn session(spot: &Spot, message: String) -> Self {
        let region = Some(spot.side.region.clone());
        Self { account: spot.account.clone(), region, what: "session".to_owned(), message }
    }

    fn request(site: &Site, what: &str, error: &CloudError) -> Self {
        let message = format!("{error}; {}", error.advice());
        let (account, region) = (Some(site.account.clone()), Some(site.region.clone()));
        Self { account, region, what: what.to_owned(), message }
    }
}

/// An error with everything beneath it, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    tame(&text)
}

/// Sessions for the spots, in every region if that is asked for; each account and region once.
pub(crate) async fn connect_all(spots: Vec<Spot>, order: &Order) -> (Vec<Site>, Vec<Unseen>) {
    let (mut sites, mut blind) = (Vec::new(), Vec::new());
    let mut seen: BTreeSet<(AccountId, Region)> = BTreeSet::new();
    let spots = if order.all_regions { everywhere(spots, order, &mut blind).await } else { spots };
    for spot in spots {
        match site(&spot, order).await {
            Ok(site) => {
                if seen.insert((site.account.clone(), site.region.clone())) {
                    sites.push(site);
                }
            }
            Err(message) => blind.push(Unseen::session(&spot, message)),
        }
    }
    (sites, blind)
}

/// Each who in every region that is enabled for its account.
async fn everywhere(spots: Vec<Spot>, order: &Order, blind: &mut Vec<Unseen>) -> Vec<Spot> {
    let mut asked = BTreeSet::new();
    let mut found = Vec::new();
    for spot in spots {
        if !asked.insert(spot.who()) {
            continue;
        }
        let regions = match site(&spot, order).await {
            Ok(site) => site
                .connection
                .cloud
                .ground
                .regions()
                .await
                .map_err(|error| format!("the enabled regions cannot be listed: {error}; {}", error.advice())),
            Err(message) => Err(message),
        };
        match regions {
            Ok(regions) => found.extend(regions.iter().map(|region| spot.at(region))),
            Err(message) => blind.push(Unseen::session(&spot, message)),
        }
    }
    found
}

/// A session that leads where it should.
async fn site(spot: &Spot, order: &Order) -> Result<Site, String> {
    let connected = connect_side(&spot.side, spot.account.as_ref(), order.sandbox.as_deref(), "sweep").await;
    let connection = connected.map_err(|error: CliError| chain(&error))?;
    let identity = connection.cloud.ground.identity().await.map_err(|error| format!("{error}; {}", error.advice()))?;
    if let Some(account) = spot.account.as_ref().filter(|account| **account != identity.account) {
        return Err(format!("the credentials lead to account {}, not to {account}", identity.account));
    }
    let partition = identity.arn.parse::<Arn>().map_or_else(|_| "aws".to_owned(), |arn| arn.partition().to_owned());
    Ok(Site {
        connection,
        account: identity.account,
        region: spot.side.region.clone(),
        partition,
        metadata: BTreeMap::new(),
        foreign: BTreeSet::new(),
    })
}

/// One look: restore jobs first, for they lead to things without names.
pub(crate) async fn look(site: &mut Site, since: Timestamp, unseen: &mut Vec<Unseen>) -> Found {
    let jobs = match jobs(site, since).await {
        Ok(jobs) => jobs,
        Err(error) => {
            unseen.push(Unseen::request(site, "restore jobs", &error));
            Vec::new()
        }
    };
    let wanted = Wanted {
        account: site.account.clone(),
        region: site.region.clone(),
        partition: site.partition.clone(),
        made: jobs.iter().filter_map(|marked| marked.job.created_resource.clone()).collect(),
        kept: true,
    };
    let mut leftovers = Vec::new();
    for kind in kinds() {
        let Some(calls) = (site.connection.cloud.resources)(kind) else { continue };
        match calls.leftovers(&wanted).await {
            Ok(found) => leftovers.extend(found),
            Err(error) => unseen.push(Unseen::request(site, kind.word(), &error)),
        }
    }
    Found { account: wanted.account, region: wanted.region, leftovers, jobs }
}

/// The restore jobs of drills.
async fn jobs(site: &mut Site, since: Timestamp) -> Result<Vec<Marked>, CloudError> {
    let vault = Arc::clone(&site.connection.cloud.vault);
    let mut found = Vec::new();
    for job in vault.restore_jobs(since).await? {
        let id = job.id.to_string();
        if site.foreign.contains(&id) {
            continue;
        }
        if let Some(known) = site.metadata.get_mut(&id) {
            known.job = job;
            found.push(known.clone());
            continue;
        }
        match vault.restore_job_metadata(&job.id).await? {
            Some(metadata) if is_marked(&metadata) => {
                let marked = Marked { job, metadata };
                site.metadata.insert(id, marked.clone());
                found.push(marked);
            }
            Some(_) => {
                site.foreign.insert(id);
            }
            // It may show up later; until then it proves nothing.
            None => {}
        }
    }
    Ok(found)
}
