//! How failures of what we depend on become failures of a step: what to tell people, and whether to try again.

use magnum_db::DbError;
use magnum_openstack::CloudError;
use magnum_operations::StepError;
use magnum_secrets::SecretError;

/// A failed call to the cloud while `doing` something, e.g. "creating the stack". The service's own words go on to
/// the cluster's `status_reason`: they name the quota or the host that was not found.
pub fn cloud(doing: &str) -> impl Fn(CloudError) -> StepError + '_ {
    move |error| {
        let public = format!("{doing} failed: {}", error.message.trim_end_matches('.'));
        StepError { public, retryable: error.is_retryable(), source: Some(Box::new(error)) }
    }
}

/// A failed read of the database: always worth trying again, except for a row that is gone.
pub fn database(error: DbError) -> StepError {
    let gone = matches!(error, DbError::NotFound { .. });
    let public = if gone { "the cluster's row is gone" } else { "the database does not answer" };
    StepError { public: public.to_owned(), retryable: !gone, source: Some(Box::new(error)) }
}

/// A failed certificate store.
pub fn certificates(error: SecretError) -> StepError {
    StepError { public: error.to_string(), retryable: error.is_retryable(), source: Some(Box::new(error)) }
}
