//! A real RabbitMQ for one test: Debian's `rabbitmq-server` on free loopback ports, with its data in a temporary folder,
//! a name server (`epmd`) of its own, and nothing left behind when it is dropped.
//!
//! Where the package is not installed, [`RabbitMq::start`] says so loudly and gives `None`; the test then returns.

use anyhow::{Context, Result, bail};
use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

const PROGRAMS: &str = "/usr/lib/rabbitmq/bin";
const USER: &str = "magnum";
/// Holds what a transport URL must escape.
const PASSWORD: &str = "p@ss/word,1";
const STARTS_WITHIN: Duration = Duration::from_secs(120);

/// A running (or stopped) broker.
#[derive(Debug)]
pub struct RabbitMq {
    _home: tempfile::TempDir,
    folder: PathBuf,
    ports: Ports,
    epmd: Child,
    server: Option<Child>,
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    amqp: u16,
    tls: u16,
    distribution: u16,
    epmd: u16,
}

impl RabbitMq {
    /// Starts a broker and waits until it speaks AMQP. `None` where RabbitMQ is not installed.
    ///
    /// # Errors
    /// When it is installed and does not start within two minutes.
    pub async fn start() -> Result<Option<Self>> {
        Self::launch(None).await
    }

    /// As [`Self::start`], with a second port for TLS that lets nobody in without a client certificate. `folder`
    /// holds `ca.pem`, `server.pem` and `server.key`.
    ///
    /// # Errors
    /// When it is installed and does not start within two minutes.
    pub async fn start_with_tls(folder: &Path) -> Result<Option<Self>> {
        Self::launch(Some(folder)).await
    }

    async fn launch(tls: Option<&Path>) -> Result<Option<Self>> {
        if !Path::new(PROGRAMS).join("rabbitmq-server").exists() {
            #[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
            {
                eprintln!("SKIP: rabbitmq-server is not installed ({PROGRAMS})");
            }
            return Ok(None);
        }
        let home = tempfile::Builder::new().prefix("magnum-rabbitmq-").tempdir()?;
        let folder = home.path().to_owned();
        for part in ["data", "log", "home"] {
            std::fs::create_dir_all(folder.join(part))?;
        }
        let ports = free_ports()?;
        std::fs::write(folder.join("enabled_plugins"), "[].\n")?;
        std::fs::write(folder.join("env.conf"), "")?;
        let mut conf = format!(
            "listeners.tcp.1 = 127.0.0.1:{}\nloopback_users = none\ndefault_user = {USER}\n\
             default_pass = {PASSWORD}\nlog.file.level = warning\n\
             vm_memory_high_watermark.absolute = 512MB\ndisk_free_limit.absolute = 50MB\n",
            ports.amqp
        );
        if let Some(tls) = tls {
            conf.push_str(&format!(
                "listeners.ssl.1 = 127.0.0.1:{}\nssl_options.cacertfile = {}\nssl_options.certfile = {}\n\
                 ssl_options.keyfile = {}\nssl_options.verify = verify_peer\n\
                 ssl_options.fail_if_no_peer_cert = true\n",
                ports.tls,
                tls.join("ca.pem").display(),
                tls.join("server.pem").display(),
                tls.join("server.key").display(),
            ));
        }
        std::fs::write(folder.join("rabbitmq.conf"), conf)?;
        let epmd = Command::new("epmd")
            .args(["-port", &ports.epmd.to_string(), "-address", "127.0.0.1"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("epmd does not start")?;
        let mut broker = Self { _home: home, folder, ports, epmd, server: None };
        broker.start_again().await?;
        Ok(Some(broker))
    }

    /// The transport URL with an escaped password, for the virtual host `/`.
    pub fn url(&self) -> String {
        format!("rabbit://{USER}:p%40ss%2Fword%2C1@127.0.0.1:{}/", self.ports.amqp)
    }

    /// The transport URL of the TLS port, `?ssl=1` included; the host is a name, for the certificate to hold.
    pub fn tls_url(&self) -> String {
        format!("rabbit://{USER}:p%40ss%2Fword%2C1@localhost:{}/?ssl=1", self.ports.tls)
    }

    /// Kills the broker's process: clients see their connections break, then refused ones. Its data stay.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            // The script waits for the virtual machine, which is its child.
            for child in children(server.id()) {
                signal("KILL", child);
            }
            signal("KILL", server.id());
            let _ = server.wait();
        }
    }

