//! Rows of clusters and node groups as the database keeps them, and how they become the domain's words. Every column
//! of the old tables may be NULL and JSON columns hold whatever a release wrote, so reading is forgiving: NULL is
//! empty, a number in a label is text. What has no meaning at all (a status nobody knows) is an error.

use crate::{beside, error::DbError, store::timestamp};
use chrono::NaiveDateTime;
use indexmap::IndexMap;
use jiff::Timestamp;
use magnum_types::{Cluster, Labels, NodeGroup, Status};
use serde::Deserialize;
use serde_json::Value;
use sqlx::FromRow;
use std::{fmt::Display, str::FromStr};

#[derive(FromRow)]
pub(crate) struct ClusterRow {
    id: i64,
    uuid: Option<String>,
    project_id: Option<String>,
    user_id: Option<String>,
    name: Option<String>,
    cluster_template_id: Option<String>,
    keypair: Option<String>,
    docker_volume_size: Option<i32>,
    labels: Option<String>,
    master_flavor_id: Option<String>,
    flavor_id: Option<String>,
    fixed_network: Option<String>,
    fixed_subnet: Option<String>,
    floating_ip_enabled: Option<bool>,
    master_lb_enabled: Option<bool>,
    create_timeout: Option<i32>,
    discovery_url: Option<String>,
    stack_id: Option<String>,
    status: Option<String>,
    status_reason: Option<String>,
    health_status: Option<String>,
    health_status_reason: Option<String>,
    api_address: Option<String>,
    coe_version: Option<String>,
    container_version: Option<String>,
    trust_id: Option<String>,
    trustee_username: Option<String>,
    trustee_user_id: Option<String>,
    trustee_password: Option<String>,
    ca_cert_ref: Option<String>,
    magnum_cert_ref: Option<String>,
    etcd_ca_cert_ref: Option<String>,
    front_proxy_ca_cert_ref: Option<String>,
    created_at: Option<NaiveDateTime>,
    updated_at: Option<NaiveDateTime>,
}

#[derive(FromRow, Deserialize)]
pub(crate) struct NodeGroupRow {
    id: i64,
    uuid: String,
    name: String,
    cluster_id: String,
    project_id: String,
    docker_volume_size: Option<i32>,
    labels: Option<String>,
    flavor_id: Option<String>,
    image_id: Option<String>,
    node_addresses: Option<String>,
    node_count: Option<i32>,
    max_node_count: Option<i32>,
    min_node_count: Option<i32>,
    role: Option<String>,
    #[serde(deserialize_with = "beside::flag")]
    is_default: Option<bool>,
    stack_id: Option<String>,
    status: Option<String>,
    status_reason: Option<String>,
    version: Option<String>,
    node_labels: Option<String>,
    node_taints: Option<String>,
    #[serde(deserialize_with = "beside::moment")]
    created_at: Option<NaiveDateTime>,
    #[serde(deserialize_with = "beside::moment")]
    updated_at: Option<NaiveDateTime>,
}

/// Its columns.
pub(crate) const NODEGROUP_COLUMNS: &[&str] = &[
    "id",
    "uuid",
    "name",
    "cluster_id",
    "project_id",
    "docker_volume_size",
    "labels",
    "flavor_id",
    "image_id",
    "node_addresses",
    "node_count",
    "max_node_count",
    "min_node_count",
    "role",
    "is_default",
    "stack_id",
    "status",
    "status_reason",
    "version",
    "node_labels",
    "node_taints",
    "created_at",
    "updated_at",
];

/// Where a value came from, for the error that names it.
pub(crate) struct Cell<'a> {
    pub table: &'static str,
    pub ident: &'a str,
    pub column: &'static str,
}

