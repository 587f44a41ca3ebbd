//! The node image: where there is none, and what becomes of one that was made here.

use crate::{
    engine::{Acting, IMAGE},
    installation::{Installation, failed, is_well, succeeded},
};

/// The remedy.
const REMEDY: &str = "magnum standalone image";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_there_is_none_is_told_at_the_start_and_to_who_names_one() {
    let installation = Installation::on(None, Acting { has_image: false, ..Acting::default() });
    let serving = is_well(installation.start().await);
    serving.tells(REMEDY).await;
    let said = failed(&installation.template("t").await, 1);
    for words in ["image_id", IMAGE, "no node image yet", REMEDY] {
        assert!(said.contains(words), "{words:?} is missing in {said}");
    }
    assert_eq!(serving.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_not_there_is_told_with_those_that_are() {
    let installation = Installation::new(None);
    let serving = is_well(installation.start().await);
    let create =
        ["cluster", "template", "create", "t", "--coe", "swarm-mode", "--external-network", "public"];
    let said = failed(&installation.run(&[&create[..], &["--image", "no-such"]].concat()).await, 1);
    for words in ["no-such could not be found", IMAGE, REMEDY] {
        assert!(said.contains(words), "{words:?} is missing in {said}");
    }
    assert!(!serving.said().iter().any(|line| line.contains(REMEDY)), "{:?}", serving.said());
    assert_eq!(serving.stop().await, Some(0));
}

#[tokio::test]
async fn one_that_cannot_be_had_leaves_nothing_nor_what_was_there_changed() {
    let mut installation = Installation::new(None);
    let said = failed(&installation.image(&["--from", "example.org/none"]).await, 1);
    assert!(said.contains("pulling the image example.org/none"), "{said}");
    assert!(!installation.data.exists());
    installation.engine.go_away().await;
    let said = failed(&installation.image(&[]).await, 1);
    assert!(said.contains("no Docker Engine answers"), "{said}");
    assert!(!installation.data.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_was_made_here_goes_with_the_installation_and_no_other() {
    for (is_noted, is_in_use) in [(true, false), (true, true), (false, false)] {
        let installation = Installation::on(None, Acting { is_in_use, ..Acting::default() });
        assert_eq!(is_well(installation.start().await).stop().await, Some(0));
        if is_noted {
            let notes = format!("magnum-node:{IMAGE}\nmagnum-node:gone-already\n");
            std::fs::write(installation.data.join("node-images"), notes).unwrap();
        }
        let told = succeeded(&installation.clean().await);
        let removed = installation.engine.removed();
        match (is_noted, is_in_use) {
            (true, false) => assert_eq!(removed, [format!("magnum-node:{IMAGE}")]),
            _ => assert!(removed.is_empty(), "{removed:?}"),
        }
        assert_eq!(told.contains(&format!("the node image magnum-node:{IMAGE} stays")), is_in_use, "{told}");
        assert!(!installation.data.exists() && !installation.clouds().exists());
    }
}

#[tokio::test]
async fn a_folder_without_an_installation_is_not_taken_away() {
    let installation = Installation::new(None);
    std::fs::create_dir(&installation.data).unwrap();
    std::fs::write(installation.data.join("letter.txt"), "mine").unwrap();
    let told = succeeded(&installation.clean().await);
    assert!(told.contains("there is no installation in"), "{told}");
    assert!(installation.data.join("letter.txt").exists());
}
