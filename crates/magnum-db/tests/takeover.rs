//! Databases that upstream's releases left, taken over in place: on SQLite, and on a real MariaDB where one is
//! installed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use magnum_db::{DatabaseSettings, DbError, RevisionError, Store, Tenancy};
use magnum_testing::mariadb::Mariadb;
use magnum_types::{SeededEntropy, SystemClock};
use sqlx::{AssertSqlSafe, Connection, MySqlConnection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{collections::BTreeSet, sync::Arc};

const HEAD: &str = "b3e1cf4a2d5e";
const PIKE: &str = include_str!("takeover/pike.sql");
const ZED: &str = include_str!("takeover/zed.sql");
const RELEASE_22: &str = include_str!("takeover/r22.sql");
const MASTER: &str = include_str!("takeover/master.sql");
/// Every head, with the files that lead to it.
const HEADS: [(&str, &[&str]); 4] = [
    ("aa0cc27839af", &[PIKE]),
    ("7da8489d6a68", &[PIKE, ZED]),
    ("c0f832afc4fd", &[PIKE, ZED, RELEASE_22]),
    (HEAD, &[PIKE, ZED, RELEASE_22, MASTER]),
];

/// Where the databases of one test live.
struct Place {
    folder: tempfile::TempDir,
    server: Option<Arc<Mariadb>>,
}

/// A database of its own, reached around the store.
enum Raw {
    MySql(MySqlConnection),
    Sqlite(SqliteConnection),
}

impl Place {
    fn new() -> Self {
        let server = Mariadb::shared_or_skip().unwrap();
        Self { folder: tempfile::tempdir().unwrap(), server }
    }

    /// One new database per engine, with its address.
    async fn databases(&self, name: &str) -> Vec<(Raw, String)> {
        let path = self.folder.path().join(format!("{name}.sqlite"));
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let sqlite = Raw::Sqlite(SqliteConnection::connect_with(&options).await.unwrap());
        let mut all = vec![(sqlite, format!("sqlite:///{}", path.display()))];
        if let Some(server) = &self.server {
            let url = server.url(name).unwrap();
            let plain = url.replace("mysql+pymysql:", "mysql:");
            all.push((Raw::MySql(MySqlConnection::connect(&plain).await.unwrap()), url));
        }
        all
    }
}

impl Raw {
    async fn run(&mut self, sql: &str) {
        let words = match self {
            Self::MySql(_) => [
                ("id ID", "id INT NOT NULL AUTO_INCREMENT PRIMARY KEY"),
                ("STORAGE_DRIVER", "ENUM('devicemapper', 'overlay')"),
                ("NARROW", "DEFAULT CHARSET=latin1"),
            ],
            Self::Sqlite(_) => [
                ("id ID", "id INTEGER NOT NULL PRIMARY KEY"),
                ("STORAGE_DRIVER", "VARCHAR(512)"),
                ("NARROW", ""),
            ],
        };
        let sql = words.iter().fold(sql.to_owned(), |sql, (from, to)| sql.replace(from, to));
        let query = sqlx::raw_sql(AssertSqlSafe(sql));
        match self {
            Self::MySql(connection) => query.execute(connection).await.map(|_| ()),
            Self::Sqlite(connection) => query.execute(connection).await.map(|_| ()),
        }
        .unwrap();
    }

    /// The one text column of a query.
    async fn texts(&mut self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::MySql(connection) => sqlx::query_scalar(sql).fetch_all(connection).await,
            Self::Sqlite(connection) => sqlx::query_scalar(sql).fetch_all(connection).await,
        }
        .unwrap()
    }

    /// `table.column` of everything in the database.
    async fn columns(&mut self) -> BTreeSet<String> {
        let sql = match self {
            Self::MySql(_) => {
                "SELECT CONCAT(table_name, '.', column_name) FROM information_schema.columns \
                 WHERE table_schema = DATABASE()"
            }
            Self::Sqlite(_) => {
                "SELECT t.name || '.' || c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c \
                 WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'"
            }
        };
        self.texts(sql).await.into_iter().collect()
    }

    /// The rows that a take-over may touch, all in text.
    async fn content(&mut self) -> Vec<String> {
        let mut content = Vec::new();
        for sql in [
            "SELECT CONCAT_WS('|', uuid, name, labels, flavor_id, master_flavor_id, fixed_network, fixed_subnet, \
             floating_ip_enabled, master_lb_enabled, status, trust_id) FROM cluster ORDER BY id",
            "SELECT CONCAT_WS('|', uuid, name, cluster_id, node_count, stack_id, status, version, labels) \
             FROM nodegroup ORDER BY id",
            "SELECT version_num FROM alembic_version",
        ] {
            content.extend(self.texts(sql).await);
        }
        content
    }
}

