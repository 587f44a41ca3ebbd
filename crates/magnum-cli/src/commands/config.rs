//! What is needed to use a cluster: for Kubernetes a kubeconfig, for Docker certificates and variables, for Mesos
//! variables. Keys are made here and never leave the machine; the service signs a request.

use crate::{
    cli::{Cli, text},
    client::Api,
    error::{CliError, Kind, Result},
    fields::Fields,
    files::{
        self, Files, docker,
        kubeconfig::{Kubeconfig, User},
        merge,
        shell::Shell,
    },
};
use clap::{Args, ValueEnum};
use magnum_x509::{CertificateRequest, KeyAlgorithm, NameAttribute, PrivateKey};
use secrecy::ExposeSecret;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What upstream's client makes, so that every service signs it.
const KEY: KeyAlgorithm = KeyAlgorithm::Rsa { bits: 2048 };
/// The longest kubeconfig that is merged into.
const MAX_KUBECONFIG: u64 = 4 * 1024 * 1024;

/// See [`ClusterCommand::Config`](crate::commands::cluster::ClusterCommand::Config).
#[derive(Args)]
#[command(
    after_help = "Standard output holds what the shell in SHELL is to take in: eval \"$(magnum cluster config NAME)\", or in csh \
                  eval \"`magnum cluster config NAME`\""
)]
pub struct Config {
    /// Name or UUID
    cluster: String,
    /// Write the files into this folder
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    dir: PathBuf,
    /// Overwrite what is there
    #[arg(long)]
    force: bool,
    /// Write ca.pem, cert.pem and key.pem as well (Kubernetes)
    #[arg(long)]
    output_certs: bool,
    /// Merge into this kubeconfig instead [default: the first of KUBECONFIG, or ~/.kube/config]
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        conflicts_with_all = ["dir", "output_certs"]
    )]
    merge: Option<Option<PathBuf>>,
    /// What one may do in a Kubernetes cluster
    #[arg(long, value_enum, default_value_t)]
    role: Role,
    /// Be known by a certificate (the default)
    #[arg(long, conflicts_with = "use_keystone")]
    use_certificate: bool,
    /// Be known by the Keystone token in OS_TOKEN
    #[arg(long)]
    use_keystone: bool,
}

/// What one may do in a cluster. The groups are those that clusters know (`rbac.yaml` of the drivers).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Role {
    /// Everything
    #[default]
    Admin,
    /// Everything in namespaces, and see the nodes
    Member,
    /// See everything but secrets
    Reader,
}

impl Role {
    fn word(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Member => "member",
            Role::Reader => "reader",
        }
    }

    fn group(self) -> &'static str {
        match self {
            Role::Admin => "system:masters",
            Role::Member => "magnum:member",
            Role::Reader => "magnum:reader",
        }
    }
}

/// A certificate with its key and its authority, PEM.
struct Identity {
    authority: String,
    certificate: String,
    key: String,
}

#[derive(PartialEq)]
enum Engine {
    Kubernetes,
    Docker,
    Mesos,
}

