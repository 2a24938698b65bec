//! What a world is made from: resources with their vaults, networks, secrets and data. Pure data and pure functions.
//!
//! A spec comes from a definition alone ([`WorldSpec::from_definition`]), may be refined by a world file
//! ([`WorldSpec::overlay`]) and may be joined with others ([`WorldSpec::merge`]). `make` turns it into a world.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::definition::model::{Definition, Probe, Restore, Select, Selection};
use crate::sandbox::engine::Engine;
use crate::sandbox::evidence::EvidenceSpec;
use crate::sandbox::fault::Fault;
use crate::sandbox::file::{FunctionFile, InstanceFile, WorldFile, WriteRule};
use crate::sandbox::profile::Profile;
use crate::sandbox::resource_file::{KnownResource, ResourceFile};
use crate::sandbox::sql;
use crate::words::arn::Arn;
use crate::words::id::{AccountId, Name, Region, VaultName};
use crate::words::kind::ResourceKind;

/// What stands before the name of a parameter of SSM among the secrets. No secret's name has a colon.
pub(crate) const PARAMETER: &str = "ssm:";

/// The password of a database user whose probe reads it from `env:` or `file:`, where the sandbox cannot look.
pub const DEFAULT_PASSWORD: &str = "drill-sandbox";

/// The account of a world that no definition describes.
const FALLBACK_ACCOUNT: &str = "123456789012";

/// The access key id whose requests belong to `account` in every world.
#[must_use]
pub fn access_key(account: &AccountId) -> String {
    format!("AKIASANDBOX{account}")
}

/// One account in one region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
}

/// What a world is made from.
#[derive(Debug, Clone)]
pub struct WorldSpec {
    /// When the world starts; the real present if absent.
    pub starts: Option<Timestamp>,
    /// The world file's speed. The caller's `Options` decide; this is what a file proposes.
    pub speed: Option<f64>,
    /// The world file's seed. The caller's `Options` decide.
    pub seed: Option<u64>,
    pub(crate) made: bool,
    pub(crate) default_account: AccountId,
    pub(crate) resources: Vec<ResourceSpec>,
    /// Functions and instances of every destination, besides those that definitions name.
    pub(crate) functions: BTreeMap<String, FunctionFile>,
    pub(crate) instances: BTreeMap<String, InstanceFile>,
    /// Keys and buckets of the evidence.
    pub(crate) evidence: EvidenceSpec,
    pub(crate) faults: Vec<Fault>,
    pub(crate) quotas: Quotas,
    pub(crate) profile: Profile,
}

/// Limits and habits of the simulated AWS that AWS does not document exactly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quotas {
    /// The request rates of facts 1.3 are enforced.
    pub(crate) request_rates: bool,
    /// How long an idempotency token is remembered.
    pub(crate) token_lifetime: SignedDuration,
    /// The same token with other metadata quietly gives the first job (instead of an error).
    pub(crate) silent_token_reuse: bool,
    /// DB instances for each account and region.
    pub(crate) db_instances: u32,
    pub(crate) db_clusters: u32,
    /// Virtual CPUs of running standard instances.
    pub(crate) vcpus: u32,
    /// TiB of gp3 volumes.
    pub(crate) gp3_tib: u32,
    pub(crate) dynamodb_tables: u32,
    pub(crate) efs_file_systems: u32,
    pub(crate) s3_buckets: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        let token_lifetime = SignedDuration::from_hours(24);
        Self {
            request_rates: true,
            token_lifetime,
            silent_token_reuse: false,
            db_instances: 40,
            db_clusters: 40,
            vcpus: 256,
            gp3_tib: 50,
            dynamodb_tables: 2_500,
            efs_file_systems: 1_000,
            s3_buckets: 10_000,
        }
    }
}

