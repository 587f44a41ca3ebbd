//! A real MariaDB server for one test process.
//!
//! The store's statements run on two engines, and only a real server shows how the networked one
//! locks, times out and answers a deadlock. This starts the `mariadbd` of Debian's
//! `mariadb-server-core` on a loopback port with its data in a temporary folder, and ends exactly
//! that process when the value is dropped. A machine without the server gets a [`Skip`], which a
//! test says aloud and never mistakes for success.

use std::fmt;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;

/// How long the server may take from its start to its first greeting.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How often a start is tried again when another process took the chosen port first.
const START_ATTEMPTS: usize = 3;
/// The account every test uses. Its password is not a secret, but it is recognisable, so a test can
/// assert that no error message repeats it.
const USER: &str = "magnum";
/// See [`USER`].
const PASSWORD: &str = "open-sesame-42";

/// Why there is no server: a program is not installed. The cause inside the error of
/// [`Mariadb::start`], found with `error.downcast_ref::<Skip>()`.
#[derive(Debug, Clone)]
pub struct Skip(String);

impl fmt::Display for Skip {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Skip {}

/// A running server. Dropping it ends the process and removes its data.
#[derive(Debug)]
pub struct Mariadb {
    child: Child,
    port: u16,
    data: PathBuf,
    /// Held for its destructor, which removes the data folder after the server is gone.
    _folder: TempDir,
}

impl Mariadb {
    /// Starts a server of this test's own and waits until it greets.
    ///
    /// # Errors
    /// [`Skip`] when a program is missing; anything else is a server that did not come up, with the
    /// tail of its log.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&[])
    }

    /// As [`Mariadb::start`], with TLS: clients that do not ask for it are refused.
    ///
    /// # Errors
    /// As [`Mariadb::start`].
    pub fn start_with_tls(certificate: &Path, key: &Path) -> anyhow::Result<Self> {
        Self::start_with(&[
            format!("--ssl-cert={}", certificate.display()),
            format!("--ssl-key={}", key.display()),
            "--require-secure-transport=ON".to_owned(),
        ])
    }

