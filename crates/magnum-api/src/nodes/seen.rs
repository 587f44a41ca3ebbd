//! All that a node's plan and certificates are made from, read once for one question.

use crate::{nodes::facts, state::AppState, v1::certificates::authority};
use magnum_db::ClusterView;
use magnum_drivers::{Authorities, CloudCredential, Driver, PlanInputs};
use magnum_types::{
    ClusterHandle, ClusterTemplate, CredentialKind, NodeRegistration, Role, ServiceError, places,
};
use magnum_x509::SealingKeys;
use secrecy::SecretString;
use std::{collections::BTreeMap, sync::Arc};

/// A cluster as its nodes' plans see it.
pub struct Seen {
    view: ClusterView,
    template: ClusterTemplate,
    /// The cluster's driver.
    pub driver: Arc<dyn Driver>,
    nodes: Vec<NodeRegistration>,
    facts: BTreeMap<String, String>,
    authorities: Authorities,
    cloud: Option<CloudCredential>,
    cloud_is_new: bool,
}

impl Seen {
    /// Reads the cluster of a node; `None` while its authorities are being made.
    ///
    /// # Errors
    /// When the database or the certificate store does not answer.
    pub async fn read(
        state: &AppState,
        node: &NodeRegistration,
        handle: &ClusterHandle,
    ) -> Result<Option<Self>, ServiceError> {
        let mut view = state.store.cluster_by_id(node.cluster).await?;
        let Some(template) = view.template.take() else { return Ok(None) };
        let driver = state.registry.of_template(&template)?;
        let authorities = authority::all(state, &view.cluster, handle, driver.authorities()).await?;
        let Some(authorities) = authorities else { return Ok(None) };
        let nodes = state.store.nodes_of(node.cluster).await?;
        let facts = facts::open(state, node.cluster, handle.facts.as_deref())?;
        let trusted = state.settings.cluster_user_trust && node.role == Role::Master;
        let cloud = if trusted { credential(state, &view, handle)? } else { None };
        let cloud_is_new = cloud.is_some() && handle.former_credentials.replaced.is_some();
        Ok(Some(Self { view, template, driver, nodes, facts, authorities, cloud, cloud_is_new }))
    }

    /// What the driver is told about one of the nodes; `None` for one that is not registered any more.
    pub fn inputs(&self, instance_id: &str) -> Option<PlanInputs<'_>> {
        Some(PlanInputs {
            cluster: &self.view.cluster,
            template: &self.template,
            node: self.nodes.iter().find(|node| node.instance_id == instance_id)?,
            nodes: &self.nodes,
            nodegroups: &self.view.nodegroups,
            facts: &self.facts,
            authorities: &self.authorities,
            cloud: self.cloud.as_ref(),
            cloud_is_new: self.cloud_is_new,
        })
    }
}

/// The cluster's own credential, opened; `None` while it has none.
fn credential(
    state: &AppState,
    view: &ClusterView,
    handle: &ClusterHandle,
) -> Result<Option<CloudCredential>, ServiceError> {
    let cluster = &view.cluster;
    let Some(stored) = cluster.trustee_password.as_deref() else { return Ok(None) };
    let secret = if SealingKeys::is_sealed(stored) {
        let place = places::trustee_password(cluster.uuid);
        let clear = state.sealing.open(&place, stored).map_err(ServiceError::internal)?;
        SecretString::from(std::str::from_utf8(&clear).map_err(ServiceError::internal)?)
    } else {
        SecretString::from(stored)
    };
    Ok(
        match (
            handle.credential,
            &cluster.trustee_user_id,
            &cluster.trust_id,
            &handle.application_credential_id,
        ) {
            (Some(CredentialKind::Trust), Some(user), Some(trust), _) => Some(CloudCredential::Trust {
                user_id: user.clone(),
                password: secret,
                trust_id: SecretString::from(trust.as_str()),
            }),
            (Some(CredentialKind::ApplicationCredential), _, _, Some(id)) => {
                Some(CloudCredential::Application { id: id.clone(), secret })
            }
            _ => None,
        },
    )
}
