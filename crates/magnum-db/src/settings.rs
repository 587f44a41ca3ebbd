//! Where the database is and how patient we are with it: the `[database]` section of magnum.conf. The connection is
//! an SQLAlchemy URL, because that is what existing files hold, and it is cut the way SQLAlchemy cuts it: a password
//! may contain `#`, `/` or `?` without any escaping.

use crate::error::DbError;
use secrecy::{ExposeSecret, SecretString};
use sqlx::{
    mysql::{MySqlConnectOptions, MySqlSslMode},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use std::time::Duration;

/// The settings of [`crate::Store::connect`].
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// SQLAlchemy URL, e.g. `mysql+pymysql://user:password@host:3306/magnum?ssl_ca=/ca.pem`, `sqlite:////var/m.db`
    /// or `sqlite://` (in memory).
    pub connection: SecretString,
    /// Connections at most, at least 1. SQLite in memory has always one.
    pub max_pool_size: u32,
    /// How long to wait for a free connection.
    pub pool_timeout: Duration,
    /// A connection older than this is replaced.
    pub connection_recycle_time: Duration,
    /// How often to try again when the database does not answer at start; negative: for ever.
    pub max_retries: i64,
    /// How long to wait between two attempts at start.
    pub retry_interval: Duration,
    /// How often a transaction that lost a deadlock, or met a busy SQLite file, is repeated.
    pub max_transaction_retries: u32,
}

impl DatabaseSettings {
    /// oslo.db's defaults for a connection.
    pub fn new(connection: impl Into<String>) -> Self {
        Self {
            connection: SecretString::from(connection.into()),
            max_pool_size: 5,
            pool_timeout: Duration::from_secs(30),
            connection_recycle_time: Duration::from_secs(3600),
            max_retries: 10,
            retry_interval: Duration::from_secs(10),
            max_transaction_retries: 20,
        }
    }
}

/// A database that the URL may name. Not Debug: the options show their password.
pub(crate) enum Target {
    MySql(Box<MySqlConnectOptions>),
    Sqlite { options: Box<SqliteConnectOptions>, in_memory: bool },
}

/// The parts of an SQLAlchemy URL.
#[derive(Default)]
struct Parts {
    dialect: String,
    user: Option<String>,
    password: Option<String>,
    host: Option<String>,
    port: Option<String>,
    database: Option<String>,
    query: Vec<(String, String)>,
}

/// Reads the connection. No error repeats any of it, since it holds a password.
pub(crate) fn target(connection: &SecretString) -> Result<Target, DbError> {
    let parts = split(connection.expose_secret())?;
    match parts.dialect.split('+').next().unwrap_or_default() {
        "mysql" | "mariadb" => mysql(parts).map(|options| Target::MySql(Box::new(options))),
        "sqlite" => sqlite(&parts),
        other => Err(settings(format!("dialect {other:?} is not supported: use mysql, mariadb or sqlite"))),
    }
}

fn settings(text: impl Into<String>) -> DbError {
    DbError::Settings(text.into())
}

/// Cuts the URL as SQLAlchemy does: the user ends at the first `:` or `/`, the password at the first `@`.
fn split(url: &str) -> Result<Parts, DbError> {
    let (dialect, mut rest) = url
        .trim()
        .split_once("://")
        .ok_or_else(|| settings("it has no \"://\", so it is no database URL"))?;
    let mut parts = Parts { dialect: dialect.to_owned(), ..Parts::default() };
    let user_end = rest.find([':', '/', '@']).unwrap_or(rest.len());
    let (user, after) = rest.split_at(user_end);
    if let Some(host) = after.strip_prefix('@') {
        parts.user = Some(unquote(user));
        rest = host;
    } else if let Some((password, host)) = after.strip_prefix(':').and_then(|text| text.split_once('@')) {
        parts.user = Some(unquote(user));
        parts.password = Some(unquote(password));
        rest = host;
    }
    if let Some((before, query)) = rest.split_once('?') {
        parts.query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        rest = before;
    }
    if let Some((before, database)) = rest.split_once('/') {
        parts.database = Some(unquote(database)).filter(|name| !name.is_empty());
        rest = before;
    }
    let (host, port) = match rest.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((host, after)) => (host, after.strip_prefix(':')),
        None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
    };
    parts.host = Some(host.to_owned()).filter(|host| !host.is_empty());
    parts.port = port.filter(|port| !port.is_empty()).map(str::to_owned);
    Ok(parts)
}

/// Undoes percent escapes; a plus stays a plus.
fn unquote(text: &str) -> String {
    let plain = text.replace('+', "%2B").replace('&', "%26");
    url::form_urlencoded::parse(format!("v={plain}").as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into())
}

/// Options that only mean something to the Python drivers.
const IGNORED: &[&str] = &[
    "charset",
    "use_unicode",
    "connect_timeout",
    "read_timeout",
    "write_timeout",
    "plugin",
    "ssl_capath",
    "ssl_cipher",
];

