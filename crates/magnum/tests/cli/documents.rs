//! What the program says of itself: help, completions, the manual, docs/cli.md.

use crate::house::House;
use magnum_cli::Program;

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
    ] {
        let text = house.only(&[], arguments).await.ok();
        assert!(!text.is_empty(), "{arguments:?}");
    }
    assert!(house.only(&[], &["--help"]).await.ok().contains("--os-cacert"));
    for (shell, word) in [("bash", "complete -F"), ("zsh", "#compdef magnum"), ("fish", "complete -c magnum")]
    {
        let script = house.only(&[], &["completion", shell]).await.ok();
        assert!(script.contains(word) && script.contains("nodegroup"), "{shell}");
    }
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
    house.write("file", "");
    let said = house.only(&[], &["man", "file/man1"]).await.failed(1);
    assert!(said.contains("cannot be written"), "{said}");
}

/// The reference is compared with the copy in docs/; as it is now it is left beside the build.
#[test]
fn the_reference_is_the_one_in_docs() {
    let text = Program::reference();
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
