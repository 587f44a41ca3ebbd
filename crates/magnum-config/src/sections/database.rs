//! The database, as oslo.db names its options.

use secrecy::SecretString;

use crate::option::section;

section! {
    /// `[database]`: the store of clusters, templates and operations.
    Database {
        /// URL of the database, `mysql+pymysql://user:password@host/name` or `sqlite:///file`.
        connection: Option<SecretString>, was(&["DEFAULT/sql_connection", "sql_connection", "sql/connection"]);
        /// URL of a copy to read lists from; unset means the database itself.
        slave_connection: Option<SecretString>;
        /// Connections kept open by one process; 0 means no limit.
        max_pool_size: u32 = "5", was(&["DEFAULT/sql_max_pool_size", "sql_max_pool_size"]);
        /// Connections that may be opened beyond `max_pool_size` when all are in use; -1 means no limit.
        max_overflow: i64 = "50", at_least(-1), was(&["DEFAULT/sql_max_overflow", "sqlalchemy_max_overflow"]);
        /// Seconds to wait for a free connection; unset means 30.
        pool_timeout: Option<u64>, was(&["sqlalchemy_pool_timeout"]);
        /// Attempts to connect at the start; -1 means without end.
        max_retries: i64 = "10", at_least(-1), was(&["DEFAULT/sql_max_retries", "sql_max_retries"]);
        /// Seconds between two such attempts.
        retry_interval: u64 = "10", was(&["DEFAULT/sql_retry_interval", "reconnect_interval"]);
        /// Attempts at a transaction that met a deadlock or a lost connection; -1 means without end.
        db_max_retries: i64 = "20", at_least(-1);
        /// Seconds before the first repetition of a transaction.
        db_retry_interval: u64 = "1";
        /// Whether that pause doubles with each repetition.
        db_inc_retry_interval: bool = "true";
        /// Longest such pause, in seconds.
        db_max_retry_interval: u64 = "10";
        /// Age in seconds at which a connection is replaced; -1 means never.
        connection_recycle_time: i64 = "3600", at_least(-1),
            was(&["idle_timeout", "DEFAULT/sql_idle_timeout", "sql_idle_timeout", "sql/idle_timeout"]);
        /// SQL mode of MySQL and MariaDB sessions; empty leaves the server's.
        mysql_sql_mode: String = "TRADITIONAL";
        /// What a Galera node waits for before a read (wsrep_sync_wait); unset leaves the server's setting.
        mysql_wsrep_sync_wait: Option<u32>;
        /// Whether SQLite waits until a transaction is on the disk.
        sqlite_synchronous: bool = "true", was(&["DEFAULT/sqlite_synchronous"]);
        /// Further parameters of the URL, `name=value` with `&` between them.
        connection_parameters: String = "";
        /// Storage engine of new MySQL and MariaDB tables.
        mysql_engine: String = "InnoDB";
    }
    ignored "chooses between Python libraries, or describes how they work" {
        backend: String = "sqlalchemy", was(&["DEFAULT/db_backend"]);
        use_tpool: bool = "false";
        use_db_reconnect: bool = "false";
        min_pool_size: i64 = "1", was(&["DEFAULT/sql_min_pool_size", "sql_min_pool_size"]);
        mysql_enable_ndb: bool = "false";
        synchronous_reader: bool = "true";
        sqlite_db: Option<String>;
        connection_debug: i64 = "0", was(&["DEFAULT/sql_connection_debug"]);
        connection_trace: bool = "false", was(&["DEFAULT/sql_connection_trace"]);
    }
    ignored "there is one kind of connection; set connection and slave_connection" {
        asyncio_connection: Option<SecretString>, releases("M");
        asyncio_slave_connection: Option<SecretString>, releases("M");
    }
}