/// One source resource and the vault that its recovery points are copied to.
#[derive(Debug, Clone)]
pub(crate) struct ResourceSpec {
    pub(crate) drill: String,
    pub(crate) name: Name,
    pub(crate) kind: ResourceKind,
    pub(crate) arn: Arn,
    pub(crate) source: Place,
    pub(crate) destination: Place,
    pub(crate) vault: VaultName,
    pub(crate) restore_role: Arn,
    pub(crate) instance_class: String,
    pub(crate) subnet_group: Option<String>,
    pub(crate) security_groups: Vec<String>,
    pub(crate) parameter_group: Option<String>,
    pub(crate) option_group: Option<String>,
    pub(crate) database: String,
    pub(crate) users: BTreeMap<String, Credential>,
    /// Database users who log in with tokens of IAM.
    pub(crate) token_users: BTreeSet<String>,
    /// Secrets that hold something else than a user's first password, such as a negative control's wrong one.
    pub(crate) other_secrets: Vec<OtherSecret>,
    pub(crate) size_gib: u32,
    /// What its database runs, where something says it: [`ResourceSpec::engine`].
    pub(crate) engine: Option<Engine>,
    /// The engine's version, where something says it: [`ResourceSpec::engine_version`].
    pub(crate) version: Option<String>,
    /// The master user, where something says it: [`ResourceSpec::master`].
    pub(crate) master: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    /// The id of the backup plan that makes its recovery points.
    pub(crate) plan: Option<String>,
    pub(crate) deletion_protection: bool,
    pub(crate) takes: Option<SignedDuration>,
    /// How long a removal of what was restored takes.
    pub(crate) removal_takes: Option<SignedDuration>,
    pub(crate) writes: Vec<WriteRule>,
    pub(crate) newest_copy_age: Option<SignedDuration>,
    /// Its restores are in the private network ([`crate::sandbox::private`]).
    pub(crate) private: bool,
    /// The definition's typed settings; only the kind reads inside.
    pub(crate) with: Map<String, Value>,
    /// The definition's raw restore metadata.
    pub(crate) metadata: BTreeMap<String, String>,
    /// The definition's probes of its restores.
    pub(crate) probes: Vec<Probe>,
    /// The kind's own block of the world file, checked by the kind.
    pub(crate) extra: Map<String, Value>,
}

/// Where a database user's password comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Credential {
    /// Random, and kept in Secrets Manager.
    Kept(SecretHome),
    /// Written in the world file, or [`DEFAULT_PASSWORD`].
    Fixed(String),
}

/// A further secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OtherSecret {
    pub(crate) home: SecretHome,
    /// It holds this user's password; without a user, something that opens nothing.
    pub(crate) same_as: Option<String>,
}

/// A secret in Secrets Manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretHome {
    /// The secret's name or ARN; a parameter of SSM is [`PARAMETER`] and its name.
    pub(crate) id: String,
    /// The secret is a JSON object and the password is this member.
    pub(crate) key: Option<String>,
}

impl WorldSpec {
    /// Idempotency tokens are remembered for so long, and not longer.
    #[must_use]
    pub fn forgetting_tokens_after(mut self, lifetime: SignedDuration) -> Self {
        self.quotas.token_lifetime = lifetime;
        self
    }

