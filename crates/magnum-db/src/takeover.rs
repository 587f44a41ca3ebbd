//! What it takes to carry on with a database that upstream's Magnum wrote.
//!
//! Upstream numbers its schema with one chain of Alembic revisions. Every revision from the Pike release on can be
//! taken over: the tables gain the columns they lack until they are a superset of what any of those releases uses,
//! and nothing is taken away, so that the release which wrote the database can still read it. What a table lacks is
//! decided by looking at its columns rather than by its revision: a run that was cut short, or a column that an
//! operator added by hand, then needs no case of its own.
//!
//! Everything here is pure; [`manage`](crate::manage) looks at the database and runs what is decided.

use std::collections::BTreeMap;

/// The revision a database of this build carries: upstream's newest.
pub const HEAD: &str = "b3e1cf4a2d5e";

/// The revisions that can be taken over, oldest first, with what each did to the tables.
const CHAIN: [(&str, &str); 18] = [
    ("aa0cc27839af", "the Pike release"),
    ("a0e7c8450ab1", "cluster: labels"),
    ("52bcaf58fecb", "cluster: master flavor"),
    ("04c625aa95ba", "template: storage driver becomes text"),
    ("041d9a0f1159", "cluster: flavor"),
    ("9a1539f1cd2c", "federation table"),
    ("cbbc65a86986", "cluster: health"),
    ("87e62e3c7abc", "template: hidden"),
    ("ac92cbae311c", "node group table"),
    ("461d798132c7", "counts and addresses move from clusters to node groups"),
    ("47380964133d", "cluster: network, subnet, floating address"),
    ("c04e925e65c2", "node group: stack, status, version"),
    ("95096e2334ee", "cluster: load balancer"),
    ("f1d8b0ab8b8d", "template: tags"),
    ("7da8489d6a68", "cluster: two more authorities; the Zed release"),
    ("c0f832afc4fd", "template: driver; release 22"),
    ("d7e6a4d39fe4", "cluster: trust columns dropped"),
    (HEAD, "node group: node labels and taints"),
];

/// Upstream's tables, each with the columns that not every revision of [`CHAIN`] has. Their types are understood by
/// both engines, and every one of them may be null, because rows of an older release have no value for it.
const TABLES: [(&str, &[(&str, &str)]); 7] = [
    (
        "cluster",
        &[
            ("labels", "TEXT"),
            ("master_flavor_id", "VARCHAR(255)"),
            ("flavor_id", "VARCHAR(255)"),
            ("health_status", "VARCHAR(20)"),
            ("health_status_reason", "TEXT"),
            ("fixed_network", "VARCHAR(255)"),
            ("fixed_subnet", "VARCHAR(255)"),
            ("floating_ip_enabled", "BOOLEAN"),
            ("master_lb_enabled", "BOOLEAN"),
            ("etcd_ca_cert_ref", "VARCHAR(512)"),
            ("front_proxy_ca_cert_ref", "VARCHAR(512)"),
            ("trust_id", "VARCHAR(255)"),
            ("trustee_username", "VARCHAR(255)"),
            ("trustee_user_id", "VARCHAR(255)"),
            ("trustee_password", "VARCHAR(255)"),
        ],
    ),
    ("cluster_template", &[("hidden", "BOOLEAN"), ("tags", "VARCHAR(255)"), ("driver", "VARCHAR(255)")]),
    (
        "nodegroup",
        &[
            ("stack_id", "VARCHAR(255)"),
            ("status", "VARCHAR(20)"),
            ("status_reason", "TEXT"),
            ("version", "VARCHAR(20)"),
            ("node_labels", "TEXT"),
            ("node_taints", "TEXT"),
        ],
    ),
    ("federation", &[]),
    ("magnum_service", &[]),
    ("quotas", &[]),
    ("x509keypair", &[]),
];

/// Columns of a Pike cluster whose content belongs into its two default node groups.
const COUNTS: [&str; 4] = ["node_count", "master_count", "node_addresses", "master_addresses"];

