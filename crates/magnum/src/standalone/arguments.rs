//! The command line of `magnum standalone`.

use clap::{Args, Parser, Subcommand};
use std::{net::IpAddr, path::PathBuf};

const AFTER_HELP: &str = "It runs until SIGTERM or Ctrl-C; clusters go on without it, and it takes them up again when it \
is started again. clouds.yaml gets two entries: magnum, a user of a project of its own, and magnum-admin.\n\n\
  magnum standalone image          once: the image that nodes start from\n\
  magnum standalone                in another window, or with & behind it\n\
  export OS_CLOUD=magnum\n\
  magnum cluster template create swarm --coe swarm-mode --external-network public --image NAME, as `image` printed it\n\
  magnum cluster create s1 --cluster-template swarm --node-count 2 --wait";

/// A whole Magnum in one process, whose nodes are containers on this machine's Docker Engine
#[derive(Debug, Parser)]
#[command(name = "magnum standalone", version, after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// What to do; without one: serve.
    #[command(subcommand)]
    pub action: Option<Action>,
    /// Serving.
    #[command(flatten)]
    pub serve: Serve,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Make the image that nodes start from, from Debian's packages, or take a published one
    Image(Image),
    /// Take away every container, network, volume, image and file that standalone mode made; clusters are gone then
    Clean(Clean),
}

/// Where an installation is, and its engine.
#[derive(Debug, Clone, Args)]
pub struct Where {
    /// The installation's folder [default: magnum in the user's data folder, ~/.local/share/magnum]
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// The clients' file of clouds [default: ~/.config/openstack/clouds.yaml]
    #[arg(long, value_name = "FILE")]
    pub clouds: Option<PathBuf>,
    /// Docker Engine's socket or URL [default: unix:///var/run/docker.sock]
    #[arg(long, value_name = "URL", env = "DOCKER_HOST")]
    pub docker_host: Option<String>,
}

/// Options of serving.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where it is.
    #[command(flatten)]
    pub at: Where,
    /// The address to listen on; another than loopback lets other machines in
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub listen: IpAddr,
    /// The port to listen on
    #[arg(long, value_name = "PORT", default_value_t = 9511, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
    /// Log at debug level
    #[arg(long)]
    pub debug: bool,
}

/// Options of `image`.
#[derive(Debug, Args)]
pub struct Image {
    /// Where it is.
    #[command(flatten)]
    pub at: Where,
    /// A published node image to take instead of making one
    #[arg(long, value_name = "IMAGE", conflicts_with = "kubernetes")]
    pub from: Option<String>,
    /// Put Kubernetes in: the folder with kubelet, kube-apiserver and the other programs of one release, as unpacked from
    /// the release's kubernetes-server archive; with etcd and etcdctl beside them where the release needs another line of
    /// etcd than Debian's 3.4; container images as .tar in its folder `images`
    #[arg(long, value_name = "FOLDER")]
    pub kubernetes: Option<PathBuf>,
    /// Show what the programs say that make it
    #[arg(long)]
    pub verbose: bool,
}

/// Options of `clean`.
#[derive(Debug, Args)]
pub struct Clean {
    /// Where it is.
    #[command(flatten)]
    pub at: Where,
    /// Do it: it cannot be undone
    #[arg(long)]
    pub yes: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound_and_serving_is_the_default() {
        Arguments::command().debug_assert();
        let serve = Arguments::try_parse_from(["magnum standalone", "--port", "9512"]).unwrap();
        assert!(serve.action.is_none() && serve.serve.port == 9512 && serve.serve.listen.is_loopback());
        let clean = Arguments::try_parse_from(["magnum standalone", "clean", "--yes"]).unwrap();
        assert!(matches!(clean.action, Some(Action::Clean(Clean { yes: true, .. }))));
        assert!(Arguments::try_parse_from(["magnum standalone", "--port", "0"]).is_err());
        let image = ["magnum standalone", "image", "--kubernetes", "k"];
        let read = Arguments::try_parse_from(image).unwrap();
        assert!(matches!(read.action, Some(Action::Image(Image { kubernetes: Some(_), .. }))));
        assert!(Arguments::try_parse_from(image.into_iter().chain(["--from", "i"])).is_err());
    }
}
