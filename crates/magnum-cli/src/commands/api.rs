//! The service itself: does it answer, which versions has it, how is it described.

use crate::{
    cli::Cli,
    error::{CliError, Kind, Result},
};
use clap::Subcommand;
use serde_json::{Value, json};

/// The service's API
#[derive(Subcommand)]
pub enum ApiCommand {
    /// Ask whether the service is to be used
    Health,
    /// List the versions of the API
    Versions,
    /// Show the collections of version 1
    Show,
    /// Print the description of the API (OpenAPI)
    Describe,
}

impl ApiCommand {
    /// Runs it.
    ///
    /// # Errors
    /// As the service fails.
    pub async fn run(self, cli: &mut Cli) -> Result {
        let api = cli.api()?;
        match self {
            Self::Health => {
                let words = api.get_beside_v1(&["healthcheck"]).await?;
                cli.show(&json!({"health": words}))
            }
            Self::Versions => {
                let found = api.get_beside_v1(&[]).await?;
                let versions = found.get("versions").and_then(Value::as_array).cloned();
                let versions = versions.ok_or_else(|| {
                    CliError::new(Kind::Failed, "the answer has no list of versions")
                        .advise("check that the address is Magnum's")
                })?;
                cli.list(&["id", "status", "min_version", "max_version"], versions)
            }
            Self::Show => {
                let found = api.get(&[], &[]).await?;
                let names =
                    found.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default();
                let names: Vec<String> = names;
                cli.show(&json!({"id": found.get("id"), "collections": names.join(" ")}))
            }
            Self::Describe => {
                let described = api.get(&["openapi.json"], &[]).await?;
                cli.screen.print(&format!("{described:#}"))
            }
        }
    }
}
