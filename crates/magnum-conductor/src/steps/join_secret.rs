//! `join_secret`: what a member of the cluster's stack proves itself with when it registers. Heat carries it as a
//! hidden parameter; the database keeps its hash, and the operation's log the secret itself, sealed, until the stack
//! is made.

use crate::world::World;
use async_trait::async_trait;
use magnum_operations::{Effect, Look, Progress, Step, StepContext, StepError};
use magnum_types::places;
use magnum_types::{Change, ClusterId, HandlePatch};
use magnum_x509::token;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The step.
pub struct JoinSecret(pub Arc<World>);

#[derive(Serialize, Deserialize)]
struct Output {
    sealed: String,
}

impl JoinSecret {
    /// The secret that the step drew.
    pub(super) fn drawn(world: &World, cx: &StepContext) -> Result<SecretString, StepError> {
        let output: Output =
            cx.output("join_secret")?.ok_or_else(|| StepError::fatal("the cluster has no join secret"))?;
        world.open(&places::join_secret(ClusterId(cx.operation.subject)), &output.sealed)
    }
}

#[async_trait]
impl Step<Change> for JoinSecret {
    fn name(&self) -> &'static str {
        "join_secret"
    }

    async fn look(&self, _cx: &StepContext) -> Result<Look<Change>, StepError> {
        Ok(Look::Absent)
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let cluster = ClusterId(cx.operation.subject);
        let secret =
            token::random_token().map_err(|error| StepError::fatal("no randomness").caused_by(error))?;
        let sealed = self.0.seal(&places::join_secret(cluster), secret.expose_secret())?;
        let hash = token::sha256_hex(secret.expose_secret().as_bytes());
        let patch = HandlePatch { join_secret_hash: Some(Some(hash)), ..Default::default() };
        Ok(Progress::Done(Effect::of(Output { sealed })?.with([Change::Handle(cluster, Box::new(patch))])))
    }
}