/// Cluster columns which a cluster of an older release took from its template for as long as it lived, so that the
/// template still tells the value of a row that has none.
pub(crate) const FROM_TEMPLATE: [&str; 7] = [
    "labels",
    "master_flavor_id",
    "flavor_id",
    "fixed_network",
    "fixed_subnet",
    "floating_ip_enabled",
    "master_lb_enabled",
];

/// A revision, or a database, that this build does not know how to go on from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevisionError {
    /// The database is stamped with a revision outside the chain.
    #[error(
        "the database is at revision {0}, which is neither Pike's nor one of those that followed up to {HEAD}; upgrade \
         it with the release that wrote it first"
    )]
    UnknownDatabase(String),
    /// The version table holds more than one revision.
    #[error("the database carries several revisions at once ({0}); a finished upgrade leaves one")]
    Several(String),
    /// There are tables, but nothing says which release wrote them.
    #[error(
        "the database has a table cluster but no revision in alembic_version; stamp it with the one it has"
    )]
    Unstamped,
    /// A revision named by the operator does not exist.
    #[error("there is no revision {0}")]
    UnknownName(String),
    /// An upgrade was asked to end at a revision older than the newest.
    #[error("an upgrade cannot end at revision {0}; it always goes to {HEAD} (head)")]
    NotHead(String),
}

/// Which engine's dialect a statement is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// MariaDB and MySQL.
    Mysql,
    /// SQLite.
    Sqlite,
}

/// The tables of a database as they are: table, column, and type in lower case, followed on MySQL and MariaDB by a
/// blank and the character set of a text.
pub type Observed = BTreeMap<String, BTreeMap<String, String>>;

/// Position of a revision in the chain.
fn position(revision: &str) -> Option<usize> {
    CHAIN.iter().position(|(name, _)| *name == revision)
}

/// What the revision `name`, as an operator writes it (`head` and `heads` mean the newest), is in the chain.
///
/// # Errors
/// [`RevisionError::UnknownName`].
pub fn resolve(name: &str) -> Result<&'static str, RevisionError> {
    match name {
        "head" | "heads" => Ok(HEAD),
        _ => CHAIN
            .iter()
            .map(|(revision, _)| *revision)
            .find(|revision| *revision == name)
            .ok_or_else(|| RevisionError::UnknownName(name.to_owned())),
    }
}

/// The one revision of a database, from the rows of its version table and its tables; `None` for an empty database.
///
/// # Errors
/// [`RevisionError::UnknownDatabase`], [`RevisionError::Several`] and [`RevisionError::Unstamped`].
pub fn recognise(rows: &[String], observed: &Observed) -> Result<Option<&'static str>, RevisionError> {
    match rows {
        // A first upgrade of our own that was cut short left its record of migrations.
        [] if observed.contains_key("cluster") && !observed.contains_key("_sqlx_migrations") => {
            Err(RevisionError::Unstamped)
        }
        [] => Ok(None),
        [one] => match CHAIN.iter().find(|(name, _)| name == one) {
            Some((name, _)) => Ok(Some(name)),
            None => Err(RevisionError::UnknownDatabase(one.clone())),
        },
        several => Err(RevisionError::Several(several.join(", "))),
    }
}

/// Whether an upgrade to `target` has anything to do for a database at `current`. As with upstream's tool, asking for
/// a revision that the database has passed is no error and changes nothing.
///
/// # Errors
/// [`RevisionError::NotHead`] for a revision ahead of the database and short of the newest.
pub fn goes_forward(current: Option<&'static str>, target: &'static str) -> Result<bool, RevisionError> {
    if target == HEAD {
        return Ok(true);
    }
    match current.and_then(position) {
        Some(current) if position(target).is_some_and(|target| target <= current) => Ok(false),
        _ => Err(RevisionError::NotHead(target.to_owned())),
    }
}

