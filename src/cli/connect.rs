//! From options to a cloud and a clock: AWS itself, the simulated AWS in this process, or one in another.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::Value;

use crate::aws::session::{Connected, Override, Side, connect as connect_session};
use crate::cli::clock::MachineClock;
use crate::cli::error::CliError;
use crate::cli::place::Place;
use crate::cli::world::{id_of, id_of_endpoints};
use crate::cloud::Cloud;
use crate::cloud::resource::Settings;
use crate::cloud::vault::Vault;
use crate::definition::model::Definition;
use crate::journal::event::{World, WorldId};
use crate::run::watch::Watch;
use crate::sandbox::file::WorldFile;
use crate::sandbox::spec::WorldSpec;
use crate::sandbox::{Options, Remote, Sandbox, SqlMissing, access_key};
use crate::words::id::{AccountId, Name};
use crate::words::kind::Mode;
use crate::words::time::Clock;

/// World time passes so much faster than real time, unless `--speed` says otherwise: a drill of half an hour takes a
/// few seconds.
const DEFAULT_SPEED: f64 = 300.0;

/// Which cloud.
#[derive(Debug, Clone, Default, Args)]
pub struct CloudArgs {
    /// Use a simulated AWS: in this process, or with =URL the one that `drill sandbox` serves
    #[arg(long, value_name = "URL", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub sandbox: Option<String>,

    /// What the simulated AWS holds [default: drills/NAME.world.yaml if it exists, else made from the definition]
    #[arg(long, value_name = "FILE")]
    pub world: Option<PathBuf>,

    /// Seed of the simulated AWS
    #[arg(long)]
    pub seed: Option<u64>,

    /// How much faster than real time the simulated AWS runs
    #[arg(long)]
    pub speed: Option<f64>,

    /// Profile of the AWS configuration, for sides whose definition names none
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,

    /// CA bundle for databases, such as Amazon's global-bundle.pem for RDS
    #[arg(long, env = "DRILL_CA_BUNDLE", value_name = "FILE")]
    pub ca_bundle: Option<PathBuf>,
}

/// A cloud, its clock, and what is special about it.
pub struct Connection {
    /// The handles.
    pub cloud: Cloud,
    /// What a run over it may call itself.
    pub mode: Mode,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Where the simulated AWS is.
    pub world: Option<World>,
    /// What tells it from every other; nothing for AWS itself, and for a world that ends with this process.
    pub world_id: Option<WorldId>,
    /// Its seed.
    pub seed: Option<u64>,
    /// It was made from the definition alone.
    pub made: bool,
    /// What it lacks for databases that answer.
    sql_missing: Option<SqlMissing>,
    /// Its databases' CA.
    pub sandbox_ca: Option<PathBuf>,
    /// Where requests go.
    pub endpoints: Vec<String>,
    /// What the runs of this process share of looks at restore jobs.
    watch: Option<Arc<Watch>>,
    /// Whose view it is, if it is one run's view of what several share.
    first: Option<Arc<Connection>>,
    sandbox: Option<Sandbox>,
}

/// The connection of a run that nobody drives for now. There may be many, so all but the run's own is left to the first.
pub(crate) enum ParkedConnection {
    /// Of one that others share: the first, and the run's view.
    Shared(Arc<Connection>, Arc<dyn Vault>),
    /// Nobody shares it.
    Own(Box<Connection>),
}

impl ParkedConnection {
    /// As it was.
    pub(crate) fn wake(self) -> Connection {
        match self {
            Self::Shared(first, vault) => first.viewed(vault),
            Self::Own(connection) => *connection,
        }
    }
}

impl Connection {
    /// A cloud in memory, for rehearsals.
    pub(crate) fn in_memory(cloud: Cloud, clock: Arc<dyn Clock>) -> Self {
        Self {
            cloud,
            mode: Mode::Sandbox,
            clock,
            world: None,
            world_id: None,
            seed: None,
            made: false,
            sql_missing: None,
            sandbox_ca: None,
            endpoints: Vec::new(),
            watch: None,
            first: None,
            sandbox: None,
        }
    }

