//! A cluster's operations.

use crate::{
    cli::{Cli, text},
    commands::ListOptions,
    error::Result,
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// What was asked of a cluster, and how it went
#[derive(Subcommand)]
pub enum OperationCommand {
    /// List operations, the newest first
    List(List),
    /// Show an operation with its steps
    Show(Show),
}

/// See [`OperationCommand::List`].
#[derive(Args)]
pub struct List {
    /// Name or UUID of the cluster
    cluster: String,
    #[command(flatten)]
    page: ListOptions,
}

/// See [`OperationCommand::Show`].
#[derive(Args)]
pub struct Show {
    /// Name or UUID of the cluster
    cluster: String,
    /// UUID of the operation
    operation: String,
}

impl OperationCommand {
    /// Runs it.
    ///
    /// # Errors
    /// As the service refuses.
    pub async fn run(self, cli: &mut Cli) -> Result {
        match self {
            Self::List(List { cluster, page }) => {
                let path = ["clusters", &cluster, "operations"];
                let items = cli.api()?.list(&path, "operations", &page.query()).await?;
                cli.list(&["uuid", "kind", "state", "created_at", "finished_at", "status_reason"], items)
            }
            Self::Show(Show { cluster, operation }) => {
                let path = ["clusters", &cluster, "operations", &operation];
                let mut shown = cli.api()?.get(&path, &[]).await?;
                if cli.output.format == crate::output::Format::Table {
                    steps_in_words(&mut shown);
                }
                cli.show(&shown)
            }
        }
    }
}

/// A line for each step instead of its document.
fn steps_in_words(operation: &mut Value) {
    let Some(steps) = operation.get_mut("steps") else { return };
    let line = |step: &Value| {
        let mut line = format!("{}: {}", text(step, "name"), text(step, "state"));
        if let Some(tries) = step.get("tries").and_then(Value::as_i64).filter(|tries| *tries > 1) {
            line.push_str(&format!(", try {tries}"));
        }
        if let Some(error) = step.get("error").and_then(Value::as_str) {
            line.push_str(&format!(", {error}"));
        }
        line
    };
    let lines: Vec<String> = steps.as_array().into_iter().flatten().map(line).collect();
    *steps = json!(lines.join("\n"));
}
