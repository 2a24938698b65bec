//! The seam per resource type. A type is one file in `aws/resource/` with both halves: facts, which are pure, and
//! calls.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cloud::check::Check;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::ground::Ground;
use crate::cloud::leftover::{Leftover, Wanted};
use crate::cloud::surroundings::{Quota, RoleNeed};
use crate::cloud::vault::{Metadata, RecoveryPoint};
use crate::words::arn::Arn;
use crate::words::id::{AccountId, Name, Region, RunId};
use crate::words::kind::{CheckId, ResourceKind};
use crate::words::secret::Secret;
use crate::yaml::shape::Field;

/// A type's typed settings (`with:`), checked against [`ResourceFacts::fields`]. Only the type's own file reads inside.
pub type Settings = serde_json::Map<String, Value>;

/// What a restore will make: known before it is made, so that it can be found whatever happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// The deterministic name, `drill-<run8>-<restore>`.
    pub name: String,
    /// The ARN that follows from name, region and account; none where AWS assigns the id (a volume, an instance, a file
    /// system): then only the restore job can say what it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<Arn>,
    /// Where.
    pub region: Region,
    /// Whose.
    pub account: AccountId,
}

/// The thing that calls are about: what was expected, and what is known of it by now.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// What was written in the ledger.
    pub expected: Expected,
    /// What the restore job says that it made, or what was found by a mark that the run gave it.
    pub made: Option<Arn>,
    /// The recovery point that it is made from; none before one was chosen.
    pub point: Option<Arn>,
    /// When it was intended: whatever is older is not it.
    pub since: Timestamp,
    /// The definition's typed settings.
    pub with: Settings,
    /// What belongs to it: intended by `finish`, or seen at any look. Kept so that what outlives it is found.
    pub parts: Vec<Part>,
}

impl Subject {
    /// Its ARN, once it is known.
    #[must_use]
    pub fn arn(&self) -> Option<&Arn> {
        self.expected.arn.as_ref().or(self.made.as_ref())
    }

    /// Its id within its service, once it is known: the last part of its ARN (`vol-…`, `fs-…`, an instance's name).
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.arn().map(|arn| arn.name().rsplit('/').next().unwrap_or_default())
    }
}

/// What belongs to a restored thing and must go before it or with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// In words: `DB instance`, `mount target`, `volume`, `attachment`.
    pub kind: String,
    /// Its name or id.
    pub id: String,
    /// The service's word for its state; empty before it was seen.
    #[serde(default)]
    pub status: String,
    /// It hangs on the run's thing and nothing says that the run made it: nothing is removed while it is there.
    #[serde(default)]
    pub foreign: bool,
}

impl Part {
    /// One that does not exist yet.
    #[must_use]
    pub fn planned(kind: &str, id: &str) -> Self {
        Self { kind: kind.to_owned(), id: id.to_owned(), status: String::new(), foreign: false }
    }
}

/// How far one removal got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// The service has it: the next look shows what came of it.
    Asked,
    /// There is more of the same to remove (a bucket's next thousand objects): ask again at once.
    More,
}

/// What a search for an unnamed thing brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", content = "arns", rename_all = "snake_case")]
pub enum Found {
    /// Nothing that could be it.
    Nothing,
    /// This carries a mark that only this run gave (a creation token).
    Marked(Arn),
    /// These were made from the recovery point since the intent, and nothing says by whom.
    Suspects(Vec<Arn>),
}

/// One address that clients connect to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// A DNS name or an address, as the service's API gave it.
    pub host: String,
    /// TCP port; none where the service gives an address only (an instance).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// One look at a restored resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Where it stands.
    pub phase: Phase,
    /// The service's own word for its state, such as `backing-up`.
    pub status: String,
    /// Where it answers, once it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// It refuses deletion until that is switched off.
    #[serde(default)]
    pub protected: bool,
    /// What belongs to it, sorted by kind and id. A part that is there is never left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Facts worth a line in the report: engine version, class, storage, public access, network.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
}

