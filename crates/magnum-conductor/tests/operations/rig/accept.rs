//! Accepting operations, as the API does it.

use super::{Rig, worker_group};
use crate::rows;
use magnum_db::{AcceptOperation, GroupChange, Mode, NewOperation};
use magnum_types::{
    CA_ROTATE, CLUSTER_CREATE, CLUSTER_DELETE, CLUSTER_RESIZE, CLUSTER_UPDATE, CLUSTER_UPGRADE,
    CREDENTIAL_ROTATE, Entropy, NODEGROUP_CREATE, NODEGROUP_DELETE, NodeGroup, NodeGroupId, NodeGroupPatch,
    OperationId, OperationState, Status, UPGRADE_STOP,
    accept::{
        CaRotateParams, ClusterCreateParams, ClusterDeleteParams, ClusterResizeParams, ClusterUpgradeParams,
        CredentialRotateParams, NodeGroupParams, UpgradeImage, UpgradeStopParams,
    },
    change::EventAction,
    nodegroup::DEFAULT_MASTER,
    places,
};

impl Rig {
    pub async fn accept_create(&self, workers: i32) -> OperationId {
        let id = OperationId(self.entropy.uuid());
        let token = self.cloud.login("demo").unwrap();
        let params = ClusterCreateParams {
            sealed_token: self.keys.seal(&places::operation_token(id), token.as_bytes()).unwrap(),
            roles: self.demo.roles.clone(),
            application_credential: false,
            user_name: self.demo.user_name.clone(),
        };
        let operation = self.operation(id, CLUSTER_CREATE, &params);
        let groups = [self.entropy.uuid(), self.entropy.uuid()];
        let create = rows::create(
            &self.demo,
            self.cluster,
            &self.template,
            groups,
            [self.masters, workers],
            operation,
        );
        self.store.accept_cluster_create(create).await.unwrap();
        id
    }

    /// Makes a further group of workers.
    pub async fn add_nodegroup(&self, workers: i32) {
        let create = self.accept_nodegroup(workers).await;
        assert_eq!(self.finish(create).await, OperationState::Done, "a node group to work on is made");
        self.pass(5);
        self.register_nodes().await;
    }

    pub async fn accept_nodegroup(&self, workers: i32) -> OperationId {
        let id = OperationId(self.entropy.uuid());
        let view = self.view().await.unwrap();
        let group = NodeGroupId(self.entropy.uuid());
        let params = NodeGroupParams { nodegroup: group };
        let new = rows::further_group(&view.cluster, group, workers);
        let operation = self.operation(id, NODEGROUP_CREATE, &params);
        self.accept(operation, new, Mode::Queue).await;
        id
    }

    pub async fn accept_nodegroup_delete(&self) -> OperationId {
        let id = OperationId(self.entropy.uuid());
        let group = self.further_group().await;
        let params = NodeGroupParams { nodegroup: group.uuid };
        let patch = NodeGroupPatch { status: Some(Status::DeleteInProgress), ..Default::default() };
        let operation = self.operation(id, NODEGROUP_DELETE, &params);
        self.accept(operation, GroupChange::Patch(group.uuid, Box::new(patch)), Mode::Queue).await;
        id
    }

    pub async fn accept_group_resize(&self, workers: i32) -> OperationId {
        let group = self.further_group().await;
        self.accept_count(CLUSTER_RESIZE, &group, workers, Mode::Queue).await
    }

    /// Another number of masters.
    pub async fn accept_master_resize(&self, masters: i32) -> OperationId {
        let view = self.view().await.unwrap();
        let group = view.nodegroups.iter().find(|group| group.name == DEFAULT_MASTER);
        self.accept_count(CLUSTER_RESIZE, group.unwrap(), masters, Mode::Queue).await
    }

    /// As many masters, of which these go.
    pub async fn accept_master_removal(&self, masters: i32, nodes: &[&str]) -> OperationId {
        let view = self.view().await.unwrap();
        let group = view.nodegroups.iter().find(|group| group.name == DEFAULT_MASTER).unwrap();
        self.accept_count_without(CLUSTER_RESIZE, group, masters, Mode::Queue, nodes).await
    }

    /// The next release, for all nodes or for those of the further group.
    pub async fn accept_upgrade(&self, further_group_only: bool) -> OperationId {
        self.accept_upgrade_to(further_group_only, None).await
    }

    /// The next release and another image, for all nodes.
    pub async fn accept_rebuild(&self) -> OperationId {
        let view = self.view().await.unwrap();
        let nodegroups = view.nodegroups.iter().map(|group| group.uuid).collect();
        let image = UpgradeImage { id: magnum_fakes::seed::NEXT_IMAGE.to_owned(), nodegroups };
        self.accept_upgrade_to(false, Some(image)).await
    }

    async fn accept_upgrade_to(&self, further_group_only: bool, image: Option<UpgradeImage>) -> OperationId {
        let id = OperationId(self.entropy.uuid());
        let group = match further_group_only {
            true => Some(self.further_group().await.uuid),
            false => None,
        };
        let params = ClusterUpgradeParams {
            template: self.next_template.uuid.to_string(),
            release: rows::RELEASES[1].to_owned(),
            nodegroup: group,
            max_batch_size: 2,
            labels: self.next_template.labels.clone(),
            image,
        };
        let operation = self.operation(id, CLUSTER_UPGRADE, &params);
        self.accept(operation, GroupChange::None, Mode::Exclusive).await;
        id
    }

