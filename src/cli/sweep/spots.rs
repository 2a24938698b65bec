//! Which accounts and regions are looked into.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::session::Side;
use crate::cli::error::CliError;
use crate::cli::sweep::Order;
use crate::cli::sweep::ledgers::Kept;
use crate::definition::model::{Definition, Destination};
use crate::run::sweep::Standing;
use crate::words::id::{AccountId, Region};

/// One account in one region, as it is reached.
#[derive(Debug, Clone)]
pub(crate) struct Spot {
    /// Whose it must be; none where only the profile knows.
    pub(crate) account: Option<AccountId>,
    /// How it is reached.
    pub(crate) side: Side,
}

/// What makes two spots the same.
type Key = (Option<AccountId>, Option<String>, Option<String>, Region);

impl Spot {
    fn of(destination: &Destination) -> Self {
        Self {
            account: Some(destination.account.clone()),
            side: Side {
                region: destination.region.clone(),
                profile: destination.profile.clone(),
                access_role: destination.access_role.clone(),
            },
        }
    }

    /// The same in another region.
    pub(crate) fn at(&self, region: &Region) -> Self {
        Self { account: self.account.clone(), side: Side { region: region.clone(), ..self.side.clone() } }
    }

    /// Who looks, whatever the region.
    pub(crate) fn who(&self) -> (Option<AccountId>, Option<String>, Option<String>) {
        let role = self.side.access_role.as_ref().map(ToString::to_string);
        (self.account.clone(), self.side.profile.clone(), role)
    }

    fn key(&self) -> Key {
        let (account, profile, role) = self.who();
        (account, profile, role, self.side.region.clone())
    }
}

/// The destinations of the drills, of the runs that owe something, and the profiles; each once.
///
/// # Errors
/// When there is nowhere to look.
pub(crate) fn spots(order: &Order, chosen: &[Definition], kept: &[Kept]) -> Result<Vec<Spot>, CliError> {
    let owed = kept.iter().filter(|one| one.known.standing != Standing::Over);
    let own = chosen.iter().chain(owed.map(|one| &one.definition)).map(|definition| Spot::of(&definition.destination));
    let own: Vec<Spot> = own.collect();
    let mut regions: BTreeSet<Region> = order.regions.iter().cloned().collect();
    if regions.is_empty() {
        regions.extend(own.iter().map(|spot| spot.side.region.clone()));
    }
    let mut found: BTreeMap<Key, Spot> = BTreeMap::new();
    for spot in own {
        if order.regions.is_empty() {
            found.insert(spot.key(), spot);
        } else {
            found.extend(order.regions.iter().map(|region| spot.at(region)).map(|spot| (spot.key(), spot)));
        }
    }
    for profile in &order.profiles {
        let at = |region: &Region| Side { region: region.clone(), profile: Some(profile.clone()), access_role: None };
        let spots = regions.iter().map(|region| Spot { account: None, side: at(region) });
        found.extend(spots.map(|spot| (spot.key(), spot)));
    }
    if found.is_empty() {
        return Err(CliError::usage(
            "there is nowhere to look: no drill is here; name a profile and a region (`--profile`, `--region`)",
        ));
    }
    Ok(found.into_values().collect())
}