impl Observation {
    /// The service says that it does not exist.
    #[must_use]
    pub fn absent() -> Self {
        Self {
            phase: Phase::Gone,
            status: "not found".to_owned(),
            endpoint: None,
            protected: false,
            parts: Vec::new(),
            facts: BTreeMap::new(),
        }
    }
}

/// Where a resource stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// On its way. Also every state this version does not know (then `status` is warned about).
    Pending,
    /// A state that this version has never heard of: treated as pending, and warned about.
    Unknown,
    /// It is there, and not usable before `finish` has added what is missing (facts 0.3).
    Unfinished,
    /// Usable.
    Ready,
    /// It will never be usable, for a reason of the data or of the restore itself.
    Broken,
    /// It will never be usable, for a reason of the surroundings: network, capacity, key, parameter group.
    Hindered,
    /// Being deleted.
    Leaving,
    /// The service says that it does not exist.
    Gone,
}

/// What a type knows without asking anybody. Pure: the definition and the plan see only this.
pub trait ResourceFacts: Send + Sync {
    /// Which type.
    fn kind(&self) -> ResourceKind;

    /// AWS Backup's word for the type in listings, such as `RDS` (facts 1.6).
    fn backup_type(&self, with: &Settings) -> String;

    /// The `ResourceType` that StartRestoreJob is sent. A word with a space does not fit the field's pattern: then it
    /// is left out, and AWS goes by the recovery point's ARN (facts 1.6).
    fn start_type(&self, with: &Settings) -> Option<String> {
        Some(self.backup_type(with)).filter(|word| !word.contains(' '))
    }

    /// The keys of `with:`, with types, ranges and documentation.
    fn fields(&self) -> Vec<Field>;

    /// Whether `arn` can be the source resource of this type; otherwise what it should look like.
    ///
    /// # Errors
    /// A sentence for the user.
    fn check_arn(&self, arn: &Arn) -> Result<(), String>;

    /// Whether this type can be restored from this recovery point at all.
    ///
    /// # Errors
    /// The reason for which it is rejected.
    fn eligible(&self, _point: &RecoveryPoint) -> Result<(), String> {
        Ok(())
    }

    /// Name and, where the name decides it, ARN of what the restore will make.
    fn expected(
        &self,
        run: &RunId,
        restore: &Name,
        attempt: u32,
        region: &Region,
        account: &AccountId,
        partition: &str,
    ) -> Expected;

    /// The metadata for StartRestoreJob: an allow-list of what AWS `returned`, then the typed settings, then `raw`,
    /// which wins (facts 2.0 and the type's own section). It is also called with nothing returned, to find wrong
    /// settings before anything starts.
    ///
    /// # Errors
    /// A sentence for the user, naming the key.
    fn metadata(
        &self,
        returned: &Metadata,
        with: &Settings,
        raw: &Metadata,
        expected: &Expected,
    ) -> Result<Metadata, String>;

    /// The metadata key that carries the expected name. A type without one is marked with [`REQUEST_ID`].
    fn naming_key(&self, with: &Settings) -> Option<String>;

    /// Whether something must be made before the restore job is started, such as the bucket that it restores into.
    fn lays_ground(&self, _with: &Settings) -> bool {
        false
    }

    /// What must be added after the restore before the thing is usable; nothing for most types.
    fn finish(&self, _with: &Settings, _expected: &Expected) -> Vec<Part> {
        Vec::new()
    }

    /// What a message on a COMPLETED job says against the restore, if anything (facts 2.8: objects that failed).
    fn doubt(&self, _message: &str) -> Option<String> {
        None
    }

    /// Whether the restored thing can carry the drill's tags.
    fn taggable(&self) -> bool {
        true
    }

