//! Where the engine is, and whether it answers there: each way in which it does not has a remedy of its own.

use crate::machines::MachinesError;
use std::{io::ErrorKind, path::PathBuf, time::Duration};
use tokio::net::{TcpStream, UnixStream};

/// Where engines are unless told otherwise.
const USUAL: &str = "unix:///var/run/docker.sock";
/// For a connection to be made.
const PATIENCE: Duration = Duration::from_secs(5);

/// An engine's socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A file of this machine.
    Unix(PathBuf),
    /// Host and port.
    Tcp(String),
}

impl Place {
    /// From `DOCKER_HOST`'s form; nothing is the usual place.
    pub(super) fn parse(host: Option<&str>) -> Result<Self, MachinesError> {
        let host = host.filter(|host| !host.is_empty()).unwrap_or(USUAL);
        if let Some(path) = host.strip_prefix("unix://").filter(|path| path.starts_with('/')) {
            return Ok(Self::Unix(path.into()));
        }
        let tcp = host.strip_prefix("tcp://").or_else(|| host.strip_prefix("http://"));
        match tcp.map(|address| address.trim_end_matches('/')).filter(|address| address.contains(':')) {
            Some(address) => Ok(Self::Tcp(address.to_owned())),
            None => Err(MachinesError::Absent {
                place: host.to_owned(),
                reason: "this is neither unix:///path nor tcp://host:port".to_owned(),
                remedy: "Set DOCKER_HOST to the socket of this machine's engine, or unset it.".to_owned(),
            }),
        }
    }

    /// As `DOCKER_HOST` has it.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Unix(path) => format!("unix://{}", path.display()),
            Self::Tcp(address) => format!("tcp://{address}"),
        }
    }

    /// Whether somebody listens there and lets us in.
    pub(super) async fn reach(&self) -> Result<(), MachinesError> {
        let connected = tokio::time::timeout(PATIENCE, async {
            match self {
                Self::Unix(path) => UnixStream::connect(path).await.map(drop),
                Self::Tcp(address) => TcpStream::connect(address).await.map(drop),
            }
        });
        let error = match connected.await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(_) => ErrorKind::TimedOut.into(),
        };
        Err(self.absent(&error))
    }

    fn absent(&self, error: &std::io::Error) -> MachinesError {
        let remedy = match (error.kind(), self) {
            (ErrorKind::NotFound, Self::Unix(_)) => {
                "Start it (systemctl start docker; where no systemd runs: scripts/engine start), install it first where \
                 there is none (Debian: apt install docker.io), or name its socket in DOCKER_HOST."
            }
            (ErrorKind::PermissionDenied, _) => {
                "Add your user to the group docker (usermod -aG docker NAME, then log in anew), or become root."
            }
            (ErrorKind::ConnectionRefused, Self::Unix(_)) => {
                "It has stopped: start it (systemctl start docker; where no systemd runs: scripts/engine start)."
            }
            _ => "Start the engine there, or name another place in DOCKER_HOST.",
        };
        MachinesError::Absent { place: self.url(), reason: error.to_string(), remedy: remedy.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn remedy(place: &str) -> String {
        Place::parse(Some(place)).unwrap().reach().await.unwrap_err().to_string()
    }

    #[test]
    fn places_are_read_as_docker_reads_them() {
        assert_eq!(Place::parse(None).unwrap(), Place::Unix("/var/run/docker.sock".into()));
        assert_eq!(Place::parse(Some("")).unwrap(), Place::Unix("/var/run/docker.sock".into()));
        assert_eq!(Place::parse(Some("unix:///a/b")).unwrap().url(), "unix:///a/b");
        assert_eq!(
            Place::parse(Some("tcp://127.0.0.1:2375")).unwrap(),
            Place::Tcp("127.0.0.1:2375".to_owned())
        );
        for wrong in ["ssh://me@there", "unix://relative", "tcp://noport", "/var/run/docker.sock"] {
            assert!(matches!(Place::parse(Some(wrong)), Err(MachinesError::Absent { .. })), "{wrong}");
        }
    }

    #[tokio::test]
    async fn each_way_of_not_answering_has_its_remedy() {
        let here = tempfile::tempdir().unwrap();
        let socket = here.path().join("engine.sock");
        let url = format!("unix://{}", socket.display());
        assert!(remedy(&url).await.contains("apt install docker.io"));
        // A socket whose listener has gone.
        drop(tokio::net::UnixListener::bind(&socket).unwrap());
        assert!(remedy(&url).await.contains("systemctl start docker"));
        let denied = Place::Unix(socket).absent(&ErrorKind::PermissionDenied.into());
        assert!(denied.to_string().contains("group docker"), "{denied}");
        assert!(remedy("tcp://127.0.0.1:1").await.contains("DOCKER_HOST"));
    }
}
