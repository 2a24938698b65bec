//! The session with AWS: credentials, regions, roles, endpoints, and the mode that follows from them.
//!
//! Invariant: every client that this module hands out carries the witness's guard of the session's mode. Only `cli`
//! calls [`connect`]. The SDK retries nothing here: the engine does, so that every try is seen and journalled. Every request
//! waits for its turn in [`Limits`]. A client is made when it is first used.

use std::sync::Arc;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::identity::IdentityCache;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::SharedAsyncSleep;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::app_name::AppName;
use http::Uri;

use crate::aws::archive::AwsArchive;
use crate::aws::buckets::AwsBuckets;
use crate::aws::callers::{Callers, Doorman};
use crate::aws::elsewhere::Elsewhere;
use crate::aws::error::cloud_error;
use crate::aws::exchange::{Exchange, Inside};
use crate::aws::ground::AwsGround;
use crate::aws::handle::Handle;
use crate::aws::instances::AwsInstances;
use crate::aws::limit::{Limited, Limits, Meter};
use crate::aws::metrics::AwsMetrics;
use crate::aws::remote::AwsRemote;
use crate::aws::resource;
use crate::aws::secrets::AwsSecrets;
use crate::aws::signature::AwsSignatures;
use crate::aws::surroundings::AwsSurroundings;
use crate::aws::tables::AwsTables;
use crate::aws::tunnel::AwsTunnels;
use crate::aws::vault::{AwsCopyHistory, AwsVault};
use crate::aws::witness::{Capture, Guard, Place};
use crate::cloud::Cloud;
use crate::cloud::resource::ResourceCalls;
use crate::words::arn::Arn;
use crate::words::id::Region;
use crate::words::kind::{Mode, ResourceKind};
use crate::words::time::Clock;

/// Until a connection stands. Real time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Until a request that was sent is answered, and for one attempt as a whole. Real time.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long nothing of an answer's body may come. Real time; the SDK's own.
const STALLED_FOR: Duration = Duration::from_secs(5);
/// Until credentials are there: longer than the SDK's five seconds, because single sign-on and credential processes
/// are slow, and within one attempt.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(20);

/// One side of a drill: where it is and as whom it is reached.
#[derive(Debug, Clone)]
pub struct Side {
    /// The region.
    pub region: Region,
    /// A profile of the AWS configuration; without one, the SDK's default chain decides.
    pub profile: Option<String>,
    /// A role that is assumed by STS before anything else.
    pub access_role: Option<Arn>,
}

/// Fixed endpoint and credentials of one side, in place of everything that the environment says.
///
/// The two sides of a drill may be two accounts, so each has an override of its own. The credentials are already those
/// of the side's account: an `access_role` is not assumed on top of them. Of the environment only the SDK's own proxy
/// settings are left (`HTTP_PROXY`, `NO_PROXY`).
#[derive(Clone)]
pub struct Override {
    /// The URL that every service of this side is reached at.
    pub url: String,
    /// The access key's id.
    pub access_key: String,
    /// The secret access key. There is no `Debug` because of it.
    pub secret_key: String,
}

/// A session, ready for a run.
pub struct Connected {
    /// The handles.
    pub cloud: Cloud,
    /// What a run over it may call itself.
    pub mode: Mode,
    /// Where requests go, one line a service, destination first.
    pub endpoints: Vec<String>,
    /// What it learns while it lasts.
    pub learned: Learned,
}

/// What a session learns while it lasts, and what its clients share.
#[derive(Debug, Clone)]
pub struct Learned {
    /// How often AWS may be asked.
    pub limits: Arc<Limits>,
    /// Whose the destination's and the source's credentials are.
    callers: [Arc<Callers>; 2],
}

impl Learned {
    fn new(clock: Arc<dyn Clock>) -> Self {
        Self { limits: Limits::new(clock), callers: [Arc::default(), Arc::default()] }
    }

