//! `shared_secrets`: what several nodes of a cluster must have the same of, such as the key that signs its service
//! accounts (faults 1.19). The server draws it, before there is a node, into the cluster's facts, which are sealed and
//! of which every node gets what its plan needs.

use crate::world::World;
use async_trait::async_trait;
use magnum_drivers::{SecretKind, SharedSecret};
use magnum_operations::{Effect, Look, Progress, Step, StepContext, StepError};
use magnum_types::{Change, ClusterHandle, ClusterId, HandlePatch, places};
use magnum_x509::{KeyAlgorithm, PrivateKey, token};
use secrecy::{ExposeSecret, SecretString};
use std::{collections::BTreeMap, sync::Arc};

/// The step.
pub struct SharedSecrets(pub Arc<World>);

impl SharedSecrets {
    /// Those that the driver wants, and of the facts so far.
    async fn wanted(&self, cx: &StepContext) -> Result<(&'static [SharedSecret], ClusterHandle), StepError> {
        let view = self.0.cluster(cx).await?;
        Ok((self.0.driver(&view)?.shared_secrets(), self.0.handle(cx).await?))
    }
}

#[async_trait]
impl Step<Change> for SharedSecrets {
    fn name(&self) -> &'static str {
        "shared_secrets"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        let (wanted, handle) = self.wanted(cx).await?;
        let facts = self.0.facts(&handle)?;
        // Drawn ones are recorded in one write with the step, so this is for drivers that want none.
        Ok(match wanted.iter().all(|secret| facts.contains_key(secret.fact)) {
            true => Look::Done(Effect::nothing()),
            false => Look::Absent,
        })
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let cluster = ClusterId(cx.operation.subject);
        let (wanted, handle) = self.wanted(cx).await?;
        let mut facts = self.0.facts(&handle)?;
        for secret in wanted {
            if facts.contains_key(secret.fact) {
                continue;
            }
            facts.insert(secret.fact.to_owned(), drawn(secret.kind).await?.expose_secret().to_owned());
        }
        let patch = HandlePatch { facts: Some(Some(self.sealed(cluster, &facts)?)), ..Default::default() };
        // Nothing of it in the step's log.
        Ok(Progress::Done(Effect::nothing().with([Change::Handle(cluster, Box::new(patch))])))
    }
}

impl SharedSecrets {
    fn sealed(&self, cluster: ClusterId, facts: &BTreeMap<String, String>) -> Result<String, StepError> {
        let clear = serde_json::to_string(facts)
            .map_err(|error| StepError::fatal("the cluster's facts cannot be written").caused_by(error))?;
        self.0.seal(&places::facts(cluster), &clear)
    }
}

async fn drawn(kind: SecretKind) -> Result<SecretString, StepError> {
    let draw = move || match kind {
        SecretKind::RsaPrivateKey => PrivateKey::generate(KeyAlgorithm::Rsa { bits: 2048 })?.to_pkcs8_pem(),
        SecretKind::Bytes32 => token::random_bytes32(),
    };
    // An RSA key takes up to some hundred milliseconds of pure computation.
    let drawn = tokio::task::spawn_blocking(draw).await;
    drawn
        .map_err(|error| StepError::retryable("drawing a secret was interrupted").caused_by(error))?
        .map_err(|error| StepError::fatal("a secret cannot be drawn").caused_by(error))
}
