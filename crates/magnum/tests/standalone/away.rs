//! A Docker Engine that is stopped and started under the running process.

use crate::installation::{Installation, failed, succeeded};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_goes_is_named_with_the_remedy_and_all_is_well_when_it_is_back() {
    let mut installation = Installation::new(None);
    let mut serving = installation.start().await.unwrap_or_else(|output| panic!("{output:?}"));
    succeeded(&installation.template("before").await);

    installation.engine.go_away().await;
    serving.until("the machine does not do what is asked: no Docker Engine answers at unix://").await;
    let log = serving.log();
    assert!(log.contains("scripts/engine start"), "the remedy: {log}");
    let said = failed(&installation.template("meanwhile").await, 1);
    for words in ["image_id", "no Docker Engine answers at unix://", "It has stopped: start it"] {
        assert!(said.contains(words), "{words:?} is missing in {said}");
    }
    // What needs no engine goes on.
    let listed =
        succeeded(&installation.run(&["cluster", "template", "list", "-f", "value", "-c", "name"]).await);
    assert_eq!(listed.trim(), "before");

    installation.engine.come_back();
    succeeded(&installation.template("after").await);
    assert_eq!(serving.stop().await, Some(0));
}
