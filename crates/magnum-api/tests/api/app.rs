//! The application under test, a client for it, and ways to bring clusters into the state that a test needs.

use crate::cloud::FakeCloud;
use async_trait::async_trait;
use axum::{Router, body::Body};
use http::{HeaderMap, Request, StatusCode};
use magnum_api::{
    ApiSettings, AppState, app,
    nodes::{
        held::Held,
        membership::{Member, MemberStack, Membership},
        program::NodeProgram,
    },
    v1::certificates::authority,
};
use magnum_db::{ClusterView, DatabaseSettings, Store};
use magnum_drivers::{Registry, RegistrySettings, kubernetes::KubernetesSettings};
use magnum_messaging::MemoryBus;
use magnum_openstack::{
    AuthMethod, AuthSettings, Cloud, CloudSettings, DomainRef, EndpointSettings, ProjectRef, Scope,
    TransportSettings, UserRef, ValidatorSettings,
};
use magnum_policy::{Enforcer, PolicySettings};
use magnum_secrets::{BundleName, CertificateBundle, CertificateStore, SecretError};
use magnum_types::{
    Change, ClusterHandle, ClusterId, ClusterPatch, CredentialKind, HandlePatch, NodeGroupPatch,
    OperationState, OperationStore, SeededEntropy, ServiceError, Status, VirtualClock, operation::Fence,
};
use magnum_x509::{CertificateAuthority, KeyAlgorithm, PrivateKey, SealingKey, SealingKeys, Validity, token};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// Certificate bundles in memory.
#[derive(Default)]
pub struct MemorySecrets(Mutex<HashMap<String, CertificateBundle>>);

#[async_trait]
impl CertificateStore for MemorySecrets {
    async fn store(&self, name: &BundleName, bundle: &CertificateBundle) -> Result<String, SecretError> {
        self.0.lock().unwrap().insert(name.as_text(), bundle.clone());
        Ok(name.as_text())
    }
    async fn find(&self, name: &BundleName) -> Result<Option<String>, SecretError> {
        Ok(self.0.lock().unwrap().contains_key(&name.as_text()).then(|| name.as_text()))
    }
    async fn load(&self, reference: &str) -> Result<CertificateBundle, SecretError> {
        self.0
            .lock()
            .unwrap()
            .get(reference)
            .cloned()
            .ok_or_else(|| SecretError::NotFound(reference.to_owned()))
    }
    async fn certificate(&self, reference: &str) -> Result<String, SecretError> {
        Ok(self.load(reference).await?.certificate)
    }
    async fn delete(&self, name: &BundleName, _: Option<&str>) -> Result<(), SecretError> {
        self.0.lock().unwrap().remove(&name.as_text());
        Ok(())
    }
}

/// Servers that a test declares to be members.
#[derive(Default)]
pub struct Members(pub Mutex<HashMap<String, Member>>);

#[async_trait]
impl Membership for Members {
    async fn member(
        &self,
        _: &ClusterView,
        _: &ClusterHandle,
        stack: &MemberStack,
        id: &str,
    ) -> Result<Option<Member>, ServiceError> {
        // A member is known by its server and, in a further group, by the stack's name before it.
        let known = self.0.lock().unwrap();
        Ok(known.get(&format!("{}/{id}", stack.name)).or_else(|| known.get(id)).cloned())
    }
}

