//! Sections that upstream does not have.

use crate::option::section;

section! {
    /// `[secrets]`: how secrets in the database and in files are sealed. Upstream has no such group.
    Secrets {
        /// File (mode 600, 32 random bytes, raw or as base64) of the key that seals secrets kept in the database or
        /// in the file system. Keep it apart from both.
        key_file: Option<String>, ours();
    }
}

section! {
    /// `[node]`: the program that runs on the nodes of clusters. Upstream has no such group.
    Node {
        /// Path of the `magnum-node` program to serve to nodes; empty means beside the running program, then in
        /// /usr/lib/magnum.
        program: String = "", ours();
        /// Longest time that a node's question for its plan is held open, in seconds.
        plan_hold_seconds: u64 = "20", at_least(1), ours();
    }
}