async fn store(url: &str) -> Store {
    let entropy = Arc::new(SeededEntropy::new(1));
    Store::connect(DatabaseSettings::new(url), Arc::new(SystemClock), entropy).await.unwrap()
}

#[tokio::test]
async fn every_head_gains_all_columns_and_keeps_its_rows_and_its_revision() {
    let place = Place::new();
    let mut wanted = Vec::new();
    for (mut raw, url) in place.databases("fresh").await {
        let store = store(&url).await;
        assert_eq!(store.version().await.unwrap(), None);
        store.upgrade(None).await.unwrap();
        assert_eq!(store.version().await.unwrap().as_deref(), Some(HEAD));
        wanted.push(raw.columns().await);
    }
    for (head, files) in HEADS {
        let databases = place.databases(&format!("head_{head}")).await;
        for ((mut raw, url), wanted) in databases.into_iter().zip(&wanted) {
            for file in files {
                raw.run(file).await;
            }
            let before = raw.columns().await;
            let store = store(&url).await;
            store.upgrade(Some("head")).await.unwrap();

            let after = raw.columns().await;
            let missing: Vec<_> = wanted.difference(&after).collect();
            assert!(missing.is_empty(), "{head}: {missing:?}");
            assert!(before.is_subset(&after), "{head}: nothing is removed");
            assert_eq!(store.version().await.unwrap().as_deref(), Some(head));

            let view = store.cluster_get(Tenancy::Project("project-a"), "old").await.unwrap();
            assert_eq!(view.cluster.keypair.as_deref(), Some("key-a"));
            let counts: Vec<_> =
                view.nodegroups.iter().map(|group| (group.name.as_str(), group.node_count)).collect();
            assert_eq!(counts, [("default-master", 3), ("default-worker", 7)], "{head}");
            assert!(view.template.is_some());

            let content = raw.content().await;
            store.upgrade(None).await.unwrap();
            assert_eq!(raw.content().await, content, "{head}: repeating changes nothing");
        }
    }
}

#[tokio::test]
async fn counts_and_addresses_of_a_pike_cluster_become_its_default_groups() {
    let place = Place::new();
    for (mut raw, url) in place.databases("pike").await {
        raw.run(PIKE).await;
        store(&url).await.upgrade(None).await.unwrap();
        let groups = raw
            .texts(
                "SELECT CONCAT_WS('|', name, role, cluster_id, project_id, node_count, min_node_count, node_addresses, \
                 flavor_id, image_id, docker_volume_size, is_default, stack_id, status, version, created_at) \
                 FROM nodegroup ORDER BY cluster_id, name",
            )
            .await;
        let of_old = "22222222-2222-4222-8222-222222222222|project-a";
        let of_orphan = "33333333-3333-4333-8333-333333333333|project-b";
        assert_eq!(
            groups,
            [
                format!(
                    "default-master|master|{of_old}|3|1|[\"10.0.0.3\"]|m1.large|fedora-atomic|25|1|stack-a|\
                     CREATE_COMPLETE|0|2017-09-01 10:00:00"
                ),
                format!(
                    "default-worker|worker|{of_old}|7|1|[\"10.0.0.7\", \"10.0.0.8\"]|m1.small|fedora-atomic|25|1|\
                     stack-a|CREATE_COMPLETE|0|2017-09-01 10:00:00"
                ),
                // Its template is gone; what is not known stays out.
                format!(
                    "default-master|master|{of_orphan}|1|1|1|stack-b|CREATE_FAILED|0|2017-09-02 10:00:00"
                ),
                format!(
                    "default-worker|worker|{of_orphan}|1|1|1|stack-b|CREATE_FAILED|0|2017-09-02 10:00:00"
                ),
            ]
        );
        let ids: BTreeSet<String> = raw.texts("SELECT uuid FROM nodegroup").await.into_iter().collect();
        assert_eq!(ids.len(), 4, "each group has an id of its own");
    }
}

#[tokio::test]
async fn a_pike_cluster_takes_from_its_template_what_newer_clusters_hold_themselves() {
    let place = Place::new();
    let what = "SELECT CONCAT_WS('|', labels, flavor_id, master_flavor_id, fixed_network, fixed_subnet, \
                floating_ip_enabled, master_lb_enabled) FROM cluster WHERE name = 'old'";
    for (mut raw, url) in place.databases("pike").await {
        raw.run(PIKE).await;
        store(&url).await.upgrade(None).await.unwrap();
        assert_eq!(
            raw.texts(what).await,
            ["{\"swarm_strategy\": \"spread\"}|m1.small|m1.large|net-a|subnet-a|0|1"]
        );
    }
    for (mut raw, url) in place.databases("zed").await {
        raw.run(PIKE).await;
        raw.run(ZED).await;
        store(&url).await.upgrade(None).await.unwrap();
        assert_eq!(
            raw.texts(what).await,
            ["{\"swarm_strategy\": \"binpack\"}|m1.small|m1.large|net-z|subnet-a|1|1"],
            "what the cluster has of its own is kept"
        );
    }
}

