//! A local cloud as Magnum sees it: over HTTP, with tokens of a Keystone, on a machine in memory, on a clock that the test
//! moves, in a process that can be killed and started anew.

use crate::{
    crash::{CrashPoint, Side, TestDisk},
    machine::Machine,
    rows,
};
use async_trait::async_trait;
use axum::{Router, body::Body, extract::Request, response::Response};
use magnum_drivers::{Driver, GroupStackInputs, ScaleInputs, Stack, StackInputs, local::LocalDriver};
use magnum_fakes::FakeCloud;
use magnum_local::cloud::{Caller, LocalCloud, LocalSettings, Tokens};
use magnum_openstack::{
    Cloud, CloudError, EndpointSettings, Service, Session, TokenValidator, ValidatorSettings,
    heat::{Heat, Resource, ResourceFilter, StackList, StackRef, StackRequest, StackUpdate},
};
use magnum_types::{Role, SeededEntropy, VirtualClock};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeSet,
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// Turns after which something counts as never to happen.
const TURNS: u32 = 3000;

struct Validated(TokenValidator);

#[async_trait]
impl Tokens for Validated {
    async fn check(&self, token: &str) -> Option<Caller> {
        let valid = self.0.validate(&token.to_owned().into()).await.ok()?;
        Some(Caller {
            user: valid.user_id.clone(),
            project_id: valid.project_id.clone(),
            roles: valid.roles.clone(),
        })
    }
}

struct Process {
    cloud: Arc<LocalCloud>,
    work: JoinHandle<()>,
}

/// The routers of the living process: for clients, for nodes.
type Served = Arc<Mutex<Option<(Router, Router)>>>;

pub struct Rig {
    pub keystone: FakeCloud,
    pub clock: Arc<VirtualClock>,
    pub machine: Arc<Machine>,
    pub disk: Arc<TestDisk>,
    pub point: Arc<CrashPoint>,
    pub base_url: String,
    served: Served,
    process: Mutex<Option<Process>>,
    lives: Mutex<u64>,
    /// Names of nodes that say nothing.
    pub silent: Mutex<Vec<String>>,
    signalled: Mutex<BTreeSet<uuid::Uuid>>,
}

async fn forward(served: Served, request: Request) -> Response {
    let router = served.lock().unwrap().as_ref().map(|(router, _)| router.clone());
    match router {
        Some(router) => router.oneshot(request).await.unwrap(),
        None => std::future::pending().await,
    }
}

impl Rig {
    pub async fn new() -> Self {
        let clock = Arc::new(VirtualClock::default());
        let keystone = FakeCloud::start(clock.clone()).await.unwrap();
        let served: Served = Arc::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let router = {
            let served = served.clone();
            Router::new().fallback(move |request: Request| forward(served.clone(), request))
        };
        tokio::spawn(async move { axum::serve(listener, router).await });
        let point = Arc::new(CrashPoint::default());
        let rig = Self {
            keystone,
            clock,
            machine: Arc::new(Machine::new(point.clone())),
            disk: Arc::new(TestDisk::new(point.clone())),
            point,
            base_url,
            served,
            process: Mutex::default(),
            lives: Mutex::default(),
            silent: Mutex::default(),
            signalled: Mutex::default(),
        };
        rig.start().await;
        rig
    }

    pub fn settings(&self) -> LocalSettings {
        LocalSettings {
            directory: "unused".into(),
            base_url: self.base_url.clone(),
            node_url: "https://magnum.internal:9511".into(),
            gateway_names: vec!["magnum.internal".into()],
        }
    }

    /// Starts a process; the one before is gone.
    pub async fn start(&self) {
        let life = {
            let mut lives = self.lives.lock().unwrap();
            *lives += 1;
            *lives
        };
        let validator = self.cloud().token_validator(ValidatorSettings::default());
        let entropy = Arc::new(SeededEntropy::new(life));
        let cloud = LocalCloud::open_over(
            Arc::new(self.disk.handle()),
            self.settings(),
            self.machine.clone(),
            Arc::new(Validated(validator)),
            self.clock.clone(),
            entropy,
        );
        let cloud = Arc::new(cloud.await.unwrap());
        *self.served.lock().unwrap() = Some((cloud.router(), cloud.node_router()));
        let running = cloud.clone();
        let work = tokio::spawn(async move { running.run(CancellationToken::new()).await });
        *self.process.lock().unwrap() = Some(Process { cloud, work });
    }

    /// Ends the process as a kill does.
    pub async fn kill(&self) {
        *self.served.lock().unwrap() = None;
        let process = self.process.lock().unwrap().take().unwrap();
        process.work.abort();
        let ended = process.work.await;
        assert!(ended.is_err_and(|error| error.is_cancelled()), "the process panicked");
    }

    pub async fn restart(&self) {
        self.kill().await;
        self.point.die_at(None);
        self.start().await;
    }

