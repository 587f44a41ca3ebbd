//! Which of the kernel's capabilities a node gets: all that may be had. An init and an engine in a node want nearly what
//! `--privileged` gives, but that is refused as a whole where only one capability is missing (a machine that is itself a
//! container of some kind), and it gives the machine's devices too. So they are named one by one.
//!
//! The engine may be older than the kernel and not know the newest ones. It names the one that it refuses, and that one
//! is left out from then on.

use std::collections::BTreeSet;

/// By number, as in `linux/capability.h`.
const NAMES: &[&str] = &[
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];
/// Without this one nothing can be mounted, so no node can run.
const NEEDED: &str = "CAP_SYS_ADMIN";

/// Names as the engine has them: `CAP_CHOWN`.
pub(super) type Capabilities = BTreeSet<String>;

/// What to ask the engine for: this process's bounding set, which is the machine's unless this process is shut in more
/// closely than the engine, or all where that cannot be read.
///
/// `status` is the text of `/proc/self/status`.
pub(super) fn wanted(status: Option<&str>) -> Capabilities {
    let all = || NAMES.iter().map(|name| format!("CAP_{name}")).collect::<Capabilities>();
    match status.and_then(bounding) {
        Some(bits) => {
            let own: Capabilities =
                all_with_bits().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| name).collect();
            // A process that may not mount would get nodes that may not either, but its engine can do more.
            if own.contains(NEEDED) { own } else { all() }
        }
        None => all(),
    }
}

fn all_with_bits() -> impl Iterator<Item = (u64, String)> {
    NAMES.iter().enumerate().map(|(number, name)| (1_u64 << number, format!("CAP_{name}")))
}

fn bounding(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapBnd:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

/// The capability that the engine refuses by its name, among the wanted ones.
pub(super) fn unknown<'a>(message: &str, wanted: &'a Capabilities) -> Option<&'a String> {
    if !message.contains("CapAdd") {
        return None;
    }
    let words: Vec<&str> = message.split(|c: char| !c.is_ascii_uppercase() && c != '_').collect();
    wanted.iter().find(|name| words.contains(&name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_capability_is_not_asked_for() {
        let some = wanted(Some("Name:\tx\nCapBnd:\t000001fffeffffff\n"));
        assert_eq!(some.len(), 40);
        assert!(!some.contains("CAP_SYS_RESOURCE") && some.contains("CAP_SYS_ADMIN"));
        assert!(some.contains("CAP_CHECKPOINT_RESTORE"));
    }

    #[test]
    fn whoever_is_shut_in_or_cannot_read_asks_for_all() {
        for status in [None, Some("CapBnd:\t00000000a80425fb\n"), Some("CapBnd:\tno\n"), Some("")] {
            assert_eq!(wanted(status).len(), 41, "{status:?}");
        }
    }

    #[test]
    fn the_refused_one_is_found_in_the_words_of_old_and_new_engines() {
        let some = wanted(None);
        let old = "invalid CapAdd: unknown capability: \"CAP_BPF\"";
        assert_eq!(unknown(old, &some).unwrap(), "CAP_BPF");
        let new = "invalid CapAdd: capability not supported by your kernel or not available in the current \
                   environment: CAP_SYS_RESOURCE";
        assert_eq!(unknown(new, &some).unwrap(), "CAP_SYS_RESOURCE");
        assert_eq!(unknown("CAP_BPF is nice", &some), None);
        assert_eq!(unknown("invalid CapAdd: no name", &some), None);
    }
}
