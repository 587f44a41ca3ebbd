//! Cluster templates. A template that a cluster was made from cannot be deleted: making a cluster and deleting a
//! template both lock the template's row first, so neither can slip past the other.

use crate::{
    error::DbError,
    page::{Filter, List, Page, Tenancy},
    pool::{Tx, args},
    rows::readable,
    sql::{insert, update},
    store::{Store, datetime, transaction, whole_seconds},
    template_rows::{TemplateRow, columns},
};
use jiff::Timestamp;
use magnum_types::{ClusterTemplate, TemplateId};
use sqlx::FromRow;
use std::time::Duration;
use uuid::Uuid;

const NOUN: &str = "ClusterTemplate";

/// Columns that a list of templates may be sorted by.
const SORT_KEYS: &[&str] = &[
    "id",
    "uuid",
    "name",
    "project_id",
    "user_id",
    "created_at",
    "updated_at",
    "coe",
    "image_id",
    "flavor_id",
    "master_flavor_id",
    "keypair_id",
    "external_network_id",
    "fixed_network",
    "fixed_subnet",
    "network_driver",
    "volume_driver",
    "dns_nameserver",
    "apiserver_port",
    "docker_volume_size",
    "docker_storage_driver",
    "cluster_distro",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "registry_enabled",
    "insecure_registry",
    "tls_disabled",
    "public",
    "hidden",
    "server_type",
    "master_lb_enabled",
    "floating_ip_enabled",
    "tags",
    "driver",
];

#[derive(FromRow)]
struct Exists {
    #[expect(dead_code, reason = "only whether there is a row matters")]
    one: i64,
}

/// What a caller sees: the project's own, and public ones that are not hidden. An administrator sees all.
fn visible(tenancy: Tenancy<'_>, admin: bool) -> List {
    let list = List::of("cluster_template");
    match (tenancy, admin) {
        (Tenancy::All, _) | (_, true) => list,
        (Tenancy::Project(project), false) => list.filter(
            "(t.project_id = ? OR (t.public = ? AND (t.hidden = ? OR t.hidden IS NULL)))",
            args![project, true, false],
        ),
    }
}

impl Store {
    /// The template of that UUID, or, when the text is none, of that name.
    ///
    /// # Errors
    /// [`DbError::NotFound`] and [`DbError::Ambiguous`].
    pub async fn template_get(
        &self,
        tenancy: Tenancy<'_>,
        ident: &str,
        admin: bool,
    ) -> Result<ClusterTemplate, DbError> {
        let list = visible(tenancy, admin);
        let list = match Uuid::parse_str(ident) {
            Ok(uuid) => list.filter("t.uuid = ?", args![uuid]),
            Err(_) => list.filter("t.name = ?", args![ident]),
        };
        let (sql, args) = list.page(&Page { limit: 2, ..Page::<Uuid>::default() }, SORT_KEYS)?;
        let mut rows: Vec<TemplateRow> = self.all(&sql, args).await?;
        match rows.len() {
            0 | 1 => rows.pop().ok_or_else(|| not_found(ident))?.read(),
            _ => Err(DbError::Ambiguous { noun: NOUN, ident: ident.to_owned() }),
        }
    }

    /// A page of the wanted templates; they have no status to be filtered by.
    ///
    /// # Errors
    /// [`DbError::UnknownSortKey`], and [`DbError::NotFound`] for a marker that is not to be seen.
    pub async fn template_list(
        &self,
        tenancy: Tenancy<'_>,
        filter: &Filter,
        page: &Page,
    ) -> Result<Vec<ClusterTemplate>, DbError> {
        let (sql, args) = visible(tenancy, false).filtered(filter).page(page, SORT_KEYS)?;
        let rows: Vec<TemplateRow> = self.all(&sql, args).await?;
        if let (true, Some(marker)) = (rows.is_empty(), page.marker) {
            self.template_get(tenancy, &marker.to_string(), false).await?;
        }
        Ok(readable(rows, TemplateRow::read))
    }