    pub fn gateways(&self) -> watch::Receiver<BTreeSet<IpAddr>> {
        self.process.lock().unwrap().as_ref().unwrap().cloud.gateways()
    }

    /// Magnum's client of this cloud, as a project's.
    pub fn cloud_in(&self, project: &str) -> Cloud {
        let mut settings = self.keystone.settings();
        settings.transport.insecure = true;
        let transport = settings.transport.clone();
        for (service, path) in [
            (Service::Orchestration, format!("orchestration/v1/{project}")),
            (Service::Compute, "compute/v2.1".into()),
            (Service::Network, "network".into()),
            (Service::Image, "image".into()),
            (Service::BlockStorage, format!("volume/v3/{project}")),
        ] {
            let address = Some(format!("{}/{path}", self.base_url));
            let endpoint = EndpointSettings { address, ..settings.endpoint.clone() };
            settings.services.push((service, endpoint, transport.clone()));
        }
        Cloud::new(settings, self.clock.clone(), Arc::new(SeededEntropy::new(77))).unwrap()
    }

    pub fn cloud(&self) -> Cloud {
        self.cloud_in(&self.project("demo"))
    }

    pub fn project(&self, account: &str) -> String {
        self.keystone.account(account).unwrap().project_id
    }

    pub fn session(&self, account: &str) -> Session {
        self.cloud().user_session(self.keystone.login(account).unwrap().into(), None)
    }

    /// Heat as an account sees it, in its own project.
    pub fn heat_of(&self, account: &str) -> Heat {
        self.cloud_in(&self.project(account)).heat(&self.session(account))
    }

    pub fn heat(&self) -> Heat {
        self.heat_of("demo")
    }

