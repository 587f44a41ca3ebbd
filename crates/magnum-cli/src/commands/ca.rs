//! Clusters' certificate authorities.

use crate::{
    cli::{Cli, text},
    commands::given,
    error::{CliError, Result},
    fields::Fields,
    output::Format,
    watch::{Goal, WaitOptions, Wanted, watch},
};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// The longest request that the service reads.
const MAX_CSR: u64 = 64 * 1024;

/// The certificate authority of a cluster
#[derive(Subcommand)]
pub enum CaCommand {
    /// Show the CA certificate of a cluster
    Show(Show),
    /// Let a cluster's CA sign a certificate request
    Sign(Sign),
    /// Give a cluster a new CA
    Rotate(Rotate),
}

/// Which cluster: as an argument, or as an option as older clients have it.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct Which {
    /// Name or UUID of the cluster
    cluster: Option<String>,
    /// The older form of the argument
    #[arg(long = "cluster", value_name = "CLUSTER", alias = "bay", hide = true)]
    named: Option<String>,
}

/// Which of its authorities.
#[derive(Args)]
pub struct Kind {
    /// kubernetes, kubelet, etcd or front-proxy [default: kubernetes]
    #[arg(long, value_name = "TYPE")]
    ca_cert_type: Option<String>,
}

/// See [`CaCommand::Show`].
#[derive(Args)]
pub struct Show {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    kind: Kind,
}

/// See [`CaCommand::Sign`].
#[derive(Args)]
pub struct Sign {
    /// Name or UUID of the cluster
    #[arg(required_unless_present = "named")]
    cluster: Option<String>,
    /// File with the certificate request, PEM
    #[arg(value_name = "CSR-FILE", required_unless_present = "csr")]
    file: Option<PathBuf>,
    /// The older form of the first argument
    #[arg(long = "cluster", value_name = "CLUSTER", alias = "bay", hide = true, conflicts_with = "cluster")]
    named: Option<String>,
    /// The older form of the second argument
    #[arg(long, value_name = "FILE", hide = true, conflicts_with = "file")]
    csr: Option<PathBuf>,
    #[command(flatten)]
    kind: Kind,
}

/// See [`CaCommand::Rotate`].
#[derive(Args)]
pub struct Rotate {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    wait: WaitOptions,
}

impl Which {
    fn name(self) -> String {
        self.cluster.or(self.named).unwrap_or_default()
    }
}

impl CaCommand {
    /// Runs it.
    ///
    /// # Errors
    /// As the service refuses; a request's file that cannot be read.
    pub async fn run(self, cli: &mut Cli) -> Result {
        match self {
            Self::Show(Show { which, kind }) => {
                let query = given([("ca_cert_type", kind.ca_cert_type)]);
                let shown = cli.api()?.get(&["certificates", &which.name()], &query).await?;
                certificate(cli, &shown)
            }
            Self::Sign(command) => command.run(cli).await,
            Self::Rotate(Rotate { which, wait }) => {
                let cluster = which.name();
                let api = cli.api()?;
                let reply = api.patch(&["certificates", &cluster], &[], None).await?;
                let wanted = Wanted::new(&cluster, reply.request_id.as_deref(), Goal::Done);
                let sentence =
                    format!("Request to rotate the CA certificate for cluster {cluster} has been accepted.");
                watch(cli, &api, &wait, &wanted, &sentence).await
            }
        }
    }
}

impl Sign {
    async fn run(self, cli: &mut Cli) -> Result {
        let file = self.file.or(self.csr).unwrap_or_default();
        let path = cli.environment.path(&file);
        let unusable = |what: &str| {
            CliError::usage(format!("{} {what}", path.display())).advise("give a PEM file of a request")
        };
        let size =
            std::fs::metadata(&path).map_err(|error| unusable("cannot be read").caused_by(error))?.len();
        if size > MAX_CSR {
            return Err(unusable("is too long for a certificate request"));
        }
        let csr =
            std::fs::read_to_string(&path).map_err(|error| unusable("cannot be read").caused_by(error))?;
        if csr.contains("PRIVATE KEY") {
            return Err(unusable("holds a private key, which must not leave this machine"));
        }
        let api = cli.api()?;
        let cluster = self.cluster.or(self.named).unwrap_or_default();
        let known = api.get(&["clusters", &cluster], &[]).await?;
        let body = Fields::default()
            .with("cluster_uuid", Some(text(&known, "uuid")))
            .with("csr", Some(csr))
            .with("ca_cert_type", self.kind.ca_cert_type)
            .body();
        let signed = api.post(&["certificates"], &body).await?.body;
        certificate(cli, &signed)
    }
}

/// The PEM alone for people: it goes into a file.
fn certificate(cli: &mut Cli, document: &serde_json::Value) -> Result {
    match cli.output.format {
        Format::Table if cli.output.columns.is_empty() => cli.screen.print(text(document, "pem")),
        _ => cli.show(document),
    }
}
