//! Templates that clusters are made from.

use crate::{
    cli::Cli,
    commands::{SortedListOptions, given, several::Several, template_fields::TemplateFields},
    error::{CliError, Result},
    fields::{self, LabelChanges, OldPatch, Unset},
};
use clap::{Args, Subcommand};

/// What the older clients send when nothing is said.
const NAMESERVER: &str = "8.8.8.8";
const FLAVOR: &str = "m1.medium";
const STORAGE_DRIVER: &str = "overlay2";

const COLUMNS: &[&str] = &["uuid", "name", "tags"];

/// Templates that clusters are made from
#[derive(Subcommand)]
pub enum TemplateCommand {
    /// Make a template
    Create(Box<Create>),
    /// List the templates of the project and the public ones
    List(List),
    /// Show a template
    Show(Named),
    /// Change a template; while clusters use it only name, tags, and whether it is public or hidden
    Update(Box<Update>),
    /// Delete templates that no cluster uses
    Delete(Delete),
}

/// See [`TemplateCommand::Create`].
#[derive(Args)]
#[command(after_help = "Unless said otherwise: --dns-nameserver 8.8.8.8 --flavor m1.medium \
                        --docker-storage-driver overlay2, as the older clients.")]
pub struct Create {
    /// Name
    name: Option<String>,
    /// The name as an option, as older clients have it
    #[arg(long = "name", value_name = "NAME", hide = true, conflicts_with = "name")]
    named: Option<String>,
    /// Engine of the clusters: kubernetes, swarm or mesos
    #[arg(long, required = true)]
    coe: Option<String>,
    #[command(flatten)]
    fields: TemplateFields,
}

/// See [`TemplateCommand::List`].
#[derive(Args)]
pub struct List {
    #[command(flatten)]
    page: SortedListOptions,
    /// Read the full documents
    #[arg(long)]
    detail: bool,
    /// Only those of this name
    #[arg(long)]
    name: Option<String>,
    /// Only those of this project (its id)
    #[arg(long, value_name = "ID")]
    project: Option<String>,
    /// Show these columns as well, with commas between
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    fields: Vec<String>,
}

/// A template.
#[derive(Args)]
pub struct Named {
    /// Name or UUID
    template: String,
}

/// See [`TemplateCommand::Update`].
#[derive(Args)]
pub struct Update {
    /// Name or UUID
    template: String,
    #[command(flatten)]
    old: OldPatch,
    /// New name
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    fields: TemplateFields,
    #[command(flatten)]
    labels: LabelChanges,
    #[command(flatten)]
    unset: Unset,
}

/// See [`TemplateCommand::Delete`].
#[derive(Args)]
pub struct Delete {
    /// Names or UUIDs
    #[arg(required = true, value_name = "TEMPLATE")]
    templates: Vec<String>,
}

impl TemplateCommand {
    /// Runs it.
    ///
    /// # Errors
    /// As the service refuses.
    pub async fn run(self, cli: &mut Cli) -> Result {
        match self {
            Self::Create(command) => command.run(cli).await,
            Self::List(List { page, detail, name, project, fields }) => {
                let mut query = page.query();
                query.extend(given([("name", name), ("project_id", project)]));
                let path: &[&str] =
                    if detail { &["clustertemplates", "detail"] } else { &["clustertemplates"] };
                cli.output.add_columns(COLUMNS, fields);
                let items = cli.api()?.list(path, "clustertemplates", &query).await?;
                cli.list(COLUMNS, items)
            }
            Self::Show(Named { template }) => {
                let shown = cli.api()?.get(&["clustertemplates", &template], &[]).await?;
                cli.show(&shown)
            }
            Self::Update(command) => command.run(cli).await,
            Self::Delete(Delete { templates }) => {
                let api = cli.api()?;
                let mut several = Several::of(templates.len());
                for template in templates {
                    let ended = match api.delete(&["clustertemplates", &template]).await {
                        Ok(_) => cli.done(&format!(
                            "Request to delete cluster template {template} has been accepted."
                        )),
                        Err(error) => Err(error),
                    };
                    several.take(cli, ended)?;
                }
                several.end("cluster templates")
            }
        }
    }
}

impl Create {
    async fn run(mut self, cli: &mut Cli) -> Result {
        if self.fields.image.is_none() || self.fields.external_network.is_none() {
            let missing = if self.fields.image.is_none() { "image" } else { "external-network" };
            return Err(CliError::usage(format!("--{missing} is not given")).advise(format!(
                "give --{missing} NAME; `openstack image list` and `openstack network list \
                                 --external` show what there is"
            )));
        }
        self.fields.dns_nameserver.get_or_insert_with(|| NAMESERVER.to_owned());
        self.fields.flavor.get_or_insert_with(|| FLAVOR.to_owned());
        self.fields.docker_storage_driver.get_or_insert_with(|| STORAGE_DRIVER.to_owned());
        let body = self.fields.fields()?.with("name", self.name.or(self.named)).with("coe", self.coe).body();
        let made = cli.api()?.post(&["clustertemplates"], &body).await?.body;
        cli.show(&made)
    }
}

impl Update {
    async fn run(self, cli: &mut Cli) -> Result {
        let body = fields::all(vec![
            self.old.patch()?,
            self.fields.fields()?.with("name", self.name).patch(),
            self.labels.patch()?,
            self.unset.patch(),
        ])?;
        let changed = cli.api()?.patch(&["clustertemplates", &self.template], &[], Some(&body)).await?.body;
        cli.show(&changed)
    }
}