    /// An empty world: one account, no resource.
    ///
    /// # Panics
    /// Never: the account is a constant of twelve digits.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            starts: None,
            speed: None,
            seed: None,
            made: true,
            default_account: FALLBACK_ACCOUNT.parse().expect("the constant has twelve digits"),
            resources: Vec::new(),
            functions: BTreeMap::new(),
            instances: BTreeMap::new(),
            evidence: EvidenceSpec::default(),
            faults: Vec::new(),
            quotas: Quotas::default(),
            profile: Profile::default(),
        }
    }

    /// The world that a definition speaks of: its vaults, roles, networks, resources, secrets.
    #[must_use]
    pub fn from_definition(definition: &Definition) -> Self {
        let mut resources =
            definition.restore.iter().map(|(name, restore)| resource(definition, name, restore)).collect::<Vec<_>>();
        resources.extend(definition.selections.iter().flat_map(|(name, open)| selected(definition, name, open)));
        let evidence = EvidenceSpec::of(definition);
        Self { default_account: definition.destination.account.clone(), resources, evidence, ..Self::empty() }
    }

    /// Lays a world file over the spec. Resources that the file names and the definition does not are an error that
    /// [`WorldFile::check`] reports; here they change nothing.
    #[must_use]
    pub fn overlay(mut self, file: WorldFile) -> Self {
        self.made = false;
        self.starts = file.starts.or(self.starts);
        self.speed = file.speed.or(self.speed);
        self.seed = file.seed.or(self.seed);
        if let Some(quotas) = file.quotas {
            self.quotas = quotas.over(self.quotas);
        }
        self.profile = Profile::of(file.rates, &file.places, &file.times).over(self.profile);
        for resource in &mut self.resources {
            if let Some(change) = file.resources.get(resource.name.as_str()) {
                refine(resource, change);
            }
        }
        self.functions.extend(file.functions);
        self.instances.extend(file.instances);
        let place = self.resources.first().map(|resource| resource.destination.clone());
        self.evidence.refine(file.keys, file.buckets, place.as_ref());
        let drill = self.resources.first().map(|resource| resource.drill.clone());
        self.faults.extend(file.faults.into_iter().map(|fault| fault.owned_by(drill.as_deref())));
        self
    }

    /// Restored databases answer with a real server's version: unless a world file says otherwise, they claim it too.
    pub(crate) fn claim_engine_version(&mut self, server: sql::Engine, version: &str) {
        let claims = |one: &&mut ResourceSpec| {
            let engine = one.engine();
            engine.fits(one.kind) && engine.server() == server && engine.is_its_server()
        };
        for resource in self.resources.iter_mut().filter(claims) {
            resource.version.get_or_insert_with(|| version.to_owned());
        }
    }

    /// Whether some database of the world runs on this server program.
    #[must_use]
    pub fn runs(&self, server: sql::Engine) -> bool {
        self.resources.iter().any(|one| one.engine().fits(one.kind) && one.engine().server() == server)
    }

    /// The names and kinds of the resources, for [`WorldFile::check`].
    #[must_use]
    pub fn resource_names(&self) -> Vec<KnownResource> {
        let known = |resource: &ResourceSpec| KnownResource { name: resource.name.to_string(), kind: resource.kind };
        self.resources.iter().map(known).collect()
    }

    /// Joins two worlds. Where both know a resource, data and sizes of the first win; users come from both.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        for new in self.absorb(other) {
            let known = self.resources.iter().position(|known| known.is_of(&new));
            self.join(known, new);
        }
        self
    }

    /// Joins many worlds, one after the other, in the time that is proportional to their size; nothing if there is none.
    #[must_use]
    pub fn merge_all(worlds: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut worlds = worlds.into_iter();
        let mut all = worlds.next()?;
        let place = |one: &ResourceSpec| (one.arn.clone(), one.destination.clone(), one.vault.clone());
        let mut known: BTreeMap<(Arn, Place, VaultName), usize> = BTreeMap::new();
        for (at, one) in all.resources.iter().enumerate() {
            known.entry(place(one)).or_insert(at);
        }
        for world in worlds {
            for new in all.absorb(world) {
                let next = all.resources.len();
                let at = *known.entry(place(&new)).or_insert(next);
                all.join((at < next).then_some(at), new);
            }
        }
        Some(all)
    }

    /// Takes over everything of another world but its resources, which are left.
    fn absorb(&mut self, other: Self) -> Vec<ResourceSpec> {
        let was_empty = self.resources.is_empty();
        if was_empty {
            self.default_account = other.default_account;
        }
        self.starts = self.starts.or(other.starts);
        self.speed = self.speed.or(other.speed);
        self.seed = self.seed.or(other.seed);
        self.made = self.made && other.made;
        if self.quotas == Quotas::default() {
            self.quotas = other.quotas;
        }
        self.functions.extend(other.functions);
        self.instances.extend(other.instances);
        self.profile = std::mem::take(&mut self.profile).over(other.profile);
        self.evidence.merge(other.evidence);
        self.faults.extend(other.faults);
        other.resources
    }

    /// `known`: where the same resource is already.
    fn join(&mut self, known: Option<usize>, new: ResourceSpec) {
        let Some(known) = known.and_then(|at| self.resources.get_mut(at)) else { return self.resources.push(new) };
        for (user, credential) in new.users {
            known.users.entry(user).or_insert(credential);
        }
        known.token_users.extend(new.token_users);
        known.other_secrets.extend(new.other_secrets);
        known.engine = known.engine.or(new.engine);
        known.version = known.version.take().or(new.version);
        known.master = known.master.take().or(new.master);
        known.subnet_group = known.subnet_group.take().or(new.subnet_group);
        known.security_groups.extend(new.security_groups);
        if known.writes.is_empty() {
            known.writes = new.writes;
            known.database = new.database;
        }
        known.newest_copy_age = known.newest_copy_age.or(new.newest_copy_age);
        known.private |= new.private;
        known.takes = known.takes.or(new.takes);
        known.removal_takes = known.removal_takes.or(new.removal_takes);
        known.probes.extend(new.probes);
        if known.extra.is_empty() {
            known.extra = new.extra;
        }
    }
}

