//! With which right a conductor acts for a cluster: its own credential (trust or application credential), or the
//! service's own right where that is gone. Deleting never needs the creator.

use crate::{failure, world::World};
use magnum_openstack::{CloudErrorKind, Session};
use magnum_operations::StepError;
use magnum_types::places;
use magnum_types::{Cluster, ClusterHandle, CredentialKind};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};
use tracing::warn;

/// Sessions kept between steps; a step of a cluster beyond these authenticates again.
const KEPT: usize = 1000;

/// One session per cluster's credential: every new session costs an authentication.
#[derive(Default)]
pub struct ClusterSessions(Mutex<HashMap<String, Session>>);

impl ClusterSessions {
    fn get_or(
        &self,
        key: String,
        make: impl FnOnce() -> Result<Session, StepError>,
    ) -> Result<Session, StepError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = kept.get(&key) {
            return Ok(session.clone());
        }
        if kept.len() >= KEPT {
            kept.clear();
        }
        let session = make()?;
        kept.insert(key, session.clone());
        Ok(session)
    }

    fn forget(&self, key: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

fn key(cluster: &Cluster, handle: &ClusterHandle) -> String {
    let credential = handle.application_credential_id.as_deref().or(cluster.trust_id.as_deref());
    // The sealed password changes with every new one.
    let secret = cluster.trustee_password.as_deref().unwrap_or_default();
    format!("{} {} {secret}", cluster.uuid, credential.unwrap_or_default())
}

impl World {
    /// A session with the cluster's own credential.
    ///
    /// # Errors
    /// When the cluster has none, or its secret cannot be opened.
    pub fn cluster_session(&self, cluster: &Cluster, handle: &ClusterHandle) -> Result<Session, StepError> {
        self.sessions.get_or(key(cluster, handle), || self.new_cluster_session(cluster, handle))
    }

    /// Drops a session that is refused, so that the next one authenticates.
    pub fn forget_cluster_session(&self, cluster: &Cluster, handle: &ClusterHandle) {
        self.sessions.forget(&key(cluster, handle));
    }

    fn new_cluster_session(&self, cluster: &Cluster, handle: &ClusterHandle) -> Result<Session, StepError> {
        let missing = || StepError::fatal("the cluster has no credential of its own");
        let sealed = cluster.trustee_password.as_deref().ok_or_else(missing)?;
        let secret = self.open(&places::trustee_password(cluster.uuid), sealed)?;
        match handle.credential {
            Some(CredentialKind::ApplicationCredential) => {
                let id = handle.application_credential_id.as_deref().ok_or_else(missing)?;
                Ok(self.cloud.application_credential_session(id, secret))
            }
            // A row that upstream wrote has no handle's word for it, but a trust.
            Some(CredentialKind::Trust) | None => {
                let user = cluster.trustee_user_id.as_deref().ok_or_else(missing)?;
                let trust = cluster.trust_id.as_deref().ok_or_else(missing)?;
                Ok(self.cloud.trust_session(user, secret, trust.to_owned().into()))
            }
        }
    }

    /// The cluster's own session if it still works, else the service's.
    ///
    /// # Errors
    /// Retryable, when Keystone does not answer.
    pub async fn cluster_or_service_session(
        &self,
        cluster: &Cluster,
        handle: &ClusterHandle,
    ) -> Result<Session, StepError> {
        let Ok(session) = self.cluster_session(cluster, handle) else {
            return Ok(self.cloud.service_session().clone());
        };
        match session.token().await {
            Ok(_) => Ok(session),
            Err(error)
                if matches!(
                    error.kind,
                    CloudErrorKind::Unauthorized | CloudErrorKind::Forbidden | CloudErrorKind::NotFound
                ) =>
            {
                self.forget_cluster_session(cluster, handle);
                warn!(cluster.uuid = %cluster.uuid, error = %error, "the cluster's own credential is refused; going on with the service's right");
                Ok(self.cloud.service_session().clone())
            }
            Err(error) => Err(failure::cloud("authenticating as the cluster")(error)),
        }
    }
}