impl Cell<'_> {
    pub fn bad(&self, reason: impl Display) -> DbError {
        DbError::BadRow {
            table: self.table,
            ident: self.ident.to_owned(),
            column: self.column,
            reason: reason.to_string(),
        }
    }

    pub fn parse<T: FromStr<Err: Display>>(&self, text: &str) -> Result<T, DbError> {
        text.parse().map_err(|error| self.bad(error))
    }

    /// A JSON document; NULL and nothing are null.
    pub fn json(&self, text: Option<&str>) -> Result<Value, DbError> {
        match text.map(str::trim).filter(|text| !text.is_empty()) {
            None => Ok(Value::Null),
            Some(text) => serde_json::from_str(text).map_err(|error| self.bad(error)),
        }
    }

    /// A JSON map whose values are read as text.
    pub fn map(&self, text: Option<&str>) -> Result<IndexMap<String, String>, DbError> {
        // Nearly always it is what we wrote.
        if let Some(map) = text.and_then(|text| serde_json::from_str(text).ok()) {
            return Ok(map);
        }
        match self.json(text)? {
            Value::Object(map) => Ok(map.into_iter().map(|(key, value)| (key, as_text(value))).collect()),
            Value::Null => Ok(IndexMap::new()),
            Value::Array(list) if list.is_empty() => Ok(IndexMap::new()),
            _ => Err(self.bad("it is no map")),
        }
    }

    /// A JSON list whose members are read as text.
    pub fn list(&self, text: Option<&str>) -> Result<Vec<String>, DbError> {
        if let Some(list) = text.and_then(|text| serde_json::from_str(text).ok()) {
            return Ok(list);
        }
        match self.json(text)? {
            Value::Array(list) => Ok(list.into_iter().map(as_text).collect()),
            Value::Null => Ok(Vec::new()),
            Value::Object(map) if map.is_empty() => Ok(Vec::new()),
            _ => Err(self.bad("it is no list")),
        }
    }
}

/// Python wrote `True` for a boolean that was turned into text, and so do we.
fn as_text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        other => other.to_string(),
    }
}