fn resource(definition: &Definition, name: &Name, restore: &Restore) -> ResourceSpec {
    let text = |key: &str| restore.with.get(key).and_then(Value::as_str).map(str::to_owned);
    let groups = restore.with.get("security_groups").and_then(Value::as_array);
    // Keys of raw metadata are compared without case (facts 2.0).
    let raw = |key: &str| {
        let found = restore.metadata.iter().find(|(known, _)| known.eq_ignore_ascii_case(key));
        found.map(|(_, value)| value.clone())
    };
    let raw_groups = raw("VpcSecurityGroupIds").and_then(|text| serde_json::from_str::<Vec<String>>(&text).ok());
    let mut spec = ResourceSpec {
        drill: definition.name.to_string(),
        name: name.clone(),
        kind: restore.kind,
        arn: restore.resource.clone(),
        source: Place {
            account: restore.resource.account().unwrap_or_else(|| definition.source.account.clone()),
            region: restore.resource.region().unwrap_or_else(|| definition.source.region.clone()),
        },
        destination: Place {
            account: definition.destination.account.clone(),
            region: definition.destination.region.clone(),
        },
        vault: definition.destination.vault.clone(),
        restore_role: definition.destination.restore_role.clone(),
        instance_class: text("instance_class").unwrap_or_else(|| "db.t4g.medium".to_owned()),
        subnet_group: text("subnet_group").or_else(|| raw("DBSubnetGroupName")),
        security_groups: groups
            .map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            .or(raw_groups)
            .unwrap_or_default(),
        parameter_group: text("parameter_group")
            .or_else(|| raw("DBParameterGroupName"))
            .or_else(|| raw("DBClusterParameterGroupName")),
        option_group: text("option_group").or_else(|| raw("OptionGroupName")),
        database: database_name(restore.resource.name()),
        users: BTreeMap::new(),
        token_users: BTreeSet::new(),
        other_secrets: Vec::new(),
        size_gib: 100,
        engine: None,
        version: None,
        master: None,
        tags: BTreeMap::from([
            ("Name".to_owned(), restore.resource.name().to_owned()),
            ("backup".to_owned(), "nightly".to_owned()),
            ("environment".to_owned(), "production".to_owned()),
        ]),
        plan: Some("nightly-plan".to_owned()),
        deletion_protection: true,
        takes: None,
        removal_takes: None,
        writes: Vec::new(),
        newest_copy_age: None,
        private: false,
        with: restore.with.clone(),
        metadata: restore.metadata.clone(),
        probes: probes_on(definition, name),
        extra: Map::new(),
    };
    for probe in probes_on(definition, name) {
        add_probe(&mut spec, &probe);
    }
    spec
}

fn probes_on(definition: &Definition, name: &Name) -> Vec<Probe> {
    let on_it = |probe: &&Probe| probe.on == *name || probe.on_each.contains(name);
    definition.probes.values().filter(on_it).cloned().collect()
}

/// What a selection finds in a world: the resources that it names, or three that have its tags and its plan.
fn selected(definition: &Definition, name: &Name, open: &Selection) -> Vec<ResourceSpec> {
    let Select { tags, arns, plan, except } = &open.select;
    let source = Place { account: definition.source.account.clone(), region: definition.source.region.clone() };
    let invented = || (1..=3).filter_map(|number| invented(open.template.kind, &source, name, number).parse().ok());
    let found: Vec<Arn> = if arns.is_empty() { invented().collect() } else { arns.clone() };
    found
        .into_iter()
        .filter(|arn| !except.contains(arn))
        .map(|arn| {
            let mut spec = resource(definition, name, &open.template.of(arn));
            spec.tags.extend(tags.clone());
            spec.plan = plan.clone().or(spec.plan);
            spec
        })
        .collect()
}