    fn start_with(options: &[String]) -> anyhow::Result<Self> {
        let server = program("mariadbd")?;
        let install = program("mariadb-install-db")?;
        let folder = tempfile::Builder::new()
            .prefix("magnum-mariadb-")
            .tempdir()
            .context("creating the server's folder")?;
        let data = folder.path().join("data");
        install_tables(&install, &data)?;
        let accounts = folder.path().join("accounts.sql");
        fs::write(
            &accounts,
            format!(
                "CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';\n\
                 GRANT ALL PRIVILEGES ON *.* TO '{USER}'@'%';\n"
            ),
        )
        .context("writing the account statements")?;

        let mut last = None;
        for _ in 0..START_ATTEMPTS {
            match launch(&server, folder.path(), &data, &accounts, options) {
                Ok((child, port)) => {
                    return Ok(Self { child, port, data, _folder: folder });
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("mariadbd was never started")))
    }

    /// The server shared by the tests of this process: started by the first caller, ended when the
    /// last holder lets go.
    ///
    /// # Errors
    /// As [`Mariadb::start`].
    pub fn shared() -> anyhow::Result<Arc<Self>> {
        static SHARED: Mutex<Weak<Mariadb>> = Mutex::new(Weak::new());
        let mut slot = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = slot.upgrade() {
            return Ok(running);
        }
        let started = Arc::new(Self::start()?);
        *slot = Arc::downgrade(&started);
        Ok(started)
    }

    /// As [`Mariadb::shared`], but a missing program is `None` and is said on standard error.
    ///
    /// # Errors
    /// A server that is installed and does not come up.
    pub fn shared_or_skip() -> anyhow::Result<Option<Arc<Self>>> {
        match Self::shared() {
            Ok(server) => Ok(Some(server)),
            Err(error) => match error.downcast_ref::<Skip>() {
                Some(skip) => {
                    writeln!(std::io::stderr(), "SKIP: {skip}").context("saying the skip")?;
                    Ok(None)
                }
                None => Err(error),
            },
        }
    }

    /// Creates an empty database and answers the SQLAlchemy-style address of it, which carries
    /// [`Mariadb::password`]. The name tells a reader of the server's log whose it is; a number is
    /// put behind it, so that tests which share the server never meet.
    ///
    /// # Errors
    /// A name that is not 1 to 50 of `a-z`, `0-9` and `_`.
    pub fn url(&self, name: &str) -> anyhow::Result<String> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
        ensure!(
            (1..=50).contains(&name.len()) && name.bytes().all(plain),
            "{name:?} is no plain database name"
        );
        let database = format!("{name}_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        // A database is a folder under the data folder. Making it here needs no client program and
        // no SQL driver in this crate.
        fs::create_dir(self.data.join(&database)).with_context(|| format!("creating database {database}"))?;
        Ok(format!("mysql+pymysql://{USER}:{PASSWORD}@127.0.0.1:{}/{database}?charset=utf8", self.port))
    }

    /// The password inside every [`Mariadb::url`], for tests which look for leaks of it.
    #[must_use]
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// The loopback TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Mariadb {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Ends the child at once: its data is about to be removed, so there is nothing to flush. Both calls
/// fail only when it has ended already.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Finds a program where Debian puts it; the system folder is not on every user's path.
fn program(name: &str) -> anyhow::Result<PathBuf> {
    ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| Skip(format!("{name} is not installed (Debian: mariadb-server-core)")).into())
}

/// The option for a temporary folder of its own: a server that starts deletes what looks like a temporary table left
/// behind, also another server's, which then crashes.
fn own_temporary_folder(data: &Path) -> anyhow::Result<String> {
    let folder = data.with_file_name("tmp");
    fs::create_dir_all(&folder).context("creating the server's temporary folder")?;
    Ok(format!("--tmpdir={}", folder.display()))
}

/// Writes the server's own tables into an empty data folder.
fn install_tables(install: &Path, data: &Path) -> anyhow::Result<()> {
    let output = Command::new(install)
        .arg("--no-defaults")
        .arg(format!("--datadir={}", data.display()))
        .arg(own_temporary_folder(data)?)
        .args([
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
            "--user=root",
            "--innodb-flush-log-at-trx-commit=0",
        ])
        .stdin(Stdio::null())
        .output()
        .context("running mariadb-install-db")?;
    ensure!(
        output.status.success(),
        "mariadb-install-db failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// Starts the server on a port that is free right now and waits for its greeting.
fn launch(
    server: &Path,
    folder: &Path,
    data: &Path,
    accounts: &Path,
    options: &[String],
) -> anyhow::Result<(Child, u16)> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .context("finding a free port")?
        .port();
    let log = folder.join("server.log");
    let log_file = fs::File::create(&log).context("creating the server's log")?;
    let mut child = Command::new(server)
        .arg("--no-defaults")
        .arg(format!("--datadir={}", data.display()))
        .arg(format!("--socket={}", folder.join("socket").display()))
        .arg(format!("--pid-file={}", folder.join("pid").display()))
        .arg(format!("--init-file={}", accounts.display()))
        .arg(own_temporary_folder(data)?)
        .arg(format!("--port={port}"))
        .args([
            "--user=root",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--skip-log-bin",
            "--character-set-server=utf8mb3",
            "--collation-server=utf8mb3_general_ci",
            "--max-connections=200",
            // Durability is worth nothing for data that dies with the test.
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-buffer-pool-size=64M",
        ])
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log_file)
        .spawn()
        .context("starting mariadbd")?;
    match wait_for_greeting(&mut child, port) {
        Ok(()) => Ok((child, port)),
        Err(error) => {
            end(&mut child);
            let text = fs::read_to_string(&log).unwrap_or_default();
            let tail: Vec<&str> = text.lines().rev().take(10).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            Err(error.context(format!("mariadbd did not start: {}", tail.join("\n"))))
        }
    }
}

/// The port listens before the server serves; only the first byte of the handshake says it does.
fn wait_for_greeting(child: &mut Child, port: u16) -> anyhow::Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let deadline = Instant::now() + START_LIMIT;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().context("looking at mariadbd")? {
            bail!("it ended with {status}");
        }
        if greets(address) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
    bail!("no greeting within {} seconds", START_LIMIT.as_secs())
}

/// Whether one connection attempt is answered with a byte.
fn greets(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else {
        return false;
    };
    if stream.set_read_timeout(Some(Duration::from_secs(1))).is_err() {
        return false;
    }
    matches!(stream.read(&mut [0_u8; 1]), Ok(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_gives_each_test_a_database_and_ends_with_its_last_holder() {
        let Some(server) = Mariadb::shared_or_skip().unwrap() else {
            return;
        };
        let again = Mariadb::shared().unwrap();
        assert_eq!(server.port(), again.port());
        let url = server.url("first").unwrap();
        assert!(url.starts_with("mysql+pymysql://"), "{url}");
        assert_ne!(server.url("first").unwrap(), url, "a database is used once");
        assert!(server.url("no; drop").is_err());
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()));
        drop((server, again));
        assert!(!greets(address), "the server outlived its holders");
    }

    #[test]
    fn a_missing_program_is_a_skip_with_its_name() {
        let error = program("no-such-program-here").unwrap_err();
        let skip = error.downcast_ref::<Skip>().unwrap();
        assert!(skip.to_string().contains("no-such-program-here"), "{skip}");
    }
}