/// The statements that bring the existing tables of a database to the superset, in order. Empty when they are there,
/// so that every run may ask. Tables that are missing altogether are made by the migrations.
#[must_use]
pub fn alterations(observed: &Observed, dialect: Dialect) -> Vec<String> {
    let mut statements = Vec::new();
    for (table, optional) in TABLES {
        let Some(columns) = observed.get(table) else { continue };
        let mut changes: Vec<String> = optional
            .iter()
            .filter(|(name, _)| !columns.contains_key(*name))
            .map(|(name, kind)| format!("ADD COLUMN {name} {kind} NULL"))
            .collect();
        match dialect {
            Dialect::Sqlite => {
                statements.extend(changes.iter().map(|add| format!("ALTER TABLE {table} {add}")))
            }
            Dialect::Mysql => {
                if columns.values().any(|kind| is_narrow_text(kind)) {
                    changes.push("CONVERT TO CHARACTER SET utf8mb3".to_owned());
                }
                // One statement per table: it is rewritten once, and is either as it was or as it should be.
                if !changes.is_empty() {
                    statements.push(format!("ALTER TABLE {table} {}", changes.join(", ")));
                }
            }
        }
    }
    // Pike knew two storage drivers and wrote them into the type. SQLite's columns are not bound by theirs.
    let enumerated = observed
        .get("cluster_template")
        .and_then(|columns| columns.get("docker_storage_driver"))
        .is_some_and(|kind| kind.starts_with("enum"));
    if enumerated && dialect == Dialect::Mysql {
        statements.push(
            "ALTER TABLE cluster_template MODIFY COLUMN docker_storage_driver VARCHAR(512) NULL".to_owned(),
        );
    }
    statements
}

/// Whether a column's character set cannot hold every name. Upstream gives some of its tables the server's default
/// set, which was latin1 for long, and then fails on a node group that is named in Greek.
fn is_narrow_text(kind: &str) -> bool {
    kind.rsplit_once(' ').is_some_and(|(_, set)| set != "unsigned" && !set.starts_with("utf8"))
}

