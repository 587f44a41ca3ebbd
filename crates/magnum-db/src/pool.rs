//! One way to run SQL on two databases. The statements are plain SQL with `?`, understood by MySQL, MariaDB and
//! SQLite alike; only this file knows that there are two typed pools behind them. Arguments travel as [`Arg`], so
//! that nothing above is generic over the database.
//!
//! Every statement runs in a task of its own, to its end, even when the caller leaves in the middle (a client hangs
//! up, a step runs out of time). A driver whose future is dropped halfway through an answer leaves its connection in
//! no known state, and the pool then waits for it in vain: some dozens of impatient clients would use the pool up.

use crate::error::DbError;
use chrono::NaiveDateTime;
use sqlx::{
    AssertSqlSafe, FromRow, MySql, MySqlPool, Sqlite, SqlitePool, Transaction, mysql::MySqlRow, query::Query,
    sqlite::SqliteRow,
};
use std::pin::Pin;
use tracing::Instrument as _;

/// A value bound to a `?`. Public only because a page's marker is one.
#[allow(missing_docs, reason = "the names say it")]
#[derive(Clone)]
pub enum Arg {
    Text(Option<String>),
    Int(Option<i64>),
    Bool(bool),
    Time(Option<NaiveDateTime>),
}

macro_rules! arg_from {
    ($($from:ty => |$value:ident| $arg:expr;)*) => {
        $(impl From<$from> for Arg {
            fn from($value: $from) -> Self {
                $arg
            }
        })*
    };
}

arg_from! {
    &str => |value| Arg::Text(Some(value.to_owned()));
    &String => |value| Arg::Text(Some(value.clone()));
    String => |value| Arg::Text(Some(value));
    Option<String> => |value| Arg::Text(value);
    &Option<String> => |value| Arg::Text(value.clone());
    Option<&str> => |value| Arg::Text(value.map(str::to_owned));
    i32 => |value| Arg::Int(Some(value.into()));
    Option<i32> => |value| Arg::Int(value.map(i64::from));
    i64 => |value| Arg::Int(Some(value));
    bool => |value| Arg::Bool(value);
    NaiveDateTime => |value| Arg::Time(Some(value));
    Option<NaiveDateTime> => |value| Arg::Time(value);
    uuid::Uuid => |value| Arg::Text(Some(value.to_string()));
    magnum_types::ClusterId => |value| Arg::Text(Some(value.to_string()));
    magnum_types::TemplateId => |value| Arg::Text(Some(value.to_string()));
    magnum_types::NodeGroupId => |value| Arg::Text(Some(value.to_string()));
    magnum_types::OperationId => |value| Arg::Text(Some(value.to_string()));
    magnum_types::Status => |value| Arg::Text(Some(value.as_str().to_owned()));
}

/// The arguments of a statement, in the order of its question marks.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::pool::Arg::from($value)),*] };
}
pub(crate) use args;

/// A row type that both databases can fill. Implemented by every `#[derive(FromRow)]` struct.
pub(crate) trait Row:
    for<'r> FromRow<'r, MySqlRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin + 'static
{
}
impl<T: for<'r> FromRow<'r, MySqlRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin + 'static> Row for T {}

/// The pool of one of the two databases.
#[derive(Clone, Debug)]
pub(crate) enum Pool {
    MySql(MySqlPool),
    Sqlite(SqlitePool),
}

/// A transaction on one of the two databases; dropped without [`Tx::commit`] it is rolled back.
pub(crate) struct Tx {
    /// Away while a statement runs. A caller that leaves meanwhile drops the rest, and the statement's task, which
    /// has the transaction, rolls it back.
    begun: Option<Begun>,
}

