//! What the program says of itself: help, completions, the manual, docs/cli.md.

use crate::house::House;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn help_and_completions_need_no_cloud() {
    let house = House::new().await;
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["--version"],
        &["cluster", "--help"],
        &["cluster", "create", "--help"],
        &["help", "nodegroup", "create"],
        &["help", "standalone"],
        &["help", "standalone", "image"],
    ] {
        let text = house.only(&[], arguments).await.ok();
        assert!(!text.is_empty(), "{arguments:?}");
    }
    assert!(house.only(&[], &["--help"]).await.ok().contains("--os-cacert"));
    for (shell, word) in [("bash", "complete -F"), ("zsh", "#compdef magnum"), ("fish", "complete -c magnum")]
    {
        let script = house.only(&[], &["completion", shell]).await.ok();
        assert!(script.contains(word) && script.contains("nodegroup"), "{shell}");
        for word in ["standalone", "docker-host", "kubernetes", "verbose"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_of_standalone_mode_is_a_noun_like_others() {
    let house = House::new().await;
    assert!(house.only(&[], &["--help"]).await.ok().contains("\n  standalone  "));
    let help = house.only(&[], &["help", "standalone"]).await.ok();
    assert!(help.contains("--docker-host") && help.contains("Usage: magnum standalone"), "{help}");
    assert!(!help.contains("--os-cloud") && !help.contains("--format"), "{help}");
    assert!(house.only(&[], &["standalone", "image", "--help"]).await.ok().contains("--verbose"));
    // An option of every command stands before it, too: what follows is read by it.
    let said = house.only(&[], &["--debug", "standalone", "--port", "0"]).await.failed(2);
    assert!(said.contains("--port"), "{said}");
    for line in ["--os-cloud c standalone", "standalone --os-cloud c", "standalone clean --format json"] {
        let said = house.only(&[], &line.split(' ').collect::<Vec<_>>()).await.failed(2);
        assert!(said.contains("is for clients of a service"), "{line}: {said}");
    }
    let said = house.only(&[], &["standalone", "clean", "--data", "nothing"]).await.ok();
    assert!(said.contains("there is no installation"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_manual_has_a_page_for_every_command() {
    let house = House::new().await;
    house.only(&[], &["man", "pages/man1"]).await.ok();
    for page in
        ["magnum.1", "magnum-cluster-create.1", "magnum-cluster-template-update.1", "magnum-quotas-list.1"]
    {
        assert!(house.read(&format!("pages/man1/{page}")).contains(".TH"), "{page}");
    }
    for (page, option) in [("magnum-standalone.1", "docker\\-host"), ("magnum-standalone-image.1", "verbose")]
    {
        let text = house.read(&format!("pages/man1/{page}"));
        assert!(text.contains(option) && !text.contains("os\\-cloud"), "{page}: {text}");
    }
    house.write("file", "");
    let said = house.only(&[], &["man", "file/man1"]).await.failed(1);
    assert!(said.contains("cannot be written"), "{said}");
}

/// The reference is compared with the copy in docs/; as it is now it is left beside the build.
#[test]
fn the_reference_is_the_one_in_docs() {
    let text = magnum::program::reference();
    let left = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-reference.md");
    std::fs::write(&left, &text).unwrap();
    let stored = include_str!("../../../../docs/cli.md");
    let (_, generated) = stored.split_once("<!-- generated -->\n\n").expect("the mark of the generated part");
    assert!(
        generated == text,
        "the reference in docs/cli.md is not what the program is: copy {}",
        left.display()
    );
}
