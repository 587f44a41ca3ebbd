//! The clouds.yaml that a user has already.

use crate::installation::{Installation, is_well, refused, succeeded};

/// With an entry of our name, and another style than ours.
const OTHERS: &str = "# mine\nclouds:\n    magnum:\n        auth: {auth_url: 'https://elsewhere/v3', password: hush}\n    \
                      other: {profile: rackspace}\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_cannot_be_used_is_named_with_the_remedy_before_anything_is_written() {
    let installation = Installation::new(None);
    for text in ["clouds: [hush\n", "clouds: hush\n", "clouds: {magnum: {auth: {password: hush}}}\n"] {
        std::fs::write(installation.clouds(), text).unwrap();
        let said = refused(installation.start().await);
        let file = installation.clouds().display().to_string();
        assert!(said.contains(&file) && said.contains("give --clouds another file"), "{said}");
        assert!(!said.contains("hush"), "a value of the file is told: {said}");
        assert!(!installation.data.exists(), "a start that could not be made left its folder");
        assert_eq!(std::fs::read_to_string(installation.clouds()).unwrap(), text);
    }
    std::fs::remove_file(installation.clouds()).unwrap();
    std::fs::create_dir(installation.clouds()).unwrap();
    let said = refused(installation.start().await);
    assert!(said.contains(&format!("cannot read {}", installation.clouds().display())), "{said}");
    assert!(!installation.data.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_of_our_name_that_is_not_ours_stays_and_ours_goes_without_a_trace() {
    let installation = Installation::new(None);
    std::fs::write(installation.clouds(), OTHERS).unwrap();
    let serving = is_well(installation.start().await);
    serving.tells("export OS_CLOUD=magnum-standalone").await;
    let text = std::fs::read_to_string(installation.clouds()).unwrap();
    for line in OTHERS.lines() {
        assert!(text.lines().any(|found| found == line), "{line} is missing in {text}");
    }
    let listed = installation.run_as("magnum-standalone", &["cluster", "list", "-f", "value"]).await;
    assert_eq!(succeeded(&listed), "");
    assert_eq!(serving.stop().await, Some(0));
    // A later start has the same entry again.
    let serving = is_well(installation.start().await);
    serving.tells("export OS_CLOUD=magnum-standalone\n").await;
    assert_eq!(serving.stop().await, Some(0));
    assert_eq!(std::fs::read_to_string(installation.clouds()).unwrap(), text);

    succeeded(&installation.clean().await);
    assert_eq!(std::fs::read_to_string(installation.clouds()).unwrap(), OTHERS);
    assert!(!installation.data.exists());
}
