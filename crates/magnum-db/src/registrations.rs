//! A cluster's handle and the nodes that made themselves known. The API writes here while an operation of the
//! cluster runs, so every write is to one row and, where two could meet, a compare-and-set.

use crate::{
    changes::{made_up_handle, raise_plan_generation},
    clusters,
    error::DbError,
    pool::{Tx, args},
    reach,
    rows::{Cell, json_text, moment},
    sql::insert,
    store::{Store, naive, transaction},
};
use chrono::NaiveDateTime;
use indexmap::IndexMap;
use jiff::Timestamp;
use magnum_types::{
    ClusterHandle, ClusterId, CredentialKind, FormerCredentials, HealthStatus, Move, NodeRegistration,
    NodeState, Role,
};
use serde::de::DeserializeOwned;
use sqlx::FromRow;

/// What a node reported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeReport {
    /// Its new state; `None` keeps it. A node that is leaving, gone, being emptied or being
    /// made anew stays so.
    pub state: Option<NodeState>,
    /// The plan generation it speaks of.
    pub generation: i64,
    /// The step it speaks of.
    pub step: Option<String>,
    /// First line of the error, if it failed.
    pub error: Option<String>,
}

#[derive(FromRow)]
struct NodeRow {
    instance_id: String,
    cluster_uuid: String,
    nodegroup_uuid: String,
    role: String,
    is_primary: bool,
    name: String,
    address: String,
    public_address: Option<String>,
    certificate: String,
    token_hash: String,
    state: String,
    generation: i64,
    step: Option<String>,
    error: Option<String>,
    last_seen: Option<NaiveDateTime>,
    created_at: NaiveDateTime,
    wanted_release: Option<String>,
    wanted_image: Option<String>,
    moved_at: Option<NaiveDateTime>,
    moved_generation: Option<i64>,
}

#[derive(FromRow)]
struct HandleRow {
    stack_name: String,
    credential: Option<String>,
    application_credential_id: Option<String>,
    join_secret_hash: Option<String>,
    plan_generation: i64,
    facts: Option<String>,
    rotation: Option<String>,
    certificate_generation: i64,
    former_credentials: Option<String>,
}

#[derive(FromRow)]
struct UuidRow {
    uuid: String,
}

#[derive(FromRow)]
struct Generation {
    plan_generation: i64,
}

impl NodeRow {
    fn read(self) -> Result<NodeRegistration, DbError> {
        let cell = |column| Cell { table: "node_registration", ident: &self.instance_id, column };
        Ok(NodeRegistration {
            cluster: cell("cluster_uuid").parse(&self.cluster_uuid)?,
            nodegroup: cell("nodegroup_uuid").parse(&self.nodegroup_uuid)?,
            role: match self.role.as_str() {
                MASTER => Role::Master,
                _ => Role::Worker,
            },
            primary: self.is_primary,
            name: self.name,
            address: self.address,
            public_address: self.public_address,
            certificate: self.certificate,
            token_hash: self.token_hash,
            state: cell("state").parse(&self.state)?,
            wanted_release: self.wanted_release,
            wanted_image: self.wanted_image,
            generation: self.generation,
            step: self.step,
            error: self.error,
            moved: moment(self.moved_at)
                .zip(self.moved_generation)
                .map(|(at, generation)| Move { at, generation }),
            last_seen: moment(self.last_seen),
            created_at: moment(Some(self.created_at)),
            instance_id: self.instance_id,
        })
    }
}

pub(crate) const MASTER: &str = "master";