    /// Forgets everything, as if the process had just begun, and goes by this clock.
    pub fn forget(&self, clock: Arc<dyn Clock>) {
        self.limits.forget(clock);
        self.callers.iter().for_each(|callers| callers.forget());
    }
}

/// Why there is no session. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The SDK cannot tell where a service is.
    #[error(
        "the endpoint of `{service}` in `{region}` cannot be found out: {reason}. Check the region, the profile and \
         `AWS_ENDPOINT_URL*`"
    )]
    Endpoint {
        /// The service.
        service: &'static str,
        /// The region.
        region: Region,
        /// What the SDK said.
        reason: String,
    },
    /// A rehearsal would talk to a real account.
    #[error("a sandbox run would send requests to AWS itself (`{0}`); give it the sandbox's URL")]
    SandboxIsAws(String),
}

/// One side's clients. Each carries the guard.
#[derive(Debug, Clone)]
pub struct Clients {
    /// The region that all of them are in.
    pub region: Region,
    /// AWS Backup.
    pub backup: Handle<aws_sdk_backup::Client>,
    /// CloudWatch.
    pub cloudwatch: Handle<aws_sdk_cloudwatch::Client>,
    /// DocumentDB: RDS's endpoint, an API of its own.
    pub docdb: Handle<aws_sdk_docdb::Client>,
    /// DynamoDB.
    pub dynamodb: Handle<aws_sdk_dynamodb::Client>,
    /// EC2: networks, volumes, instances.
    pub ec2: Handle<aws_sdk_ec2::Client>,
    /// EFS.
    pub efs: Handle<aws_sdk_efs::Client>,
    /// FSx.
    pub fsx: Handle<aws_sdk_fsx::Client>,
    /// IAM: one for all regions of a partition.
    pub iam: Handle<aws_sdk_iam::Client>,
    /// KMS.
    pub kms: Handle<aws_sdk_kms::Client>,
    /// Lambda.
    pub lambda: Handle<aws_sdk_lambda::Client>,
    /// Neptune: RDS's endpoint, an API of its own.
    pub neptune: Handle<aws_sdk_neptune::Client>,
    /// Recycle Bin.
    pub rbin: Handle<aws_sdk_rbin::Client>,
    /// RDS.
    pub rds: Handle<aws_sdk_rds::Client>,
    /// S3, path-style where the endpoint is not AWS's own.
    pub s3: Handle<aws_sdk_s3::Client>,
    /// Secrets Manager.
    pub secretsmanager: Handle<aws_sdk_secretsmanager::Client>,
    /// Service Quotas.
    pub servicequotas: Handle<aws_sdk_servicequotas::Client>,
    /// SSM.
    pub ssm: Handle<aws_sdk_ssm::Client>,
    /// Storage Gateway.
    pub storagegateway: Handle<aws_sdk_storagegateway::Client>,
    /// STS.
    pub sts: Handle<aws_sdk_sts::Client>,
    /// Whose the credentials of all of them are.
    pub(crate) callers: Arc<Callers>,
}

/// Builds the session of a run. Sends nothing.
///
/// `overrides` (destination's, source's) replace what the environment says. `sandbox` marks a rehearsal. `run_tag`
/// names the sessions of assumed roles, for the audit log: `drill-<run tag>`. Requests wait for their turn by `clock`.
///
/// # Errors
/// When the endpoint of a service cannot be resolved, or a rehearsal would reach AWS itself.
pub async fn connect(
    destination: &Side,
    source: &Side,
    overrides: Option<(Override, Override)>,
    sandbox: bool,
    run_tag: &str,
    clock: Arc<dyn Clock>,
) -> Result<Connected, SessionError> {
    let Some((there, here)) = overrides else {
        let (there, here) = (configure(destination, run_tag).await, configure(source, run_tag).await);
        let mut places = destination_places(&destination.region, &there).await?;
        places.extend(source_places(&source.region, &here).await?);
        return connected((destination, there), (source, here), &places, sandbox, clock);
    };
    let places = fixed_places((destination, &there), (source, &here))?;
    // Both sides share one pool of connections.
    let plain = Builder::new().build_http();
    let there = overridden(destination, &there, plain.clone());
    let here = overridden(source, &here, plain);
    connected((destination, there), (source, here), &places, sandbox, clock)
}

