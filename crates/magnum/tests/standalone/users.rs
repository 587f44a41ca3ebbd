//! `identity/users.yaml`, changed while the process runs.

use crate::installation::{Installation, failed, is_well, succeeded};
use rustix::process::Signal;

const ALICE: &str =
    "  - name: alice\n    password: \"another one\"\n    roles:\n      - {project: demo, roles: [member]}\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_comes_in_at_sighup_without_a_restart_and_a_mistake_changes_nothing() {
    let installation = Installation::new(None);
    let mut serving = is_well(installation.start().await);
    let (clouds, users) = (installation.clouds(), installation.data.join("identity/users.yaml"));
    let text = std::fs::read_to_string(&clouds).unwrap();
    let address = text.lines().find(|line| line.contains("auth_url:")).unwrap().trim();
    let ca = text.lines().find(|line| line.contains("cacert:")).unwrap().trim();
    let entry = format!(
        "\n  alice:\n    auth:\n      {address}\n      username: alice\n      password: another one\n      \
         project_name: demo\n      user_domain_name: Default\n      project_domain_name: Default\n    {ca}\n"
    );
    std::fs::write(&clouds, text.trim_end().to_owned() + &entry).unwrap();
    let list = ["cluster", "list", "-f", "value"];
    assert!(failed(&installation.run_as("alice", &list).await, 1).contains("requires authentication"));

    let before = std::fs::read_to_string(&users).unwrap();
    let with_alice = before.replacen("\nusers:\n", &format!("\nusers:\n{ALICE}"), 1);
    assert_ne!(with_alice, before, "{before}");
    std::fs::write(&users, &with_alice).unwrap();
    serving.signal(Signal::HUP);
    serving.until("users.yaml is read again").await;
    succeeded(&installation.run_as("alice", &list).await);
    let now = std::fs::read_to_string(&users).unwrap();
    assert!(
        now.contains("name: alice") && !now.contains("another one"),
        "the clear password stands there yet"
    );

    std::fs::write(&users, "users: [\n").unwrap();
    serving.signal(Signal::HUP);
    serving.until("nothing is changed").await;
    assert!(serving.log().contains("users.yaml"), "the file is named");
    succeeded(&installation.run_as("alice", &list).await);
    std::fs::write(&users, now).unwrap();
    assert_eq!(serving.stop().await, Some(0));
}
