//! `magnum`: the command line for tenants and administrators.

use std::process::ExitCode;

fn main() -> ExitCode {
    magnum::program::run()
}