/// Whether clusters of this database hold counts and addresses of their own, as Pike's do.
#[must_use]
pub fn counts_live_in_clusters(observed: &Observed) -> bool {
    observed.get("cluster").is_some_and(|columns| COUNTS.iter().all(|name| columns.contains_key(*name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[&str]) -> BTreeMap<String, String> {
        columns.iter().map(|name| ((*name).to_owned(), "text".to_owned())).collect()
    }

    fn with_all_optional_columns() -> Observed {
        TABLES
            .iter()
            .map(|(name, columns)| {
                ((*name).to_owned(), table(&columns.iter().map(|(name, _)| *name).collect::<Vec<_>>()))
            })
            .collect()
    }

    #[test]
    fn every_revision_of_the_chain_is_recognised_and_no_other() {
        for (revision, _) in CHAIN {
            assert_eq!(recognise(&[revision.to_owned()], &Observed::new()), Ok(Some(revision)));
        }
        let error = recognise(&["2581ebaf0cb2".to_owned()], &Observed::new()).unwrap_err();
        assert!(error.to_string().contains("2581ebaf0cb2"), "{error}");
    }

    #[test]
    fn an_empty_database_is_new_but_tables_without_a_revision_are_refused() {
        assert_eq!(recognise(&[], &Observed::new()), Ok(None));
        let observed = Observed::from([("cluster".to_owned(), table(&["id"]))]);
        assert_eq!(recognise(&[], &observed), Err(RevisionError::Unstamped));
        let two = ["a".to_owned(), "b".to_owned()];
        assert_eq!(recognise(&two, &observed), Err(RevisionError::Several("a, b".to_owned())));
    }

    #[test]
    fn an_upgrade_goes_to_head_or_finds_itself_past_the_target() {
        assert_eq!(goes_forward(None, HEAD), Ok(true));
        assert_eq!(goes_forward(Some(HEAD), HEAD), Ok(true));
        assert_eq!(goes_forward(Some("c0f832afc4fd"), "aa0cc27839af"), Ok(false));
        assert_eq!(
            goes_forward(Some("aa0cc27839af"), "c0f832afc4fd"),
            Err(RevisionError::NotHead("c0f832afc4fd".to_owned()))
        );
        assert_eq!(
            goes_forward(None, "aa0cc27839af"),
            Err(RevisionError::NotHead("aa0cc27839af".to_owned()))
        );
    }

    #[test]
    fn a_name_is_head_or_a_revision_of_the_chain() {
        assert_eq!(resolve("head"), Ok(HEAD));
        assert_eq!(resolve("7da8489d6a68"), Ok("7da8489d6a68"));
        assert_eq!(resolve("latest"), Err(RevisionError::UnknownName("latest".to_owned())));
    }

    #[test]
    fn a_complete_database_needs_no_alteration() {
        for dialect in [Dialect::Mysql, Dialect::Sqlite] {
            assert_eq!(alterations(&with_all_optional_columns(), dialect), Vec::<String>::new());
            assert_eq!(alterations(&Observed::new(), dialect), Vec::<String>::new());
        }
    }

    #[test]
    fn only_the_missing_columns_are_added() {
        let mut observed = with_all_optional_columns();
        let groups = observed.get_mut("nodegroup").unwrap();
        groups.remove("node_labels");
        groups.remove("node_taints");
        assert_eq!(
            alterations(&observed, Dialect::Mysql),
            ["ALTER TABLE nodegroup ADD COLUMN node_labels TEXT NULL, ADD COLUMN node_taints TEXT NULL"]
        );
        assert_eq!(
            alterations(&observed, Dialect::Sqlite),
            [
                "ALTER TABLE nodegroup ADD COLUMN node_labels TEXT NULL",
                "ALTER TABLE nodegroup ADD COLUMN node_taints TEXT NULL"
            ]
        );
    }

    #[test]
    fn the_enumerated_storage_driver_of_pike_becomes_text() {
        let mut observed = with_all_optional_columns();
        let template = observed.get_mut("cluster_template").unwrap();
        template.insert("docker_storage_driver".to_owned(), "enum('devicemapper','overlay')".to_owned());
        let statements = alterations(&observed, Dialect::Mysql);
        assert_eq!(statements.len(), 1);
        assert!(statements[0].contains("docker_storage_driver VARCHAR(512)"), "{}", statements[0]);
        assert!(alterations(&observed, Dialect::Sqlite).is_empty());
    }

    #[test]
    fn tables_in_a_narrow_character_set_are_widened() {
        let services = BTreeMap::from([
            ("id".to_owned(), "int(11)".to_owned()),
            ("host".to_owned(), "varchar(255) latin1".to_owned()),
        ]);
        let mut observed = Observed::from([("magnum_service".to_owned(), services)]);
        assert_eq!(
            alterations(&observed, Dialect::Mysql),
            ["ALTER TABLE magnum_service CONVERT TO CHARACTER SET utf8mb3"]
        );
        for wide in ["varchar(255) utf8mb4", "varchar(255) utf8mb3", "int(10) unsigned", "int(11)"] {
            observed.get_mut("magnum_service").unwrap().insert("host".to_owned(), wide.to_owned());
            assert!(alterations(&observed, Dialect::Mysql).is_empty(), "{wide}");
        }
    }

    #[test]
    fn a_first_upgrade_that_was_cut_short_is_gone_on_with() {
        let observed = Observed::from([
            ("cluster".to_owned(), table(&["id"])),
            ("_sqlx_migrations".to_owned(), table(&["version"])),
        ]);
        assert_eq!(recognise(&[], &observed), Ok(None));
    }

    #[test]
    fn counts_are_in_clusters_only_where_all_four_columns_are() {
        let observed = Observed::from([("cluster".to_owned(), table(&COUNTS))]);
        assert!(counts_live_in_clusters(&observed));
        assert!(!counts_live_in_clusters(&with_all_optional_columns()));
    }
}
