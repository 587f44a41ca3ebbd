//! The engine's errors in [`MachinesError`]'s words: what nobody can cure by asking again is told apart, and the
//! commonest causes name their cure.

use crate::machines::MachinesError;
use bollard::errors::Error;

/// What an engine says, and the cure that is told with it.
const CURES: &[(&str, &str)] = &[
    (
        "could not find an available, non-overlapping ipv4 address pool",
        "The engine has no addresses left for another network: delete a cluster, remove unused networks with: docker \
         network prune, or give it more with default-address-pools in /etc/docker/daemon.json",
    ),
    (
        "all predefined address pools have been fully subnetted",
        "The engine has no addresses left for another network: delete a cluster, remove unused networks with: docker \
         network prune, or give it more with default-address-pools in /etc/docker/daemon.json",
    ),
    (
        "no space left on device",
        "The engine's disk is full: make room, for example with: docker system prune",
    ),
    (
        "unable to apply caps",
        "The engine may not give a node all rights that this process has: start both with the same rights",
    ),
    (
        "cgroup namespaces",
        "The machine's kernel or its engine lacks namespaces of control groups: use newer ones",
    ),
    ("toomanyrequests", "The registry wants fewer requests: log in with docker login, or wait"),
];

/// An error met while `doing` something, with the name of the thing.
pub(super) fn refused(doing: impl Into<String>, error: Error) -> MachinesError {
    let doing = doing.into();
    match error {
        Error::DockerResponseServerError { status_code, message } => {
            // 409 is said of things that are on their way, 5xx also of what time does not cure.
            with_cure(doing, message, status_code == 409 || status_code >= 500)
        }
        Error::RequestTimeoutError => with_cure(doing, "the engine did not answer in time".to_owned(), true),
        Error::DockerStreamError { error } => with_cure(doing, error, false),
        other => with_cure(doing, chain(&other), true),
    }
}

fn with_cure(doing: String, message: String, again: bool) -> MachinesError {
    let message = one_line(&message);
    let found = CURES.iter().find(|(words, _)| message.to_ascii_lowercase().contains(words));
    match found {
        Some((_, cure)) => {
            MachinesError::Refused { doing, reason: format!("{message}. {cure}"), again: false }
        }
        None => MachinesError::Refused { doing, reason: message, again },
    }
}

/// The HTTP status, of an answer.
pub(super) fn status(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// The engine's words, of an answer.
pub(super) fn message(error: &Error) -> &str {
    match error {
        Error::DockerResponseServerError { message, .. } => message,
        _ => "",
    }
}

/// Nothing, also when the thing is not there.
pub(super) fn gone(result: Result<(), Error>, doing: impl Into<String>) -> Result<(), MachinesError> {
    match result {
        Err(error) if status(&error) == Some(404) => Ok(()),
        other => other.map_err(|error| refused(doing, error)),
    }
}

/// An error and all its causes, because a client library's own words seldom tell.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !words.contains(&text) {
            words = format!("{words}: {text}");
        }
        cause = error.source();
    }
    words
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_server(status_code: u16, message: &str) -> MachinesError {
        refused(
            "making network a",
            Error::DockerResponseServerError { status_code, message: message.to_owned() },
        )
    }

    #[test]
    fn exhausted_addresses_name_their_cure_and_are_not_asked_for_again() {
        for words in [
            "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
            "all predefined address pools have been fully subnetted",
        ] {
            let error = of_server(500, words);
            assert!(matches!(error, MachinesError::Refused { again: false, .. }), "{error:?}");
            assert!(error.to_string().contains("default-address-pools"), "{error}");
            assert!(error.to_string().starts_with("making network a: "), "{error}");
        }
    }

    #[test]
    fn a_full_disk_is_told_in_one_line() {
        let error = of_server(500, "mkdir /data/overlay2/1:\nno space left on device").to_string();
        assert!(error.contains("disk is full") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn only_what_may_pass_is_asked_for_again() {
        assert!(matches!(of_server(500, "busy"), MachinesError::Refused { again: true, .. }));
        assert!(matches!(of_server(409, "in progress"), MachinesError::Refused { again: true, .. }));
        assert!(matches!(of_server(400, "bad"), MachinesError::Refused { again: false, .. }));
    }

    #[test]
    fn what_is_gone_already_is_no_fault() {
        let missing = Error::DockerResponseServerError { status_code: 404, message: "no".to_owned() };
        assert!(gone(Err(missing), "removing").is_ok());
        assert!(gone(Err(Error::RequestTimeoutError), "removing").is_err());
    }
}
