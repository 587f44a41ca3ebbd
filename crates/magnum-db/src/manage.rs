//! Making and moving the schema: what `magnum-db-manage` asks of the store.
//!
//! One upgrade does it all, on an empty database, on one that upstream's Magnum wrote (Pike and everything since) and
//! on one of our own: it first gives upstream's tables the columns they lack ([`takeover`]), then runs the numbered
//! migrations, then fills in what older releases kept elsewhere. Each part does only what is left to do, because MySQL
//! and MariaDB commit every change of a table at once: an upgrade that was cut short is repeated from the start.
//!
//! Nothing of upstream's is removed and the revision in `alembic_version` stays as it was found, so that the release
//! which wrote the database can go back to it, and its own tool would still know where to go on. Only an operator's
//! `stamp` changes it. A database that was empty gets upstream's newest revision.

use crate::{
    error::DbError,
    pool::{Pool, Tx, args},
    store::{Store, transaction},
    takeover::{self, Dialect, FROM_TEMPLATE, HEAD, Observed},
};
use chrono::NaiveDateTime;
use magnum_types::nodegroup::{DEFAULT_MASTER, DEFAULT_WORKER};
use sqlx::{Connection, FromRow, MySqlConnection, migrate::Migrator};
use std::collections::BTreeSet;

/// Seconds that an upgrade waits for another one of the same database.
const LOCK_WAIT: i64 = 300;

static MYSQL: Migrator = sqlx::migrate!("migrations/mysql");
static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");

#[derive(FromRow)]
struct ColumnRow {
    of_table: String,
    named: String,
    kind: String,
}

#[derive(FromRow)]
struct RevisionRow {
    version_num: String,
}

/// A cluster of an older release, with what its node groups need.
#[derive(FromRow)]
struct CountsRow {
    uuid: String,
    project_id: Option<String>,
    created_at: Option<NaiveDateTime>,
    docker_volume_size: Option<i32>,
    labels: Option<String>,
    stack_id: Option<String>,
    status: Option<String>,
    master_count: Option<i32>,
    node_count: Option<i32>,
    master_addresses: Option<String>,
    node_addresses: Option<String>,
    master_flavor_id: Option<String>,
    flavor_id: Option<String>,
    image_id: Option<String>,
}

#[derive(FromRow)]
struct GroupRow {
    cluster_id: String,
    name: String,
}

/// Keeps a second upgrade of the same database out, for as long as its connection lives. SQLite needs none: it has one
/// writer, and every part of an upgrade looks again at what is left to do.
struct UpgradeLock(Option<MySqlConnection>);

impl UpgradeLock {
    async fn take(pool: &Pool) -> Result<Self, DbError> {
        let Pool::MySql(pool) = pool else { return Ok(Self(None)) };
        // Not one of the pool's: should the upgrade fail or be cancelled, the connection closes and the lock is free.
        let mut connection = pool.acquire().await?.detach();
        // The name holds for the whole server and may have 64 characters, as a database's name may.
        let taken: Option<i64> =
            sqlx::query_scalar("SELECT GET_LOCK(CONCAT('magnum-upgrade-', MD5(DATABASE())), ?)")
                .bind(LOCK_WAIT)
                .fetch_one(&mut connection)
                .await?;
        if taken == Some(1) { Ok(Self(Some(connection))) } else { Err(DbError::UpgradeRunning) }
    }

    async fn release(self) -> Result<(), DbError> {
        match self.0 {
            Some(connection) => Ok(connection.close().await?),
            None => Ok(()),
        }
    }
}

impl Store {
    /// Brings the schema to what this build needs, whatever it is now. `revision` is `None` or `head` for that; a
    /// revision of upstream's which the database has passed already changes nothing. May be repeated at any time, and
    /// started on several machines at once.
    ///
    /// # Errors
    /// [`DbError::Revision`] when the database or `revision` is not one to go on from or to; [`DbError::Migration`] or
    /// the database's own failure when a statement fails; [`DbError::UpgradeRunning`] after waiting five minutes for
    /// another upgrade.
    pub async fn upgrade(&self, revision: Option<&str>) -> Result<(), DbError> {
        let target = takeover::resolve(revision.unwrap_or("head"))?;
        let lock = UpgradeLock::take(self.pool()).await?;
        let outcome = self.upgrade_to(target).await;
        let released = lock.release().await;
        outcome.and(released)
    }

