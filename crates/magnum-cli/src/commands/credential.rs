//! A cluster's credential for the cloud.

use crate::{
    cli::Cli,
    error::Result,
    watch::{Goal, WaitOptions, Wanted, watch},
};
use clap::{Args, Subcommand};

/// A cluster's own credential for the cloud
#[derive(Subcommand)]
pub enum CredentialCommand {
    /// Give a cluster a new credential
    Rotate(Rotate),
}

/// See [`CredentialCommand::Rotate`].
#[derive(Args)]
pub struct Rotate {
    /// Name or UUID of the cluster
    cluster: String,
    #[command(flatten)]
    wait: WaitOptions,
}

impl CredentialCommand {
    /// Runs it.
    ///
    /// # Errors
    /// As the service refuses.
    pub async fn run(self, cli: &mut Cli) -> Result {
        let Self::Rotate(Rotate { cluster, wait }) = self;
        let api = cli.api()?;
        let reply = api.patch(&["credentials", &cluster], &[], None).await?;
        let wanted = Wanted::new(&cluster, reply.request_id.as_deref(), Goal::Done);
        let sentence = format!("Request to rotate the credential of cluster {cluster} has been accepted.");
        watch(cli, &api, &wait, &wanted, &sentence).await
    }
}