    /// The same cloud for one more run, which looks at restore jobs together with the others. Whoever has the first one
    /// closes it, after all others are over.
    pub(crate) fn beside(self: &Arc<Self>) -> Self {
        let vault: Arc<dyn Vault> = match &self.watch {
            Some(watch) => Arc::new(watch.beside()),
            None => Arc::clone(&self.cloud.vault),
        };
        self.viewed(vault)
    }

    /// Leaves it until somebody drives the run again.
    pub(crate) fn park(self) -> ParkedConnection {
        match self.first.clone() {
            Some(first) => ParkedConnection::Shared(first, self.cloud.vault),
            None => ParkedConnection::Own(Box::new(self)),
        }
    }

    fn viewed(self: &Arc<Self>, vault: Arc<dyn Vault>) -> Self {
        Self {
            cloud: Cloud { vault, ..self.cloud.clone() },
            mode: self.mode,
            clock: Arc::clone(&self.clock),
            world: self.world.clone(),
            world_id: self.world_id.clone(),
            seed: self.seed,
            made: self.made,
            sql_missing: self.sql_missing.clone(),
            sandbox_ca: self.sandbox_ca.clone(),
            endpoints: self.endpoints.clone(),
            watch: self.watch.clone(),
            first: Some(Arc::clone(self)),
            sandbox: None,
        }
    }

    /// The probes of a plan's definition that cannot be measured over this cloud, and why.
    #[must_use]
    pub fn unmeasurable(&self, definition: &Definition) -> BTreeMap<Name, String> {
        self.sql_missing.as_ref().map(|missing| unmeasurable(definition, missing)).unwrap_or_default()
    }

    /// Ends the simulated AWS of this process, and its databases.
    pub async fn close(self) {
        if let Some(sandbox) = self.sandbox {
            sandbox.stop().await;
        }
    }
}

/// Connects as the options say.
///
/// # Errors
/// When the options contradict each other, or there is no session or sandbox.
pub async fn connect(
    definition: &Definition,
    args: &CloudArgs,
    place: &Place,
    run_tag: &str,
) -> Result<Connection, CliError> {
    args.check()?;
    match args.sandbox.as_deref() {
        None => connect_aws(definition, args, run_tag).await,
        Some("") => connect_world(definition, args, place, run_tag).await,
        Some(url) => connect_server(definition, url, run_tag).await,
    }
}

/// One side alone, for `drill sweep`: an account and a region, with nothing of a drill. `sandbox` is the URL of a simulated
/// AWS in another process; there the account must be known.
///
/// # Errors
/// When there is no session, or no simulated AWS at the URL.
pub async fn connect_side(
    side: &Side,
    account: Option<&AccountId>,
    sandbox: Option<&str>,
    run_tag: &str,
) -> Result<Connection, CliError> {
    let session = |overrides, simulated, clock| connect_session(side, side, overrides, simulated, run_tag, clock);
    let Some(url) = sandbox else {
        let clock: Arc<dyn Clock> = Arc::new(MachineClock);
        let connected = session(None, false, Arc::clone(&clock)).await;
        let connected = connected.map_err(|error| CliError::Session(Box::new(error)))?;
        return Ok(alone(connected, clock, None, None));
    };
    let Some(account) = account else {
        return Err(CliError::usage("the simulated AWS knows no profiles: leave `--profile` out"));
    };
    let remote = Remote::connect(url).await.map_err(|error| CliError::Sandbox(Box::new(error)))?;
    let fixed = || Override { url: url.to_owned(), access_key: access_key(account), secret_key: "sandbox".to_owned() };
    let overrides = Some((fixed(), fixed()));
    let connected = session(overrides, true, remote.clock()).await;
    let connected = connected.map_err(|error| CliError::Session(Box::new(error)))?;
    let world = Some(World::Server { url: url.to_owned() });
    Ok(alone(connected, remote.clock(), world, id_of(&remote)))
}

