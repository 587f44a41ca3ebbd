//! What a Docker client and a Mesos client need to know.

use crate::files::shell::Shell;
use std::path::Path;

/// For Docker: where the engine is, and where the certificates are unless it has no TLS.
pub fn docker(shell: Shell, api_address: &str, certificates: Option<&Path>) -> String {
    let mut variables = vec![("DOCKER_HOST", api_address.to_owned())];
    if let Some(folder) = certificates {
        variables.push(("DOCKER_CERT_PATH", folder.display().to_string()));
        variables.push(("DOCKER_TLS_VERIFY", "True".to_owned()));
    }
    shell.lines(&variables)
}

/// For Mesos: the masters, and Marathon beside them.
pub fn mesos(shell: Shell, api_address: &str) -> String {
    let (scheme, rest) = api_address.split_once("://").unwrap_or(("http", api_address));
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = match authority.rsplit_once(':') {
        // The last colon of an address in brackets may be its own.
        Some((host, port)) if port.chars().all(|c| c.is_ascii_digit()) => host,
        _ => authority,
    };
    shell.lines(&[
        ("MESOS_MASTER", format!("{host}:5050")),
        ("MESOS_URL", format!("{scheme}://{host}:5050")),
        ("MARATHON_URL", format!("{scheme}://{host}:8080")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mesos_is_found_by_whatever_address_the_service_gives() {
        for (given, host, scheme) in [
            ("172.24.4.9", "172.24.4.9", "http"),
            ("https://172.24.4.9:8080", "172.24.4.9", "https"),
            ("http://[2001:db8::1]:5050/", "[2001:db8::1]", "http"),
            ("http://[2001:db8::1]", "[2001:db8::1]", "http"),
        ] {
            let text = mesos(Shell::Posix, given);
            assert!(
                text.contains(&format!("{scheme}://{host}:5050")) || text.contains('['),
                "{given}: {text}"
            );
            assert!(text.contains(&format!("{host}:8080")), "{given}: {text}");
        }
    }

    #[test]
    fn docker_without_tls_has_no_certificates() {
        assert_eq!(docker(Shell::Posix, "tcp://h:2375", None), "export DOCKER_HOST=tcp://h:2375\n");
        let with_tls = docker(Shell::Posix, "tcp://h:2376", Some(Path::new("/a b")));
        assert!(with_tls.contains("DOCKER_CERT_PATH='/a b'"), "{with_tls}");
    }
}
