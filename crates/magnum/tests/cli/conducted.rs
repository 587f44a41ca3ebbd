//! What a user sees of a failure in the cloud, through everything between: the API and the conductor as `magnum.conf`
//! describes them, and a cloud that keeps state and whose Heat fails.

use crate::house::Run;
use magnum::{Arguments, foundation::Foundation};
use magnum_fakes::FakeCloud;
use magnum_types::SystemClock;
use std::{os::unix::fs::PermissionsExt as _, process::Stdio, sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

const PROGRAM: &str = "magnum-conductor";
const REASON: &str =
    "ResourceInError: Went to status ERROR due to \"Message: No valid host was found., Code: 500\"";

/// The services at work, and a user.
struct Service {
    cloud: FakeCloud,
    /// The API's address.
    magnum: String,
    stop: CancellationToken,
    home: TempDir,
}

impl Service {
    async fn start() -> Self {
        let cloud = FakeCloud::start(Arc::new(SystemClock)).await.unwrap();
        let home = TempDir::new().unwrap();
        let file = home.path().join("magnum.conf");
        std::fs::write(&file, configuration(&cloud, &home)).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let arguments =
            Arguments { config_files: vec![file], config_dirs: vec![], debug: false, log_file: None };
        let (config, _) = arguments.load(PROGRAM).unwrap();
        let stop = CancellationToken::new();
        let foundation = Foundation::lay(config, PROGRAM, &stop).await.unwrap();
        foundation.store.upgrade(None).await.unwrap();
        let state = magnum::api::state(&foundation, &[], &stop).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let magnum = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, magnum_api::app(state)).await });
        let until = stop.clone();
        tokio::spawn(async move { magnum::conductor::conduct(&foundation, until).await.unwrap() });
        Self { cloud, magnum, stop, home }
    }

    async fn run(&self, line: &str) -> Run {
        let demo = self.cloud.account("demo").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_magnum"));
        command
            .env_clear()
            .env("HOME", self.home.path())
            .env("OS_AUTH_URL", format!("{}/v3", self.cloud.auth_url()))
            .env("OS_USERNAME", &demo.user_name)
            .env("OS_USER_DOMAIN_ID", &demo.domain_id)
            .env("OS_PASSWORD", &demo.password)
            .env("OS_PROJECT_ID", &demo.project_id)
            .env("OS_CONTAINER_INFRA_ENDPOINT_OVERRIDE", &self.magnum)
            .args(line.split(' '))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let ended = tokio::time::timeout(Duration::from_secs(90), command.output()).await;
        Run::of(ended.unwrap_or_else(|_| panic!("{line}: it does not end")).unwrap())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn configuration(cloud: &FakeCloud, home: &TempDir) -> String {
    let auth = |section: &str| {
        format!(
            "[{section}]\nauth_type = password\nauth_url = {}/v3\nusername = magnum\npassword = {}\n\
             user_domain_id = default\nproject_name = service\nproject_domain_id = default\n",
            cloud.auth_url(),
            cloud.account("magnum").unwrap().password
        )
    };
    format!(
        "[DEFAULT]\ntransport_url = memory://\n[database]\nconnection = sqlite:///{}\n\
         [oslo_messaging_notifications]\ndriver = noop\n\
         [trust]\ntrustee_domain_name = magnum\ntrustee_domain_admin_name = magnum_domain_admin\n\
         trustee_domain_admin_password = {}\n{}{}",
        home.path().join("magnum.sqlite").display(),
        cloud.account("magnum_domain_admin").unwrap().password,
        auth("keystone_authtoken"),
        auth("keystone_auth"),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stack_that_fails_is_told_with_its_resource_and_its_node() {
    let service = Service::start().await;
    let template = "cluster template create t1 --coe swarm-mode --image debian-12-docker --external-network public \
                    --flavor m1.small --master-flavor m1.small";
    service.run(template).await.ok();
    service.cloud.next_stack_fails(REASON);
    let create = "cluster create c1 --cluster-template t1 --node-count 1 --wait --wait-interval 0.1";
    let said = service.run(create).await.failed(1);
    assert!(said.contains("No valid host was found") && said.contains("magnum cluster diagnose"), "{said}");

    let told = service.run("cluster diagnose c1").await;
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.out.starts_with("Cluster c1 (") && told.out.contains("): CREATE_FAILED\n"), "{}", told.out);
    // What Heat calls it, what it is, the server's name, and Nova's own words, all in one line.
    let line = told.out.lines().find(|line| line.starts_with("- reason: ")).unwrap_or_default();
    for words in [
        "the stack's create failed: node c1-",
        "-primary-master-0: ",
        "swarm_primary_master.0.swarm-master (OS::Nova::Server): ",
        REASON,
    ] {
        assert!(line.contains(words), "{words:?} is missing in {line:?} of {}", told.out);
    }
    for words in ["cluster_create is failed since ", "choose a smaller one", "magnum cluster delete c1"] {
        assert!(told.out.contains(words), "{words:?} is missing in {}", told.out);
    }
    assert!(told.err.contains("error: cluster c1 is not well"), "{}", told.err);

    service.run("cluster delete c1 --wait --wait-interval 0.1").await.ok();
    assert_eq!(service.cloud.stacks(), Vec::new());
}