fn alone(connected: Connected, clock: Arc<dyn Clock>, world: Option<World>, world_id: Option<WorldId>) -> Connection {
    Connection {
        world_id: world_id.or_else(|| id_of_endpoints(connected.mode, &connected.endpoints)),
        cloud: connected.cloud,
        mode: connected.mode,
        endpoints: connected.endpoints,
        clock,
        world,
        seed: None,
        made: false,
        sql_missing: None,
        sandbox_ca: None,
        watch: None,
        first: None,
        sandbox: None,
    }
}

impl CloudArgs {
    /// Whether the options fit together.
    ///
    /// # Errors
    /// When they contradict each other.
    pub(crate) fn check(&self) -> Result<(), CliError> {
        let of_world = self.world.is_some() || self.seed.is_some() || self.speed.is_some();
        match self.sandbox.as_deref() {
            None if of_world => {
                Err(CliError::usage("`--world`, `--seed` and `--speed` are for the simulated AWS: add `--sandbox`"))
            }
            Some(url) if !url.is_empty() && of_world => Err(CliError::usage(
                "`--world`, `--seed` and `--speed` belong to the `drill sandbox` that serves the URL",
            )),
            Some(url) if !url.is_empty() && !url.starts_with("http://") => Err(CliError::usage(format!(
                "`--sandbox={url}` is no URL: `drill sandbox` prints one like http://127.0.0.1:4566"
            ))),
            _ => check_speed(self.speed),
        }
    }
}

/// A speed that a world can run at.
///
/// # Errors
/// When it is not between 0.01 and 1,000,000.
pub fn check_speed(speed: Option<f64>) -> Result<(), CliError> {
    match speed {
        Some(speed) if !(0.01..=1_000_000.0).contains(&speed) => {
            Err(CliError::usage("`--speed` must be between 0.01 and 1000000"))
        }
        _ => Ok(()),
    }
}

/// The speed to use where none is given.
#[must_use]
pub fn speed_or_default(speed: Option<f64>) -> f64 {
    speed.unwrap_or(DEFAULT_SPEED)
}

/// A seed to use where none is given.
#[must_use]
pub fn seed_or_random(seed: Option<u64>) -> u64 {
    // Short enough to be typed again.
    seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().1 % 1_000_000)
}

fn sides(definition: &Definition, profile: Option<&str>) -> (Side, Side) {
    let (destination, source) = (&definition.destination, &definition.source);
    let profile = |own: &Option<String>| own.clone().or_else(|| profile.map(str::to_owned));
    (
        Side {
            region: destination.region.clone(),
            profile: profile(&destination.profile),
            access_role: destination.access_role.clone(),
        },
        Side {
            region: source.region.clone(),
            profile: profile(&source.profile),
            access_role: source.access_role.clone(),
        },
    )
}

async fn connect_aws(definition: &Definition, args: &CloudArgs, run_tag: &str) -> Result<Connection, CliError> {
    let (destination, source) = sides(definition, args.profile.as_deref());
    let clock: Arc<dyn Clock> = Arc::new(MachineClock);
    let connected = connect_session(&destination, &source, None, false, run_tag, Arc::clone(&clock))
        .await
        .map_err(|error| CliError::Session(Box::new(error)))?;
    let (cloud, watch) = watched(connected.cloud, &clock);
    Ok(Connection {
        world_id: id_of_endpoints(connected.mode, &connected.endpoints),
        mode: connected.mode,
        endpoints: connected.endpoints,
        cloud,
        clock,
        world: None,
        seed: None,
        made: false,
        sql_missing: None,
        sandbox_ca: None,
        watch: Some(watch),
        first: None,
        sandbox: None,
    })
}

/// The same with a vault that may share looks at restore jobs between the runs of this process.
fn watched(cloud: Cloud, clock: &Arc<dyn Clock>) -> (Cloud, Arc<Watch>) {
    let watch = Arc::new(Watch::new(Arc::clone(&cloud.vault), Arc::clone(clock)));
    let vault: Arc<dyn Vault> = Arc::<Watch>::clone(&watch);
    (Cloud { vault, ..cloud }, watch)
}