impl Config {
    /// Runs it.
    ///
    /// # Errors
    /// A cluster without an address, files that are there already, and what the service refuses.
    pub async fn run(self, cli: &mut Cli) -> Result {
        let api = cli.api()?;
        let cluster = api.get(&["clusters", &self.cluster], &[]).await?;
        let address = text(&cluster, "api_address");
        if address.is_empty() {
            return Err(CliError::new(
                Kind::Failed,
                format!(
                    "cluster {} has no API address yet: it is {}",
                    self.cluster,
                    text(&cluster, "status")
                ),
            )
            .advise(format!("`magnum cluster wait {}` waits until it has", self.cluster)));
        }
        let template = match api.get(&["clustertemplates", text(&cluster, "cluster_template_id")], &[]).await
        {
            Ok(template) => template,
            // Its address says enough of a cluster whose template is gone.
            Err(error) if error.kind == Kind::NotFound => Value::Null,
            Err(error) => return Err(error),
        };
        let has_tls = template.get("tls_disabled") != Some(&Value::Bool(true));
        let engine = match text(&template, "coe") {
            "kubernetes" => Engine::Kubernetes,
            "swarm" | "swarm-mode" => Engine::Docker,
            "mesos" => Engine::Mesos,
            _ if address.starts_with("tcp://") => Engine::Docker,
            _ => Engine::Kubernetes,
        };
        if engine != Engine::Kubernetes
            && (self.merge.is_some() || self.role != Role::Admin || self.use_keystone || self.output_certs)
        {
            return Err(CliError::usage(
                "--merge, --role, --use-keystone and --output-certs are for Kubernetes clusters only",
            )
            .advise("leave them out"));
        }
        match engine {
            Engine::Kubernetes => self.kubernetes(cli, &api, &cluster, has_tls).await,
            Engine::Docker => self.docker(cli, &api, &cluster, has_tls).await,
            Engine::Mesos => self.mesos(cli, address),
        }
    }

    async fn kubernetes(&self, cli: &mut Cli, api: &Api, cluster: &Value, has_tls: bool) -> Result {
        const CONFIG: &str = "config";
        let certificates: &[&str] = if self.output_certs { &["ca.pem", "cert.pem", "key.pem"] } else { &[] };
        let mut files = Files::new(&cli.environment, &self.dir, self.force);
        let merge_into = self.merge.as_ref().map(|given| merge_path(cli, given.as_deref())).transpose()?;
        if merge_into.is_none() {
            files.check(&[&[CONFIG], certificates].concat())?;
        }
        let uuid = text(cluster, "uuid");
        let (authority, user) = if !has_tls {
            (None, User::Nobody)
        } else if self.use_keystone {
            (Some(authority(api, uuid).await?), User::Keystone)
        } else {
            let Identity { authority, certificate, key } = identity(api, uuid, self.role).await?;
            if self.output_certs {
                files.add("ca.pem", authority.clone());
                files.add("cert.pem", certificate.clone());
                files.add("key.pem", key.clone());
            }
            (Some(authority), User::Certificate { certificate, key })
        };
        let name = text(cluster, "name");
        let config = Kubeconfig {
            cluster: if name.is_empty() { uuid } else { name }.to_owned(),
            role: if self.use_keystone { "keystone" } else { self.role.word() }.to_owned(),
            server: text(cluster, "api_address").to_owned(),
            authority,
            user,
        };
        let path = match merge_into {
            Some(path) => {
                merge_in(cli, &path, &config.document())?;
                cli.screen.note(&format!(
                    "context {:?} is now the current one of {}",
                    config.context(),
                    path.display()
                ));
                path
            }
            None => {
                files.add(CONFIG, yaml(&config.document())?);
                let path = files.path(CONFIG);
                files.write()?;
                path
            }
        };
        let variables = [("KUBECONFIG", path.display().to_string())];
        cli.screen.print(&Shell::of(&cli.environment).lines(&variables))
    }

    async fn docker(&self, cli: &mut Cli, api: &Api, cluster: &Value, has_tls: bool) -> Result {
        const VARIABLES: &str = "docker.env";
        let mut files = Files::new(&cli.environment, &self.dir, self.force);
        let certificates: &[&str] = if has_tls { &["ca.pem", "cert.pem", "key.pem"] } else { &[] };
        files.check(&[&[VARIABLES], certificates].concat())?;
        if has_tls {
            let Identity { authority, certificate, key } =
                identity(api, text(cluster, "uuid"), Role::Admin).await?;
            files.add("ca.pem", authority);
            files.add("cert.pem", certificate);
            files.add("key.pem", key);
        }
        let folder = files.folder().to_owned();
        let certificates = has_tls.then_some(folder.as_path());
        let lines = docker::docker(Shell::of(&cli.environment), text(cluster, "api_address"), certificates);
        files.add(VARIABLES, lines.clone());
        files.write()?;
        cli.screen.print(&lines)
    }

