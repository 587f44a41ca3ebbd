//! The store itself: a pool, the time and the chance. Every public function of the other files is a method of it.

use crate::{
    error::DbError,
    pool::{Arg, Pool, Row, Tx},
    settings::{self, DatabaseSettings, Target},
};
use chrono::{DateTime, NaiveDateTime, SubsecRound};
use jiff::Timestamp;
use magnum_types::{Clock, Entropy};
use sqlx::{Connection as _, FromRow, mysql::MySqlPoolOptions, sqlite::SqlitePoolOptions};
use std::{fmt, sync::Arc, time::Duration};

/// The database. Cloning shares the pool.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    max_transaction_retries: u32,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

/// Runs a body on a transaction, commits it, and repeats the whole when rivals made it roll back. The body is a
/// block that ends in a value; `?` leaves the transaction, which is then rolled back.
macro_rules! transaction {
    ($store:expr, |$tx:ident, $now:ident| $body:block) => {{
        let mut tries = 0;
        loop {
            let attempt: Result<_, $crate::error::DbError> = async {
                let mut tx = $store.pool().begin().await?;
                let $now = $store.now_in(&mut tx).await?;
                let value = {
                    let $tx = &mut tx;
                    $body
                };
                tx.commit().await?;
                Ok(value)
            }
            .await;
            match attempt {
                Err(error) if error.is_rolled_back_by_rivals() && tries < $store.max_retries() => {
                    tries += 1;
                    $store.back_off(tries).await;
                }
                other => break other,
            }
        }
    }};
}
pub(crate) use transaction;

#[derive(FromRow)]
struct NowRow {
    now: NaiveDateTime,
}

