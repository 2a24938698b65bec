//! Faults of the world: they change it when they are added, and stay. Their effects are those that AWS has, where
//! somebody meets them: in `service`, in `thing`, in [`World::start_restore`].

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::sandbox::clock::earlier;
use crate::sandbox::fault::{Fault, What};
use crate::sandbox::network;
use crate::sandbox::quota;
use crate::sandbox::role::Trust;
use crate::sandbox::spec::{Place, ResourceSpec};
use crate::sandbox::thing::keys::literal;
use crate::sandbox::world::{BackupPlan, Key, Point, Selects, Site, World};
use crate::words::kind::ResourceKind;

/// Adds a fault; those of the world change it at once.
pub(crate) fn add_fault(world: &mut World, fault: Fault) {
    match fault.what {
        What::StaleCopy => age_copies(world, &fault),
        What::KeyDisabled => change_keys(world, &fault, |key| key.enabled = false),
        What::KeyNoGrants => change_keys(world, &fault, |key| key.shut = true),
        What::NoDefaultVpc => change_sites(world, &fault, |_, site| network::remove_default(site)),
        What::SingleZone => change_sites(world, &fault, network::keep_one_zone),
        What::ClockSkew => world.skew = fault.by.map_or(SignedDuration::ZERO, |by| by.0),
        What::PassRoleDenied => world.pass_role_denied = true,
        What::RegionDisabled => {
            let named = fault.region.as_deref().and_then(|region| region.parse().ok());
            match named {
                Some(region) => {
                    world.disabled.insert(region);
                }
                None => {
                    let destinations = restores(world, &fault).into_iter().map(|one| one.destination.region.clone());
                    world.disabled.extend(destinations);
                }
            }
        }
        what if what.stands() => {
            for spec in restores(world, &fault) {
                change_restore(world, &fault, &spec);
            }
        }
        _ => world.faults.add(fault),
    }
    world.touch();
}

/// A fault that is about one restore.
fn change_restore(world: &mut World, fault: &Fault, spec: &ResourceSpec) {
    let role = spec.restore_role.as_str();
    match fault.what {
        What::RoleMissing => {
            world.roles.remove(role);
        }
        What::RoleUntrusted => {
            if let Some(role) = world.roles.get_mut(role) {
                role.trusts = Trust::Ec2;
            }
        }
        What::RolePowerless => {
            let action = fault.operation.as_deref().unwrap_or("*");
            let role = world.roles.get_mut(role);
            if let Some(role) = role.filter(|role| !role.denied.iter().any(|known| known == action)) {
                role.lose(action);
            }
        }
        _ => change_destination(world, fault, spec),
    }
}

/// A fault of the account and region that it restores to.
fn change_destination(world: &mut World, fault: &Fault, spec: &ResourceSpec) {
    let id = world.seed.stream(&format!("plan of everything {}", spec.destination.region)).uuid();
    let created = earlier(world.started, SignedDuration::from_hours(24 * 60));
    let site = world.site(&spec.destination);
    match fault.what {
        What::NotOptedIn => {
            site.not_opted_in.insert(spec.backup_type());
        }
        What::VaultDenies => {
            if let Some(vault) = site.vaults.get_mut(spec.vault.as_str()) {
                vault.denies = true;
            }
        }
        What::ParameterGroupMissing => {
            if let Some(name) = &spec.parameter_group {
                site.shelves.rds.parameter_groups.remove(name);
                site.shelves.clusters.parameter_groups.remove(name);
            }
        }
        What::OptionGroupMissing => {
            if let Some(name) = &spec.option_group {
                site.shelves.rds.option_groups.remove(name);
            }
        }
        What::ClassNotOffered => site.not_offered.extend(class(spec)),
        What::QuotaFull => site.full.extend(quota::codes(Some(spec.kind))),
        What::RecycleBin => site.shelves.ec2.recycles = true,
        What::BackupPlanSelectsAll if !site.plans.iter().any(|plan| plan.id == id) => {
            let name = "everything-in-the-account".to_owned();
            let (vault, selects) = (spec.vault.to_string(), Selects::Everything);
            site.plans.push(BackupPlan { id, name, vault, copies_to: None, created, selects });
        }
        _ => {}
    }
}

/// The class that the definition asks for.
fn class(spec: &ResourceSpec) -> Option<String> {
    match spec.kind {
        ResourceKind::Ec2 => {
            let named = spec.with.get("instance_type").and_then(literal);
            Some(named.unwrap_or(crate::sandbox::thing::ec2::SOURCE_KIND).to_owned())
        }
        ResourceKind::Rds | ResourceKind::Aurora | ResourceKind::DocumentDb | ResourceKind::Neptune => {
            Some(spec.instance_class.clone())
        }
        _ => None,
    }
}

/// The restores that a fault is about: that of its name, those of its type, or all.
fn restores(world: &World, fault: &Fault) -> Vec<Arc<ResourceSpec>> {
    let all = || world.sites.values().flat_map(|site| site.points.iter().map(|point| &point.source));
    let named = fault.resource.as_deref();
    let is_name = named.is_some_and(|name| all().any(|spec| spec.name.as_str() == name));
    let mut found: Vec<Arc<ResourceSpec>> = Vec::new();
    for spec in all() {
        let of_drill = !is_name || fault.drill.is_none() || fault.drill.as_deref() == Some(spec.drill.as_str());
        let fits = named.is_none_or(|name| if is_name { spec.name.as_str() == name } else { is_of_type(spec, name) });
        let there = fault.region.as_deref().is_none_or(|region| region == spec.destination.region.as_str());
        if of_drill && fits && there && !found.iter().any(|known| Arc::ptr_eq(known, spec)) {
            found.push(Arc::clone(spec));
        }
    }
    found
}

/// `rds`, or AWS Backup's `RDS`.
fn is_of_type(spec: &ResourceSpec, name: &str) -> bool {
    spec.kind.word() == name || spec.backup_type().eq_ignore_ascii_case(name)
}

fn change_sites(world: &mut World, fault: &Fault, mut change: impl FnMut(&Place, &mut Site)) {
    let in_region = |place: &Place| fault.region.as_deref().is_none_or(|region| region == place.region.as_str());
    world.sites.iter_mut().filter(|(place, _)| in_region(place)).for_each(|(place, site)| change(place, site));
}

/// Changes the keys of vaults.
fn change_keys(world: &mut World, fault: &Fault, mut change: impl FnMut(&mut Key)) {
    change_sites(world, fault, |_, site| {
        let used: BTreeSet<String> = site.vaults.values().map(|vault| vault.key.clone()).collect();
        site.keys.iter_mut().filter(|key| used.contains(&key.arn)).for_each(&mut change);
    });
}

fn age_copies(world: &mut World, fault: &Fault) {
    let age = fault.age.map_or(SignedDuration::ZERO, |age| age.0);
    let newest = earlier(world.now, age);
    for site in world.sites.values_mut() {
        drop_fresh_copies(site, fault, newest);
    }
}

fn drop_fresh_copies(site: &mut Site, fault: &Fault, newest: Timestamp) {
    let hit = |source: &ResourceSpec| fault.resource.as_deref().is_none_or(|name| name == source.name.as_str());
    let stays = |point: &Point| point.source_vault.is_none() || point.created <= newest || !hit(&point.source);
    site.points.change().retain(stays);
    for job in site.copy_jobs.change().iter_mut().filter(|job| job.created > newest && hit(&job.source)) {
        job.state = "FAILED";
        job.destination_point = None;
        job.message = Some("Copy job failed because there was an internal failure");
    }
}
