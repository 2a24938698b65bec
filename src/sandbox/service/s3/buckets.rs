//! Buckets: make, look at, delete, by S3's rules.

use axum::http::{HeaderName, header};

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::{Answer, Ask};
use crate::sandbox::service::s3::request::{self, Node};
use crate::sandbox::spec::Place;
use crate::sandbox::thing::s3::{Bucket, Versioning, home, is_bucket_name};
use crate::sandbox::world::World;

/// The region of buckets without a location constraint.
pub(super) const FIRST_REGION: &str = "us-east-1";

/// The bucket that a request names, if the caller may use it from there.
pub(super) fn open<'a>(world: &'a mut World, place: &Place, ask: &Ask) -> Result<&'a mut Bucket, Failure> {
    let name = ask.label(0);
    let home = home(world, name).ok_or_else(no_such_bucket)?;
    if home.account != place.account || !owner_fits(ask, &home) {
        return Err(denied());
    }
    if home.region != place.region {
        return Err(Failure::new(
            301,
            "PermanentRedirect",
            "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all \
             future requests to this endpoint.",
        ));
    }
    world.site(&home).shelves.s3.buckets.get_mut(name).ok_or_else(no_such_bucket)
}

/// Whether the bucket's owner is who the caller believes.
fn owner_fits(ask: &Ask, home: &Place) -> bool {
    request::header_text(ask, "x-amz-expected-bucket-owner").is_none_or(|owner| owner == home.account.as_str())
}

/// `HeadBucket` tells the region whether or not the caller may use the bucket.
pub(super) fn head(world: &World, place: &Place, ask: &Ask) -> Result<Answer, Failure> {
    let home = home(world, ask.label(0)).ok_or_else(no_such_bucket)?;
    let status = if home.account != place.account || !owner_fits(ask, &home) {
        403
    } else if home.region == place.region {
        200
    } else {
        301
    };
    let region = (HeaderName::from_static("x-amz-bucket-region"), home.region.to_string());
    Ok(Answer::Raw { status, headers: vec![region], body: Vec::new() })
}

pub(super) fn create(world: &mut World, place: &Place, ask: &Ask) -> Result<Answer, Failure> {
    let name = ask.label(0);
    if !is_bucket_name(name) {
        return Err(Failure::bad("InvalidBucketName", "The specified bucket is not valid."));
    }
    let wanted = Wanted::read(ask)?;
    let home_wanted = location(place, wanted.location.as_deref())?;
    match home(world, name) {
        Some(home) if home.account != place.account => {
            return Err(Failure::new(
                409,
                "BucketAlreadyExists",
                "The requested bucket name is not available. The bucket namespace is shared by all users of the \
                 system. Please select a different name and try again.",
            ));
        }
        // There alone a second creation is no error.
        Some(home) if home.region.as_str() == FIRST_REGION && place.region.as_str() == FIRST_REGION => {}
        Some(_) => {
            return Err(Failure::new(
                409,
                "BucketAlreadyOwnedByYou",
                "Your previous request to create the named bucket succeeded and you already own it.",
            ));
        }
        None => {
            let mut bucket = Bucket::new(name, world.now);
            bucket.tags.extend(wanted.tags);
            if request::header_text(ask, "x-amz-bucket-object-lock-enabled") == Some("true") {
                bucket.locks = true;
                bucket.versioning = Versioning::Enabled;
            }
            if let Some(ownership) = request::header_text(ask, "x-amz-object-ownership") {
                bucket.ownership = Some(ownership.to_owned());
            }
            world.site(&home_wanted).shelves.s3.buckets.insert(name.to_owned(), bucket);
        }
    }
    Ok(Answer::Raw { status: 200, headers: vec![(header::LOCATION, format!("/{name}"))], body: Vec::new() })
}

/// What the body of `CreateBucket` says; it may be empty.
#[derive(Default)]
struct Wanted {
    location: Option<String>,
    tags: Vec<(String, String)>,
}

impl Wanted {
    fn read(ask: &Ask) -> Result<Self, Failure> {
        if ask.raw.is_empty() {
            return Ok(Self::default());
        }
        let body = request::document(ask, "CreateBucketConfiguration")?;
        let tags = body.all("Tags").flat_map(|tags| tags.all("Tag"));
        let pair = |tag: &Node| Some((tag.at(&["Key"])?.to_owned(), tag.at(&["Value"]).unwrap_or_default().to_owned()));
        let tags = tags.filter_map(pair).collect();
        Ok(Self { location: body.at(&["LocationConstraint"]).map(str::to_owned), tags })
    }
}

/// Where the bucket comes to be: the constraint must be the region that is called, except where there is none.
fn location(place: &Place, constraint: Option<&str>) -> Result<Place, Failure> {
    let called = place.region.as_str();
    let illegal = |what: &str| {
        Failure::bad(
            "IllegalLocationConstraintException",
            format!(
                "The {what} location constraint is incompatible for the region specific endpoint this request was \
                 sent to."
            ),
        )
    };
    match constraint {
        None if called == FIRST_REGION => Ok(place.clone()),
        None => Err(illegal("unspecified")),
        Some(FIRST_REGION) if called == FIRST_REGION => {
            Err(Failure::bad("InvalidLocationConstraint", "The specified location-constraint is not valid"))
        }
        Some(asked) if asked == called => Ok(place.clone()),
        Some(asked) => Err(illegal(asked)),
    }
}

pub(super) fn delete(world: &mut World, place: &Place, ask: &Ask) -> Result<Answer, Failure> {
    let bucket = open(world, place, ask)?;
    // Unfinished uploads do not keep a bucket (facts 2.8).
    if !bucket.objects.is_empty() {
        return Err(Failure::new(
            409,
            "BucketNotEmpty",
            "The bucket you tried to delete is not empty. You must delete all versions in the bucket.",
        ));
    }
    let name = bucket.name.clone();
    world.site(place).shelves.s3.buckets.remove(&name);
    Ok(Answer::empty(204))
}

fn no_such_bucket() -> Failure {
    Failure::new(404, "NoSuchBucket", "The specified bucket does not exist")
}

fn denied() -> Failure {
    Failure::new(403, "AccessDenied", "Access Denied")
}

#[cfg(test)]
mod tests {
    use super::location;
    use crate::sandbox::spec::Place;

    #[test]
    fn the_constraint_is_the_region_that_is_called() {
        let place = |region: &str| Place { account: "111122223333".parse().unwrap(), region: region.parse().unwrap() };
        let code = |region: &str, constraint| location(&place(region), constraint).err().map(|failure| failure.code);
        assert_eq!(code("us-east-1", None), None);
        assert_eq!(code("eu-west-1", Some("eu-west-1")), None);
        assert_eq!(code("eu-west-1", None).as_deref(), Some("IllegalLocationConstraintException"));
        assert_eq!(code("eu-west-1", Some("us-east-1")).as_deref(), Some("IllegalLocationConstraintException"));
        assert_eq!(code("us-east-1", Some("us-east-1")).as_deref(), Some("InvalidLocationConstraint"));
    }
}