    /// The IAM actions that the drill's own identity needs for this type, besides AWS Backup's.
    fn permissions(&self) -> &'static [&'static str];

    /// The ARN of what the restore will make, with `*` in the place of an id that AWS assigns. None: nobody knows.
    fn made_arn(&self, _with: &Settings, expected: &Expected, _partition: &str) -> Option<String> {
        expected.arn.as_ref().map(|arn| arn.as_str().to_owned())
    }

    /// What AWS Backup's role must be allowed for a restore of this type, as far as one resource decides it (facts
    /// 1.11): first what no restore goes without, then what AWS's own policy for the type allows without conditions.
    fn role_needs(&self, _with: &Settings, _expected: &Expected, _partition: &str) -> Vec<RoleNeed> {
        Vec::new()
    }

    /// AWS's own policy that allows a role to restore this type, as it stands after `policy/` in its ARN.
    fn role_policy(&self) -> &'static str {
        "service-role/AWSBackupServiceRolePolicyForRestores"
    }

    /// The action by which teardown removes what was restored, where the definition does not say how.
    fn removal(&self, _with: &Settings) -> Option<&'static str> {
        None
    }

    /// The action by which the drill's tags are set on what was restored, where it can carry any.
    fn tagging(&self, _with: &Settings) -> Option<&'static str> {
        None
    }

    /// The checks that [`ResourceCalls::preflight`] and [`ResourceCalls::preflight_of_point`] make with these settings:
    /// where nobody can ask, each of them is "not checked".
    fn looks(&self, _with: &Settings) -> Vec<CheckId> {
        vec![CheckId::NameFree]
    }

    /// Whether [`ResourceCalls::preflight_of_point`] has something to look at: then a recovery point's metadata are
    /// read.
    fn asks_of_point(&self) -> bool {
        false
    }

    /// The quotas of the account that one restore uses up, as far as their codes are known.
    fn quotas(&self, _with: &Settings, _expected: &Expected) -> Vec<Quota> {
        Vec::new()
    }

    /// The `aws` commands by which a person makes it usable, reaches it and removes it, for the runbook: each line as it
    /// stands, in a POSIX shell that ends at the first failure. `id` is its name, its assigned id, or a placeholder for
    /// that. What a report may not show is missing in `with`: a placeholder in capitals stands for it.
    fn by_hand(&self, with: &Settings, expected: &Expected, id: &str) -> ByHand;

    /// The commands that make what the restore needs to find before it is started, such as its bucket, and set it up as
    /// [`ResourceCalls::lay`] does. None for most types.
    fn lay_by_hand(&self, _with: &Settings, _expected: &Expected) -> Vec<String> {
        Vec::new()
    }

    /// How long one usually takes from accepted to ready, for estimates before there is history.
    fn usual_minutes(&self) -> i64;
}

/// The metadata key that marks the restore jobs of a type without a name (facts 1.6: accepted inside Metadata, a UUID).
pub const REQUEST_ID: &str = "aws:backup:request-id";

/// What a restore job of this run can be recognised by: the metadata key and its value.
#[must_use]
pub fn mark(facts: &dyn ResourceFacts, with: &Settings, expected: &Expected) -> (String, String) {
    match facts.naming_key(with) {
        Some(key) => (key, expected.name.clone()),
        None => (REQUEST_ID.to_owned(), request_id(expected)),
    }
}

/// A UUID that follows from the expected name, account and region, so that a resumed run makes the same one.
fn request_id(expected: &Expected) -> String {
    let text = format!("{}\n{}\n{}", expected.name, expected.account, expected.region);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// The placeholder for an id that only AWS knows.
pub const UNKNOWN_ID: &str = "ID_OF_THE_RESTORED_RESOURCE";

/// Commands for a person, one a line, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByHand {
    /// Wait until it is usable and show where it answers.
    pub ready: Vec<String>,
    /// Remove it.
    pub remove: Vec<String>,
}