/// The ARN of a resource that nobody named. One line a kind.
fn invented(kind: ResourceKind, place: &Place, name: &Name, number: u32) -> String {
    let Place { region, account } = place;
    let id = format!("0a1b2c3d4e5f607{number:02}");
    let (service, resource) = match kind {
        ResourceKind::Rds => ("rds", format!("db:{name}-{number}")),
        ResourceKind::Aurora | ResourceKind::DocumentDb | ResourceKind::Neptune => {
            ("rds", format!("cluster:{name}-{number}"))
        }
        ResourceKind::DynamoDb => ("dynamodb", format!("table/{name}-{number}")),
        ResourceKind::Ebs => ("ec2", format!("volume/vol-{id}")),
        ResourceKind::Ec2 => ("ec2", format!("instance/i-{id}")),
        ResourceKind::Efs => ("elasticfilesystem", format!("file-system/fs-{id}")),
        ResourceKind::Fsx => ("fsx", format!("file-system/fs-{id}")),
        ResourceKind::S3 => return format!("arn:aws:s3:::{name}-{number}-example"),
        ResourceKind::StorageGateway => {
            ("storagegateway", format!("gateway/sgw-0A1B2C3D/volume/vol-{}", id.to_uppercase()))
        }
        ResourceKind::Other => ("redshift", format!("cluster:{name}-{number}")),
    };
    format!("arn:aws:{service}:{region}:{account}:{resource}")
}

/// What a probe needs to be answerable: the database and the user of whatever it logs in to, and the secrets that it
/// names.
fn add_probe(spec: &mut ResourceSpec, probe: &Probe) {
    for login in logins(&probe.settings) {
        add_login(spec, login);
    }
    let control = probe.negative_control.iter().map(|control| &control.settings);
    for settings in control.chain([&probe.settings]) {
        let mut homes = Vec::new();
        settings.values().for_each(|value| find_homes(value, &mut homes));
        // The home of a user's password is among them, and keeps what it has.
        let held = |home: &SecretHome| {
            let kept = spec.users.values().any(|known| *known == Credential::Kept(home.clone()));
            kept || spec.other_secrets.iter().any(|other| other.home == *home)
        };
        let new: Vec<SecretHome> = homes.into_iter().filter(|home| !held(home)).collect();
        spec.other_secrets.extend(new.into_iter().map(|home| OtherSecret { home, same_as: None }));
    }
}

/// The settings, or the parts of them, that say how to log in to a database.
fn logins(settings: &Map<String, Value>) -> Vec<&Map<String, Value>> {
    if ["database", "user", "password"].iter().all(|key| settings.contains_key(*key)) {
        return vec![settings];
    }
    settings.values().filter_map(Value::as_object).flat_map(logins).collect()
}

fn add_login(spec: &mut ResourceSpec, login: &Map<String, Value>) {
    if let Some(database) = plain(login, "database") {
        spec.database = database;
    }
    let engine = plain(login, "engine").and_then(|word| Engine::of_probe(&word, spec.kind));
    spec.engine = spec.engine.or(engine);
    let Some(user) = plain(login, "user") else { return };
    let password = login.get("password");
    if password.and_then(|password| password.get("master_password_reset")).is_some() {
        // Whose password the run sets is the master, and nobody knows the one that it had.
        spec.master = Some(user);
        return;
    }
    if password.and_then(|password| password.get("rds_iam")).is_some() {
        spec.token_users.insert(user);
        return;
    }
    let credential =
        secret_home(password).map_or_else(|| Credential::Fixed(DEFAULT_PASSWORD.to_owned()), Credential::Kept);
    match spec.users.get(&user) {
        Some(known) if *known != credential => {
            let same_as = Some(user);
            spec.other_secrets.extend(secret_home(password).map(|home| OtherSecret { home, same_as }));
        }
        Some(_) => {}
        None => drop(spec.users.insert(user, credential)),
    }
}