pub struct App {
    pub state: AppState,
    pub cloud: FakeCloud,
    pub members: Arc<Members>,
    pub secrets: Arc<MemorySecrets>,
    pub stop: CancellationToken,
    clock: Arc<VirtualClock>,
    router: Router,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Reply {
    /// The text of the first error.
    pub fn detail(&self) -> &str {
        self.body["errors"][0]["detail"].as_str().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

impl App {
    pub async fn start() -> Self {
        Self::with(|_| {}, PolicySettings::default()).await
    }

    pub async fn with(change: impl FnOnce(&mut ApiSettings), policy: PolicySettings) -> Self {
        let cloud = FakeCloud::start().await;
        let clock = Arc::new(VirtualClock::default());
        let entropy = Arc::new(SeededEntropy::new(1));
        let store =
            Store::connect(DatabaseSettings::new("sqlite://"), clock.clone(), entropy.clone()).await.unwrap();
        store.upgrade(None).await.unwrap();
        let settings = CloudSettings {
            service: AuthSettings {
                auth_url: format!("{}/v3", cloud.url),
                method: AuthMethod::Password {
                    user: UserRef::Name("magnum".into(), DomainRef::Name("Default".into())),
                    password: SecretString::from("x"),
                },
                scope: Scope::Project(ProjectRef::Id("p-service".into())),
            },
            trustee_admin: None,
            transport: TransportSettings { attempts: 1, ..TransportSettings::default() },
            endpoint: EndpointSettings::default(),
            services: vec![],
        };
        let remote = Cloud::new(settings, clock.clone(), entropy.clone()).unwrap();
        let mut api = ApiSettings { plan_hold: Duration::from_millis(50), ..ApiSettings::default() };
        change(&mut api);
        let members = Arc::new(Members::default());
        let secrets = Arc::new(MemorySecrets::default());
        let stop = CancellationToken::new();
        let state = AppState {
            store,
            enforcer: Enforcer::new(policy).unwrap().0,
            validator: Arc::new(remote.token_validator(ValidatorSettings::default())),
            cloud: Arc::new(remote),
            registry: Arc::new(Registry::new(&RegistrySettings {
                kubernetes: KubernetesSettings {
                    cluster_user_trust: api.cluster_user_trust,
                    ..KubernetesSettings::default()
                },
                ..RegistrySettings::default()
            })),
            secrets: secrets.clone(),
            authorities: authority::cache(),
            sealing: Arc::new(SealingKeys::new(SealingKey::from_bytes([7; 32]).unwrap())),
            bus: Arc::new(MemoryBus::new()),
            membership: members.clone(),
            held: Held::until(stop.clone()),
            program: Some(Arc::new(NodeProgram::of("the node program".into()))),
            clock: clock.clone(),
            entropy,
            settings: Arc::new(api),
        };
        Self { router: app(state.clone()), state, cloud, members, secrets, stop, clock }
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Sends a request as it is.
    pub async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 24).await.unwrap();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// Sends a request of a persona at the latest version.
    pub async fn call(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> Reply {
        self.call_at("container-infra latest", token, method, path, body).await
    }

    /// Sends a request with this version header; an empty one sends none.
    pub async fn call_at(
        &self,
        version: &str,
        token: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path).header("host", "magnum.example:9511");
        if !token.is_empty() {
            request = request.header("x-auth-token", token);
        }
        if !version.is_empty() {
            request = request.header("openstack-api-version", version);
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call("owner", "GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.call("owner", "POST", path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.call("owner", "PATCH", path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.call("owner", "DELETE", path, None).await
    }

    /// A template of the owner's; its UUID.
    pub async fn template(&self, more: Value) -> String {
        let mut body = template_body();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let reply = self.post("/v1/clustertemplates", body).await;
        assert_eq!(reply.status, 201, "{:?}", reply.body);
        reply.body["uuid"].as_str().unwrap().to_owned()
    }

    /// A cluster of the owner's, still being made; its UUID.
    pub async fn cluster(&self, name: &str) -> ClusterId {
        self.cluster_of(name, json!({})).await
    }

    async fn cluster_of(&self, name: &str, template: Value) -> ClusterId {
        let template = self.template(template).await;
        let body = json!({"name": name, "cluster_template_id": template, "node_count": 2});
        let reply = self.post("/v1/clusters", body).await;
        assert_eq!(reply.status, 202, "{:?}", reply.body);
        reply.body["uuid"].as_str().unwrap().parse().unwrap()
    }

    /// Takes the cluster's live operation as a conductor does.
    pub async fn claim(&self, cluster: ClusterId) -> Fence {
        let store = &self.state.store;
        let live = store.live_operation(cluster).await.unwrap().expect("a live operation");
        let claim = store.claim(live.id, "test", Duration::from_secs(60)).await.unwrap().expect("claimable");
        Fence { operation: live.id, epoch: claim.operation.epoch }
    }

    /// Ends the cluster's live operation with this status.
    pub async fn settle(&self, cluster: ClusterId, status: Status) {
        self.finish(cluster, ClusterPatch { status: Some(status), ..ClusterPatch::default() }).await;
    }

    pub async fn finish(&self, cluster: ClusterId, patch: ClusterPatch) {
        let store = &self.state.store;
        let fence = self.claim(cluster).await;
        let status = patch.status;
        let mut changes = vec![Change::Cluster(cluster, Box::new(patch))];
        for group in store.cluster_by_id(cluster).await.unwrap().nodegroups {
            let patch = NodeGroupPatch {
                status,
                status_reason: Some(Some("why".into())),
                ..NodeGroupPatch::default()
            };
            changes.push(Change::NodeGroup(group.uuid, Box::new(patch)));
        }
        store.finish(fence, OperationState::Done, changes).await.unwrap();
    }

    /// A complete cluster with a CA, a join secret `join-me`, and its row.
    pub async fn living_cluster(&self, name: &str) -> ClusterId {
        self.living_cluster_of(name, json!({})).await
    }

    /// The same of another template. One authority stands for all that a cluster may have.
    pub async fn living_cluster_of(&self, name: &str, template: Value) -> ClusterId {
        let kubernetes = template["coe"] == "kubernetes";
        let cluster = self.cluster_of(name, template).await;
        let reference = self.authority(cluster).await;
        let fence = self.claim(cluster).await;
        let handle = HandlePatch {
            join_secret_hash: Some(Some(token::sha256_hex(b"join-me"))),
            credential: Some(Some(CredentialKind::Trust)),
            ..HandlePatch::default()
        };
        let patch = ClusterPatch {
            status: Some(Status::CreateComplete),
            trustee_user_id: Some(Some("u-trustee".into())),
            trust_id: Some(Some("t-owner".into())),
            ca_cert_ref: Some(Some(reference.clone())),
            etcd_ca_cert_ref: kubernetes.then(|| Some(reference.clone())),
            front_proxy_ca_cert_ref: kubernetes.then_some(Some(reference)),
            api_address: Some(Some("tcp://172.24.4.9:2376".into())),
            ..ClusterPatch::default()
        };
        let mut changes =
            vec![Change::Handle(cluster, Box::new(handle)), Change::Cluster(cluster, Box::new(patch))];
        for group in self.state.store.cluster_by_id(cluster).await.unwrap().nodegroups {
            let patch = NodeGroupPatch { status: Some(Status::CreateComplete), ..NodeGroupPatch::default() };
            changes.push(Change::NodeGroup(group.uuid, Box::new(patch)));
        }
        self.state.store.finish(fence, OperationState::Done, changes).await.unwrap();
        cluster
    }

    async fn authority(&self, cluster: ClusterId) -> String {
        let name = BundleName {
            cluster,
            purpose: magnum_secrets::Purpose::ClusterCa,
            generation: 0,
            project_id: "p-demo".into(),
            user_id: "u-owner".into(),
        };
        self.secrets.store(&name, AUTHORITY.get_or_init(bundle)).await.unwrap()
    }
}

/// One CA for all clusters of a test: encrypting its key is slow on purpose.
static AUTHORITY: OnceLock<CertificateBundle> = OnceLock::new();

fn bundle() -> CertificateBundle {
    let now = magnum_types::Clock::now(&VirtualClock::default());
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let passphrase = SecretString::from("passphrase");
    let private_key = SecretString::from(key.to_encrypted_pem(&passphrase).unwrap());
    let ca = CertificateAuthority::create("c1", key, Validity::starting(now, 1825).unwrap()).unwrap();
    CertificateBundle {
        certificate: ca.certificate_pem().to_owned(),
        private_key,
        passphrase,
        intermediates: None,
    }
}

pub fn template_body() -> Value {
    json!({
        "name": "swarm", "coe": "swarm-mode", "image_id": "debian-12", "external_network_id": "public",
        "flavor_id": "m1.small", "master_flavor_id": "m1.small", "dns_nameserver": "8.8.8.8",
    })
}