/// The calls of a resource type. Each is one request, or one short fixed sequence of requests.
///
/// Where a call needs the thing's id and nobody knows it yet, `observe` answers [`Observation::absent`] and the others
/// refuse with [`ErrorKind::Invalid`].
#[async_trait]
pub trait ResourceCalls: Send + Sync {
    /// One look, parts included. A thing that does not exist is an observation (`Phase::Gone`), not an error; it is not
    /// gone while one of `subject.parts` that the run made outlives it.
    async fn observe(&self, subject: &Subject) -> Result<Observation, CloudError>;

    /// One look, and the tags that it carries where the same answer has them; without them they are asked for by
    /// [`ResourceCalls::tags`].
    async fn observe_with_tags(
        &self,
        subject: &Subject,
    ) -> Result<(Observation, Option<BTreeMap<String, String>>), CloudError> {
        Ok((self.observe(subject).await?, None))
    }

    /// Looks for what the restore may have made although no restore job names it. Only for types whose ids AWS assigns.
    async fn find(&self, _subject: &Subject) -> Result<Found, CloudError> {
        Ok(Found::Nothing)
    }

    /// Sets a new master password on the restored database. Idempotent: repeated after a crash, with the same password.
    async fn set_master_password(&self, _subject: &Subject, _password: &Secret) -> Result<(), CloudError> {
        let message = "what was restored has no master password";
        Err(CloudError::new("master_password_reset", ErrorKind::Invalid, "none", message, None))
    }

    /// Makes what the restore job needs to find, such as its bucket. Idempotent: repeated after a crash.
    async fn lay(&self, _subject: &Subject) -> Result<(), CloudError> {
        Ok(())
    }

    /// Adds what is missing of [`ResourceFacts::finish`]. Idempotent: repeated after a crash.
    async fn finish(&self, _subject: &Subject) -> Result<(), CloudError> {
        Ok(())
    }

    /// The tags that it carries now.
    async fn tags(&self, subject: &Subject) -> Result<BTreeMap<String, String>, CloudError>;

    /// Removes tags.
    async fn untag(&self, subject: &Subject, keys: &[String]) -> Result<(), CloudError>;

    /// Adds tags; those that are not named stay.
    async fn tag(&self, subject: &Subject, tags: &BTreeMap<String, String>) -> Result<(), CloudError>;

    /// Switches deletion protection off.
    async fn unprotect(&self, subject: &Subject) -> Result<(), CloudError>;

    /// Asks for the next removal that `seen` calls for: parts first, then the thing, then what outlives it; never a
    /// final snapshot. The engine looks and asks again until it is gone. Already gone is success.
    async fn remove(&self, subject: &Subject, seen: &Observation) -> Result<Removal, CloudError>;

    /// After it is gone: what of it the service still keeps and bills (automated backups, final snapshots), by name.
    async fn remains(&self, _subject: &Subject) -> Result<Vec<String>, CloudError> {
        Ok(Vec::new())
    }

    /// Everything of this type in the region that may be a drill's, to the end of every list, for `drill sweep`: by name,
    /// by the tag `drill:run`, or because a restore job of a drill made it. Reads only.
    async fn leftovers(&self, _wanted: &Wanted) -> Result<Vec<Leftover>, CloudError> {
        Ok(Vec::new())
    }

    /// Predicts failures before anything is started. Reads only.
    async fn preflight(&self, ground: &dyn Ground, subject: &Subject) -> Vec<Check>;

    /// Predicts failures that only a recovery point lets see, such as a class that is not offered for its engine.
    /// `returned` is the metadata of the newest one; without it, these checks were not made and say so. Reads only.
    async fn preflight_of_point(&self, _subject: &Subject, _returned: Option<&Metadata>) -> Vec<Check> {
        Vec::new()
    }
}

/// Looks a type's facts up; `cli` hands the registry (`aws::resource::facts`) to the stages that may not import it.
pub type Types = fn(ResourceKind) -> &'static dyn ResourceFacts;
