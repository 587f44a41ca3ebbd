//! The store's promises, each run on SQLite in memory, on a SQLite file and on a real MariaDB. MariaDB is started once
//! and every case gets a database of its own on it; SQLite's time is a clock that the test moves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod accepting;
mod driving;
mod ground;
mod history;
mod nodegroups;
mod nodes;
mod races;
mod reach;
mod reading;
mod samples;
mod statements;

use ground::{Case, Ground};
use magnum_testing::mariadb::Mariadb;

/// Every case, by name: a case that is not in a list does not compile as used.
fn cases() -> Vec<(&'static str, Case)> {
    [
        reading::cases(),
        accepting::cases(),
        driving::cases(),
        history::cases(),
        nodegroups::cases(),
        nodes::cases(),
        races::cases(),
        reach::cases(),
        statements::cases(),
    ]
    .concat()
}

#[tokio::test]
async fn every_case_holds_on_sqlite_in_memory() {
    for (name, case) in cases() {
        println!("{name}");
        case(Ground::memory().await).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_holds_on_a_sqlite_file() {
    for (name, case) in cases() {
        println!("{name}");
        case(Ground::file().await).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_holds_on_mariadb() {
    let Some(server) = Mariadb::shared_or_skip().unwrap() else { return };
    for (number, (name, case)) in cases().into_iter().enumerate() {
        println!("{name}");
        case(Ground::mariadb(&server, &format!("case_{number}")).await).await;
    }
}

/// Reads the sources: a function of the store that no case calls is one that only SQLite's authors have tried.
#[test]
fn every_public_function_of_the_store_has_a_case() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: std::path::PathBuf| -> String {
        std::fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect()
    };
    let (sources, tests) =
        (read(folder.join("src")), read(folder.join("tests/store")) + &read(folder.join("tests")));
    let mut seen = 0;
    for line in sources.lines() {
        // Four spaces: a method. The engine's trait has no `pub`.
        let name = line.strip_prefix("    pub async fn ").or_else(|| line.strip_prefix("    async fn "));
        let Some(name) = name.and_then(|rest| rest.split(['(', '<']).next()) else { continue };
        if line.starts_with("    async fn ") && !ENGINE.contains(&name) {
            continue;
        }
        // Functions of the pool and its transactions are below the store.
        if BELOW.contains(&name) {
            continue;
        }
        seen += 1;
        assert!(
            tests.contains(&format!(".{name}(")) || tests.contains(&format!("::{name}(")),
            "no case calls {name}"
        );
    }
    assert!(seen > 40, "only {seen} functions were found: has the layout of the sources changed?");
}

const ENGINE: &[&str] = &["due", "claim", "renew", "record", "progress", "wait", "unwind", "finish"];
const BELOW: &[&str] = &["begin", "all", "one", "execute", "commit"];