    /// The next release and another image, for the workers; masters come to the release in place.
    pub async fn accept_rebuild_of_workers(&self) -> OperationId {
        let view = self.view().await.unwrap();
        let workers = view.nodegroups.iter().filter(|group| group.name != DEFAULT_MASTER);
        let nodegroups = workers.map(|group| group.uuid).collect();
        let image = UpgradeImage { id: magnum_fakes::seed::NEXT_IMAGE.to_owned(), nodegroups };
        self.accept_upgrade_to(false, Some(image)).await
    }

    /// Stops an upgrade that is going on, which has ended then.
    pub async fn accept_upgrade_stop(&self) -> OperationId {
        let upgrade = self.store.live_operation(self.cluster).await.unwrap().expect("an upgrade is going on");
        let id = OperationId(self.entropy.uuid());
        let params = UpgradeStopParams { release: rows::RELEASES[1].to_owned(), nodegroup: None };
        let operation = self.operation(id, UPGRADE_STOP, &params);
        self.accept(operation, GroupChange::None, Mode::Stop(CLUSTER_UPGRADE)).await;
        assert_eq!(self.finish(upgrade.id).await, OperationState::Superseded);
        id
    }

    /// New authorities.
    pub async fn accept_rotate(&self) -> OperationId {
        let id = OperationId(self.entropy.uuid());
        let operation = self.operation(id, CA_ROTATE, &CaRotateParams {});
        self.accept(operation, GroupChange::None, Mode::Exclusive).await;
        id
    }

    /// A new credential, which the cluster's creator asks for.
    pub async fn accept_credential_rotate(&self) -> OperationId {
        self.accept_credential_rotate_of("demo").await
    }

    /// The same of another user of the project.
    pub async fn accept_credential_rotate_of(&self, user: &str) -> OperationId {
        let id = OperationId(self.entropy.uuid());
        let token = self.cloud.login(user).unwrap();
        let caller = self.cloud.account(user).unwrap();
        let params = CredentialRotateParams {
            sealed_token: self.keys.seal(&places::operation_token(id), token.as_bytes()).unwrap(),
            roles: caller.roles.clone(),
        };
        let mut operation = self.operation(id, CREDENTIAL_ROTATE, &params);
        operation.user_id = caller.user_id;
        self.accept(operation, GroupChange::None, Mode::Exclusive).await;
        id
    }

    async fn further_group(&self) -> NodeGroup {
        let view = self.view().await.unwrap();
        let further = view.nodegroups.into_iter().find(|group| !group.is_default);
        further.expect("the cluster has a further group")
    }

    pub async fn accept_update(&self, workers: i32) -> OperationId {
        let view = self.view().await.unwrap();
        self.accept_count(CLUSTER_UPDATE, worker_group(&view), workers, Mode::Exclusive).await
    }

    pub async fn accept_resize(&self, workers: i32) -> OperationId {
        let view = self.view().await.unwrap();
        self.accept_count(CLUSTER_RESIZE, worker_group(&view), workers, Mode::Queue).await
    }

    /// Another number of workers, of which these are to go.
    pub async fn accept_removal(&self, workers: i32, nodes: &[&str]) -> OperationId {
        let view = self.view().await.unwrap();
        self.accept_count_without(CLUSTER_RESIZE, worker_group(&view), workers, Mode::Queue, nodes).await
    }

    async fn accept_count(
        &self,
        kind: &'static str,
        group: &NodeGroup,
        workers: i32,
        mode: Mode,
    ) -> OperationId {
        self.accept_count_without(kind, group, workers, mode, &[]).await
    }

    async fn accept_count_without(
        &self,
        kind: &'static str,
        group: &NodeGroup,
        workers: i32,
        mode: Mode,
        nodes: &[&str],
    ) -> OperationId {
        let id = OperationId(self.entropy.uuid());
        let params = ClusterResizeParams {
            nodegroup: group.uuid,
            node_count: workers,
            previous_count: group.node_count,
            nodes_to_remove: nodes.iter().map(|node| (*node).to_owned()).collect(),
            rollback: false,
        };
        let status = Some(Status::UpdateInProgress);
        let patch = NodeGroupPatch { node_count: Some(workers), status, ..Default::default() };
        let operation = self.operation(id, kind, &params);
        self.accept(operation, GroupChange::Patch(group.uuid, Box::new(patch)), mode).await;
        id
    }

    async fn accept(&self, operation: NewOperation, nodegroup: GroupChange, mode: Mode) {
        let accept = AcceptOperation {
            cluster: self.cluster,
            allowed: |status| status.admits_update() || status.admits_resize(),
            new_status: Status::UpdateInProgress,
            nodegroup,
            event: rows::pending(self.cluster, operation.id, EventAction::Update),
            operation,
            mode,
        };
        self.store.accept_operation(accept).await.unwrap();
    }

    pub async fn accept_delete(&self) -> OperationId {
        let id = OperationId(self.entropy.uuid());
        let accept = AcceptOperation {
            cluster: self.cluster,
            allowed: |_| true,
            new_status: Status::DeleteInProgress,
            nodegroup: GroupChange::None,
            operation: self.operation(id, CLUSTER_DELETE, &ClusterDeleteParams {}),
            mode: Mode::Supersede,
            event: rows::pending(self.cluster, id, EventAction::Delete),
        };
        self.store.accept_operation(accept).await.unwrap();
        id
    }

    fn operation(&self, id: OperationId, kind: &'static str, params: &impl serde::Serialize) -> NewOperation {
        NewOperation {
            id,
            kind,
            params: serde_json::to_value(params).unwrap(),
            timeout: self.time_limit,
            request_id: "req-1".to_owned(),
            project_id: self.demo.project_id.clone(),
            user_id: self.demo.user_id.clone(),
        }
    }
}
