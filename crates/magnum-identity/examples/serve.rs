//! Serves an identity service on loopback, to try a client by hand: `cargo run --example serve -- DIRECTORY PORT`. Writes
//! `clouds.yaml` with the entries `admin` and `demo` into the directory.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use magnum_identity::{
    CatalogEntry, Identity, IdentitySettings,
    clouds::{self, CloudEntry},
};
use magnum_types::{SystemClock, SystemEntropy};
use std::{path::PathBuf, sync::Arc};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or("name a directory")?);
    let listener =
        tokio::net::TcpListener::bind(format!("127.0.0.1:{}", arguments.next().unwrap_or("0".into())))
            .await?;
    let base = format!("http://{}", listener.local_addr()?);
    let mut settings = IdentitySettings::new(directory.join("identity"), format!("{base}/identity/v3"));
    settings.catalog.extend(CatalogEntry::everywhere("container-infra", "magnum", &format!("{base}/v1")));
    let identity = Identity::open(settings, Arc::new(SystemClock), Arc::new(SystemEntropy)).await?.identity;
    for name in ["admin", "demo"] {
        let entry = CloudEntry {
            auth_url: format!("{base}/identity/v3"),
            username: name.into(),
            password: identity.renew_password("Default", name).await?,
            project_name: name.into(),
            user_domain_name: "Default".into(),
            project_domain_name: "Default".into(),
            region_name: "RegionOne".into(),
            cacert: None,
        };
        clouds::write(&directory.join("clouds.yaml"), name, name, &entry)?;
    }
    println!("{base}/identity/v3");
    axum::serve(listener, axum::Router::new().nest_service("/identity", identity.router())).await?;
    Ok(())
}
