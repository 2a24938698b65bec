//! The last guard before a request that changes something.
//!
//! Invariant: before anything is changed or deleted, the thing is in the region and account of the session (trap 30).
//! Many services take an id or a name and not an ARN: with the wrong credentials a request would hit the thing of that
//! name in another account. STS says whose the credentials are, once for each access key.

use std::sync::Arc;

use crate::aws::callers::Callers;
use crate::aws::ground::caller;
use crate::aws::handle::Handle;
use crate::aws::session::Clients;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::resource::Subject;
use crate::words::arn::Arn;
use crate::words::id::Region;
use crate::words::secret::Secret;

/// Knows where the session leads.
pub(crate) struct Guard {
    region: Region,
    sts: Handle<aws_sdk_sts::Client>,
    callers: Arc<Callers>,
}

/// The error without the secret that was sent: a service may quote what it refuses.
pub(crate) fn without(secret: &Secret, error: CloudError) -> CloudError {
    CloudError { message: secret.redact(&error.message), ..error }
}

impl Guard {
    /// Over the destination's clients.
    pub(crate) fn new(clients: &Clients) -> Self {
        let (sts, callers) = (clients.sts.clone(), Arc::clone(&clients.callers));
        Self { region: clients.region.clone(), sts, callers }
    }

    /// Lets a change of the subject through, and answers its ARN. `service` and `prefix` are what its ARN must say, such
    /// as `rds` and `db:`. Where the name decides the ARN, that name must be one that drill gives.
    pub(crate) async fn check<'a>(
        &self,
        operation: &str,
        subject: &'a Subject,
        (service, prefix): (&str, &str),
    ) -> Result<&'a Arn, CloudError> {
        let Some(arn) = subject.arn() else {
            return Err(refuse(operation, "nobody knows the id of what the restore made; nothing was sent"));
        };
        let expected = &subject.expected;
        let is_ours = match &expected.arn {
            Some(arn) => arn.name().rsplit('/').next() == Some(&expected.name) && expected.name.starts_with("drill-"),
            None => true,
        };
        if arn.service() != service || !arn.resource().starts_with(prefix) || !is_ours {
            let why = format!("`{arn}` is not what the restore of `{}` makes; nothing was sent", expected.name);
            return Err(refuse(operation, &why));
        }
        self.at_home(operation, subject).await?;
        Ok(arn)
    }

    /// Region and account alone, for a thing that does not exist yet.
    pub(crate) async fn at_home(&self, operation: &str, subject: &Subject) -> Result<(), CloudError> {
        let expected = &subject.expected;
        let arn = subject.arn();
        let elsewhere = |region: Option<Region>| region.is_some_and(|region| region != self.region);
        if expected.region != self.region || elsewhere(arn.and_then(Arn::region)) {
            let why = format!(
                "`{}` is not in `{}`, where the credentials lead; nothing was sent",
                expected.name, self.region
            );
            return Err(refuse(operation, &why));
        }
        let account = match self.callers.current() {
            Some(account) => account,
            None => caller(&self.sts).await?.account,
        };
        let foreign = arn.and_then(Arn::account).is_some_and(|of_arn| of_arn != account);
        if expected.account != account || foreign {
            let why = format!("`{}` is not in account {account} of the credentials; nothing was sent", expected.name);
            return Err(refuse(operation, &why));
        }
        self.callers.vouch(&account);
        Ok(())
    }
}

/// A request that is not sent.
pub(crate) fn refuse(operation: &str, why: &str) -> CloudError {
    CloudError::new(operation, ErrorKind::Invalid, "wrong_session", why, None)
}

/// The id of a subject whose id AWS assigns.
pub(crate) fn known_id<'a>(operation: &str, subject: &'a Subject) -> Result<&'a str, CloudError> {
    subject.id().ok_or_else(|| refuse(operation, "nobody knows the id of what the restore made; nothing was sent"))
}
