//! The `magnum` command: noun then verb, as `openstack coe` has it, and the verbs of the old `magnum`.
//!
//! A command is a file per noun in `commands`; it makes a request out of its options (`fields`), sends it
//! (`client`), and shows the answer (`output`). Who the caller is comes from the environment (`cloud`); the
//! session and its transport are those of `magnum-openstack`. `watch` waits and shows how it goes; `files` writes
//! what is secret. Nothing here reads the process's environment: the binary hands it in.

mod cli;
mod client;
mod cloud;
mod commands;
mod environment;
mod error;
mod fields;
mod files;
mod legacy;
mod output;
mod program;
mod reference;
mod screen;
mod watch;

pub use environment::{Environment, Terminal, TerminalSize};
pub use error::{CliError, Kind};
pub use legacy::verbs as old_verbs;
pub use program::{Parsed, Program};