    /// The revision in `alembic_version`; `None` for a database without one.
    ///
    /// # Errors
    /// [`DbError::Revision`] when it holds several; the database's failure.
    pub async fn version(&self) -> Result<Option<String>, DbError> {
        let observed = self.observe().await?;
        let mut revisions = self.revisions(&observed).await?;
        if revisions.len() > 1 {
            return Err(takeover::RevisionError::Several(revisions.join(", ")).into());
        }
        Ok(revisions.pop())
    }

    /// Writes `revision` (a revision from Pike's on, or `head`) into `alembic_version` and changes nothing else.
    ///
    /// # Errors
    /// [`DbError::Revision`] for an unknown name; the database's failure.
    pub async fn stamp(&self, revision: &str) -> Result<(), DbError> {
        let revision = takeover::resolve(revision)?;
        transaction!(self, |tx, _now| {
            tx.execute(
                "CREATE TABLE IF NOT EXISTS alembic_version \
                 (version_num VARCHAR(32) NOT NULL, PRIMARY KEY (version_num))",
                args![],
            )
            .await?;
            tx.execute("DELETE FROM alembic_version", args![]).await?;
            tx.execute("INSERT INTO alembic_version (version_num) VALUES (?)", args![revision]).await?;
        })
    }

    async fn upgrade_to(&self, target: &'static str) -> Result<(), DbError> {
        let observed = self.observe().await?;
        let current = takeover::recognise(&self.revisions(&observed).await?, &observed)?;
        if !takeover::goes_forward(current, target)? {
            tracing::info!(?current, target, "the database has passed the revision already");
            return Ok(());
        }
        self.alter(&observed).await?;
        match self.pool() {
            Pool::MySql(pool) => MYSQL.run(pool).await,
            Pool::Sqlite(pool) => SQLITE.run(pool).await,
        }
        .map_err(DbError::Migration)?;
        match current {
            Some(revision) => {
                tracing::info!(revision, "the database was taken over or is up to date");
                self.fill(&observed).await
            }
            None => self.stamp(HEAD).await,
        }
    }

    /// The tables and columns as they are. A type is followed by the character set of its text, where it has one.
    async fn observe(&self) -> Result<Observed, DbError> {
        let sql = match self.pool() {
            Pool::MySql(_) => {
                "SELECT CAST(table_name AS CHAR) AS of_table, CAST(column_name AS CHAR) AS named, \
                        CAST(LOWER(CONCAT(column_type, ' ', COALESCE(character_set_name, ''))) AS CHAR) AS kind \
                 FROM information_schema.columns WHERE table_schema = DATABASE()"
            }
            Pool::Sqlite(_) => {
                "SELECT t.name AS of_table, c.name AS named, LOWER(c.type) AS kind \
                 FROM sqlite_master AS t JOIN pragma_table_info(t.name) AS c WHERE t.type = 'table'"
            }
        };
        let rows: Vec<ColumnRow> = self.all(sql, args![]).await?;
        let mut observed = Observed::new();
        for row in rows {
            observed.entry(row.of_table).or_default().insert(row.named, row.kind.trim_end().to_owned());
        }
        Ok(observed)
    }

    async fn revisions(&self, observed: &Observed) -> Result<Vec<String>, DbError> {
        if !observed.contains_key("alembic_version") {
            return Ok(Vec::new());
        }
        let rows: Vec<RevisionRow> = self.all("SELECT version_num FROM alembic_version", args![]).await?;
        Ok(rows.into_iter().map(|row| row.version_num).collect())
    }

    async fn alter(&self, observed: &Observed) -> Result<(), DbError> {
        let dialect = match self.pool() {
            Pool::MySql(_) => Dialect::Mysql,
            Pool::Sqlite(_) => Dialect::Sqlite,
        };
        let statements = takeover::alterations(observed, dialect);
        if statements.is_empty() {
            return Ok(());
        }
        transaction!(self, |tx, _now| {
            for statement in &statements {
                tracing::info!(%statement, "changing a table of upstream's");
                tx.execute(statement, args![]).await?;
            }
        })
    }