/// Builds the session of a rehearsal whose requests `exchange` answers: nothing reaches a network.
///
/// # Errors
/// As [`connect`].
pub async fn connect_inside(
    destination: &Side,
    source: &Side,
    overrides: (Override, Override),
    exchange: &Arc<dyn Exchange>,
) -> Result<Connected, SessionError> {
    let inside = Inside(Arc::clone(exchange));
    let within = |side: &Side, fixed: &Override| {
        let config = overridden(side, fixed, SharedHttpClient::new(inside.clone()));
        config.into_builder().sleep_impl(SharedAsyncSleep::new(inside.clone())).build()
    };
    let places = fixed_places((destination, &overrides.0), (source, &overrides.1))?;
    let (there, here) = (within(destination, &overrides.0), within(source, &overrides.1));
    connected((destination, there), (source, here), &places, true, exchange.clock())
}

fn connected(
    (destination, destination_config): (&Side, SdkConfig),
    (source, source_config): (&Side, SdkConfig),
    places: &[Place],
    sandbox: bool,
    clock: Arc<dyn Clock>,
) -> Result<Connected, SessionError> {
    let mode = mode(places, sandbox)?;

    let learned = Learned::new(clock);
    let destination_config = limited(destination_config, &learned.limits);
    let source_config = limited(source_config, &learned.limits);
    let [callers_there, callers_here] = &learned.callers;
    let clients = Clients::new(&destination.region, &destination_config, mode, &learned.limits, callers_there);
    let copies = Clients::new(&source.region, &source_config, mode, &learned.limits, callers_here);
    let mut endpoints: Vec<String> = Vec::new();
    for place in places {
        let line = place.to_string();
        if !endpoints.contains(&line) {
            endpoints.push(line);
        }
    }
    let cloud = cloud(clients, &destination_config, &copies, mode, &learned.limits);
    Ok(Connected { cloud, mode, endpoints, learned })
}

fn cloud(destination: Clients, config: &SdkConfig, source: &Clients, mode: Mode, limits: &Arc<Limits>) -> Cloud {
    let elsewhere = Elsewhere::new(config.clone(), mode, Arc::clone(limits));
    Cloud {
        vault: Arc::new(AwsVault::new(destination.backup.clone())),
        copies: Arc::new(AwsCopyHistory::new(source.backup.clone())),
        ground: Arc::new(AwsGround::new(&destination)),
        surroundings: Arc::new(AwsSurroundings::new(&destination)),
        secrets: Arc::new(AwsSecrets::new(&destination, config.clone())),
        remote: Arc::new(AwsRemote::new(&destination)),
        tables: Arc::new(AwsTables::new(destination.dynamodb.clone())),
        buckets: Arc::new(AwsBuckets::new(destination.s3.clone())),
        metrics: Arc::new(AwsMetrics::new(destination.cloudwatch.clone())),
        instances: Arc::new(AwsInstances::new(destination.ec2.clone())),
        tunnels: Arc::new(AwsTunnels::new(&destination, config.clone(), mode)),
        source_tables: Arc::new(AwsTables::new(source.dynamodb.clone())),
        source_buckets: Arc::new(AwsBuckets::new(source.s3.clone())),
        signatures: Arc::new(AwsSignatures::new(elsewhere.clone())),
        archive: Arc::new(AwsArchive::new(elsewhere)),
        resources: Arc::new(move |kind: ResourceKind| -> Option<Arc<dyn ResourceCalls>> {
            resource::calls(kind, &destination)
        }),
        listings: Arc::default(),
    }
}