async fn session_with(
    definition: &Definition,
    url: &str,
    run_tag: &str,
    clock: Arc<dyn Clock>,
) -> Result<Connected, CliError> {
    let (destination, source) = sides(definition, None);
    let with = |account: &AccountId| Override {
        url: url.to_owned(),
        access_key: access_key(account),
        secret_key: "sandbox".to_owned(),
    };
    let overrides = (with(&definition.destination.account), with(&definition.source.account));
    connect_session(&destination, &source, Some(overrides), true, run_tag, clock)
        .await
        .map_err(|error| CliError::Session(Box::new(error)))
}

async fn connect_world(
    definition: &Definition,
    args: &CloudArgs,
    place: &Place,
    run_tag: &str,
) -> Result<Connection, CliError> {
    let spec = world_spec(definition, args.world.clone(), place)?;
    let sandbox = start_world(spec, args, place).await?;
    let connection = inside(definition, &sandbox, run_tag).await?;
    Ok(Connection { sandbox: Some(sandbox), ..connection })
}

/// Starts the simulated AWS of this process.
///
/// # Errors
/// When it cannot be had.
pub(crate) async fn start_world(spec: WorldSpec, args: &CloudArgs, place: &Place) -> Result<Sandbox, CliError> {
    let options = Options {
        port: 0,
        speed: speed_or_default(args.speed.or(spec.speed)),
        seed: seed_or_random(args.seed.or(spec.seed)),
        cache: place.cache(),
    };
    Sandbox::start(spec, options).await.map_err(|error| CliError::Sandbox(Box::new(error)))
}

/// Connects to the simulated AWS of this process, which stays whose it is.
///
/// # Errors
/// When there is no session.
pub(crate) async fn inside(definition: &Definition, sandbox: &Sandbox, run_tag: &str) -> Result<Connection, CliError> {
    let connected = session_with(definition, &sandbox.url(), run_tag, sandbox.clock()).await?;
    let (cloud, watch) = watched(connected.cloud, &sandbox.clock());
    Ok(Connection {
        cloud,
        mode: connected.mode,
        endpoints: connected.endpoints,
        clock: sandbox.clock(),
        world: Some(World::InProcess),
        world_id: None,
        seed: Some(sandbox.seed()),
        made: sandbox.made(),
        sql_missing: Some(sandbox.sql_missing()),
        sandbox_ca: sandbox.ca_bundle(),
        watch: Some(watch),
        first: None,
        sandbox: None,
    })
}

async fn connect_server(definition: &Definition, url: &str, run_tag: &str) -> Result<Connection, CliError> {
    let remote = Remote::connect(url).await.map_err(|error| CliError::Sandbox(Box::new(error)))?;
    let connected = session_with(definition, url, run_tag, remote.clock()).await?;
    let (cloud, watch) = watched(connected.cloud, &remote.clock());
    Ok(Connection {
        cloud,
        mode: connected.mode,
        endpoints: connected.endpoints,
        clock: remote.clock(),
        world: Some(World::Server { url: url.to_owned() }),
        world_id: id_of(&remote),
        seed: Some(remote.seed()),
        made: remote.made(),
        sql_missing: Some(remote.sql_missing()),
        sandbox_ca: remote.ca_bundle(),
        watch: Some(watch),
        first: None,
        sandbox: None,
    })
}

/// A session that leads nowhere, for a run whose simulated AWS ended with its process: nothing is asked of it.
///
/// # Errors
/// When even that cannot be built.
pub async fn connect_nowhere(definition: &Definition) -> Result<Connection, CliError> {
    // Port 9 is `discard`: nothing listens there, and nothing is sent.
    let connected = session_with(definition, "http://127.0.0.1:9", "nowhere", Arc::new(MachineClock)).await?;
    Ok(Connection {
        cloud: connected.cloud,
        mode: Mode::Sandbox,
        endpoints: Vec::new(),
        clock: Arc::new(MachineClock),
        world: Some(World::InProcess),
        world_id: None,
        seed: None,
        made: false,
        sql_missing: None,
        sandbox_ca: None,
        watch: None,
        first: None,
        sandbox: None,
    })
}

/// The probes that log in to a database which no server stands for, and why there is none.
fn unmeasurable(definition: &Definition, missing: &SqlMissing) -> BTreeMap<Name, String> {
    let probes = definition.probes.iter();
    probes.filter_map(|(name, probe)| Some((name.clone(), unanswered(&probe.settings, missing)?))).collect()
}