impl Store {
    /// The handle of a cluster. One that upstream made has none: then a made-up one whose `stack_name` is empty.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn handle_get(&self, cluster: ClusterId) -> Result<ClusterHandle, DbError> {
        let row: Option<HandleRow> =
            self.one("SELECT * FROM cluster_handle WHERE cluster_uuid = ?", args![cluster]).await?;
        let Some(row) = row else { return Ok(made_up_handle(cluster)) };
        let ident = cluster.to_string();
        Ok(ClusterHandle {
            cluster,
            stack_name: row.stack_name,
            credential: match row.credential.as_deref() {
                None => None,
                Some(text) => Some(credential(
                    &Cell { table: "cluster_handle", ident: &ident, column: "credential" },
                    text,
                )?),
            },
            application_credential_id: row.application_credential_id,
            join_secret_hash: row.join_secret_hash,
            plan_generation: row.plan_generation,
            facts: row.facts,
            rotation: match row.rotation.as_deref() {
                None => None,
                Some(text) => {
                    Some(json(&Cell { table: "cluster_handle", ident: &ident, column: "rotation" }, text)?)
                }
            },
            certificate_generation: u32::try_from(row.certificate_generation).map_err(|error| {
                Cell { table: "cluster_handle", ident: &ident, column: "certificate_generation" }.bad(error)
            })?,
            former_credentials: match row.former_credentials.as_deref() {
                None => FormerCredentials::default(),
                Some(text) => json(
                    &Cell { table: "cluster_handle", ident: &ident, column: "former_credentials" },
                    text,
                )?,
            },
        })
    }

    /// Writes the sealed facts if they still are what was read, and raises the plan generation; gives the new one.
    ///
    /// # Errors
    /// [`DbError::Stale`] when somebody else wrote meanwhile, [`DbError::NotFound`] when there is no handle.
    pub async fn handle_set_facts(
        &self,
        cluster: ClusterId,
        facts: &str,
        expected: Option<&str>,
    ) -> Result<i64, DbError> {
        transaction!(self, |tx, now| {
            let old = generation(tx, cluster).await?;
            let sql = "UPDATE cluster_handle SET facts = ?, updated_at = ? WHERE cluster_uuid = ? AND ";
            let matched = match expected {
                Some(expected) => {
                    tx.execute(&format!("{sql} facts = ?"), args![facts, now, cluster, expected]).await?
                }
                None => tx.execute(&format!("{sql} facts IS NULL"), args![facts, now, cluster]).await?,
            };
            match (old, matched) {
                (None, _) => return Err(clusters::not_found(&cluster.to_string())),
                (Some(_), 0) => {
                    return Err(DbError::Stale { noun: "Handle of cluster", ident: cluster.to_string() });
                }
                (Some(_), _) => raise_plan_generation(tx, cluster).await?,
            }
            generation(tx, cluster).await?.unwrap_or_default()
        })
    }

    /// The generation of the nodes' plans; 0 for a cluster without a handle.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn plan_generation(&self, cluster: ClusterId) -> Result<i64, DbError> {
        let sql = "SELECT plan_generation FROM cluster_handle WHERE cluster_uuid = ?";
        Ok(self.one::<Generation>(sql, args![cluster]).await?.map_or(0, |row| row.plan_generation))
    }

    /// Adds one to the generation of the nodes' plans: something that they are made from has changed.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn plan_raise(&self, cluster: ClusterId) -> Result<(), DbError> {
        transaction!(self, |tx, _now| {
            raise_plan_generation(tx, cluster).await?;
        })
    }

    /// Inserts a registration; `last_seen` and `created_at` are set to now.
    ///
    /// # Errors
    /// [`DbError::AlreadyRegistered`] when the instance is known.
    pub async fn node_register(&self, node: NodeRegistration) -> Result<(), DbError> {
        let done = transaction!(self, |tx, now| {
            let columns = vec![
                ("instance_id", (&node.instance_id).into()),
                ("cluster_uuid", node.cluster.into()),
                ("nodegroup_uuid", node.nodegroup.into()),
                ("role", if node.role == Role::Master { MASTER } else { "worker" }.into()),
                ("is_primary", node.primary.into()),
                ("name", (&node.name).into()),
                ("address", (&node.address).into()),
                ("public_address", (&node.public_address).into()),
                ("certificate", (&node.certificate).into()),
                ("token_hash", (&node.token_hash).into()),
                ("state", node.state.as_str().into()),
                ("generation", node.generation.into()),
                ("step", (&node.step).into()),
                ("error", (&node.error).into()),
                ("wanted_release", (&node.wanted_release).into()),
                ("wanted_image", (&node.wanted_image).into()),
                ("last_seen", now.into()),
                ("created_at", now.into()),
            ];
            insert(tx, "node_registration", columns).await?;
        });
        done.map_err(|error| match error.is_duplicate() {
            true => DbError::AlreadyRegistered(node.instance_id.clone()),
            false => error,
        })
    }

    /// A node that was awaited has registered again: what it is known by now. Its state is where an upgrade goes on with
    /// it, if its server is made anew by one.
    ///
    /// # Errors
    /// [`DbError::AlreadyRegistered`] when it is not awaited (any more).
    pub async fn node_register_again(
        &self,
        instance_id: &str,
        certificate: &str,
        token_hash: &str,
    ) -> Result<(), DbError> {
        transaction!(self, |tx, now| {
            let sql = "UPDATE node_registration SET certificate = ?, token_hash = ?, last_seen = ?, \
                       state = CASE WHEN state = ? THEN ? ELSE state END WHERE instance_id = ? AND token_hash = ?";
            let args = args![
                certificate,
                token_hash,
                now,
                NodeState::Rebuilding.as_str(),
                NodeState::Upgrading.as_str(),
                instance_id,
                NodeRegistration::awaited_token(instance_id),
            ];
            if tx.execute(sql, args).await? == 0 {
                return Err(DbError::AlreadyRegistered(instance_id.to_owned()));
            }
        })
    }

    /// Another token for a registered node: what it is computed from has changed.
    ///
    /// # Errors
    /// [`DbError::NotFound`] when it is not registered (any more).
    pub async fn node_set_token(&self, instance_id: &str, token_hash: &str) -> Result<(), DbError> {
        transaction!(self, |tx, _now| {
            let sql = "UPDATE node_registration SET token_hash = ? WHERE instance_id = ?";
            if tx.execute(sql, args![token_hash, instance_id]).await? == 0 {
                return Err(DbError::NotFound { noun: "Node", ident: instance_id.to_owned() });
            }
        })
    }

    /// What a cluster's own nodes say of its health. Writes only a difference, and leaves `updated_at` alone: nobody
    /// changed the cluster.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn cluster_health(
        &self,
        cluster: ClusterId,
        status: HealthStatus,
        reason: &IndexMap<String, String>,
    ) -> Result<(), DbError> {
        let reason = json_text(reason)?;
        transaction!(self, |tx, _now| {
            let sql = "UPDATE cluster SET health_status = ?, health_status_reason = ? WHERE uuid = ? AND \
                       (health_status IS NULL OR health_status <> ? OR health_status_reason IS NULL OR \
                       health_status_reason <> ?)";
            tx.execute(sql, args![status.as_str(), &reason, cluster, status.as_str(), &reason]).await?;
        })
    }

    /// Clusters whose masters told their health and have all been silent since `since`. One whose health is that of its
    /// address alone has masters that tell none.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn clusters_silent(&self, since: Timestamp) -> Result<Vec<ClusterId>, DbError> {
        let sql = "SELECT c.uuid AS uuid FROM cluster c WHERE c.health_status IN (?, ?) AND c.status LIKE '%_COMPLETE' AND \
                   COALESCE(c.health_status_reason, '') NOT LIKE ? AND \
                   EXISTS (SELECT 1 FROM node_registration n WHERE n.cluster_uuid = c.uuid AND n.role = ?) AND \
                   NOT EXISTS (SELECT 1 FROM node_registration n WHERE n.cluster_uuid = c.uuid AND n.role = ? AND \
                   n.last_seen >= ?)";
        let [well, unwell] = [HealthStatus::Healthy.as_str(), HealthStatus::Unhealthy.as_str()];
        let rows: Vec<UuidRow> =
            self.all(sql, args![well, unwell, reach::ALONE, MASTER, MASTER, naive(since)]).await?;
        rows.iter()
            .map(|row| Cell { table: "cluster", ident: &row.uuid, column: "uuid" }.parse(&row.uuid))
            .collect()
    }

    /// The node that speaks with the token of that hash.
    ///
    /// # Errors
    /// [`DbError::NotFound`]; the text does not repeat the hash.
    pub async fn node_by_token_hash(&self, hash: &str) -> Result<NodeRegistration, DbError> {
        let row: Option<NodeRow> =
            self.one("SELECT * FROM node_registration WHERE token_hash = ?", args![hash]).await?;
        row.ok_or_else(|| DbError::NotFound { noun: "Node", ident: "of this token".to_owned() })?.read()
    }

    /// Every registered node of a cluster, in the order of their registration.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn nodes_of(&self, cluster: ClusterId) -> Result<Vec<NodeRegistration>, DbError> {
        let sql = "SELECT * FROM node_registration WHERE cluster_uuid = ? ORDER BY created_at, instance_id";
        let rows: Vec<NodeRow> = self.all(sql, args![cluster]).await?;
        rows.into_iter().map(NodeRow::read).collect()
    }

    /// Writes what a node reported, and that it spoke now. What it says of plans before an upgrade began does not end
    /// the upgrade.
    ///
    /// # Errors
    /// [`DbError::NotFound`] when it is not registered (any more).
    pub async fn node_report(&self, instance_id: &str, report: NodeReport) -> Result<(), DbError> {
        transaction!(self, |tx, now| {
            let sql = "UPDATE node_registration SET state = CASE WHEN state IN (?, ?, ?, ?) THEN state WHEN state = ? AND moved_generation > ? THEN state \
                       ELSE COALESCE(?, state) END, \
                       generation = ?, step = ?, error = ?, last_seen = ? WHERE instance_id = ?";
            let args = args![
                NodeState::Leaving.as_str(),
                NodeState::Gone.as_str(),
                NodeState::Draining.as_str(),
                NodeState::Rebuilding.as_str(),
                NodeState::Upgrading.as_str(),
                report.generation,
                report.state.map(|state| state.as_str()),
                report.generation,
                &report.step,
                &report.error,
                now,
                instance_id,
            ];
            if tx.execute(sql, args).await? == 0 {
                return Err(DbError::NotFound { noun: "Node", ident: instance_id.to_owned() });
            }
        })
    }
}

async fn generation(tx: &mut Tx, cluster: ClusterId) -> Result<Option<i64>, DbError> {
    let sql = "SELECT plan_generation FROM cluster_handle WHERE cluster_uuid = ?";
    Ok(tx.one::<Generation>(sql, args![cluster]).await?.map(|row| row.plan_generation))
}

pub(crate) fn json<T: DeserializeOwned>(cell: &Cell<'_>, text: &str) -> Result<T, DbError> {
    serde_json::from_str(text).map_err(|error| cell.bad(error))
}

fn credential(cell: &Cell<'_>, text: &str) -> Result<CredentialKind, DbError> {
    [CredentialKind::Trust, CredentialKind::ApplicationCredential]
        .into_iter()
        .find(|kind| kind.as_str() == text)
        .ok_or_else(|| cell.bad(format!("unknown credential {text:?}")))
}
