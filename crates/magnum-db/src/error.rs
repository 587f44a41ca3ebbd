//! What the store refuses and how it fails, and the words that a client reads for it. A refusal is a result of the
//! rules (no such object, quota used up); a failure is the database's.

use crate::takeover::RevisionError;
use magnum_types::{ClusterId, ErrorKind, OperationId, ServiceError, Status, TemplateId};

/// A refusal or failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// There is no such row, or not for this project.
    #[error("{noun} {ident} could not be found")]
    NotFound {
        /// What was looked for, as clients read it, e.g. `Cluster`.
        noun: &'static str,
        /// The name or id that was given.
        ident: String,
    },
    /// Several rows have the given name.
    #[error("several objects of kind {noun} have the name {ident}")]
    Ambiguous {
        /// What was looked for.
        noun: &'static str,
        /// The name that was given.
        ident: String,
    },
    /// A row of that id or name exists.
    #[error("{noun} {ident} already exists")]
    AlreadyExists {
        /// What was to be made.
        noun: &'static str,
        /// Its name or id.
        ident: String,
    },
    /// The row was changed by somebody else since it was read.
    #[error("{noun} {ident} was changed by another request")]
    Stale {
        /// What was to be changed.
        noun: &'static str,
        /// Its name or id.
        ident: String,
    },
    /// A list cannot be sorted by that column.
    #[error("cannot sort by {0:?}")]
    UnknownSortKey(String),
    /// The project has as many clusters as it may have.
    #[error("the project has {used} of {limit} clusters")]
    QuotaExceeded {
        /// Clusters that the project may have.
        limit: i32,
        /// Clusters that it has.
        used: i64,
    },
    /// A cluster was made from the template.
    #[error("cluster template {0} is used by a cluster")]
    TemplateReferenced(TemplateId),
    /// Another operation of the cluster is not finished.
    #[error("cluster {cluster} has an operation in progress")]
    OperationInProgress {
        /// The cluster.
        cluster: ClusterId,
    },
    /// The cluster's status does not admit what was asked.
    #[error("a cluster in status {status} does not admit this")]
    StatusRefused {
        /// The status it is in.
        status: Status,
    },
    /// The instance made itself known before.
    #[error("instance {0} has registered already")]
    AlreadyRegistered(String),
    /// Another conductor claimed the operation.
    #[error("the lease on operation {0} was lost to another conductor")]
    LostLease(OperationId),
    /// A row holds what the service cannot understand.
    #[error("{table} {ident}: column {column} is not understood: {reason}")]
    BadRow {
        /// The table.
        table: &'static str,
        /// The row's id.
        ident: String,
        /// The column.
        column: &'static str,
        /// Why; never the value of a secret column.
        reason: String,
    },
    /// The connection is not configured sensibly. Never repeats the URL.
    #[error("the database connection is not usable: {0}")]
    Settings(String),
    /// The schema, or the one asked for, is of a revision this service does not go on from or to.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// Another upgrade of the same database did not end while this one waited.
    #[error("another upgrade of the database is still running")]
    UpgradeRunning,
    /// A migration failed.
    #[error("the database could not be migrated")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// Two transactions made the same row at once; repeating helps. Seen by a caller only when all retries lost.
    #[error("the database is too busy with rival transactions")]
    Raced,
    /// The database does not answer, or answers that it is busy; trying again may help.
    #[error("the database does not answer")]
    Unavailable(#[source] sqlx::Error),
    /// The database has no room left on its disk; the transaction is rolled back.
    #[error("the database's disk is full")]
    Full(#[source] sqlx::Error),
    /// The database refused a statement.
    #[error("the database failed")]
    Failed(#[source] sqlx::Error),
}

/// MySQL's and MariaDB's numbers for: too many connections, server shutdown, gone away, lock wait timeout, deadlock,
/// a snapshot that changed, and Galera's "not prepared".
const BUSY: &[u16] = &[1040, 1047, 1053, 1205, 1213, 1020, 2006, 2013];
/// Of these, the ones whose transaction is certainly rolled back.
const ROLLED_BACK: &[u16] = &[1205, 1213, 1020];

/// MySQL's and MariaDB's numbers for: disk full, table full.
const FULL: &[u16] = &[1021, 1114];

fn mysql_number(error: &sqlx::Error) -> Option<u16> {
    let error = error.as_database_error()?.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()?;
    Some(error.number())
}

/// SQLite's code, without what the extended one says in its upper bits.
fn sqlite_code(error: &sqlx::Error) -> Option<u32> {
    let error = error.as_database_error()?;
    error.try_downcast_ref::<sqlx::sqlite::SqliteError>()?;
    error.code()?.parse::<u32>().ok().map(|code| code & 0xff)
}

/// SQLITE_BUSY or SQLITE_LOCKED.
fn is_sqlite_busy(error: &sqlx::Error) -> bool {
    matches!(sqlite_code(error), Some(5 | 6))
}

/// SQLITE_FULL, or its like of MariaDB.
fn is_full(error: &sqlx::Error) -> bool {
    sqlite_code(error) == Some(13) || mysql_number(error).is_some_and(|number| FULL.contains(&number))
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        let unreachable = matches!(
            error,
            sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
        );
        let busy =
            mysql_number(&error).is_some_and(|number| BUSY.contains(&number)) || is_sqlite_busy(&error);
        if unreachable || busy {
            DbError::Unavailable(error)
        } else if is_full(&error) {
            DbError::Full(error)
        } else {
            DbError::Failed(error)
        }
    }
}

impl DbError {
    /// The transaction is rolled back and may be repeated at once.
    pub(crate) fn is_rolled_back_by_rivals(&self) -> bool {
        match self {
            DbError::Raced => true,
            DbError::Unavailable(error) => {
                mysql_number(error).is_some_and(|number| ROLLED_BACK.contains(&number))
                    || is_sqlite_busy(error)
            }
            _ => false,
        }
    }

    /// A unique key was violated.
    pub(crate) fn is_duplicate(&self) -> bool {
        match self {
            DbError::Failed(error) => {
                error.as_database_error().is_some_and(|error| error.is_unique_violation())
            }
            _ => false,
        }
    }

    /// A row that was looked for in vain, and then could not be inserted, was made by a rival: repeat.
    pub(crate) fn raced_if_duplicate(self) -> Self {
        if self.is_duplicate() { DbError::Raced } else { self }
    }

    /// Trying again later may help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, DbError::Raced | DbError::Unavailable(_) | DbError::Full(_))
    }
}

