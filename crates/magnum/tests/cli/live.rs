//! `--wait` on a terminal, as its user sees it.

use crate::{
    house::{House, Run},
    terminal::{Screen, Terminal},
    wait::{QUICK, complete, end, only_cluster, record},
};
use magnum_types::{
    ClusterId, NodeRegistration, NodeState, OperationState, OperationStore, Role, Status,
    operation::StepEvent,
};
use serde_json::json;
use std::process::Stdio;
use tokio::process::Child;

async fn node(house: &House, cluster: ClusterId, name: &str, state: NodeState, error: Option<&str>) {
    let store = &house.app.state.store;
    let groups = store.cluster_by_id(cluster).await.unwrap().nodegroups;
    let node = NodeRegistration {
        instance_id: house.app.state.entropy.uuid().to_string(),
        cluster,
        nodegroup: groups[0].uuid,
        role: Role::Master,
        primary: false,
        name: name.to_owned(),
        address: "10.0.0.3".to_owned(),
        public_address: None,
        certificate: String::new(),
        token_hash: format!("hash-of-{name}"),
        state,
        wanted_release: None,
        wanted_image: None,
        generation: 1,
        step: Some("engine-service".to_owned()),
        error: error.map(str::to_owned),
        moved: None,
        last_seen: None,
        created_at: None,
    };
    store.node_register(node).await.unwrap();
}

/// The command on the terminal.
fn start(terminal: &Terminal, house: &House, arguments: &[&str]) -> Child {
    terminal.start(&house.command(&[arguments, QUICK].concat()))
}

/// The terminal afterwards: its modes are those of before, long lines go on in the next, and the prompt will stand at the
/// edge.
#[track_caller]
fn is_clean(terminal: Terminal, before: &rustix::termios::Termios) -> Screen {
    let after = terminal.modes();
    assert_eq!(after.local_modes, before.local_modes);
    assert_eq!((after.input_modes, after.output_modes), (before.input_modes, before.output_modes));
    let screen = terminal.close();
    assert!(screen.wraps && screen.column == 0, "{}", screen.text());
    assert!(!screen.raw.contains("\u{1b}[?25"), "a cursor that was never hidden need not be shown again");
    screen
}