fn mysql(parts: Parts) -> Result<MySqlConnectOptions, DbError> {
    let port = match parts.port {
        Some(port) => port.parse().map_err(|_| settings("its port is no number up to 65535"))?,
        None => 3306,
    };
    let database = parts.database.ok_or_else(|| settings("it names no database after the host"))?;
    let mut options = MySqlConnectOptions::new()
        .host(parts.host.as_deref().unwrap_or("localhost"))
        .port(port)
        .database(&database)
        .timezone("+00:00".to_owned());
    if let Some(user) = &parts.user {
        options = options.username(user);
    }
    if let Some(password) = &parts.password {
        options = options.password(password);
    }
    let (mut any_tls, mut ca, mut verify, mut check_name) = (false, false, None, None);
    for (key, value) in parts.query {
        any_tls |= key.starts_with("ssl");
        match key.as_str() {
            "ssl_ca" => {
                options = options.ssl_ca(value);
                ca = true;
            }
            "ssl_cert" => options = options.ssl_client_cert(value),
            "ssl_key" => options = options.ssl_client_key(value),
            "ssl_verify_cert" => verify = Some(is_true(&value)),
            "ssl_check_hostname" | "ssl_verify_identity" => check_name = Some(is_true(&value)),
            "unix_socket" => options = options.socket(value),
            known if IGNORED.contains(&known) => {}
            other => tracing::warn!(option = other, "unknown option in the database connection is ignored"),
        }
    }
    // As PyMySQL decides: with a CA the server must show a certificate of it for its own name, unless told otherwise.
    let mode = match (any_tls, verify.unwrap_or(ca), check_name.unwrap_or(true)) {
        (false, ..) => MySqlSslMode::Preferred,
        (true, false, _) => MySqlSslMode::Required,
        (true, true, false) => MySqlSslMode::VerifyCa,
        (true, true, true) => MySqlSslMode::VerifyIdentity,
    };
    Ok(options.ssl_mode(mode))
}

fn is_true(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on")
}

fn sqlite(parts: &Parts) -> Result<Target, DbError> {
    if parts.host.is_some() {
        return Err(settings(
            "a SQLite URL has no host: write three slashes before a relative, four before an absolute path",
        ));
    }
    let path = parts.database.as_deref().filter(|path| *path != ":memory:");
    let options = match path {
        Some(path) => SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full),
        None => SqliteConnectOptions::new().in_memory(true),
    };
    Ok(Target::Sqlite {
        options: Box::new(options.busy_timeout(Duration::from_secs(5)).foreign_keys(true)),
        in_memory: path.is_none(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mysql_of(url: &str) -> MySqlConnectOptions {
        match target(&SecretString::from(url)).unwrap() {
            Target::MySql(options) => *options,
            Target::Sqlite { .. } => panic!("{url} is no MySQL URL"),
        }
    }

    #[test]
    fn a_password_with_url_signs_is_read_as_sqlalchemy_reads_it() {
        let parts =
            split("mysql+pymysql://magnum:p#s/s?w+%40rd@db.example:3307/magnum?charset=utf8").unwrap();
        assert_eq!(parts.user.as_deref(), Some("magnum"));
        assert_eq!(parts.password.as_deref(), Some("p#s/s?w+@rd"));
        assert_eq!((parts.host.as_deref(), parts.port.as_deref()), (Some("db.example"), Some("3307")));
        assert_eq!(parts.database.as_deref(), Some("magnum"));
        assert_eq!(parts.query, [("charset".to_owned(), "utf8".to_owned())]);
    }

    #[test]
    fn an_ipv6_host_and_a_missing_port_are_understood() {
        let options = mysql_of("mysql://u@[fd00::1]/magnum");
        assert_eq!((options.get_host(), options.get_port()), ("fd00::1", 3306));
        assert_eq!(mysql_of("mysql://u:p@[::1]:33/m").get_port(), 33);
    }

    #[test]
    fn a_ca_means_that_the_server_is_verified() {
        let mode = |query: &str| {
            format!("{:?}", mysql_of(&format!("mysql+pymysql://u:p@h/m?{query}")).get_ssl_mode())
        };
        assert_eq!(mode("charset=utf8"), "Preferred");
        assert_eq!(mode("ssl_ca=/ca.pem"), "VerifyIdentity");
        assert_eq!(mode("ssl_ca=/ca.pem&ssl_check_hostname=false"), "VerifyCa");
        assert_eq!(mode("ssl_ca=/ca.pem&ssl_verify_cert=false"), "Required");
        assert_eq!(mode("ssl_verify_cert=true"), "VerifyIdentity");
        assert_eq!(mode("ssl_cert=/c.pem&ssl_key=/k.pem"), "Required");
    }

    #[test]
    fn four_slashes_are_an_absolute_path_and_none_is_memory() {
        let file = |url: &str| match target(&SecretString::from(url)).unwrap() {
            Target::Sqlite { options, in_memory } => (options.get_filename().to_owned(), in_memory),
            Target::MySql(_) => panic!("{url} is no SQLite URL"),
        };
        assert_eq!(file("sqlite:////var/lib/magnum.db"), ("/var/lib/magnum.db".into(), false));
        assert_eq!(file("sqlite:///magnum.db"), ("magnum.db".into(), false));
        assert!(file("sqlite://").1 && file("sqlite:///:memory:").1);
    }

    #[test]
    fn a_bad_url_is_refused_without_repeating_the_password() {
        for url in [
            "mysql:u:hunter2@h/m",
            "postgresql://u:hunter2@h/m",
            "mysql://u:hunter2@h:99999/m",
            "mysql://u:hunter2@h",
        ] {
            let error = target(&SecretString::from(url)).err().unwrap().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
