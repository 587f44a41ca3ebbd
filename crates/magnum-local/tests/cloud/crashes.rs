//! A process may die at any write to disk and any call of the machine, before or after it is done. Whatever the moment, the
//! next process comes to the same end: no node twice, none left behind.

use crate::{
    crash::Side,
    rig::{Rig, create, scale, stack_of},
};
use magnum_openstack::heat::StackRef;

/// Waits for the end of what a stack does, over any number of lives.
async fn ended(rig: &Rig, stack: &StackRef) -> String {
    for _ in 0..3000 {
        let heat = rig.heat();
        let shown = rig.survive(async { heat.stack_get(stack, false).await.unwrap() }).await;
        if let Some(shown) = shown {
            let shown = shown.expect("the stack is there");
            if !shown.is_in_progress() {
                return shown.stack_status;
            }
        }
        rig.survive(rig.turn()).await;
    }
    panic!("the stack is still in progress");
}

/// Asks until an answer comes.
async fn asked<T>(rig: &Rig, mut ask: impl AsyncFnMut() -> T) -> T {
    loop {
        if let Some(answer) = rig.survive(ask()).await {
            return answer;
        }
    }
}

/// A cluster's whole life, as the conductor leads it: each request is repeated until it is answered.
async fn life(rig: &Rig) {
    let heat = rig.heat();
    let stack = asked(rig, async || {
        // An earlier try may have made it.
        match heat.stack_find("c1").await.unwrap() {
            Some(stack) => stack.reference(),
            None => create(&heat, "c1", &stack_of(3, 2)).await.unwrap(),
        }
    })
    .await;
    assert_eq!(ended(rig, &stack).await, "CREATE_COMPLETE");
    for (count, remove) in [(3, &[][..]), (2, &[0][..])] {
        asked(rig, async || scale(&heat, &stack, count, remove, false).await.unwrap()).await;
        assert_eq!(ended(rig, &stack).await, "UPDATE_COMPLETE");
    }
    let expected = ["node-1", "node-2", "primary-master-0", "secondary-master-0", "secondary-master-1"];
    assert_eq!(rig.machine.names(), expected.map(|name| format!("c1-{name}")));
    let running: Vec<uuid::Uuid> = rig.machine.inner().nodes.keys().copied().collect();

    asked(rig, async || heat.stack_delete(&stack).await.unwrap()).await;
    assert_eq!(ended(rig, &stack).await, "DELETE_COMPLETE");
    let inner = rig.machine.inner();
    assert!(inner.nodes.is_empty() && inner.networks.is_empty(), "something is left behind");
    let mut names: Vec<&String> = inner.made.iter().map(|(_, name)| name).collect();
    names.sort();
    let all = names.len();
    names.dedup();
    assert_eq!((all, names.len(), running.len()), (6, 6, 5), "a node was made twice: {:?}", inner.made);
}

async fn dies_at(number: u64, side: Side) {
    let rig = Rig::new().await;
    rig.die_at(number, side);
    life(&rig).await;
}

async fn effects() -> u64 {
    let rig = Rig::new().await;
    rig.point.die_at(None);
    life(&rig).await;
    rig.point.count()
}

#[tokio::test]
async fn a_process_may_die_before_any_effect() {
    for number in 1..=effects().await {
        dies_at(number, Side::Before).await;
    }
}

#[tokio::test]
async fn a_process_may_die_after_any_effect() {
    for number in 1..=effects().await {
        dies_at(number, Side::After).await;
    }
}

#[tokio::test]
async fn processes_may_die_again_and_again() {
    let rig = Rig::new().await;
    rig.die_at(2, Side::After);
    let heat = rig.heat();
    let stack = asked(&rig, async || match heat.stack_find("c1").await.unwrap() {
        Some(stack) => stack.reference(),
        None => create(&heat, "c1", &stack_of(1, 2)).await.unwrap(),
    })
    .await;
    for turn in 0..60_u64 {
        rig.die_at(1 + turn % 3, if turn % 2 == 0 { Side::After } else { Side::Before });
        rig.survive(rig.turn()).await;
    }
    rig.restart().await;
    assert_eq!(ended(&rig, &stack).await, "CREATE_COMPLETE");
    assert_eq!(rig.machine.names(), ["c1-node-0", "c1-node-1", "c1-primary-master-0"]);
    assert_eq!(rig.machine.inner().made.len(), 3);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_an_error_and_takes_no_node_away() {
    let rig = Rig::new().await;
    crate::rig::living(&rig, 1, 1).await;
    rig.kill().await;
    for bytes in rig.disk.files.lock().unwrap().values_mut() {
        bytes.truncate(20);
    }
    let open = std::panic::AssertUnwindSafe(rig.start());
    assert!(futures_util::FutureExt::catch_unwind(open).await.is_err(), "a broken file was passed over");
    assert_eq!(rig.machine.names().len(), 2);
}