/// The mode that the places allow.
fn mode(places: &[Place], sandbox: bool) -> Result<Mode, SessionError> {
    if sandbox {
        return match places.iter().find(|place| place.aws) {
            Some(place) => Err(SessionError::SandboxIsAws(place.origin.clone())),
            None => Ok(Mode::Sandbox),
        };
    }
    Ok(if places.iter().all(|place| place.aws) { Mode::Aws } else { Mode::CustomEndpoint })
}

/// One side's configuration, with an assumed role's credentials where there is one.
async fn configure(side: &Side, run_tag: &str) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(sdk_region(side))
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts())
        .identity_cache(IdentityCache::lazy().load_timeout(CREDENTIALS_TIMEOUT).build())
        .app_name(app_name());
    if let Some(profile) = &side.profile {
        loader = loader.profile_name(profile.as_str());
    }
    let config = loader.load().await;
    let Some(role) = &side.access_role else {
        return config;
    };
    let provider = AssumeRoleProvider::builder(role.as_str())
        .configure(&config)
        .region(sdk_region(side))
        .session_name(session_name(run_tag))
        .build()
        .await;
    config.into_builder().credentials_provider(SharedCredentialsProvider::new(provider)).build()
}

/// A configuration for which neither AWS's variables, nor a profile, nor a proxy counts: an `HTTP_PROXY` that forgets
/// `NO_PROXY` would otherwise stand between drill and a sandbox on loopback. Its client speaks plain HTTP only, or
/// reaches no network, so it cannot reach AWS at all.
fn overridden(side: &Side, fixed: &Override, client: SharedHttpClient) -> SdkConfig {
    let credentials = Credentials::new(fixed.access_key.as_str(), fixed.secret_key.as_str(), None, None, "override");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(sdk_region(side))
        .endpoint_url(fixed.url.as_str())
        .http_client(client)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts())
        .time_source(SystemTimeSource::new())
        .app_name(app_name())
        .build()
}

/// The same with requests that wait for their turn. While one waits nothing of its body moves, which the SDK would take for
/// a network that stands still; the time-outs of the attempt bound small bodies as well.
fn limited(config: SdkConfig, limits: &Arc<Limits>) -> SdkConfig {
    let inner = config.http_client().unwrap_or_else(https);
    let watched = StalledStreamProtectionConfig::enabled().grace_period(STALLED_FOR).upload_enabled(false).build();
    let client = Limited { inner, limits: Arc::clone(limits) };
    config.into_builder().http_client(client).stalled_stream_protection(watched).build()
}

/// The client that the SDK takes by itself where it is given none: the environment's proxies, the system's certificates.
fn https() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.build()
    })
}

