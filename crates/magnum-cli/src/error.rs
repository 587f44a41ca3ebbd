//! Why a command ended without success, and what to do next. The kind decides the exit code.

use magnum_openstack::{CloudError, CloudErrorKind};
use std::error::Error as StdError;

/// What kind of failure; see [`Kind::exit_code`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The service refused or failed, could not be reached, or what was waited for failed.
    Failed,
    /// The command line, the environment or a file that they name makes no sense.
    Usage,
    /// The named object is not there.
    NotFound,
    /// `--wait` did not see the end in time; the work goes on.
    TimedOut,
    /// Ctrl-C during `--wait`; the work goes on.
    Interrupted,
}

impl Kind {
    /// Every kind.
    pub const ALL: &'static [Kind] =
        &[Kind::Failed, Kind::Usage, Kind::NotFound, Kind::TimedOut, Kind::Interrupted];

    /// The program's exit code. Part of the interface: scripts read it.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::NotFound => 3,
            Kind::TimedOut => 4,
            Kind::Interrupted => 130,
        }
    }

    /// In words, for the reference.
    pub fn words(self) -> &'static str {
        match self {
            Kind::Failed => "refused or failed: the message says by whom and why",
            Kind::Usage => "the command line, the environment or a file that they name cannot be used",
            Kind::NotFound => "the named object is not there",
            Kind::TimedOut => "a wait ended before the operation did; the operation goes on",
            Kind::Interrupted => "Ctrl-C during a wait; the operation goes on",
        }
    }
}

/// A failed command.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CliError {
    /// What kind.
    pub kind: Kind,
    /// What happened.
    pub message: String,
    /// What to do next.
    pub advice: Option<String>,
    /// What lies beneath.
    #[source]
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

/// A command's result.
pub type Result<T = ()> = std::result::Result<T, CliError>;

impl CliError {
    /// A failure of this kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), advice: None, source: None }
    }

    /// A command line, environment or file that cannot be used.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// The same with what to do next.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// The same with its cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The message with its causes, each after a colon, and the advice on a line of its own.
    pub fn text(&self) -> String {
        let mut text = format!("error: {}", self.message);
        let mut cause = self.source();
        while let Some(error) = cause {
            let words = error.to_string();
            // A cause that the message repeats already is not said twice.
            if !text.contains(&words) {
                text.push_str(": ");
                text.push_str(&words);
            }
            cause = error.source();
        }
        if let Some(advice) = &self.advice {
            text.push('\n');
            text.push_str(advice);
        }
        text
    }
}

impl From<CloudError> for CliError {
    fn from(error: CloudError) -> Self {
        let kind = match error.kind {
            CloudErrorKind::NotFound => Kind::NotFound,
            CloudErrorKind::Settings | CloudErrorKind::NoEndpoint => Kind::Usage,
            // Refused before any request was made.
            CloudErrorKind::BadRequest if error.method.is_empty() => Kind::Usage,
            _ => Kind::Failed,
        };
        let advice = advice(&error);
        let mut message = error.message.clone();
        if let Some(id) = &error.request_id {
            message.push_str(&format!(" ({id})"));
        }
        // The service's own words come first; which call it was is for support.
        Self {
            kind,
            message,
            advice,
            source: error.source.clone().map(|source| Box::new(Beneath(source)) as _),
        }
    }
}

fn advice(error: &CloudError) -> Option<String> {
    let kind = match error.kind {
        // The rules of quotas have "quota" in their name: who may not see one has not used it up.
        CloudErrorKind::QuotaExceeded if error.message.starts_with("Policy") => CloudErrorKind::Forbidden,
        kind => kind,
    };
    let text = match kind {
        CloudErrorKind::Unauthorized => {
            "check the user name, password or token (OS_* variables or clouds.yaml); a token may have expired"
        }
        CloudErrorKind::Forbidden if error.service == "magnum" => {
            "your roles do not admit this: ask for another role in the project, or ask an administrator"
        }
        CloudErrorKind::NotFound if error.service == "magnum" => {
            "list what is there with the command `list` of the same noun, and check project and region"
        }
        CloudErrorKind::QuotaExceeded => "delete what is not needed, or ask an administrator for more",
        CloudErrorKind::Connect | CloudErrorKind::Timeout => {
            "check the address (OS_AUTH_URL, clouds.yaml) and the network"
        }
        CloudErrorKind::Certificate => {
            "name the file of the authority that signed it in OS_CACERT, --os-cacert or cacert of clouds.yaml, and check \
             the address (OS_AUTH_URL) against the names in the certificate"
        }
        CloudErrorKind::NoEndpoint => {
            "check OS_REGION_NAME and OS_INTERFACE, or give the address in OS_CONTAINER_INFRA_ENDPOINT_OVERRIDE"
        }
        CloudErrorKind::Server(_) if error.service == "magnum" => {
            "the service failed: its log says more under the request id"
        }
        CloudErrorKind::BadRequest if error.message.contains("microversion") => {
            "leave OS_CONTAINER_INFRA_API_VERSION out, or see `magnum api versions`"
        }
        CloudErrorKind::Conflict if error.message.contains("UUID") || error.message.contains("uuid") => {
            "use the UUID instead of the name"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

/// A shared cause.
#[derive(Debug)]
struct Beneath(std::sync::Arc<dyn StdError + Send + Sync>);

impl std::fmt::Display for Beneath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Beneath {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}