    /// Inserts a template and gives it as stored.
    ///
    /// # Errors
    /// [`DbError::AlreadyExists`] when its UUID is taken.
    pub async fn template_create(&self, template: &ClusterTemplate) -> Result<ClusterTemplate, DbError> {
        let made = transaction!(self, |tx, now| {
            let mut columns = columns(template)?;
            columns.push(("uuid", template.uuid.into()));
            columns.push(("created_at", whole_seconds(now).into()));
            insert(tx, "cluster_template", columns).await?;
            stored(tx, template.uuid).await?
        });
        made.map_err(|error| match error.is_duplicate() {
            true => DbError::AlreadyExists { noun: NOUN, ident: template.uuid.to_string() },
            false => error,
        })
    }

    /// Writes a template that was read at `expected_updated_at` and changed since, and gives it as stored.
    ///
    /// # Errors
    /// [`DbError::Stale`] when somebody else changed it meanwhile, [`DbError::NotFound`].
    pub async fn template_update(
        &self,
        template: &ClusterTemplate,
        expected_updated_at: Option<Timestamp>,
    ) -> Result<ClusterTemplate, DbError> {
        let expected = expected_updated_at.map(datetime);
        transaction!(self, |tx, now| {
            lock(tx, template.uuid).await?;
            // The column keeps whole seconds: the new value must differ even within the same second.
            let earliest = expected.map(|at| crate::store::later(at, Duration::from_secs(1)));
            let mut columns = columns(template)?;
            columns.push(("updated_at", whole_seconds(now).max(earliest.unwrap_or_default()).into()));
            let matched = match expected {
                Some(at) => {
                    update(
                        tx,
                        "cluster_template",
                        columns,
                        "uuid = ? AND updated_at = ?",
                        args![template.uuid, at],
                    )
                    .await?
                }
                None => {
                    update(
                        tx,
                        "cluster_template",
                        columns,
                        "uuid = ? AND updated_at IS NULL",
                        args![template.uuid],
                    )
                    .await?
                }
            };
            if matched == 0 {
                return Err(DbError::Stale { noun: NOUN, ident: template.uuid.to_string() });
            }
            stored(tx, template.uuid).await?
        })
    }

    /// Deletes a template that no cluster was made from.
    ///
    /// # Errors
    /// [`DbError::TemplateReferenced`] and [`DbError::NotFound`].
    pub async fn template_delete(&self, template: TemplateId) -> Result<(), DbError> {
        transaction!(self, |tx, _now| {
            lock(tx, template).await?;
            let sql = "SELECT 1 AS one FROM cluster WHERE cluster_template_id = ? LIMIT 1";
            if tx.one::<Exists>(sql, args![template]).await?.is_some() {
                return Err(DbError::TemplateReferenced(template));
            }
            tx.execute("DELETE FROM cluster_template WHERE uuid = ?", args![template]).await?;
        })
    }

    /// A cluster was made from the template.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn template_is_referenced(&self, template: TemplateId) -> Result<bool, DbError> {
        let sql = "SELECT 1 AS one FROM cluster WHERE cluster_template_id = ? LIMIT 1";
        Ok(self.one::<Exists>(sql, args![template]).await?.is_some())
    }
}

/// Locks a template's row until the transaction ends.
pub(crate) async fn lock(tx: &mut Tx, template: TemplateId) -> Result<(), DbError> {
    lock_by_text(tx, &template.to_string()).await
}

/// As [`lock`], by what a cluster's column says.
pub(crate) async fn lock_by_text(tx: &mut Tx, template: &str) -> Result<(), DbError> {
    // Writing a column's own value is the one way to lock a row that every database knows.
    match tx.execute("UPDATE cluster_template SET name = name WHERE uuid = ?", args![template]).await? {
        0 => Err(not_found(template)),
        _ => Ok(()),
    }
}

async fn stored(tx: &mut Tx, template: TemplateId) -> Result<ClusterTemplate, DbError> {
    let row: Option<TemplateRow> =
        tx.one("SELECT * FROM cluster_template WHERE uuid = ?", args![template]).await?;
    row.ok_or_else(|| not_found(&template.to_string()))?.read()
}

fn not_found(ident: &str) -> DbError {
    DbError::NotFound { noun: NOUN, ident: ident.to_owned() }
}
