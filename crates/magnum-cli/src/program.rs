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
    legacy::{self, Translated},
    output::OutputOptions,
    screen::Screen,
};
use clap::{
    Arg, ArgMatches, Args, Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand,
    error::ErrorKind, parser::ValueSource,
};
use clap_complete::Shell;
use std::{ffi::OsString, path::PathBuf};

const AFTER_HELP: &str = "Who you are is taken from a cloud of clouds.yaml (OS_CLOUD), or from OS_* variables as an \
openrc file sets them. `--help` shows every option. Exit codes: 0 done, 1 refused or failed, 2 wrong usage, \
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
    /// The nouns that are not of this crate.
    #[arg(skip)]
    others: Vec<Command>,
    #[arg(skip)]
    is_old: bool,
}

/// A command line that makes sense.
pub enum Parsed {
    /// For this crate.
    Own(Box<Program>),
    /// For whoever passed this noun in.
    Other {
        /// The noun.
        noun: String,
        /// What was given to it.
        given: ArgMatches,
    },
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
    /// Print all verbs and options in one line, for the old client's completion
    #[command(hide = true, alias = "bash_completion")]
    BashCompletion,
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
    /// Reads a command line, the program's name first. `others` are nouns whose code is not here: they are part of the
    /// tree of commands, so that help, completions and the manual know them.
    ///
    /// # Errors
    /// Clap's own, which know whether they are a failure: `--help` is none.
    pub fn parse_from(
        arguments: Vec<OsString>,
        others: Vec<Command>,
    ) -> std::result::Result<Parsed, clap::Error> {
        let mut command = whole(&others);
        let Translated { arguments, is_old } = legacy::translated(arguments, &command);
        let matches = command.try_get_matches_from_mut(arguments)?;
        if let Some((noun, given)) = matches.subcommand()
            && let Some(other) = others.iter().find(|other| other.get_name() == noun)
        {
            if let Some(useless) = useless(other, given) {
                let words = format!(
                    "'{useless}' is for clients of a service, which 'magnum {noun}' is not: leave it out"
                );
                return Err(command.error(ErrorKind::ArgumentConflict, words));
            }
            return Ok(Parsed::Other { noun: noun.to_owned(), given: given.clone() });
        }
        let program = Self::from_arg_matches(&matches)?;
        Ok(Parsed::Own(Box::new(Self { others, is_old, ..program })))
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
        let Self { noun, output, cloud, debug, others, is_old } = self;
        let mut cli = Cli { environment, screen: Screen::process(), output, cloud, debug, is_old };
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
                clap_complete::generate(shell, &mut whole(&others), "magnum", &mut script);
                cli.screen.print(&String::from_utf8_lossy(&script))
            }
            Noun::Man(Man { folder }) => {
                let folder = cli.environment.path(&folder);
                std::fs::create_dir_all(&folder)
                    .and_then(|()| clap_mangen::generate_to(whole(&others), &folder))
                    .map_err(|error| {
                        CliError::new(Kind::Failed, format!("{} cannot be written", folder.display()))
                            .caused_by(error)
                            .advise("give a folder of your own")
                    })
            }
            Noun::BashCompletion => cli.screen.print(&legacy::words(&whole(&others))),
        }
    }

    /// The generated part of docs/cli.md, with these nouns.
    pub fn reference(others: &[Command]) -> String {
        crate::reference::reference(whole(others))
    }
}

/// The tree of commands with these nouns in it. Options of every command are for clients of a service: the other nouns
/// show only those that they have a use for, by having the same.
fn whole(others: &[Command]) -> Command {
    let root = Program::command();
    let globals: Vec<Arg> = root
        .get_arguments()
        .filter(|option| option.is_global_set())
        .map(|option| option.clone().hide(true))
        .collect();
    others.iter().fold(root, |root, noun| {
        let not_its_own = globals.iter().filter(|option| !has(noun, option));
        root.subcommand(noun.clone().args(not_its_own))
    })
}

fn has(noun: &Command, option: &Arg) -> bool {
    noun.get_arguments().any(|own| own.get_id() == option.get_id())
}

/// An option of every command that was given to a noun that has no use for it.
fn useless(noun: &Command, given: &ArgMatches) -> Option<String> {
    let mut deepest = given;
    while let Some((_, further)) = deepest.subcommand() {
        deepest = further;
    }
    let root = Program::command();
    let mut others = root.get_arguments().filter(|option| option.is_global_set() && !has(noun, option));
    let found = others
        .find(|option| deepest.value_source(option.get_id().as_str()) == Some(ValueSource::CommandLine));
    found.and_then(Arg::get_long).map(|long| format!("--{long}"))
}