impl Store {
    /// Connects, trying again as the settings say. The schema is not touched: see `upgrade`.
    ///
    /// # Errors
    /// [`DbError::Settings`] for a URL that makes no sense, [`DbError::Unavailable`] when nobody answers.
    pub async fn connect(
        settings: DatabaseSettings,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, DbError> {
        let size = settings.max_pool_size.max(1);
        let pool = match settings::target(&settings.connection)? {
            Target::MySql(options) => Pool::MySql(
                MySqlPoolOptions::new()
                    .max_connections(size)
                    .acquire_timeout(settings.pool_timeout)
                    .max_lifetime(settings.connection_recycle_time)
                    // A connection is tried when it comes back; again before its use only when it lay idle since.
                    .test_before_acquire(false)
                    .before_acquire(|connection, about| {
                        Box::pin(async move {
                            if about.idle_for > Duration::from_secs(1) {
                                connection.ping().await?;
                            }
                            Ok(true)
                        })
                    })
                    .after_connect(|connection, _| {
                        Box::pin(async move {
                            // Compare-and-set is checked by row counts, so a newer row must be seen at once.
                            sqlx::query("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
                                .execute(&mut *connection)
                                .await?;
                            // MariaDB cuts JSON_ARRAYAGG at this length, and a cut list of node groups is no JSON.
                            sqlx::query("SET SESSION group_concat_max_len = 67108864")
                                .execute(connection)
                                .await
                                .map(|_| ())
                        })
                    })
                    .connect_lazy_with(*options),
            ),
            Target::Sqlite { options, in_memory } => {
                let pool = SqlitePoolOptions::new().acquire_timeout(settings.pool_timeout);
                // In memory each connection would be a database of its own, and closing it would lose everything.
                Pool::Sqlite(if in_memory {
                    pool.max_connections(1).idle_timeout(None).max_lifetime(None).connect_lazy_with(*options)
                } else {
                    // SQLite ends a transaction by itself when its disk is full, and the driver goes on to believe in it:
                    // such a connection would refuse every later one.
                    pool.max_connections(size)
                        .before_acquire(|connection, _| {
                            let is_free = !connection.is_in_transaction();
                            Box::pin(async move { Ok(is_free) })
                        })
                        .connect_lazy_with(*options)
                })
            }
        };
        let max_transaction_retries = settings.max_transaction_retries;
        let store = Self { inner: Arc::new(Inner { pool, clock, entropy, max_transaction_retries }) };
        store.wait_until_it_answers(settings.max_retries, settings.retry_interval).await?;
        Ok(store)
    }

    async fn wait_until_it_answers(&self, max_retries: i64, interval: Duration) -> Result<(), DbError> {
        let mut tries: i64 = 0;
        loop {
            match self.ping().await {
                // One without room answers, and a person is to make some.
                Err(error @ DbError::Full(_)) => return Err(error),
                Err(error) if error.is_retryable() && (max_retries < 0 || tries < max_retries) => {
                    tries += 1;
                    tracing::warn!(%error, tries, "the database does not answer yet");
                    self.inner.clock.sleep(interval).await;
                }
                other => return other,
            }
        }
    }

    /// Asks the database for an answer.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when there is none.
    pub async fn ping(&self) -> Result<(), DbError> {
        self.now().await.map(|_| ())
    }

    /// The database's own time: MariaDB's clock, or for SQLite, which runs inside this process, the given clock.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn now(&self) -> Result<Timestamp, DbError> {
        let now: Option<NowRow> = match self.pool() {
            Pool::MySql(_) => self.one("SELECT UTC_TIMESTAMP(6) AS now", Vec::new()).await?,
            Pool::Sqlite(_) => {
                #[derive(FromRow)]
                struct One {
                    #[expect(dead_code, reason = "only the answer matters")]
                    one: i64,
                }
                let _: Option<One> = self.one("SELECT 1 AS one", Vec::new()).await?;
                None
            }
        };
        Ok(now.map_or_else(|| self.inner.clock.now(), |row| timestamp(row.now)))
    }

    /// The database's time within a transaction, with microseconds.
    pub(crate) async fn now_in(&self, tx: &mut Tx) -> Result<NaiveDateTime, DbError> {
        let row: Option<NowRow> = match self.pool() {
            Pool::MySql(_) => tx.one("SELECT UTC_TIMESTAMP(6) AS now", Vec::new()).await?,
            Pool::Sqlite(_) => None,
        };
        Ok(row.map_or_else(|| datetime(self.inner.clock.now()), |row| row.now))
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.inner.pool
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        self.inner.entropy.as_ref()
    }

    pub(crate) fn max_retries(&self) -> u32 {
        self.inner.max_transaction_retries
    }

    /// Waits a little, randomly, before a transaction is repeated: up to 2 ms at first, up to 256 ms later. Real time,
    /// also under a virtual clock, since the rival is real.
    pub(crate) async fn back_off(&self, tries: u32) {
        let mut byte = [0];
        self.inner.entropy.fill(&mut byte);
        let most = 1u64 << tries.min(8);
        let [byte] = byte;
        tokio::time::sleep(Duration::from_micros(most * 1000 * (u64::from(byte) + 1) / 256)).await;
    }

    pub(crate) async fn all<R: Row>(&self, sql: &str, args: Vec<Arg>) -> Result<Vec<R>, DbError> {
        self.pool().all(sql, args).await
    }

    pub(crate) async fn one<R: Row>(&self, sql: &str, args: Vec<Arg>) -> Result<Option<R>, DbError> {
        self.pool().one(sql, args).await
    }

    /// Closes all connections, waiting for those in use.
    pub async fn close(&self) {
        self.pool().close().await;
    }
}

/// A moment as the database keeps it: UTC without a zone, microseconds.
pub(crate) fn datetime(at: Timestamp) -> NaiveDateTime {
    DateTime::from_timestamp_micros(at.as_microsecond()).unwrap_or_default().naive_utc()
}

/// A moment as the old tables keep it: whole seconds.
pub(crate) fn whole_seconds(at: NaiveDateTime) -> NaiveDateTime {
    at.trunc_subsecs(0)
}

/// What the database kept.
pub(crate) fn timestamp(at: NaiveDateTime) -> Timestamp {
    Timestamp::from_microsecond(at.and_utc().timestamp_micros()).unwrap_or_default()
}

/// As the database keeps it.
pub(crate) fn naive(at: Timestamp) -> NaiveDateTime {
    DateTime::from_timestamp_micros(at.as_microsecond()).unwrap_or_default().naive_utc()
}

/// `at` later by `by`, as far as the calendar goes.
pub(crate) fn later(at: NaiveDateTime, by: Duration) -> NaiveDateTime {
    chrono::TimeDelta::from_std(by).ok().and_then(|by| at.checked_add_signed(by)).unwrap_or(FAR_FUTURE)
}

/// `at` earlier by `by`, as far as the calendar goes.
pub(crate) fn earlier(at: NaiveDateTime, by: Duration) -> NaiveDateTime {
    chrono::TimeDelta::from_std(by).ok().and_then(|by| at.checked_sub_signed(by)).unwrap_or_default()
}

/// The latest moment that every database can keep.
const FAR_FUTURE: NaiveDateTime = match chrono::NaiveDate::from_ymd_opt(9999, 1, 1) {
    Some(day) => match day.and_hms_opt(0, 0, 0) {
        Some(at) => at,
        None => NaiveDateTime::MAX,
    },
    None => NaiveDateTime::MAX,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::args;
    use magnum_types::{SystemClock, SystemEntropy};

    #[tokio::test]
    async fn a_database_that_was_full_is_written_again_when_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:///{}", folder.path().join("magnum.sqlite").display());
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
        // The bound below is one of a connection alone.
        let settings = DatabaseSettings { max_pool_size: 1, ..DatabaseSettings::new(url) };
        let store = Store::connect(settings, clock, entropy).await.unwrap();
        let Pool::Sqlite(pool) = store.pool() else { panic!("it is not SQLite") };
        for sql in ["CREATE TABLE t (x BLOB)", "PRAGMA max_page_count = 4"] {
            sqlx::query(sql).execute(pool).await.unwrap();
        }
        let insert = "INSERT INTO t VALUES (zeroblob(100000))";
        let mut tx = store.pool().begin().await.unwrap();
        let refused = tx.execute(insert, args![]).await.unwrap_err();
        assert!(matches!(refused, DbError::Full(_)), "{refused:?}");
        drop(tx);
        let mut tx = store.pool().begin().await.unwrap();
        tx.execute(insert, args![]).await.unwrap();
        tx.commit().await.unwrap();
    }
}
