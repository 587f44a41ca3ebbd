//! A cloud whose servers show certificates of an authority of its own.

use crate::{
    house::{House, Run},
    identity::PASSWORD,
};
use axum::Router;
use magnum_api::{ApiSettings, TlsFiles, server};
use magnum_testing::certificates;
use std::path::Path;

const LIST: &[&str] = &["cluster", "list", "-f", "value", "-c", "name"];

/// Serves `app` by HTTPS with the certificate in `folder`, which is for `localhost` and 127.0.0.1; on which port.
async fn serve(app: Router, folder: &Path, host: &str) -> u16 {
    let tls = TlsFiles { certificate: folder.join("server.pem"), key: folder.join("server.key") };
    let settings = ApiSettings { host: host.to_owned(), port: 0, tls: Some(tls), ..ApiSettings::default() };
    let listener = server::listen(&settings).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(
        async move { server::serve_app(listener, app, &settings, server::Signals::default()).await },
    );
    port
}

struct PrivateCloud {
    house: House,
    folder: tempfile::TempDir,
    auth_url: String,
}

impl PrivateCloud {
    /// None, with a word on standard error, where there is no openssl.
    async fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        if !certificates::make(folder.path()).unwrap() {
            return None;
        }
        // Another test of this process may have been first.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let house = House::new().await;
        house.app.cluster("c1").await;
        let api = serve(magnum_api::app(house.app.state.clone()), folder.path(), "127.0.0.1").await;
        let identity = crate::identity::router(format!("https://localhost:{api}"));
        let auth_url = format!("https://localhost:{}/v3", serve(identity, folder.path(), "127.0.0.1").await);
        Some(Self { house, folder, auth_url })
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    async fn list(&self, variables: &[(&str, &str)], options: &[&str]) -> Run {
        let user = [
            ("OS_AUTH_URL", self.auth_url.as_str()),
            ("OS_USERNAME", "demo"),
            ("OS_PASSWORD", PASSWORD),
            ("OS_PROJECT_NAME", "demo"),
        ];
        self.house.only(&[&user[..], variables].concat(), &[options, LIST].concat()).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_authority_is_named_by_a_variable_an_option_or_a_file_of_clouds() {
    let Some(cloud) = PrivateCloud::start().await else { return };
    let (ca, other) = (cloud.file("ca.pem"), cloud.file("other-ca.pem"));
    assert_eq!(cloud.list(&[("OS_CACERT", &ca)], &[]).await.ok(), "c1\n");
    assert_eq!(cloud.list(&[], &["--os-cacert", &ca]).await.ok(), "c1\n");
    assert_eq!(cloud.list(&[("OS_CACERT", &other)], &["--os-cacert", &ca]).await.ok(), "c1\n");
    assert_eq!(cloud.list(&[], &["--insecure"]).await.ok(), "c1\n");
    assert_eq!(cloud.list(&[("OS_INSECURE", "1")], &[]).await.ok(), "c1\n");

    let of_file = |name: &str, more: &str| {
        format!(
            "  {name}:\n    auth: {{auth_url: '{}', username: demo, password: {PASSWORD}, project_name: demo}}\n    {more}\n",
            cloud.auth_url
        )
    };
    let clouds = [
        of_file("trusted", &format!("cacert: {ca}")),
        of_file("blind", "verify: false"),
        of_file("plain", "region_name: RegionOne"),
    ];
    cloud.house.write("clouds.yaml", &format!("clouds:\n{}", clouds.concat()));
    let list = async |name: &str| cloud.house.only(&[("OS_CLOUD", name)], LIST).await;
    assert_eq!(list("trusted").await.ok(), "c1\n");
    assert_eq!(list("blind").await.ok(), "c1\n");
    let told = list("plain").await.failed(1);
    assert!(told.contains("cacert of clouds.yaml"), "{told}");
    // A variable fills in what the file leaves out.
    let filled = [("OS_CLOUD", "plain"), ("OS_CACERT", ca.as_str())];
    assert_eq!(cloud.house.only(&filled, LIST).await.ok(), "c1\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_is_not_trusted_is_told_in_a_line_with_the_remedy() {
    let Some(cloud) = PrivateCloud::start().await else { return };
    let other = cloud.file("other-ca.pem");
    for variables in [vec![], vec![("OS_CACERT", other.as_str())]] {
        let told = cloud.list(&variables, &[]).await.failed(1);
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines.len(), 2, "the error and the advice: {told}");
        assert!(lines[0].starts_with("error: the server's certificate is not trusted: "), "{told}");
        assert!(lines[1].contains("OS_CACERT"), "{told}");
    }
    // Right authority, wrong name: the file is not what is missing.
    let port = serve(Router::new(), cloud.folder.path(), "127.0.0.2").await;
    let elsewhere = format!("https://127.0.0.2:{port}/v3");
    let ca = cloud.file("ca.pem");
    let told = cloud.list(&[("OS_AUTH_URL", &elsewhere), ("OS_CACERT", &ca)], &[]).await.failed(1);
    assert!(told.contains("127.0.0.2") || told.contains("not valid for name"), "{told}");
    assert!(told.contains("names in the certificate"), "{told}");

    let no_file = cloud.list(&[("OS_CACERT", "/no/such.pem")], &[]).await.failed(2);
    assert!(no_file.contains("/no/such.pem"), "{no_file}");
    cloud.house.write("rubbish.pem", "rubbish");
    let rubbish = cloud.list(&[("OS_CACERT", "rubbish.pem")], &[]).await.failed(2);
    assert!(rubbish.contains("rubbish.pem"), "{rubbish}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn https_to_a_server_without_it_is_no_matter_of_certificates() {
    let Some(cloud) = PrivateCloud::start().await else { return };
    let plain = cloud.house.identity.url.replace("http://", "https://");
    let told = cloud.list(&[("OS_AUTH_URL", &plain)], &[]).await.failed(1);
    assert!(told.contains("no connection") && !told.contains("OS_CACERT"), "{told}");
}