fn sdk_region(side: &Side) -> aws_types::region::Region {
    aws_types::region::Region::new(side.region.as_str().to_owned())
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(ATTEMPT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build()
}

fn app_name() -> AppName {
    AppName::new("drill").expect("letters are a valid app name")
}

/// STS allows letters, digits and `+=,.@-_`, at most 64 characters.
fn session_name(run_tag: &str) -> String {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || "+=,.@-_".contains(*c);
    format!("drill-{}", run_tag.chars().filter(allowed).take(58).collect::<String>())
}

impl Clients {
    fn new(region: &Region, config: &SdkConfig, mode: Mode, limits: &Arc<Limits>, callers: &Arc<Callers>) -> Self {
        let meter = |service| Meter { service, limits: Arc::clone(limits) };
        let doorman = |service| Doorman { service, callers: Arc::clone(callers) };
        let config = Arc::new(config.clone());
        macro_rules! client {
            ($sdk:ident, $service:literal $(, $member:ident)?) => {{
                let (config, meter, doorman) = (Arc::clone(&config), meter($service), doorman($service));
                Handle::new(move || {
                    $sdk::Client::from_conf(
                        $sdk::config::Builder::from(&*config)
                            $(.$member(mode != Mode::Aws))?
                            .interceptor(Guard { service: $service, mode })
                            .interceptor(meter)
                            .interceptor(doorman)
                            .build(),
                    )
                })
            }};
        }
        Self {
            region: region.clone(),
            backup: client!(aws_sdk_backup, "backup"),
            cloudwatch: client!(aws_sdk_cloudwatch, "cloudwatch"),
            docdb: client!(aws_sdk_docdb, "docdb"),
            dynamodb: client!(aws_sdk_dynamodb, "dynamodb"),
            ec2: client!(aws_sdk_ec2, "ec2"),
            efs: client!(aws_sdk_efs, "efs"),
            fsx: client!(aws_sdk_fsx, "fsx"),
            iam: client!(aws_sdk_iam, "iam"),
            kms: client!(aws_sdk_kms, "kms"),
            lambda: client!(aws_sdk_lambda, "lambda"),
            neptune: client!(aws_sdk_neptune, "neptune"),
            rbin: client!(aws_sdk_rbin, "rbin"),
            rds: client!(aws_sdk_rds, "rds"),
            // A bucket's name becomes a part of the host's name at AWS; an endpoint of somebody else's has no such names.
            s3: client!(aws_sdk_s3, "s3", force_path_style),
            secretsmanager: client!(aws_sdk_secretsmanager, "secretsmanager"),
            servicequotas: client!(aws_sdk_servicequotas, "servicequotas"),
            ssm: client!(aws_sdk_ssm, "ssm"),
            storagegateway: client!(aws_sdk_storagegateway, "storagegateway"),
            sts: client!(aws_sdk_sts, "sts"),
            callers: Arc::clone(callers),
        }
    }
}

/// Where a service's requests would go. The request is made with credentials of nobody and stopped before it is signed.
macro_rules! place {
    ($sdk:ident, $service:literal, $operation:ident, $region:expr, $config:expr) => {{
        let capture = Capture::default();
        let config = $sdk::config::Builder::from($config)
            .credentials_provider(Credentials::new("nobody", "nobody", None, None, "capture"))
            .interceptor(capture.clone())
            .build();
        let answer = $sdk::Client::from_conf(config).$operation().send().await;
        match (capture.seen(), answer) {
            (Some(uri), _) => Ok(Place::new($service, &uri)),
            (None, Err(error)) => Err(SessionError::Endpoint {
                service: $service,
                region: $region.clone(),
                reason: cloud_error($service, &error).message,
            }),
            (None, Ok(_)) => Err(SessionError::Endpoint {
                service: $service,
                region: $region.clone(),
                reason: "the request was answered before it was sent".to_owned(),
            }),
        }
    }};
}

/// The services of the destination, and of the source, in the order of their places.
const DESTINATION: &[&str] = &[
    "backup",
    "rds",
    "cloudwatch",
    "docdb",
    "dynamodb",
    "ec2",
    "efs",
    "fsx",
    "iam",
    "kms",
    "lambda",
    "neptune",
    "rbin",
    "s3",
    "secretsmanager",
    "servicequotas",
    "ssm",
    "storagegateway",
    "sts",
];
const SOURCE: &[&str] = &["backup", "dynamodb", "s3", "sts"];

/// The same for endpoints that are given: every request of a side goes to its URL, which needs no client to be known.
fn fixed_places(there: (&Side, &Override), here: (&Side, &Override)) -> Result<Vec<Place>, SessionError> {
    let mut places = Vec::with_capacity(DESTINATION.len() + SOURCE.len());
    for ((side, fixed), services) in [(there, DESTINATION), (here, SOURCE)] {
        let is_url = fixed.url.parse::<Uri>().is_ok_and(|url| url.scheme().is_some() && url.authority().is_some());
        for &service in services {
            if !is_url {
                let (region, reason) = (side.region.clone(), "it is given, and no URL".to_owned());
                return Err(SessionError::Endpoint { service, region, reason });
            }
            places.push(Place::new(service, &fixed.url));
        }
    }
    Ok(places)
}

async fn destination_places(region: &Region, config: &SdkConfig) -> Result<Vec<Place>, SessionError> {
    Ok(vec![
        place!(aws_sdk_backup, "backup", list_backup_vaults, region, config)?,
        place!(aws_sdk_rds, "rds", describe_db_instances, region, config)?,
        place!(aws_sdk_cloudwatch, "cloudwatch", list_metrics, region, config)?,
        place!(aws_sdk_docdb, "docdb", describe_db_clusters, region, config)?,
        place!(aws_sdk_dynamodb, "dynamodb", list_tables, region, config)?,
        place!(aws_sdk_ec2, "ec2", describe_security_groups, region, config)?,
        place!(aws_sdk_efs, "efs", describe_file_systems, region, config)?,
        place!(aws_sdk_fsx, "fsx", describe_file_systems, region, config)?,
        place!(aws_sdk_iam, "iam", list_roles, region, config)?,
        place!(aws_sdk_kms, "kms", list_keys, region, config)?,
        place!(aws_sdk_lambda, "lambda", list_functions, region, config)?,
        place!(aws_sdk_neptune, "neptune", describe_db_clusters, region, config)?,
        place!(aws_sdk_rbin, "rbin", list_rules, region, config)?,
        place!(aws_sdk_s3, "s3", list_buckets, region, config)?,
        place!(aws_sdk_secretsmanager, "secretsmanager", list_secrets, region, config)?,
        place!(aws_sdk_servicequotas, "servicequotas", list_services, region, config)?,
        place!(aws_sdk_ssm, "ssm", list_commands, region, config)?,
        place!(aws_sdk_storagegateway, "storagegateway", list_volumes, region, config)?,
        place!(aws_sdk_sts, "sts", get_caller_identity, region, config)?,
    ])
}

/// Of the source its copy jobs are read, and tables and buckets where a probe compares with them; STS is there for an
/// assumed role.
async fn source_places(region: &Region, config: &SdkConfig) -> Result<Vec<Place>, SessionError> {
    Ok(vec![
        place!(aws_sdk_backup, "backup", list_backup_vaults, region, config)?,
        place!(aws_sdk_dynamodb, "dynamodb", list_tables, region, config)?,
        place!(aws_sdk_s3, "s3", list_buckets, region, config)?,
        place!(aws_sdk_sts, "sts", get_caller_identity, region, config)?,
    ])
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use async_trait::async_trait;
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_smithy_http_client::Builder;
    use aws_smithy_runtime_api::client::http::SharedHttpClient;
    use bytes::Bytes;
    use http::{Request, Response};
    use jiff::Timestamp;

    use super::{
        Clients, Override, SessionError, Side, connect, destination_places, fixed_places, mode, overridden,
        session_name, source_places,
    };
    use crate::aws::exchange::{Exchange, Inside};
    use crate::aws::limit::Limits;
    use crate::aws::witness::Place;
    use crate::sandbox::IdleClock;
    use crate::words::kind::Mode;
    use crate::words::time::Clock;

    fn side(region: &str) -> Side {
        Side { region: region.parse().unwrap(), profile: None, access_role: None }
    }

    fn clock() -> Arc<dyn Clock> {
        IdleClock::new(Timestamp::UNIX_EPOCH)
    }

    fn fixed(url: &str) -> Override {
        Override { url: url.to_owned(), access_key: "key".to_owned(), secret_key: "secret".to_owned() }
    }

    #[tokio::test]
    async fn the_mode_follows_from_where_requests_go_and_nothing_is_sent() {
        let (destination, source) = (side("eu-west-1"), side("eu-west-2"));
        // Nothing listens on port 1: a request that were sent would fail.
        let local = || Some((fixed("http://127.0.0.1:1"), fixed("http://127.0.0.1:1")));
        let connected = connect(&destination, &source, local(), true, "1a2b3c4d", clock()).await.unwrap();
        assert_eq!(connected.mode, Mode::Sandbox);
        assert_eq!(connected.endpoints.first().unwrap(), "backup http://127.0.0.1:1");
        assert_eq!(connected.endpoints.len(), 19);
        let connected = connect(&destination, &source, local(), false, "1a2b3c4d", clock()).await.unwrap();
        assert_eq!(connected.mode, Mode::CustomEndpoint);
    }

    #[tokio::test]
    async fn what_a_given_endpoint_leads_to_is_what_the_sdk_says() {
        let (there, here) = (side("eu-west-1"), side("eu-west-2"));
        for url in ["http://127.0.0.1:1", "http://127.0.0.1:1/path", "https://backup.eu-west-1.amazonaws.com"] {
            let fixed = fixed(url);
            let config = |side: &Side| overridden(side, &fixed, Builder::new().build_http());
            let mut asked = destination_places(&there.region, &config(&there)).await.unwrap();
            asked.extend(source_places(&here.region, &config(&here)).await.unwrap());
            assert_eq!(fixed_places((&there, &fixed), (&here, &fixed)).unwrap(), asked, "{url}");
        }
        for url in ["", "127.0.0.1", "/path", "http://"] {
            assert!(fixed_places((&there, &fixed(url)), (&here, &fixed(url))).is_err(), "{url}");
        }
    }

    /// Where requests would have gone that were let through.
    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    #[async_trait]
    impl Exchange for Heard {
        async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
            self.0.lock().unwrap().push(request.uri().host().unwrap_or_default().to_owned());
            Err("nothing is sent".to_owned())
        }

        fn clock(&self) -> Arc<dyn Clock> {
            clock()
        }
    }

    /// A bucket's name and an account's id come into the host's name at AWS itself, and the guard knows them.
    #[tokio::test]
    async fn requests_of_a_bucket_and_of_an_account_reach_aws() {
        let heard = Arc::new(Heard::default());
        let exchange: Arc<dyn Exchange> = Arc::clone(&heard) as Arc<dyn Exchange>;
        let region = side("eu-west-1");
        // Credentials of an assumed role say of which account they are.
        let ours = Credentials::builder().access_key_id("key").secret_access_key("secret").account_id("123456789012");
        let config = overridden(&region, &fixed("http://127.0.0.1:1"), SharedHttpClient::new(Inside(exchange)));
        let mut config = config.into_builder();
        config.set_endpoint_url(None);
        let ours = SharedCredentialsProvider::new(ours.provider_name("test").build());
        let config = config.credentials_provider(ours).build();
        let clients = Clients::new(&region.region, &config, Mode::Aws, &Limits::new(clock()), &Arc::default());
        assert!(clients.s3.head_bucket().bucket("carts").send().await.is_err());
        assert!(clients.dynamodb.list_tables().send().await.is_err());
        assert_eq!(
            *heard.0.lock().unwrap(),
            ["carts.s3.eu-west-1.amazonaws.com", "123456789012.ddb.eu-west-1.amazonaws.com"]
        );
    }

    #[tokio::test]
    async fn a_sandbox_run_refuses_aws_itself() {
        let aws = || fixed("https://backup.eu-west-1.amazonaws.com");
        let refused = connect(&side("eu-west-1"), &side("eu-west-2"), Some((aws(), aws())), true, "x", clock()).await;
        assert!(matches!(refused, Err(SessionError::SandboxIsAws(_))));
    }

    #[test]
    fn one_place_that_is_not_aws_makes_a_custom_endpoint() {
        let aws = Place::new("rds", "https://rds.eu-west-1.amazonaws.com/");
        let other = Place::new("sts", "https://sts.example/");
        assert_eq!(mode(std::slice::from_ref(&aws), false), Ok(Mode::Aws));
        assert_eq!(mode(&[aws, other], false), Ok(Mode::CustomEndpoint));
    }

    #[test]
    fn session_names_are_what_sts_allows() {
        assert_eq!(session_name("1a2b3c4d"), "drill-1a2b3c4d");
        assert_eq!(session_name("a b/c"), "drill-abc");
        assert_eq!(session_name(&"x".repeat(100)).len(), 64);
    }
}