enum Begun {
    MySql(Transaction<'static, MySql>),
    Sqlite(Transaction<'static, Sqlite>),
}

/// Statements of a fixed text are kept prepared; those that grow with their arguments are not.
fn prepared<DB>(sql: &str, args: Vec<Arg>) -> Query<'static, DB, DB::Arguments>
where
    DB: sqlx::Database + sqlx::database::HasStatementCache,
    DB::Arguments: sqlx::IntoArguments<DB>,
    Option<String>: sqlx::Encode<'static, DB> + sqlx::Type<DB>,
    Option<i64>: sqlx::Encode<'static, DB> + sqlx::Type<DB>,
    bool: sqlx::Encode<'static, DB> + sqlx::Type<DB>,
    Option<NaiveDateTime>: sqlx::Encode<'static, DB> + sqlx::Type<DB>,
{
    // Every text comes from this crate: constants, and column names out of fixed lists. Values are bound.
    let mut query = sqlx::query::<DB>(AssertSqlSafe(sql.to_owned())).persistent(args.len() < 64);
    for arg in args {
        query = match arg {
            Arg::Text(value) => query.bind(value),
            Arg::Int(value) => query.bind(value),
            Arg::Bool(value) => query.bind(value),
            Arg::Time(value) => query.bind(value),
        };
    }
    query
}

macro_rules! on {
    ($connection:expr, |$inner:ident| $body:expr) => {
        match $connection {
            Self::MySql($inner) => {
                type Db = MySql;
                $body
            }
            Self::Sqlite($inner) => {
                type Db = Sqlite;
                $body
            }
        }
    };
}

fn read<R, T>(rows: &[T]) -> Result<Vec<R>, DbError>
where
    T: sqlx::Row,
    R: for<'r> FromRow<'r, T>,
{
    rows.iter().map(|row| R::from_row(row).map_err(DbError::from)).collect()
}

/// Runs a piece of work to its end, whether or not the caller waits for it.
async fn to_the_end<T: Send + 'static>(work: Pin<Box<dyn Future<Output = T> + Send>>) -> Result<T, DbError> {
    let lost = |error: tokio::task::JoinError| {
        tracing::error!(%error, "a statement's task ended early");
        DbError::Unavailable(sqlx::Error::WorkerCrashed)
    };
    tokio::spawn(work.in_current_span()).await.map_err(lost)
}

impl Pool {
    /// Begins a transaction that may write. SQLite takes its write lock at once: a later upgrade could not wait.
    pub async fn begin(&self) -> Result<Tx, DbError> {
        let pool = self.clone();
        let begin = async move {
            Ok::<_, DbError>(match pool {
                Pool::MySql(pool) => Begun::MySql(pool.begin().await?),
                Pool::Sqlite(pool) => Begun::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
            })
        };
        Ok(Tx { begun: Some(to_the_end(Box::pin(begin)).await??) })
    }

    /// All rows of a query, outside of a transaction.
    pub async fn all<R: Row>(&self, sql: &str, args: Vec<Arg>) -> Result<Vec<R>, DbError> {
        let (pool, sql) = (self.clone(), sql.to_owned());
        to_the_end(Box::pin(async move { pool.read_all(&sql, args).await })).await?
    }

    async fn read_all<R: Row>(&self, sql: &str, args: Vec<Arg>) -> Result<Vec<R>, DbError> {
        on!(self, |pool| read(&prepared::<Db>(sql, args).fetch_all(pool).await?))
    }

    /// The first row of a query, outside of a transaction.
    pub async fn one<R: Row>(&self, sql: &str, args: Vec<Arg>) -> Result<Option<R>, DbError> {
        Ok(self.all(sql, args).await?.into_iter().next())
    }

    /// Closes every connection.
    pub async fn close(&self) {
        on!(self, |pool| {
            let _: Option<Db> = None;
            pool.close().await;
        });
    }
}

impl Begun {
    async fn execute(&mut self, sql: &str, args: Vec<Arg>) -> Result<u64, DbError> {
        on!(self, |tx| Ok(prepared::<Db>(sql, args).execute(&mut **tx).await?.rows_affected()))
    }

    async fn all<R: Row>(&mut self, sql: &str, args: Vec<Arg>) -> Result<Vec<R>, DbError> {
        on!(self, |tx| read(&prepared::<Db>(sql, args).fetch_all(&mut **tx).await?))
    }

    async fn commit(self) -> Result<(), DbError> {
        on!(self, |tx| {
            let _: Option<Db> = None;
            tx.commit().await?;
        });
        Ok(())
    }
}

impl Tx {
    fn take(&mut self) -> Result<Begun, DbError> {
        // Only a statement whose task died leaves nothing here.
        self.begun.take().ok_or(DbError::Unavailable(sqlx::Error::WorkerCrashed))
    }

    /// Runs a statement and says how many rows it matched.
    pub async fn execute(&mut self, sql: &str, args: Vec<Arg>) -> Result<u64, DbError> {
        let (mut begun, sql) = (self.take()?, sql.to_owned());
        let work = async move {
            let done = begun.execute(&sql, args).await;
            (begun, done)
        };
        let (begun, done) = to_the_end(Box::pin(work)).await?;
        self.begun = Some(begun);
        done
    }

    /// All rows of a query.
    pub async fn all<R: Row>(&mut self, sql: &str, args: Vec<Arg>) -> Result<Vec<R>, DbError> {
        let (mut begun, sql) = (self.take()?, sql.to_owned());
        let work = async move {
            let rows = begun.all(&sql, args).await;
            (begun, rows)
        };
        let (begun, rows) = to_the_end(Box::pin(work)).await?;
        self.begun = Some(begun);
        rows
    }

    /// The first row of a query.
    pub async fn one<R: Row>(&mut self, sql: &str, args: Vec<Arg>) -> Result<Option<R>, DbError> {
        Ok(self.all(sql, args).await?.into_iter().next())
    }

    /// Makes it permanent.
    pub async fn commit(mut self) -> Result<(), DbError> {
        let begun = self.take()?;
        to_the_end(Box::pin(begun.commit())).await?
    }
}
