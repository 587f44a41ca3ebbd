//! `cluster config`: files, their modes, what is kept, and who one becomes.

use crate::house::{House, Run};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use magnum_db::Tenancy;
use magnum_types::{ClusterId, Coe};
use magnum_x509::{CertificateInfo, PrivateKey};
use serde_json::{Value, json};
use std::os::unix::fs::symlink;

async fn kubernetes(house: &House, name: &str) -> ClusterId {
    let template =
        json!({"coe": "kubernetes", "network_driver": "flannel", "labels": {"kube_tag": "v1.36.0"}});
    house.app.living_cluster_of(name, template).await
}

/// A kubeconfig as kubectl reads it, with its data decoded.
fn user(kubeconfig: &Value, number: usize) -> (CertificateInfo, PrivateKey) {
    let user = &kubeconfig["users"][number]["user"];
    let text =
        |field: &str| String::from_utf8(STANDARD.decode(user[field].as_str().unwrap()).unwrap()).unwrap();
    let certificate = CertificateInfo::parse(&text("client-certificate-data")).unwrap();
    (certificate, PrivateKey::from_pem(&text("client-key-data"), None).unwrap())
}

fn parse(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kubeconfig_is_written_for_its_owner_alone_and_not_overwritten() {
    let house = House::new().await;
    kubernetes(&house, "k1").await;
    let out = house.run(&["cluster", "config", "k1", "--dir", "my files"]).await.ok();
    let path = house.path("my files/config").canonicalize().unwrap();
    assert_eq!(out, format!("export KUBECONFIG='{}'\n", path.display()));
    assert_eq!((house.mode("my files/config"), house.mode("my files")), (0o600, 0o700));
    let first = house.read("my files/config");
    let kubeconfig = parse(&first);
    assert_eq!(kubeconfig["current-context"], "k1");
    assert_eq!(kubeconfig["clusters"][0]["cluster"]["server"], "tcp://172.24.4.9:2376");
    let (certificate, _) = user(&kubeconfig, 0);
    assert_eq!(
        (certificate.common_names, certificate.organisations),
        (vec!["admin".into()], vec!["system:masters".into()])
    );

    let requests = house.requests.lock().unwrap().len();
    let said = house.run(&["cluster", "config", "k1", "--dir", "my files"]).await.failed(2);
    assert!(said.contains("--force"), "{said}");
    assert_eq!(house.read("my files/config"), first);
    let signed = house.requests.lock().unwrap()[requests..].iter().any(|(method, _)| method == "POST");
    assert!(!signed, "nothing is signed in vain");
    house.run(&["cluster", "config", "k1", "--dir", "my files", "--force"]).await.ok();
    assert_ne!(house.read("my files/config"), first);
    assert_eq!(house.mode("my files/config"), 0o600);
    // Neither through a link that leads nowhere yet.
    std::fs::create_dir(house.path("linked")).unwrap();
    symlink("/nonexistent/elsewhere", house.path("linked/config")).unwrap();
    house.run(&["cluster", "config", "k1", "--dir", "linked"]).await.failed(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_become_the_groups_that_clusters_know() {
    let house = House::new().await;
    kubernetes(&house, "k1").await;
    for (role, group) in
        [("admin", "system:masters"), ("member", "magnum:member"), ("reader", "magnum:reader")]
    {
        house.run(&["cluster", "config", "k1", "--dir", role, "--role", role, "--output-certs"]).await.ok();
        let kubeconfig = parse(&house.read(&format!("{role}/config")));
        let (certificate, _) = user(&kubeconfig, 0);
        assert_eq!(
            (certificate.common_names, certificate.organisations),
            (vec![role.into()], vec![group.into()])
        );
        for file in ["ca.pem", "cert.pem", "key.pem"] {
            assert_eq!(house.mode(&format!("{role}/{file}")), 0o600, "{file}");
        }
        assert!(house.read(&format!("{role}/key.pem")).contains("PRIVATE KEY"));
    }
    let rules = include_str!("../../../magnum-drivers/assets/kubernetes/addons/rbac.yaml");
    for group in ["magnum:member", "magnum:reader"] {
        assert!(rules.contains(&format!("kind: Group\n  name: {group}")), "{group}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merging_keeps_what_else_is_there() {
    let house = House::new().await;
    kubernetes(&house, "k1").await;
    kubernetes(&house, "k2").await;
    house.run(&["cluster", "config", "k1", "--merge"]).await.ok();
    assert_eq!((house.mode(".kube/config"), house.mode(".kube")), (0o600, 0o700));
    house.run(&["cluster", "config", "k2", "--merge"]).await.ok();
    house.run(&["cluster", "config", "k1", "--merge", "--role", "reader"]).await.ok();
    let before = house.read(".kube/config");
    house.run(&["cluster", "config", "k1", "--merge"]).await.ok();
    let merged = parse(&house.read(".kube/config"));
    let names = |list: &str| -> Vec<String> {
        merged[list].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("clusters"), ["k1", "k2"]);
    assert_eq!(names("users"), ["k1-admin", "k2-admin", "k1-reader"]);
    assert_eq!(names("contexts"), ["k1", "k2", "k1-reader"]);
    assert_eq!(merged["current-context"], "k1");
    assert_eq!(merged["users"][1], parse(&before)["users"][1], "the other one's key is untouched");

    // A link stays a link, and the file that KUBECONFIG names first is the one.
    let real = house.write("real.yaml", "kind: Config\nusers:\n- name: mine\n  user: {token: '0123'}\n");
    symlink(&real, house.path("link.yaml")).unwrap();
    let link = house.path("link.yaml");
    let list = format!("{}:/nonexistent", link.display());
    let mut command = house.command(&["cluster", "config", "k1", "--merge"]);
    Run::of(command.env("KUBECONFIG", &list).output().await.unwrap()).ok();
    assert!(link.is_symlink());
    assert_eq!(parse(&house.read("real.yaml"))["users"][0]["user"]["token"], "0123");
    assert_eq!(house.mode("real.yaml"), 0o600);

    // What would not survive is left alone.
    let odd = "kind: Config\nusers:\n- name: mine\n  user: {token: 0644}\n";
    house.write("odd.yaml", odd);
    let said = house.run(&["cluster", "config", "k1", "--merge=odd.yaml"]).await.failed(2);
    assert!(said.contains("quote it"), "{said}");
    assert_eq!(house.read("odd.yaml"), odd);
    let left: Vec<_> =
        std::fs::read_dir(house.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".odd")), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keystone_kubeconfig_holds_no_key() {
    let house = House::new().await;
    kubernetes(&house, "k1").await;
    house.run(&["cluster", "config", "k1", "--use-keystone"]).await.ok();
    let text = house.read("config");
    assert!(!text.contains("client-key-data") && text.contains("OS_TOKEN"), "{text}");
    let exec = parse(&text)["users"][0]["user"]["exec"].clone();
    let script = exec["args"][1].as_str().unwrap();
    let shell = |token: Option<&str>| {
        let mut command = std::process::Command::new("/bin/sh");
        command.env_clear().args(["-c", script]);
        if let Some(token) = token {
            command.env("OS_TOKEN", token);
        }
        command.output().unwrap()
    };
    let answer: Value = serde_json::from_slice(&shell(Some("gAAAA")).stdout).unwrap();
    assert_eq!(answer["status"]["token"], "gAAAA");
    assert!(!shell(None).status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swarm_gets_certificates_and_variables() {
    let house = House::new().await;
    house.app.living_cluster("s1").await;
    let out = house.run(&["cluster", "config", "s1", "--dir", "s1"]).await.ok();
    let folder = house.path("s1").canonicalize().unwrap();
    let expected = format!(
        "export DOCKER_HOST=tcp://172.24.4.9:2376\nexport DOCKER_CERT_PATH={}\nexport DOCKER_TLS_VERIFY=True\n",
        folder.display()
    );
    assert_eq!((&out, house.read("s1/docker.env")), (&expected, expected.clone()));
    for file in ["ca.pem", "cert.pem", "key.pem", "docker.env"] {
        assert_eq!(house.mode(&format!("s1/{file}")), 0o600, "{file}");
    }
    // One that is there already is enough for nothing to be written.
    house.write("half/key.pem", "mine");
    house.run(&["cluster", "config", "s1", "--dir", "half"]).await.failed(2);
    assert_eq!(house.read("half/key.pem"), "mine");
    assert!(!house.path("half/ca.pem").exists());
    let said = house.run(&["cluster", "config", "s1", "--merge"]).await.failed(2);
    assert!(said.contains("Kubernetes"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn csh_gets_its_own_words() {
    let house = House::new().await;
    kubernetes(&house, "k1").await;
    house.app.living_cluster("s1").await;
    let run = async |arguments: &[&str]| {
        let mut command = house.command(arguments);
        Run::of(command.env("SHELL", "/bin/tcsh").output().await.unwrap()).ok()
    };
    let out = run(&["cluster", "config", "k1", "--dir", "k 1"]).await;
    let folder = house.path("k 1").canonicalize().unwrap();
    assert_eq!(out, format!("setenv KUBECONFIG '{}/config';\n", folder.display()));
    let out = run(&["cluster-config", "s1", "--dir", "s1"]).await;
    let folder = house.path("s1").canonicalize().unwrap();
    let expected = format!(
        "setenv DOCKER_HOST tcp://172.24.4.9:2376;\nsetenv DOCKER_CERT_PATH {};\nsetenv DOCKER_TLS_VERIFY True;\n",
        folder.display()
    );
    assert_eq!((&out, house.read("s1/docker.env")), (&expected, expected.clone()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_without_tls_needs_no_certificate() {
    let house = House::new().await;
    house.app.living_cluster_of("s1", json!({"tls_disabled": true})).await;
    let out = house.run(&["cluster", "config", "s1"]).await.ok();
    assert_eq!(out, "export DOCKER_HOST=tcp://172.24.4.9:2376\n");
    assert!(!house.path("key.pem").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mesos_cluster_gets_its_addresses() {
    let house = House::new().await;
    let cluster = house.app.living_cluster("m1").await;
    let store = &house.app.state.store;
    let template = store.cluster_by_id(cluster).await.unwrap().cluster.cluster_template_id;
    let mut template = store.template_get(Tenancy::All, &template, true).await.unwrap();
    template.coe = Coe::Mesos;
    store.template_update(&template, template.updated_at).await.unwrap();
    let out = house.run(&["cluster", "config", "m1"]).await.ok();
    assert!(out.contains("export MESOS_MASTER=172.24.4.9:5050"), "{out}");
    assert_eq!((house.read("mesos.env"), house.mode("mesos.env")), (out, 0o600));
}