    fn mesos(&self, cli: &mut Cli, address: &str) -> Result {
        const VARIABLES: &str = "mesos.env";
        let mut files = Files::new(&cli.environment, &self.dir, self.force);
        files.check(&[VARIABLES])?;
        let lines = docker::mesos(Shell::of(&cli.environment), address);
        files.add(VARIABLES, lines.clone());
        files.write()?;
        cli.screen.print(&lines)
    }
}

async fn authority(api: &Api, cluster: &str) -> Result<String> {
    let shown = api.get(&["certificates", cluster], &[]).await?;
    pem(&shown, "CA certificate")
}

fn pem(document: &Value, what: &str) -> Result<String> {
    let pem = text(document, "pem").trim();
    if pem.is_empty() {
        return Err(
            CliError::new(Kind::Failed, format!("the service gave no {what}")).advise("its log says more")
        );
    }
    Ok(format!("{pem}\n"))
}

/// A new key, and the certificate that the cluster's authority makes of it.
async fn identity(api: &Api, cluster: &str, role: Role) -> Result<Identity> {
    let broken = |error: magnum_x509::Error| {
        CliError::new(Kind::Failed, "a key and a certificate request cannot be made").caused_by(error)
    };
    let authority = authority(api, cluster).await?;
    let (key, csr) = tokio::task::spawn_blocking(move || {
        let key = PrivateKey::generate(KEY)?;
        let subject = [(NameAttribute::CommonName, role.word()), (NameAttribute::Organisation, role.group())];
        let csr = CertificateRequest::create(&key, &subject, &[])?.to_pem()?;
        Ok::<_, magnum_x509::Error>((key.to_pkcs8_pem()?, csr))
    })
    .await
    .map_err(|error| CliError::new(Kind::Failed, "a key cannot be made").caused_by(error))?
    .map_err(broken)?;
    let body = Fields::default().with("cluster_uuid", Some(cluster)).with("csr", Some(csr)).body();
    let signed = api.post(&["certificates"], &body).await?.body;
    Ok(Identity { authority, certificate: pem(&signed, "certificate")?, key: key.expose_secret().to_owned() })
}

/// The kubeconfig to merge into. A link is followed, so that it stays one.
fn merge_path(cli: &Cli, given: Option<&Path>) -> Result<PathBuf> {
    let environment = &cli.environment;
    let first = environment.get("KUBECONFIG").and_then(|list| list.split(':').find(|path| !path.is_empty()));
    let path = match (given, first, &environment.home) {
        (Some(given), _, _) => environment.path(given),
        (None, Some(first), _) => environment.path(first.as_ref()),
        (None, None, Some(home)) => home.join(".kube").join("config"),
        (None, None, None) => {
            return Err(CliError::usage("there is no home directory to look for .kube/config in")
                .advise("give --merge=FILE"));
        }
    };
    Ok(path.canonicalize().unwrap_or(path))
}

fn merge_in(cli: &Cli, path: &Path, addition: &Value) -> Result {
    let unreadable = |error: std::io::Error| {
        CliError::usage(format!("{} cannot be read", path.display()))
            .caused_by(error)
            .advise("correct its permissions, or give --merge=FILE")
    };
    let present = match std::fs::metadata(path) {
        Ok(about) if about.len() > MAX_KUBECONFIG => {
            return Err(CliError::usage(format!("{} is too long for a kubeconfig", path.display()))
                .advise("give --merge=FILE"));
        }
        Ok(_) => std::fs::read_to_string(path).map_err(unreadable)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(unreadable(error)),
    };
    let text = yaml(&merge::merged(path, &present, addition)?)?;
    files::make_folder(path.parent().unwrap_or(Path::new("")))?;
    files::replace(&cli.environment, path, &text)
}

fn yaml(document: &Value) -> Result<String> {
    serde_saphyr::to_string(document)
        .map_err(|error| CliError::new(Kind::Failed, "a kubeconfig cannot be written").caused_by(error))
}