/// Every secret in Secrets Manager that a setting names.
fn find_homes(setting: &Value, found: &mut Vec<SecretHome>) {
    match secret_home(Some(setting)) {
        Some(home) => found.push(home),
        None => match setting {
            Value::Object(parts) => parts.values().for_each(|part| find_homes(part, found)),
            Value::Array(items) => items.iter().for_each(|item| find_homes(item, found)),
            _ => {}
        },
    }
}

fn plain(settings: &Map<String, Value>, key: &str) -> Option<String> {
    settings.get(key).and_then(Value::as_str).filter(|text| !text.contains("${{")).map(str::to_owned)
}

fn secret_home(password: Option<&Value>) -> Option<SecretHome> {
    let password = password?;
    if let Some(parameter) = password.get("ssm").and_then(Value::as_str) {
        return Some(SecretHome { id: format!("{PARAMETER}{parameter}"), key: None });
    }
    let id = password.get("secretsmanager")?.as_str()?.to_owned();
    Some(SecretHome { id, key: password.get("key").and_then(Value::as_str).map(str::to_owned) })
}

/// A database name that needs no quotes in SQL.
fn database_name(text: &str) -> String {
    let name: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_lowercase()) { name } else { format!("db_{name}") }
}

fn refine(spec: &mut ResourceSpec, change: &ResourceFile) {
    if let Some(size) = change.size {
        spec.size_gib = size.gib();
    }
    spec.engine = change.engine.or(spec.engine);
    spec.version = change.engine_version.clone().or(spec.version.take());
    if let Some(tags) = &change.tags {
        spec.tags.clone_from(tags);
    }
    if let Some(class) = &change.instance_class {
        spec.instance_class.clone_from(class);
    }
    spec.deletion_protection = change.deletion_protection.unwrap_or(spec.deletion_protection);
    spec.takes = change.restore.as_ref().and_then(|restore| restore.takes).map(Into::into).or(spec.takes);
    let removal = change.removal.as_ref().and_then(|removal| removal.takes);
    spec.removal_takes = removal.map(Into::into).or(spec.removal_takes);
    spec.newest_copy_age = change.newest_copy.as_ref().map(|copy| copy.age.into()).or(spec.newest_copy_age);
    spec.private = change.private.unwrap_or(spec.private);
    for (user, password) in &change.users {
        let before = spec.users.insert(user.clone(), Credential::Fixed(password.clone()));
        if let Some(Credential::Kept(home)) = before {
            spec.other_secrets.push(OtherSecret { home, same_as: Some(user.clone()) });
        }
    }
    if let Some(block) = change.block_of(spec.kind) {
        spec.extra.clone_from(block);
    }
    if let Some(data) = &change.data {
        if let Some(database) = &data.database {
            spec.database.clone_from(database);
        }
        spec.writes.clone_from(&data.writes);
    }
}

impl ResourceSpec {
    /// Whether both are the same resource and restored from the same vault.
    fn is_of(&self, other: &Self) -> bool {
        self.arn == other.arn && self.destination == other.destination && self.vault == other.vault
    }

    /// What its database runs.
    pub(crate) fn engine(&self) -> Engine {
        self.engine.unwrap_or_default()
    }

    /// The engine's version.
    pub(crate) fn engine_version(&self) -> &str {
        self.version.as_deref().unwrap_or_else(|| self.engine().usual_version(self.kind))
    }

    /// The master user of its database.
    pub(crate) fn master(&self) -> &str {
        self.master.as_deref().unwrap_or_else(|| self.engine().usual_master())
    }
}

#[cfg(test)]
mod tests {
    use super::{WorldSpec, access_key, database_name};

    #[test]
    fn names_of_databases_need_no_quotes() {
        assert_eq!(database_name("orders-eu"), "orders_eu");
        assert_eq!(database_name("9lives"), "db_9lives");
    }

    #[test]
    fn the_access_key_carries_the_account() {
        assert_eq!(access_key(&WorldSpec::empty().default_account), "AKIASANDBOX123456789012");
    }
}