/// Why a login that stands in these settings, or in a part of them, cannot be answered.
fn unanswered(settings: &Settings, missing: &SqlMissing) -> Option<String> {
    if !["database", "user", "password"].iter().all(|key| settings.contains_key(*key)) {
        return settings.values().filter_map(Value::as_object).find_map(|part| unanswered(part, missing));
    }
    let by_token = settings.get("password").and_then(|password| password.get("rds_iam")).is_some();
    match settings.get("engine").and_then(Value::as_str) {
        Some("sqlserver") => Some("the simulated AWS has no SQL Server to restore".to_owned()),
        Some("mysql") if by_token => {
            let why = "the databases of the simulated AWS that speak MySQL do not know tokens of IAM (`rds_iam`)";
            missing.mysql.clone().or_else(|| Some(why.to_owned()))
        }
        Some("mysql") => missing.mysql.clone(),
        _ => missing.postgres.clone(),
    }
}

/// What a simulated AWS is made from: the definition, and its world file if there is one.
///
/// # Errors
/// When the world file cannot be read or is wrong.
pub fn world_spec(definition: &Definition, file: Option<PathBuf>, place: &Place) -> Result<WorldSpec, CliError> {
    let spec = WorldSpec::from_definition(definition);
    let beside = place.drills().join(format!("{}.world.yaml", definition.name));
    let Some(path) = file.or_else(|| beside.is_file().then_some(beside)) else { return Ok(spec) };
    let text = std::fs::read_to_string(&path).map_err(|source| CliError::Read { path: path.clone(), source })?;
    let shown = Place::shown(&path);
    let wrong = |error| CliError::World(Box::new(error));
    let file = WorldFile::read(&shown, &text).map_err(wrong)?;
    file.check(&shown, &spec.resource_names()).map_err(wrong)?;
    Ok(spec.overlay(file))
}

/// Looks up a variable of the environment: the home of that for the command line and for `${{ env.X }}`.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the home of the environment for the command line")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::unmeasurable;
    use crate::aws::resource::facts;
    use crate::definition::load::check_text;
    use crate::sandbox::SqlMissing;

    const DEFINITION: &str = r#"version: 1
name: two
title: Two databases
owner: platform@example.com
source: { region: eu-west-2, account: "123456789012" }
destination:
  region: eu-west-1
  account: "123456789012"
  vault: dr-vault
  restore_role: arn:aws:iam::123456789012:role/drill-restore
restore:
  orders: { type: rds, resource: "arn:aws:rds:eu-west-2:123456789012:db:orders" }
probes:
  accepts: { on: orders, tcp: {} }
  orders: { on: orders, sql: { database: a, user: u, password: { env: A }, query: SELECT 1 AS one } }
  ledger: { on: orders, sql: { engine: mysql, database: b, user: u, password: { env: B }, query: SELECT 1 AS one } }
  stock: { on: orders, sql: { engine: sqlserver, database: c, user: u, password: { env: C }, query: SELECT 1 AS one } }
  token: { on: orders, sql: { engine: mysql, database: d, user: u, password: { rds_iam: true }, query: SELECT 1 AS one } }
"#;

    #[test]
    fn only_probes_of_the_engine_that_is_missing_are_not_measured() {
        let loaded = check_text("two.yaml", DEFINITION.as_bytes(), None, &BTreeMap::new(), facts);
        let definition = loaded.expect("the definition is right").definition;
        let names = |missing: &SqlMissing| {
            let found = unmeasurable(&definition, missing);
            found.iter().map(|(name, why)| format!("{name}: {}", &why[..7])).collect::<Vec<_>>()
        };
        let missing = SqlMissing { postgres: None, mysql: Some("install MariaDB".to_owned()) };
        assert_eq!(names(&missing), ["ledger: install", "stock: the sim", "token: install"]);
        let missing = SqlMissing { postgres: Some("install PostgreSQL".to_owned()), mysql: None };
        assert_eq!(names(&missing), ["orders: install", "stock: the sim", "token: the dat"]);
    }
}