    /// Gives clusters of older releases the values that newer ones keep in the cluster and its node groups. Clusters
    /// that were accepted here are left alone: a value which they lack is meant to be absent.
    async fn fill(&self, observed: &Observed) -> Result<(), DbError> {
        transaction!(self, |tx, _now| {
            for column in FROM_TEMPLATE {
                let sql = format!(
                    "UPDATE cluster SET {column} = (SELECT t.{column} FROM cluster_template t \
                     WHERE t.uuid = cluster.cluster_template_id) WHERE {column} IS NULL AND NOT EXISTS \
                     (SELECT 1 FROM cluster_handle h WHERE h.cluster_uuid = cluster.uuid)"
                );
                tx.execute(&sql, args![]).await?;
            }
            if takeover::counts_live_in_clusters(observed) {
                self.make_default_groups(tx).await?;
            }
            // Groups from before they had a stack and a status of their own shared those of their cluster.
            tx.execute(
                "UPDATE nodegroup SET \
                 stack_id = (SELECT c.stack_id FROM cluster c WHERE c.uuid = nodegroup.cluster_id), \
                 version = COALESCE(version, '0'), \
                 status = (SELECT c.status FROM cluster c WHERE c.uuid = nodegroup.cluster_id) \
                 WHERE status IS NULL AND stack_id IS NULL",
                args![],
            )
            .await?;
        })
    }

    /// Turns the counts and addresses of Pike's clusters into their two default node groups, where these are missing.
    async fn make_default_groups(&self, tx: &mut Tx) -> Result<(), DbError> {
        let clusters: Vec<CountsRow> = tx
            .all(
                "SELECT c.uuid, c.project_id, c.created_at, c.docker_volume_size, c.labels, c.stack_id, c.status, \
                        c.master_count, c.node_count, c.master_addresses, c.node_addresses, \
                        COALESCE(c.master_flavor_id, t.master_flavor_id) AS master_flavor_id, \
                        COALESCE(c.flavor_id, t.flavor_id) AS flavor_id, t.image_id \
                 FROM cluster c LEFT JOIN cluster_template t ON t.uuid = c.cluster_template_id \
                 WHERE c.uuid IS NOT NULL \
                   AND NOT EXISTS (SELECT 1 FROM cluster_handle h WHERE h.cluster_uuid = c.uuid)",
                args![],
            )
            .await?;
        let groups: Vec<GroupRow> = tx
            .all(
                "SELECT cluster_id, name FROM nodegroup WHERE name IN (?, ?)",
                args![DEFAULT_MASTER, DEFAULT_WORKER],
            )
            .await?;
        let present: BTreeSet<(&str, &str)> =
            groups.iter().map(|group| (group.cluster_id.as_str(), group.name.as_str())).collect();
        for cluster in &clusters {
            let masters = (
                DEFAULT_MASTER,
                "master",
                &cluster.master_flavor_id,
                cluster.master_count,
                &cluster.master_addresses,
            );
            let workers =
                (DEFAULT_WORKER, "worker", &cluster.flavor_id, cluster.node_count, &cluster.node_addresses);
            for (name, role, flavor, count, addresses) in [masters, workers] {
                if present.contains(&(cluster.uuid.as_str(), name)) {
                    continue;
                }
                tx.execute(
                    "INSERT INTO nodegroup (uuid, name, cluster_id, project_id, created_at, docker_volume_size, \
                     labels, flavor_id, image_id, node_addresses, node_count, min_node_count, role, is_default, \
                     stack_id, status, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    args![
                        self.entropy().uuid(),
                        name,
                        &cluster.uuid,
                        cluster.project_id.as_deref().unwrap_or_default(),
                        cluster.created_at,
                        cluster.docker_volume_size,
                        &cluster.labels,
                        flavor,
                        &cluster.image_id,
                        addresses,
                        // Pike's default, for the rows from before it was written down.
                        count.unwrap_or(1),
                        1,
                        role,
                        true,
                        &cluster.stack_id,
                        &cluster.status,
                        "0",
                    ],
                )
                .await?;
            }
        }
        tracing::info!(clusters = clusters.len(), "counts and addresses are in node groups");
        Ok(())
    }
}