/// A value as a JSON column keeps it: in ASCII, as Python writes it, because the old tables' character set knows no
/// character beyond three bytes.
pub(crate) fn json_text(value: &impl serde::Serialize) -> Result<String, DbError> {
    let text = serde_json::to_string(value)
        .map_err(|error| DbError::Failed(sqlx::Error::Encode(Box::new(error))))?;
    let mut ascii = String::with_capacity(text.len());
    for character in text.chars() {
        // Outside of ASCII there are only characters of strings.
        if character.is_ascii() {
            ascii.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                ascii.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    Ok(ascii)
}

/// A text for a plain column of the old tables: see [`json_text`]. What does not fit is replaced, since a reason that
/// cannot be written would keep an operation from ending.
pub(crate) fn plain_text(text: &str) -> String {
    text.chars().map(|character| if character.len_utf8() > 3 { '\u{fffd}' } else { character }).collect()
}

pub(crate) fn moment(at: Option<NaiveDateTime>) -> Option<Timestamp> {
    at.map(timestamp)
}

impl ClusterRow {
    pub fn uuid(&self) -> &str {
        self.uuid.as_deref().unwrap_or_default()
    }

    pub fn cluster_template_id(&self) -> &str {
        self.cluster_template_id.as_deref().unwrap_or_default()
    }

    pub fn id(&self) -> i64 {
        self.id
    }

    pub fn read(self) -> Result<Cluster, DbError> {
        let ident = self.uuid().to_owned();
        let cell = |column| Cell { table: "cluster", ident: &ident, column };
        Ok(Cluster {
            id: self.id,
            uuid: cell("uuid").parse(&ident)?,
            project_id: self.project_id.unwrap_or_default(),
            user_id: self.user_id.unwrap_or_default(),
            name: self.name.unwrap_or_default(),
            cluster_template_id: self.cluster_template_id.unwrap_or_default(),
            keypair: self.keypair,
            docker_volume_size: self.docker_volume_size,
            labels: Labels(cell("labels").map(self.labels.as_deref())?),
            master_flavor_id: self.master_flavor_id,
            flavor_id: self.flavor_id,
            fixed_network: self.fixed_network,
            fixed_subnet: self.fixed_subnet,
            floating_ip_enabled: self.floating_ip_enabled.unwrap_or(true),
            master_lb_enabled: self.master_lb_enabled.unwrap_or(false),
            create_timeout: self.create_timeout,
            discovery_url: self.discovery_url,
            stack_id: self.stack_id,
            status: status(&cell("status"), self.status.as_deref())?,
            status_reason: self.status_reason,
            health_status: match self.health_status.as_deref() {
                None | Some("") => None,
                Some(text) => Some(cell("health_status").parse(text)?),
            },
            health_status_reason: cell("health_status_reason").map(self.health_status_reason.as_deref())?,
            api_address: self.api_address,
            coe_version: self.coe_version,
            container_version: self.container_version,
            trust_id: self.trust_id,
            trustee_username: self.trustee_username,
            trustee_user_id: self.trustee_user_id,
            trustee_password: self.trustee_password,
            ca_cert_ref: self.ca_cert_ref,
            magnum_cert_ref: self.magnum_cert_ref,
            etcd_ca_cert_ref: self.etcd_ca_cert_ref,
            front_proxy_ca_cert_ref: self.front_proxy_ca_cert_ref,
            created_at: moment(self.created_at),
            updated_at: moment(self.updated_at),
        })
    }
}

/// Groups that Zed's migration made have no status until their first change; they stand, so they are complete.
pub(crate) fn status(cell: &Cell<'_>, text: Option<&str>) -> Result<Status, DbError> {
    text.filter(|text| !text.is_empty()).map_or(Ok(Status::CreateComplete), |text| cell.parse(text))
}

impl NodeGroupRow {
    pub fn id(&self) -> i64 {
        self.id
    }

    pub fn read(self) -> Result<NodeGroup, DbError> {
        let ident = self.uuid;
        let cell = |column| Cell { table: "nodegroup", ident: &ident, column };
        let node_labels = cell("node_labels").map(self.node_labels.as_deref())?;
        let node_taints = cell("node_taints").json(self.node_taints.as_deref())?;
        Ok(NodeGroup {
            id: self.id,
            uuid: cell("uuid").parse(&ident)?,
            cluster_id: cell("cluster_id").parse(&self.cluster_id)?,
            name: self.name,
            project_id: self.project_id,
            docker_volume_size: self.docker_volume_size,
            labels: Labels(cell("labels").map(self.labels.as_deref())?),
            flavor_id: self.flavor_id,
            image_id: self.image_id,
            node_addresses: cell("node_addresses").list(self.node_addresses.as_deref())?,
            node_count: self.node_count.unwrap_or(0),
            role: self.role.unwrap_or_else(|| "worker".to_owned()),
            min_node_count: self.min_node_count.unwrap_or(0),
            max_node_count: self.max_node_count,
            is_default: self.is_default.unwrap_or(false),
            stack_id: self.stack_id,
            status: status(&cell("status"), self.status.as_deref())?,
            status_reason: self.status_reason,
            version: self.version,
            node_labels: self.node_labels.map(|_| Labels(node_labels)),
            node_taints: self.node_taints.map(|_| node_taints),
            created_at: moment(self.created_at),
            updated_at: moment(self.updated_at),
        })
    }
}

/// Rows of a list. One that cannot be understood is left out, with a line in the log: it must not hide the others.
pub(crate) fn readable<R, T>(rows: Vec<R>, mut read: impl FnMut(R) -> Result<T, DbError>) -> Vec<T> {
    let readable = |row| match read(row) {
        Ok(value) => Some(value),
        Err(error) => {
            tracing::warn!(%error, "a row is left out of a list");
            None
        }
    };
    rows.into_iter().filter_map(readable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell() -> Cell<'static> {
        Cell { table: "cluster", ident: "x", column: "labels" }
    }

    #[test]
    fn labels_that_hold_numbers_and_booleans_are_read_as_text() {
        let map = cell().map(Some(r#"{"b": 2, "a": true, "c": "x", "n": null}"#)).unwrap();
        let pairs: Vec<(&str, &str)> = map.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(pairs, [("b", "2"), ("a", "True"), ("c", "x"), ("n", "")]);
    }

    #[test]
    fn nothing_is_an_empty_map_and_an_empty_list() {
        for nothing in [None, Some(""), Some("null"), Some("{}"), Some("[]")] {
            assert!(cell().map(nothing).unwrap().is_empty());
            assert!(cell().list(nothing).unwrap().is_empty());
        }
    }

    #[test]
    fn what_is_no_map_names_its_row_and_column() {
        let error = cell().map(Some("[1]")).unwrap_err().to_string();
        assert!(error.contains("cluster x") && error.contains("labels"), "{error}");
    }
}
