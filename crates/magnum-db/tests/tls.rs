//! TLS to a real MariaDB that refuses clients without it, as operators ask for with SQLAlchemy's parameters in
//! `[database] connection`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use magnum_db::{DatabaseSettings, DbError, Store};
use magnum_testing::{certificates, mariadb::Mariadb};
use magnum_types::{SystemClock, SystemEntropy};
use std::{path::Path, sync::Arc, time::Duration};

/// Connects once and asks for something.
async fn outcome(url: &str) -> Result<(), DbError> {
    let mut settings = DatabaseSettings::new(url);
    settings.max_retries = 0;
    settings.pool_timeout = Duration::from_secs(5);
    let store = Store::connect(settings, Arc::new(SystemClock), Arc::new(SystemEntropy)).await?;
    store.upgrade(None).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mariadb_with_tls_is_checked_and_used() {
    let folder = tempfile::tempdir().unwrap();
    if !certificates::make(folder.path()).unwrap() {
        return;
    }
    let at = |name: &str| folder.path().join(name);
    let server = match Mariadb::start_with_tls(&at("server.pem"), &at("server.key")) {
        Ok(server) => server,
        Err(error) if error.is::<magnum_testing::mariadb::Skip>() => {
            eprintln!("SKIP: {error}");
            return;
        }
        Err(error) => panic!("{error:#}"),
    };
    let url = |more: &str| format!("{}{more}", server.url("tls").unwrap());
    let ca = |file: &Path| format!("&ssl_ca={}", file.display());

    outcome(&url(&ca(&at("ca.pem")))).await.expect("the right authority and the right name");
    outcome(&url("")).await.expect("encrypted, though nothing says whom to trust");
    let error = outcome(&url(&ca(&at("other-ca.pem")))).await.expect_err("an authority that did not sign");
    assert!(!format!("{error:?}").contains(server.password()), "a secret in {error:?}");
    outcome(&url(&format!("{}&ssl_verify_cert=false", ca(&at("other-ca.pem")))))
        .await
        .expect("asked not to look");
}
