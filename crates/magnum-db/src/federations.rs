//! Federations: rows that upstream's table may hold. Nothing makes one, so they are only read.

use crate::{
    error::DbError,
    page::{List, Page, Tenancy},
    pool::args,
    rows::{Cell, moment, readable},
    store::Store,
};
use chrono::NaiveDateTime;
use magnum_types::{Federation, Labels};
use sqlx::FromRow;
use uuid::Uuid;

const NOUN: &str = "Federation";

/// Columns that a list of federations may be sorted by.
const SORT_KEYS: &[&str] =
    &["id", "uuid", "name", "project_id", "hostcluster_id", "status", "created_at", "updated_at"];

#[derive(FromRow)]
struct FederationRow {
    uuid: String,
    project_id: Option<String>,
    name: Option<String>,
    hostcluster_id: Option<String>,
    member_ids: Option<String>,
    status: Option<String>,
    status_reason: Option<String>,
    properties: Option<String>,
    created_at: Option<NaiveDateTime>,
    updated_at: Option<NaiveDateTime>,
}

impl FederationRow {
    fn read(self) -> Result<Federation, DbError> {
        let cell = |column| Cell { table: "federation", ident: &self.uuid, column };
        Ok(Federation {
            project_id: self.project_id.unwrap_or_default(),
            name: self.name.unwrap_or_default(),
            hostcluster_id: self.hostcluster_id,
            member_ids: cell("member_ids").list(self.member_ids.as_deref())?,
            status: self.status,
            status_reason: self.status_reason,
            properties: Labels(cell("properties").map(self.properties.as_deref())?),
            created_at: moment(self.created_at),
            updated_at: moment(self.updated_at),
            uuid: cell("uuid").parse(&self.uuid)?,
        })
    }
}

impl Store {
    /// The federation of that UUID, or, when the text is none, of that name.
    ///
    /// # Errors
    /// [`DbError::NotFound`] and [`DbError::Ambiguous`].
    pub async fn federation_get(&self, tenancy: Tenancy<'_>, ident: &str) -> Result<Federation, DbError> {
        let list = List::of("federation").of_tenancy(tenancy);
        let list = match Uuid::parse_str(ident) {
            Ok(uuid) => list.filter("t.uuid = ?", args![uuid]),
            Err(_) => list.filter("t.name = ?", args![ident]),
        };
        let (sql, args) = list.page(&Page::<Uuid> { limit: 2, ..Page::default() }, SORT_KEYS)?;
        let mut rows: Vec<FederationRow> = self.all(&sql, args).await?;
        match rows.len() {
            0 | 1 => {
                let row = rows.pop();
                row.ok_or_else(|| DbError::NotFound { noun: NOUN, ident: ident.to_owned() })?.read()
            }
            _ => Err(DbError::Ambiguous { noun: NOUN, ident: ident.to_owned() }),
        }
    }

    /// A page of federations.
    ///
    /// # Errors
    /// [`DbError::UnknownSortKey`], and [`DbError::NotFound`] for a marker that is not to be seen.
    pub async fn federation_list(
        &self,
        tenancy: Tenancy<'_>,
        page: &Page,
    ) -> Result<Vec<Federation>, DbError> {
        let (sql, args) = List::of("federation").of_tenancy(tenancy).page(page, SORT_KEYS)?;
        let rows: Vec<FederationRow> = self.all(&sql, args).await?;
        if let (true, Some(marker)) = (rows.is_empty(), page.marker) {
            self.federation_get(tenancy, &marker.to_string()).await?;
        }
        Ok(readable(rows, FederationRow::read))
    }
}
