//! The command line as a whole: what there is, and which code runs for it.

use crate::{
    cli::Cli,
    cloud::CloudOptions,
    commands::{
        api::ApiCommand, ca::CaCommand, cluster::ClusterCommand, credential::CredentialCommand,
        federation::FederationCommand, nodegroup::NodegroupCommand, quotas::QuotasCommand,
        service::ServiceCommand, stats::StatsCommand,
    },
    environment::Environment,
    error::{CliError, Kind, Result},
    legacy,
    output::OutputOptions,
    screen::Screen,
};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::Shell;
use std::{ffi::OsString, path::PathBuf};

const AFTER_HELP: &str = "Who you are is taken from a cloud of clouds.yaml (OS_CLOUD), or from OS_* variables as an \
openrc file sets them. `--help` shows every option. `magnum standalone --help`: a whole Magnum on this machine, without a \
cloud. Exit codes: 0 done, 1 refused or failed, 2 wrong usage, \
3 not found, 4 a wait was too long, 130 interrupted.";

/// Makes container clusters, and shows how they are
#[derive(Parser)]
#[command(name = "magnum", version, after_help = AFTER_HELP, subcommand_required = true, arg_required_else_help = true)]
pub struct Program {
    #[command(subcommand)]
    noun: Noun,
    #[command(flatten)]
    output: OutputOptions,
    #[command(flatten)]
    cloud: CloudOptions,
    /// Show requests on standard error, without tokens and keys
    #[arg(long, global = true, help_heading = "Output")]
    debug: bool,
}

#[derive(Subcommand)]
enum Noun {
    #[command(subcommand)]
    Cluster(ClusterCommand),
    #[command(subcommand, alias = "ng")]
    Nodegroup(NodegroupCommand),
    #[command(subcommand)]
    Ca(CaCommand),
    #[command(subcommand)]
    Credential(CredentialCommand),
    #[command(subcommand)]
    Quotas(QuotasCommand),
    #[command(subcommand)]
    Stats(StatsCommand),
    #[command(subcommand)]
    Service(ServiceCommand),
    #[command(subcommand)]
    Federation(FederationCommand),
    #[command(subcommand)]
    Api(ApiCommand),
    /// Print what a shell needs to complete commands
    Completion(Completion),
    /// Write the manual's pages into a folder
    Man(Man),
}

#[derive(Args)]
#[command(after_help = "For bash: magnum completion bash > /etc/bash_completion.d/magnum")]
struct Completion {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Args)]
struct Man {
    /// The folder; it is made if it is not there
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

impl Program {
    /// Reads a command line, the program's name first.
    ///
    /// # Errors
    /// Clap's own, which know whether they are a failure: `--help` is none.
    pub fn parse_from(arguments: Vec<OsString>) -> std::result::Result<Self, clap::Error> {
        let command = Self::command();
        let arguments = legacy::translated(arguments, &command);
        Self::from_arg_matches(&command.try_get_matches_from(arguments)?)
    }

    /// Whether requests are to be shown.
    pub fn debug(&self) -> bool {
        self.debug
    }

    /// Runs the command.
    ///
    /// # Errors
    /// As the command fails.
    pub async fn run(self, environment: Environment) -> Result {
        let Self { noun, output, cloud, debug } = self;
        let mut cli = Cli { environment, screen: Screen::process(), output, cloud, debug };
        match noun {
            Noun::Cluster(command) => command.run(&mut cli).await,
            Noun::Nodegroup(command) => command.run(&mut cli).await,
            Noun::Ca(command) => command.run(&mut cli).await,
            Noun::Credential(command) => command.run(&mut cli).await,
            Noun::Quotas(command) => command.run(&mut cli).await,
            Noun::Stats(command) => command.run(&mut cli).await,
            Noun::Service(command) => command.run(&mut cli).await,
            Noun::Federation(command) => command.run(&mut cli).await,
            Noun::Api(command) => command.run(&mut cli).await,
            Noun::Completion(Completion { shell }) => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Self::command(), "magnum", &mut script);
                cli.screen.print(&String::from_utf8_lossy(&script))
            }
            Noun::Man(Man { folder }) => {
                let folder = cli.environment.path(&folder);
                std::fs::create_dir_all(&folder)
                    .and_then(|()| clap_mangen::generate_to(Self::command(), &folder))
                    .map_err(|error| {
                        CliError::new(Kind::Failed, format!("{} cannot be written", folder.display()))
                            .caused_by(error)
                            .advise("give a folder of your own")
                    })
            }
        }
    }

    /// The generated part of docs/cli.md.
    pub fn reference() -> String {
        crate::reference::reference(Self::command())
    }
}