    /// Starts a killed broker on the same port with the same data, and waits until it speaks AMQP.
    ///
    /// # Errors
    /// When it does not start within two minutes.
    pub async fn start_again(&mut self) -> Result<()> {
        if self.server.is_none() {
            let log = std::fs::File::create(self.folder.join("log/server.out"))?;
            let server = self
                .program("rabbitmq-server")
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log)
                .spawn()
                .context("rabbitmq-server does not start")?;
            self.server = Some(server);
        }
        let deadline = Instant::now() + STARTS_WITHIN;
        while !self.speaks_amqp().await {
            if let Some(status) = self.server.as_mut().map(Child::try_wait).transpose()?.flatten() {
                let log = std::fs::read_to_string(self.folder.join("log/server.out")).unwrap_or_default();
                bail!("rabbitmq-server ended with {status}: {log}");
            }
            if Instant::now() > deadline {
                bail!("rabbitmq-server did not answer within {STARTS_WITHIN:?}");
            }
            sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    /// Runs `rabbitmqctl -q` and returns what it prints.
    ///
    /// # Errors
    /// When it fails or takes more than a minute.
    pub async fn ctl(&self, arguments: &[&str]) -> Result<String> {
        let mut command = tokio::process::Command::from(self.program("rabbitmqctl"));
        command.arg("-q").args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        let output =
            timeout(Duration::from_secs(60), command.output()).await.context("rabbitmqctl hangs")??;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("rabbitmqctl {arguments:?} failed: {text}{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(text)
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(Path::new(PROGRAMS).join(name));
        let loopback = "-kernel inet_dist_use_interface {127,0,0,1}";
        let at = |part: &str| self.folder.join(part);
        command
            .env("HOME", at("home"))
            .env("RABBITMQ_HOME", at("home"))
            .env("RABBITMQ_NODENAME", "magnum@localhost")
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.ports.amqp.to_string())
            .env("RABBITMQ_DIST_PORT", self.ports.distribution.to_string())
            .env("RABBITMQ_MNESIA_BASE", at("data"))
            .env("RABBITMQ_LOG_BASE", at("log"))
            .env("RABBITMQ_CONFIG_FILE", at("rabbitmq"))
            .env("RABBITMQ_CONF_ENV_FILE", at("env.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", at("enabled_plugins"))
            .env("RABBITMQ_PID_FILE", at("server.pid"))
            .env("RABBITMQ_SERVER_START_ARGS", loopback)
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", format!("{loopback} +S 2:2 +sbwt none"))
            .env("ERL_EPMD_PORT", self.ports.epmd.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1");
        command
    }

    /// Whether the port answers an AMQP greeting; an open port alone may be too early.
    async fn speaks_amqp(&self) -> bool {
        let greet = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.ports.amqp)).await?;
            stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
            // Type 1 (method) on channel 0: connection.start.
            let mut frame = [0; 3];
            stream.read_exact(&mut frame).await?;
            Ok::<_, std::io::Error>(frame == [1, 0, 0])
        };
        matches!(timeout(Duration::from_secs(2), greet).await, Ok(Ok(true)))
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        self.kill();
        let _ = self.epmd.kill();
        let _ = self.epmd.wait();
    }
}

/// Four ports that were free a moment ago.
fn free_ports() -> Result<Ports> {
    let held = [(); 4].map(|()| TcpListener::bind(("127.0.0.1", 0)));
    let [amqp, tls, distribution, epmd] = held;
    let port = |listener: &std::io::Result<TcpListener>| -> Result<u16> {
        match listener {
            Ok(listener) => Ok(listener.local_addr()?.port()),
            Err(error) => bail!("no free port: {error}"),
        }
    };
    Ok(Ports { amqp: port(&amqp)?, tls: port(&tls)?, distribution: port(&distribution)?, epmd: port(&epmd)? })
}

fn children(pid: u32) -> Vec<u32> {
    std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

fn signal(name: &str, pid: u32) {
    // The standard library cannot send a signal to a process that is not its child.
    let _ = Command::new("kill").args([format!("-{name}"), pid.to_string()]).stderr(Stdio::null()).status();
}
