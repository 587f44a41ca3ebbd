//! Which nodes an upgrade works on next: a pure decision over the registered nodes, so that whoever takes an upgrade
//! over, after a crash or when it is asked for again, goes on where it stands.
//!
//! Masters go first and strictly one by one; then workers, some at a time. A batch is emptied, then brought to the
//! release, and the next one begins when all of it is ready. Nodes that are ready at the release are left alone.

use jiff::Timestamp;
use magnum_types::{NodeGroupId, NodeRegistration, NodeState, Role, accept::UpgradeImage};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Rollout<'a> {
    /// The release to reach.
    pub release: &'a str,
    /// The image to reach, and whose nodes are made anew from it.
    pub image: Option<&'a UpgradeImage>,
    /// The one group to upgrade; none for all.
    pub group: Option<NodeGroupId>,
    /// Most workers at once.
    pub max_batch_size: usize,
    /// When it began: a failure from before is no failure of it.
    pub begun: Timestamp,
}

/// What is to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn<'a> {
    /// A node has failed: nothing more is done.
    Failed(&'a NodeRegistration),
    /// These are to be emptied.
    Drain(Vec<&'a NodeRegistration>),
    /// These are being emptied.
    Draining(Vec<&'a NodeRegistration>),
    /// These are to get the release.
    Upgrade(Vec<&'a NodeRegistration>),
    /// The servers of these are to be made anew.
    Rebuild(Vec<&'a NodeRegistration>),
    /// The servers of these are being made anew.
    Rebuilding(Vec<&'a NodeRegistration>),
    /// These are on their way to it.
    Upgrading(Vec<&'a NodeRegistration>),
    /// All are ready at the release.
    Done,
}

impl Rollout<'_> {
    /// The nodes that it is about, in its order.
    pub fn scope<'a>(&self, nodes: &'a [NodeRegistration]) -> Vec<&'a NodeRegistration> {
        let mut scope: Vec<&NodeRegistration> = nodes
            .iter()
            .filter(|node| self.group.is_none_or(|group| node.nodegroup == group))
            .filter(|node| !matches!(node.state, NodeState::Leaving | NodeState::Gone))
            .collect();
        // What was begun with comes first: a master that is half upgraded must not stay so while another one goes.
        scope.sort_by_key(|node| {
            (node.role != Role::Master, !self.is_to_run(node), &node.name, &node.instance_id)
        });
        scope
    }

    /// The image that a node is to be made anew from; none where it keeps its own.
    pub fn image_of(&self, node: &NodeRegistration) -> Option<&str> {
        let image = self.image.filter(|image| image.nodegroups.contains(&node.nodegroup))?;
        Some(&image.id)
    }

    fn is_to_run(&self, node: &NodeRegistration) -> bool {
        let has_image = self.image_of(node).is_none_or(|image| node.wanted_image.as_deref() == Some(image));
        node.wanted_release.as_deref() == Some(self.release) && has_image
    }

    /// Its server is to be made anew, or may not have been yet.
    fn is_to_be_made(&self, node: &NodeRegistration) -> bool {
        self.image_of(node)
            .is_some_and(|image| node.is_awaited() || node.wanted_image.as_deref() != Some(image))
    }

    /// Ready at the release.
    pub fn is_done(&self, node: &NodeRegistration) -> bool {
        node.state == NodeState::Ready && self.is_to_run(node) && node.has_followed()
    }

    /// What is to be done now.
    pub fn turn<'a>(&self, nodes: &'a [NodeRegistration]) -> Turn<'a> {
        let scope = self.scope(nodes);
        let ours = |node: &&&NodeRegistration| node.moved.is_some_and(|moved| moved.at >= self.begun);
        let failed = |node: &&&NodeRegistration| {
            node.state == NodeState::Failed && self.is_to_run(node) && node.has_followed()
        };
        if let Some(node) = scope.iter().filter(ours).find(failed).copied() {
            return Turn::Failed(node);
        }
        let going_on = |node: &&&NodeRegistration| {
            !self.is_done(node) && (node.state == NodeState::Draining || self.is_to_run(node))
        };
        let batch = scope.iter().filter(ours).filter(going_on).copied();
        let (draining, others): (Vec<_>, Vec<_>) = batch.partition(|node| node.state == NodeState::Draining);
        if !draining.is_empty() {
            return Turn::Draining(draining);
        }
        let (rebuilding, upgrading): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|node| node.state == NodeState::Rebuilding);
        if !rebuilding.is_empty() {
            return Turn::Rebuilding(rebuilding);
        }
        if !upgrading.is_empty() {
            return Turn::Upgrading(upgrading);
        }
        let waiting: Vec<&NodeRegistration> = scope.into_iter().filter(|node| !self.is_done(node)).collect();
        let Some(first) = waiting.first() else { return Turn::Done };
        let size = if first.role == Role::Master { 1 } else { self.max_batch_size.max(1) };
        let way = |node: &NodeRegistration| (node.role, self.is_to_run(node), self.is_to_be_made(node));
        let alike = |node: &&NodeRegistration| way(node) == way(first);
        let next: Vec<&NodeRegistration> = waiting.iter().copied().filter(alike).take(size).collect();
        // What was begun with has been emptied, and nobody gave it work since.
        match way(first) {
            (_, false, _) => Turn::Drain(next),
            (_, true, false) => Turn::Upgrade(next),
            (_, true, true) => Turn::Rebuild(next),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use magnum_types::{ClusterId, Move};
    use uuid::Uuid;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn node(name: &str, state: NodeState, release: &str) -> NodeRegistration {
        let master = name.starts_with('m');
        NodeRegistration {
            instance_id: format!("id-{name}"),
            cluster: ClusterId(Uuid::nil()),
            nodegroup: NodeGroupId(Uuid::from_u128(if master { 1 } else { 2 })),
            role: if master { Role::Master } else { Role::Worker },
            primary: false,
            name: name.to_owned(),
            address: "10.0.0.4".to_owned(),
            public_address: None,
            certificate: String::new(),
            token_hash: String::new(),
            state,
            wanted_release: Some(release.to_owned()),
            wanted_image: None,
            generation: 4,
            step: Some("kubelet".to_owned()),
            error: Some("port 10250 is taken".to_owned()),
            moved: None,
            last_seen: None,
            created_at: None,
        }
    }

    fn moved(node: NodeRegistration, second: i64, generation: i64) -> NodeRegistration {
        NodeRegistration { moved: Some(Move { at: at(second), generation }), ..node }
    }

    const ROLLOUT: Rollout<'_> =
        Rollout { release: "v2", image: None, group: None, max_batch_size: 2, begun: Timestamp::UNIX_EPOCH };

    fn names(turn: Turn<'_>) -> (&'static str, Vec<String>) {
        let (word, nodes) = match turn {
            Turn::Failed(node) => ("failed", vec![node]),
            Turn::Drain(nodes) => ("drain", nodes),
            Turn::Draining(nodes) => ("draining", nodes),
            Turn::Upgrade(nodes) => ("upgrade", nodes),
            Turn::Rebuild(nodes) => ("rebuild", nodes),
            Turn::Rebuilding(nodes) => ("rebuilding", nodes),
            Turn::Upgrading(nodes) => ("upgrading", nodes),
            Turn::Done => ("done", Vec::new()),
        };
        (word, nodes.into_iter().map(|node| node.name.clone()).collect())
    }

    fn says(nodes: &[NodeRegistration], word: &str, who: &[&str]) {
        let (found, found_names) = names(ROLLOUT.turn(nodes));
        assert_eq!((found, found_names.iter().map(String::as_str).collect::<Vec<_>>()), (word, who.to_vec()));
    }

    use NodeState::{Draining, Failed, Ready, Registered, Upgrading};

    #[test]
    fn masters_go_first_and_one_by_one_then_workers_in_batches() {
        let [m1, m2] = ["m1", "m2"].map(|name| node(name, Ready, "v1"));
        let [w1, w2, w3] = ["w1", "w2", "w3"].map(|name| node(name, Ready, "v1"));
        says(&[w1.clone(), m2.clone(), m1.clone()], "drain", &["m1"]);
        let m1 = node("m1", Ready, "v2");
        says(&[m1.clone(), m2, w1.clone()], "drain", &["m2"]);
        let m2 = node("m2", Ready, "v2");
        says(&[m1.clone(), m2.clone(), w3, w2, w1], "drain", &["w1", "w2"]);
        says(&[m1, m2, node("w1", Ready, "v2")], "done", &[]);
        says(&[], "done", &[]);
    }

    #[test]
    fn a_batch_ends_before_the_next_one_begins() {
        let w2 = node("w2", Ready, "v1");
        says(&[moved(node("w1", Draining, "v1"), 5, 6), w2.clone()], "draining", &["w1"]);
        says(&[moved(node("w1", Upgrading, "v2"), 5, 6), w2.clone()], "upgrading", &["w1"]);
        // Ready of an earlier plan is not ready at the release.
        says(&[moved(node("w1", Ready, "v2"), 5, 6), w2.clone()], "upgrading", &["w1"]);
        says(&[moved(node("w1", Ready, "v2"), 5, 4), w2], "drain", &["w2"]);
    }

    #[test]
    fn a_failure_of_its_own_stops_it_and_an_older_one_is_gone_on_with() {
        let later = Rollout { begun: at(100), ..ROLLOUT };
        let failed = moved(node("m1", Failed, "v2"), 50, 4);
        let others = [node("m0", Ready, "v1"), failed.clone()];
        assert_eq!(names(ROLLOUT.turn(&others)).0, "failed");
        assert_eq!(names(later.turn(&others)), ("upgrade", vec!["m1".to_owned()]));
        // One that failed before it was its turn is upgraded like any other.
        assert_eq!(names(later.turn(&[node("w1", Failed, "v1")])), ("drain", vec!["w1".to_owned()]));
        let begun_with = moved(node("w1", Registered, "v2"), 50, 6);
        assert_eq!(names(later.turn(&[begun_with])), ("upgrade", vec!["w1".to_owned()]));
    }

    #[test]
    fn one_group_is_upgraded_alone() {
        let workers = Rollout { group: Some(NodeGroupId(Uuid::from_u128(2))), ..ROLLOUT };
        let nodes = [node("m1", Ready, "v1"), node("w1", Ready, "v1")];
        assert_eq!(names(workers.turn(&nodes)), ("drain", vec!["w1".to_owned()]));
        assert_eq!(workers.scope(&nodes).len(), 1);
    }
}
