//! What can go wrong on a node. A step's error is either worth another try or not; what people read is one line.

use std::time::Duration;

/// A failure of the program itself, outside any step.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A file that must be readable is not.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file that must be writable is not.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file, or the environment, is not what it should be.
    #[error("{path} is not readable as what it should be")]
    Malformed {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Something cannot be written as JSON.
    #[error("cannot encode the state")]
    Encode(#[source] serde_json::Error),
    /// The key or the certificate request cannot be made.
    #[error("cannot make the node's key")]
    Key(#[from] magnum_x509::Error),
    /// A trusted certificate cannot be read.
    #[error("cannot use the certificates of {origin}")]
    Trust {
        /// Where they came from.
        origin: String,
        /// Why.
        #[source]
        source: Box<ureq::Error>,
    },
    /// Nothing tells which instance this is.
    #[error("neither cloud-init nor the metadata service tells the instance id")]
    NoInstanceId,
    /// A step of the plan failed, when asked to stop after one plan.
    #[error("step {step} failed: {error}")]
    PlanFailed {
        /// The step.
        step: String,
        /// First line of its error.
        error: String,
    },
}

/// A call to Magnum or Heat that brought no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The token is not known (401).
    #[error("the token is not accepted")]
    Unauthorized,
    /// The server understood and refuses.
    #[error("the server answers {status}: {text}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// First line of the answer.
        text: String,
    },
    /// No answer, or one that tells nothing.
    #[error("no answer: {0}")]
    Unavailable(String),
}

/// Why a step is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// Another try may succeed.
    #[error("{0}")]
    NotYet(String),
    /// No other try will.
    #[error("{0}")]
    Never(String),
    /// A newer plan asks for something else.
    #[error("there is a newer plan")]
    Superseded,
}

/// What the machine refuses.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// A file or directory.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A program that cannot be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// Which.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A program that took too long and was ended.
    #[error("{program} did not end within {after:?}")]
    TimedOut {
        /// Which.
        program: String,
        /// Its time.
        after: Duration,
    },
}

impl From<MachineError> for StepError {
    fn from(error: MachineError) -> Self {
        // A full disk or a missing directory may be cured meanwhile; the step's own time bounds the tries.
        StepError::NotYet(error.to_string())
    }
}

impl From<NodeError> for StepError {
    fn from(error: NodeError) -> Self {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        StepError::NotYet(format!("{error}{cause}"))
    }
}

/// The first line that says something, at most 500 characters; control characters become spaces.
pub fn first_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("");
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::first_line;

    #[test]
    fn a_long_text_becomes_its_first_line_of_at_most_500_characters() {
        assert_eq!(first_line("\n  \n  no space\tleft \nmore"), "no space left");
        assert_eq!(first_line(&"ü".repeat(600)).chars().count(), 500);
        assert_eq!(first_line(""), "");
    }
}