impl From<DbError> for ServiceError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::NotFound { noun, ident } => {
                ServiceError::not_found(format!("{noun} {ident} could not be found."))
            }
            DbError::Ambiguous { noun, ident } => ServiceError::conflict(format!(
                "Several objects of kind {noun} have the name {ident}; please use the UUID."
            )),
            DbError::AlreadyExists { noun, ident } => {
                ServiceError::conflict(format!("{noun} {ident} already exists."))
            }
            DbError::Stale { noun, ident } => ServiceError::conflict(format!(
                "{noun} {ident} was changed by another request meanwhile; read it again and repeat."
            )),
            DbError::UnknownSortKey(key) => ServiceError::invalid(format!(
                "The sort_key value {key:?} is not a field that can be sorted by."
            )),
            DbError::QuotaExceeded { limit, used } => ServiceError::forbidden(format!(
                "The project has {used} clusters and may have {limit}; delete one, or ask for a higher quota."
            )),
            DbError::TemplateReferenced(template) => ServiceError::invalid(format!(
                "Cluster template {template} is referenced by one or more clusters."
            )),
            DbError::OperationInProgress { cluster } => {
                ServiceError::invalid(format!("Cluster {cluster} already has an operation in progress."))
            }
            DbError::StatusRefused { status } => {
                ServiceError::invalid(format!("A cluster in status {status} does not admit this operation."))
            }
            DbError::AlreadyRegistered(instance) => {
                ServiceError::conflict(format!("Instance {instance} has registered already."))
            }
            error @ (DbError::Raced | DbError::Unavailable(_)) => {
                ServiceError::new(ErrorKind::Unavailable, "The database does not answer; please try again.")
                    .caused_by(error)
            }
            error @ DbError::Full(_) => ServiceError::new(
                ErrorKind::Unavailable,
                "Nothing was changed: the disk of the database is full. Make room on it, or ask an administrator to.",
            )
            .caused_by(error),
            error => ServiceError::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_database_without_room_is_told_apart_with_the_remedy() {
        let options = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1);
        let pool = options.connect("sqlite::memory:").await.unwrap();
        for sql in ["CREATE TABLE t (x BLOB)", "PRAGMA max_page_count = 3"] {
            sqlx::query(sql).execute(&pool).await.unwrap();
        }
        let inserted = sqlx::query("INSERT INTO t VALUES (zeroblob(100000))").execute(&pool).await;
        let error = DbError::from(inserted.unwrap_err());
        assert!(matches!(error, DbError::Full(_)), "{error:?}");
        assert!(error.is_retryable(), "somebody may make room");
        let told = ServiceError::from(error);
        assert_eq!(told.kind, ErrorKind::Unavailable);
        assert!(told.public.contains("Nothing was changed") && told.public.contains("Make room"), "{told}");
    }
}