/// The time that the block tells.
fn elapsed(screen: &Screen) -> Option<String> {
    let text = screen.text();
    let (_, rest) = text.split_once("c1  CREATE_IN_PROGRESS  ")?;
    rest.split_whitespace().next().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_shows_steps_nodes_and_time_in_one_place_and_the_cluster_at_the_end() {
    let house = House::new().await;
    let template = house.app.template(json!({})).await;
    let terminal = Terminal::open(24, 80);
    let before = terminal.modes();
    let child = start(&terminal, &house, &["cluster", "create", "c1", "--cluster-template", &template]);
    terminal.until("the cluster", |screen| screen.has("c1  CREATE_IN_PROGRESS")).await;
    let cluster = only_cluster(&house).await;
    let fence = record(&house, cluster, "stack_create", &[StepEvent::Begun]).await;
    terminal.until("the step", |screen| screen.has("running  stack_create")).await;
    let name = format!("c1-{}", "n".repeat(100));
    node(&house, cluster, &name, NodeState::Registered, None).await;
    node(&house, cluster, "c1-master-0", NodeState::Ready, None).await;
    let screen = terminal.until("the nodes", |screen| screen.has("1 of 2 nodes")).await;
    assert_eq!(screen.count("nnnnn"), 1, "a long line stays one: {}", screen.text());
    assert!(screen.has("cluster_create running") && !screen.has("c1-master-0"), "{}", screen.text());
    let at = elapsed(&screen).unwrap();
    assert!(at.ends_with('s') && at.starts_with(|c: char| c.is_ascii_digit()), "{at}");
    terminal.until("the time", |screen| elapsed(screen).is_some_and(|now| now != at)).await;
    complete(&house, cluster, fence, Status::CreateComplete).await;
    let run = end(child).await;
    assert_eq!(run.code, 0);
    let screen = is_clean(terminal, &before);
    for (words, times) in [
        ("accepted", 1),
        ("cluster_create", 1),
        ("stack_create", 1),
        ("c1  CREATE_COMPLETE", 1),
        ("api_address", 1),
    ] {
        assert_eq!(screen.count(words), times, "{words}:\n{}", screen.text());
    }
    let mut orders = screen.raw.split("\u{1b}[").skip(1);
    let colours =
        |order: &str| order.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m');
    assert!(!orders.any(colours), "nothing is coloured");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_shows_the_first_error_while_it_waits_and_the_reason_at_the_end() {
    let house = House::new().await;
    let cluster = house.app.living_cluster("c1").await;
    let terminal = Terminal::open(24, 80);
    let before = terminal.modes();
    let child = start(&terminal, &house, &["cluster", "resize", "c1", "5"]);
    terminal.until("the operation", |screen| screen.has("UPDATE_IN_PROGRESS")).await;
    let fence = record(&house, cluster, "stack_update", &[StepEvent::Begun]).await;
    let words =
        "the engine does not start: no space is left on the device that it was told to write all its data to";
    node(&house, cluster, "c1-node-0", NodeState::Failed, Some(words)).await;
    let screen = terminal.until("the error", |screen| screen.has("first error: node c1-node-0")).await;
    let seen = screen.text().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(seen.contains(words), "all of it is to be seen: {}", screen.text());
    house.app.state.store.unwind(fence, "c1-node-0: the engine does not start", vec![]).await.unwrap();
    house.app.state.store.finish(fence, OperationState::Failed, vec![]).await.unwrap();
    let run = end(child).await;
    assert_eq!(run.code, 1);
    let screen = is_clean(terminal, &before);
    let text = screen.text();
    assert!(text.contains("\nerror: c1-node-0: the engine does not start\n"), "{text}");
    assert!(text.contains("magnum cluster diagnose"), "{text}");
    assert_eq!(screen.count("cluster_resize"), 1, "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_ctrl_c_ends_the_wait_alone_and_leaves_no_trace_of_itself() {
    let house = House::new().await;
    let cluster = house.app.living_cluster("c1").await;
    let mut terminal = Terminal::open(24, 80);
    let before = terminal.modes();
    // It draws once: what is being written when the key is pressed is thrown away by the kernel.
    let rarely = ["cluster", "resize", "c1", "5", "--wait", "--wait-interval", "3600"];
    let child = terminal.start(&house.command(&rarely));
    terminal.until("the operation", |screen| screen.has("UPDATE_IN_PROGRESS")).await;
    terminal.press_ctrl_c();
    let run = end(child).await;
    assert_eq!(run.code, 130);
    let screen = is_clean(terminal, &before);
    let text = screen.text();
    assert!(text.contains("\nerror: interrupted; the operation on cluster"), "{text}");
    assert!(text.contains("magnum cluster wait") && !text.contains("^C"), "{text}");
    assert!(screen.raw.contains("^C"), "the key was pressed on the terminal");
    assert!(house.app.state.store.live_operation(cluster).await.unwrap().is_some(), "it goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_low_terminal_shows_what_is_under_way_and_nothing_twice() {
    let house = House::new().await;
    let cluster = house.app.living_cluster("c1").await;
    let terminal = Terminal::open(8, 80);
    let child = start(&terminal, &house, &["cluster", "resize", "c1", "5"]);
    terminal.until("the operation", |screen| screen.has("UPDATE_IN_PROGRESS")).await;
    let fence = house.app.claim(cluster).await;
    for number in 0..12 {
        for event in [StepEvent::Begun, StepEvent::Done] {
            let step = format!("step-{number}");
            let entry = magnum_types::operation::StepEntry { step, event, output: serde_json::Value::Null };
            house.app.state.store.record(fence, entry, vec![]).await.unwrap();
        }
        node(&house, cluster, &format!("c1-node-{number}"), NodeState::Registered, None).await;
    }
    terminal.until("the last step", |screen| screen.has("step-11") && screen.has("more")).await;
    complete(&house, cluster, fence, Status::UpdateComplete).await;
    assert_eq!(end(child).await.code, 0);
    let screen = terminal.close();
    for words in ["cluster_resize", "c1  UPDATE", "step-11", "nodes that are known"] {
        assert_eq!(screen.count(words), 1, "{words}:\n{}", screen.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_are_plain_where_the_result_is_piped_or_the_terminal_is_dumb() {
    let house = House::new().await;
    let cluster = house.app.living_cluster("c1").await;
    for dumb in [true, false] {
        let terminal = Terminal::open(24, 80);
        let count = if dumb { "4" } else { "5" };
        let command = house.command(&[&["cluster", "resize", "c1", count, "-f", "json"][..], QUICK].concat());
        let mut command = terminal.command(&command);
        match dumb {
            true => command.env("TERM", "dumb"),
            false => command.stdout(Stdio::piped()),
        };
        let child = command.spawn().unwrap();
        drop(command);
        terminal.until("the operation", |screen| screen.has("cluster c1: UPDATE_IN_PROGRESS")).await;
        let fence = record(&house, cluster, "stack_update", &[StepEvent::Begun]).await;
        terminal.until("the step", |screen| screen.has("step stack_update: running")).await;
        complete(&house, cluster, fence, Status::UpdateComplete).await;
        let run: Run = end(child).await;
        assert_eq!(run.code, 0, "{run:?}");
        let screen = terminal.close();
        assert!(!screen.raw.contains('\u{1b}'), "{:?}", screen.raw);
        if !dumb {
            assert_eq!(run.json()["status"], "UPDATE_COMPLETE");
        }
    }
}
