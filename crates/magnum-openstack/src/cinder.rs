//! Cinder: volume types, and the volumes that Kubernetes made for a cluster.

use crate::{
    client::ServiceClient,
    error::{CloudError, gone_is_done},
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The Block Storage API for one session.
#[derive(Clone)]
pub struct Cinder(pub(crate) ServiceClient);

/// A volume type.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct VolumeType {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Volume {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// `available`, `in-use`, `error_deleting` …
    pub status: String,
    /// Size in GiB.
    pub size: u64,
    /// Its metadata; Kubernetes' drivers name the cluster here.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// What a project may have and has; -1 is "no limit".
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeLimits {
    /// Volumes allowed.
    pub max_total_volumes: i64,
    /// Volumes there are.
    pub total_volumes_used: i64,
    /// GiB allowed.
    pub max_total_volume_gigabytes: i64,
    /// GiB used.
    pub total_gigabytes_used: i64,
}

#[derive(Deserialize)]
struct LimitsAnswer {
    limits: LimitsBody,
}
#[derive(Deserialize)]
struct LimitsBody {
    absolute: VolumeLimits,
}

impl Cinder {
    /// The volume types that the session's project may use.
    pub async fn volume_type_list(&self) -> Result<Vec<VolumeType>, CloudError> {
        self.0.list(&["types"], "volume_types", &[]).await
    }

    /// The volumes of a project that carry this metadata item.
    pub async fn volumes_with(
        &self,
        project_id: &str,
        key: &str,
        value: &str,
    ) -> Result<Vec<Volume>, CloudError> {
        // Cinder reads the filter as a Python literal; a quote in it would end the text.
        let literal = |text: &str| text.replace(['\\', '\''], "");
        let filter = format!("{{'{}':'{}'}}", literal(key), literal(value));
        let mut volumes: Vec<Volume> =
            // Another project's are shown to an administrator, and only when all are asked for.
            self.0
                .list(
                    &["volumes", "detail"],
                    "volumes",
                    &[("all_tenants", "1"), ("project_id", project_id), ("metadata", &filter)],
                )
                .await?;
        volumes.retain(|volume| volume.metadata.get(key).is_some_and(|found| found == value));
        Ok(volumes)
    }

    /// The volumes of a name.
    pub async fn volumes_named(&self, name: &str) -> Result<Vec<Volume>, CloudError> {
        self.0.list(&["volumes", "detail"], "volumes", &[("name", name)]).await
    }

    /// Deletes a volume with its snapshots; done when there is none, `BadRequest` while it is used or in another move.
    pub async fn volume_delete(&self, id: &str) -> Result<(), CloudError> {
        gone_is_done(self.0.delete(&["volumes", id], &[("cascade", "true")]).await)
    }

    /// What the session's project may have and has.
    pub async fn limits(&self) -> Result<VolumeLimits, CloudError> {
        Ok(self.0.get::<LimitsAnswer>(&["limits"], &[]).await?.limits.absolute)
    }
}