    /// A request as it is, past Magnum's client: status, headers and JSON.
    pub async fn raw(
        &self,
        method: &str,
        path: &str,
        account: Option<&str>,
        body: Value,
    ) -> (u16, String, Value) {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(account) = account {
            request = request.header("x-auth-token", self.keystone.login(account).unwrap());
        }
        let request = request.body(Body::from(body.to_string())).unwrap();
        let response = forward(self.served.clone(), request).await;
        let status = response.status().as_u16();
        let location = response.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, location.unwrap_or_default(), serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// What a node sends to its signal URL, with this token.
    pub async fn signal(&self, url: &str, token: &str, body: &Value) -> u16 {
        let path = url.strip_prefix("https://magnum.internal:9511").unwrap();
        let request = Request::builder().method("POST").uri(path).header("x-auth-token", token);
        let request = request.body(Body::from(body.to_string())).unwrap();
        let router = self.served.lock().unwrap().as_ref().map(|(_, nodes)| nodes.clone());
        let Some(router) = router else { return 0 };
        router.oneshot(request).await.unwrap().status().as_u16()
    }

    /// The node program's own file, as the node finds it.
    pub fn node_json(&self, server: uuid::Uuid) -> Value {
        serde_json::from_str(&self.machine.file(server, "/etc/magnum/node.json")).unwrap()
    }

    /// What a node says of itself.
    pub async fn node_says(&self, name: &str, status: &str, reason: &str) -> u16 {
        let told = self.node_json(self.machine.server_of(name));
        let body = json!({"status": status, "reason": reason, "data": "", "id": name});
        let text = |key: &str| told[key].as_str().unwrap().to_owned();
        self.signal(&text("signal_url"), &text("signal_token"), &body).await
    }

    /// Every node that runs and has not said so says that it is ready.
    async fn nodes_signal(&self) {
        let running: Vec<(uuid::Uuid, String)> = {
            let inner = self.machine.inner();
            inner.nodes.values().map(|held| (held.spec.server, held.spec.name.clone())).collect()
        };
        for (server, name) in running {
            let silent = self.silent.lock().unwrap().iter().any(|part| name.contains(part.as_str()));
            if silent || self.signalled.lock().unwrap().contains(&server) {
                continue;
            }
            if self.node_says(&name, "SUCCESS", "ready").await == 200 {
                self.signalled.lock().unwrap().insert(server);
            }
        }
    }

    /// Lets a second pass, and everybody do what they do in it.
    pub async fn turn(&self) {
        self.nodes_signal().await;
        self.clock.advance(Duration::from_secs(1));
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    pub async fn until(&self, what: &str, mut is: impl AsyncFnMut() -> bool) {
        for _ in 0..TURNS {
            if is().await {
                return;
            }
            self.turn().await;
        }
        panic!("after {TURNS} turns: {what}");
    }

    pub async fn pass(&self, seconds: u64) {
        for _ in 0..seconds {
            self.turn().await;
        }
    }

    /// Waits until a stack has ended what it does; gives its status and reason.
    pub async fn ended(&self, stack: &StackRef) -> (String, String) {
        let heat = self.heat();
        let mut last = (String::new(), String::new());
        self.until("the stack is still in progress", async || {
            let shown = heat.stack_get(stack, false).await.unwrap().unwrap();
            let going = shown.is_in_progress();
            last = (shown.stack_status, shown.stack_status_reason.unwrap_or_default());
            !going
        })
        .await;
        last
    }

    pub async fn ends_as(&self, stack: &StackRef, status: &str) -> String {
        let (ended, reason) = self.ended(stack).await;
        assert_eq!(ended, status, "{reason}");
        reason
    }

    /// Does something of which a process may die; `None` when it did, and another was started.
    pub async fn survive<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let done = tokio::select! {
            biased;
            () = self.point.died.notified() => None,
            done = work => Some(done),
        };
        if done.is_none() || self.point.is_dead() {
            self.restart().await;
            return done.filter(|_| false);
        }
        done
    }

    pub fn die_at(&self, number: u64, side: Side) {
        self.point.die_at(Some((number, side)));
    }

    pub async fn resources(&self, stack: &StackRef) -> Vec<Resource> {
        let filter = ResourceFilter { nested_depth: 3, ..Default::default() };
        self.heat().resource_list(stack, &filter).await.unwrap()
    }

    /// The indexes of the workers that stay, in order.
    pub async fn workers(&self, stack: &StackRef) -> Vec<u32> {
        let resources = self.resources(stack).await;
        let group = resources.iter().find(|resource| resource.resource_name == "swarm_nodes").unwrap();
        let inside =
            |resource: &&Resource| resource.stack().map(|stack| stack.id) == group.physical_resource_id;
        let mut found: Vec<u32> = resources
            .iter()
            .filter(inside)
            .filter(|resource| !resource.resource_status.starts_with("DELETE"))
            .map(|resource| resource.resource_name.parse().unwrap())
            .collect();
        found.sort_unstable();
        found
    }
}

/// What the driver asks for.
pub fn stack_of(masters: i32, workers: i32) -> Stack {
    let (mut template, cluster) = (rows::template(), rows::cluster());
    template.image_id = "magnum-node".into();
    let image = |mut group: magnum_types::NodeGroup| {
        group.image_id = None;
        group
    };
    LocalDriver.stack(&StackInputs {
        cluster: &cluster,
        template: &template,
        masters: &image(rows::group("master", masters, "local.medium")),
        workers: &image(rows::group("worker", workers, "local.small")),
        join_secret: &"join-secret".to_owned().into(),
        settings: &rows::settings(),
    })
}

pub fn group_stack_of(outputs: &Map<String, Value>, workers: i32) -> Stack {
    let mut group = rows::group("worker", workers, "local.small");
    group.image_id = Some("magnum-node".into());
    let inputs = GroupStackInputs {
        cluster: &rows::cluster(),
        template: &rows::template(),
        group: &group,
        join_secret: &"group-secret".to_owned().into(),
        settings: &rows::settings(),
        cluster_outputs: outputs,
    };
    LocalDriver.nodegroup_stack(&inputs).unwrap()
}

/// Sends a stack as the conductor does.
pub async fn create(heat: &Heat, name: &str, stack: &Stack) -> Result<StackRef, CloudError> {
    let environment = stack.environment.to_string();
    let parameters = stack.parameters.clone().into_iter().collect();
    heat.stack_create(&StackRequest {
        name,
        template: &stack.template,
        files: &stack.files,
        environment: Some(&environment),
        parameters: &parameters,
        timeout_mins: u32::try_from(stack.timeout_minutes).ok(),
        disable_rollback: true,
        tags: &["magnum", "of-a-test"],
    })
    .await
}

/// Another number of workers, without these, as the conductor asks for it.
pub async fn scale(
    heat: &Heat,
    stack: &StackRef,
    count: i32,
    remove: &[u32],
    rollback: bool,
) -> Result<(), CloudError> {
    let inputs = ScaleInputs { role: Role::Worker, node_count: count, remove };
    let parameters = LocalDriver.scale(&inputs).parameters.into_iter().collect();
    let update = StackUpdate {
        parameters: Some(&parameters),
        disable_rollback: Some(!rollback),
        tags: &["magnum", "of-a-test"],
        ..Default::default()
    };
    heat.stack_patch(stack, &update).await
}

/// A cluster that is complete.
pub async fn living(rig: &Rig, masters: i32, workers: i32) -> StackRef {
    let stack = create(&rig.heat(), "c1", &stack_of(masters, workers)).await.unwrap();
    rig.ends_as(&stack, "CREATE_COMPLETE").await;
    stack
}

pub async fn listed(heat: &Heat, list: &StackList<'_>) -> Vec<String> {
    heat.stack_list(list).await.unwrap().into_iter().map(|stack| stack.stack_name).collect()
}