#[tokio::test]
async fn a_group_may_be_named_in_greek_after_the_take_over_of_a_latin1_table() {
    let place = Place::new();
    for (mut raw, url) in place.databases("greek").await {
        raw.run(PIKE).await;
        raw.run(ZED).await;
        store(&url).await.upgrade(None).await.unwrap();
        raw.run(
            "INSERT INTO nodegroup (uuid, name, cluster_id, project_id) \
             VALUES ('66666666-6666-4666-8666-666666666666', 'εργάτες', '22222222-2222-4222-8222-222222222222', 'p')",
        )
        .await;
        assert_eq!(raw.texts("SELECT name FROM nodegroup WHERE project_id = 'p'").await, ["εργάτες"]);
        raw.run("UPDATE cluster_template SET docker_storage_driver = 'overlay2'").await;
        assert_eq!(raw.texts("SELECT docker_storage_driver FROM cluster_template").await, ["overlay2"]);
    }
}

#[tokio::test]
async fn a_database_of_an_unknown_or_unsaid_revision_is_left_alone() {
    let place = Place::new();
    for (mut raw, url) in place.databases("unknown").await {
        raw.run(PIKE).await;
        let before = raw.columns().await;
        let store = store(&url).await;
        raw.run("UPDATE alembic_version SET version_num = '720f640f43d1'").await;
        let error = store.upgrade(None).await.unwrap_err();
        assert!(
            matches!(&error, DbError::Revision(RevisionError::UnknownDatabase(name)) if name == "720f640f43d1")
        );
        assert!(error.to_string().contains("720f640f43d1"), "{error}");

        raw.run("DELETE FROM alembic_version").await;
        assert!(matches!(store.upgrade(None).await, Err(DbError::Revision(RevisionError::Unstamped))));

        raw.run("INSERT INTO alembic_version VALUES ('one'), ('two')").await;
        assert!(matches!(store.upgrade(None).await, Err(DbError::Revision(RevisionError::Several(_)))));
        assert!(matches!(store.version().await, Err(DbError::Revision(RevisionError::Several(_)))));

        assert_eq!(raw.columns().await, before);
    }
}

#[tokio::test]
async fn an_upgrade_to_a_passed_revision_changes_nothing_and_a_stop_on_the_way_is_refused() {
    let place = Place::new();
    for (mut raw, url) in place.databases("passed").await {
        raw.run(PIKE).await;
        raw.run(ZED).await;
        let before = raw.columns().await;
        let store = store(&url).await;
        store.upgrade(Some("aa0cc27839af")).await.unwrap();
        let stop = store.upgrade(Some("c0f832afc4fd")).await;
        assert!(matches!(stop, Err(DbError::Revision(RevisionError::NotHead(_)))), "{stop:?}");
        let unknown = store.upgrade(Some("newest")).await;
        assert!(matches!(unknown, Err(DbError::Revision(RevisionError::UnknownName(_)))), "{unknown:?}");
        assert_eq!(raw.columns().await, before);
    }
}

#[tokio::test]
async fn a_stamp_writes_the_revision_and_nothing_else() {
    let place = Place::new();
    for (mut raw, url) in place.databases("stamp").await {
        let store = store(&url).await;
        store.stamp("aa0cc27839af").await.unwrap();
        assert_eq!(raw.columns().await, BTreeSet::from(["alembic_version.version_num".to_owned()]));
        assert_eq!(store.version().await.unwrap().as_deref(), Some("aa0cc27839af"));
        store.stamp("head").await.unwrap();
        assert_eq!(raw.texts("SELECT version_num FROM alembic_version").await, [HEAD]);
        let unknown = store.stamp("newest").await;
        assert!(matches!(unknown, Err(DbError::Revision(RevisionError::UnknownName(_)))), "{unknown:?}");
    }
}

#[tokio::test]
async fn upgrades_started_together_do_the_work_once() {
    let place = Place::new();
    let Some(server) = &place.server else { return };
    for files in [&[][..], &[PIKE][..]] {
        let url = server.url(&format!("together_{}", files.len())).unwrap();
        let mut raw =
            Raw::MySql(MySqlConnection::connect(&url.replace("mysql+pymysql:", "mysql:")).await.unwrap());
        for file in files {
            raw.run(file).await;
        }
        let stores = [store(&url).await, store(&url).await, store(&url).await];
        let [one, two, three] = &stores;
        let (one, two, three) = tokio::join!(one.upgrade(None), two.upgrade(None), three.upgrade(None));
        for outcome in [one, two, three] {
            outcome.unwrap();
        }
        let groups = raw.texts("SELECT CAST(COUNT(*) AS CHAR) FROM nodegroup").await;
        assert_eq!(groups, [if files.is_empty() { "0" } else { "4" }]);
    }
}
