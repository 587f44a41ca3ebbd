//! The handle that tests hold: where the cloud is, who may call it, and every switch.

use crate::{
    cinder::Volume,
    faults::{Fault, FaultBoard, When},
    heat::{Pace, Part},
    keystone::{Credential, Place, Token},
    neutron::{MONITOR, SecurityGroup},
    octavia::LoadBalancer,
    seed::{self, Named, REGION, TRUSTEE_DOMAIN},
    server::{Call, CuttableListener, Shared, Wire, router},
    state::State,
};
use magnum_openstack::{
    AuthMethod, AuthSettings, CloudSettings, DomainRef, EndpointSettings, Interface, ProjectRef, Scope,
    TransportSettings, TrusteeAdmin, UserRef,
};
use magnum_types::Clock;
use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// A running fake cloud. Clones are the same cloud; it stops with the last.
#[derive(Clone)]
pub struct FakeCloud {
    shared: Arc<Shared>,
    base_url: Arc<str>,
    _server: Arc<ServerTask>,
}

struct ServerTask(JoinHandle<()>);

impl Drop for ServerTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An account of the cloud: `demo`, `reader`, `other`, `admin`, `magnum` or `magnum_domain_admin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub user_id: String,
    /// Its name.
    pub user_name: String,
    /// The id of its domain.
    pub domain_id: String,
    /// Its password.
    pub password: String,
    /// The id of its project; empty for the trustee domain's admin.
    pub project_id: String,
    /// The roles that it holds there.
    pub roles: Vec<String>,
}

impl FakeCloud {
    /// Starts a cloud on a free port of 127.0.0.1. Tokens, trusts and stacks live by `clock`.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(clock: Arc<dyn Clock>) -> io::Result<Self> {
        Self::start_seeded(clock, 1).await
    }

    /// As [`FakeCloud::start`], with ids drawn from `seed`.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start_seeded(clock: Arc<dyn Clock>, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(base_url.clone(), clock, seed)),
            board: Mutex::new(FaultBoard::default()),
            log: Mutex::new(Vec::new()),
            stopped: watch::Sender::new(false),
            resumed: watch::Sender::new(0),
        });
        let service = router(shared.clone()).into_make_service_with_connect_info::<Wire>();
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(CuttableListener(listener), service).await {
                tracing::error!(%error, "the fake cloud has ended");
            }
        });
        let server = Arc::new(ServerTask(server));
        Ok(Self { shared, base_url: base_url.into(), _server: server })
    }

    /// The address of all services, without a slash at the end.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Keystone's address, without `/v3`.
    pub fn auth_url(&self) -> String {
        format!("{}/identity", self.base_url)
    }

    /// Settings of Magnum's client: the service user `magnum`, the trustee domain's admin, one attempt per call and
    /// short time-outs, so that each fault reaches the caller, and soon.
    pub fn settings(&self) -> CloudSettings {
        let user =
            |name: &str, domain: &str| UserRef::Name(name.to_owned(), DomainRef::Id(domain.to_owned()));
        let service = ProjectRef::Name("service".to_owned(), DomainRef::Id(seed::DEFAULT_DOMAIN.to_owned()));
        CloudSettings {
            service: AuthSettings {
                auth_url: self.auth_url(),
                method: AuthMethod::Password {
                    user: user("magnum", seed::DEFAULT_DOMAIN),
                    password: seed::password("magnum").into(),
                },
                scope: Scope::Project(service),
            },
            trustee_admin: Some(TrusteeAdmin {
                user: user("magnum_domain_admin", TRUSTEE_DOMAIN),
                password: seed::password("magnum_domain_admin").into(),
                domain: DomainRef::Id(TRUSTEE_DOMAIN.to_owned()),
            }),
            transport: TransportSettings {
                connect_timeout: Duration::from_secs(5),
                attempt_timeout: Duration::from_secs(5),
                call_timeout: Duration::from_secs(10),
                attempts: 1,
                backoff: Duration::from_millis(1),
                ..TransportSettings::default()
            },
            endpoint: EndpointSettings {
                region: Some(REGION.to_owned()),
                interface: Interface::Public,
                address: None,
            },
            services: Vec::new(),
        }
    }

    /// The account of this name; `None` when there is none.
    pub fn account(&self, name: &str) -> Option<Account> {
        let state = self.shared.state();
        let user = state.identity.user_named(name)?;
        let grants = state.identity.grants.iter();
        let (_, place, _) = grants.clone().find(|(id, _, _)| *id == user.id)?;
        let project_id = match place {
            Place::Project(id) => id.clone(),
            _ => String::new(),
        };
        Some(Account {
            user_id: user.id.clone(),
            user_name: user.name.clone(),
            domain_id: user.domain.clone(),
            password: user.password.clone(),
            project_id,
            roles: state.identity.roles_of(&user.id, place),
        })
    }

    /// A token of an account in its own place, without a call; `None` for an unknown name.
    pub fn login(&self, name: &str) -> Option<String> {
        let account = self.account(name)?;
        Some(self.issue(&account, "password", None))
    }

    /// A token of an account that came by an application credential, made for it beforehand; `None` for an unknown
    /// name. The credential counts as the user's own, not as a leftover.
    pub fn login_by_application_credential(&self, name: &str, unrestricted: bool) -> Option<String> {
        let account = self.account(name)?;
        let mut state = self.shared.state();
        let credential = Credential {
            id: state.hex(),
            name: format!("own-{}", state.identity.credentials.len()),
            user: account.user_id.clone(),
            project: account.project_id.clone(),
            secret: state.hex(),
            roles: account.roles.clone(),
            unrestricted,
            expires: None,
        };
        let id = credential.id.clone();
        state.seeded.insert(id.clone());
        state.identity.credentials.insert(id.clone(), credential);
        drop(state);
        Some(self.issue(&account, "application_credential", Some(id)))
    }

    fn issue(&self, account: &Account, method: &'static str, credential: Option<String>) -> String {
        let mut state = self.shared.state();
        let place = match account.project_id.as_str() {
            "" => Place::Domain(account.domain_id.clone()),
            project => Place::Project(project.to_owned()),
        };
        let token = Token {
            user: account.user_id.clone(),
            place,
            roles: account.roles.clone(),
            methods: vec![method],
            issued: state.now(),
            expires: state.after(state.identity.token_seconds),
            trust: None,
            credential,
            audit: state.hex(),
        };
        let id = format!("gAAAAA{}{}", state.hex(), state.hex());
        state.identity.tokens.insert(id.clone(), token);
        id
    }

    /// The id of a project.
    pub fn project_id(&self, project: Named) -> &'static str {
        seed::project_id(project)
    }

    /// How long tokens live from now on, in seconds (3600 at first).
    pub fn token_seconds(&self, seconds: u32) {
        self.shared.state().identity.token_seconds = seconds;
    }

    /// Ends every token at once, as a restarted Keystone with new keys would.
    pub fn revoke_all_tokens(&self) {
        self.shared.state().identity.tokens.clear();
    }

    /// Whether Keystone refuses every new trust with 403.
    pub fn refuse_trusts(&self, refuse: bool) {
        self.shared.state().identity.refuses_trusts = refuse;
    }

    /// Takes an account away, with its trusts and application credentials; false when there is none.
    pub fn delete_account(&self, name: &str) -> bool {
        let mut state = self.shared.state();
        let id = state.identity.user_named(name).map(|user| user.id.clone());
        id.is_some_and(|id| state.identity.forget_user(&id))
    }

    /// Stacks end their work this many seconds after the request, on the cloud's clock; 0 (as at first) is at once.
    pub fn build_seconds(&self, seconds: u32) {
        self.shared.state().heat.pace = Pace::After(seconds);
    }

    /// Stacks end their work only by [`FakeCloud::finish_stacks`] and [`FakeCloud::fail_stacks`].
    pub fn build_by_hand(&self) {
        self.shared.state().heat.pace = Pace::ByHand;
    }

    /// Ends the work of every stack in progress.
    pub fn finish_stacks(&self) {
        let mut state = self.shared.state();
        for id in state.working_stacks() {
            state.end_work(&id);
        }
    }

    /// Fails every stack in progress; the first member that is being built bears the reason.
    pub fn fail_stacks(&self, reason: &str) {
        let mut state = self.shared.state();
        for id in state.working_stacks() {
            state.fail_work(&id, reason);
        }
    }

    /// The next create or update of a stack that ends will end as failed, for this reason.
    pub fn next_stack_fails(&self, reason: &str) {
        self.next_stack_fails_at(Part::Server, reason);
    }

    /// As [`FakeCloud::next_stack_fails`], at this part of the first member that is being built; `%s` in the reason stands
    /// for the way to it.
    pub fn next_stack_fails_at(&self, part: Part, reason: &str) {
        self.shared.state().heat.failures.push_back((part, reason.to_owned()));
    }

    /// The next delete of a stack that ends will end as failed, for this reason; what the stack has stays.
    pub fn next_delete_fails(&self, reason: &str) {
        self.shared.state().heat.delete_failures.push_back(reason.to_owned());
    }

    /// Whether Nova's quota is used up: every stack that needs a new server fails.
    pub fn quota_exceeded(&self, exceeded: bool) {
        self.shared.state().heat.quota_exceeded = exceeded;
    }

    /// Forgets deleted stacks, so that their addresses answer 404.
    pub fn purge_stacks(&self) {
        self.shared.state().stacks_purge();
    }

    /// Name and status (`CREATE_COMPLETE`) of every stack that is not deleted, in the order they were made.
    pub fn stacks(&self) -> Vec<(String, String)> {
        let mut state = self.shared.state();
        state.settle_stacks();
        let live = state.heat.stacks.values().filter(|stack| stack.is_live());
        live.map(|stack| (stack.name.clone(), stack.status_line())).collect()
    }

    /// Id, name and address of every server, in the order they were made.
    pub fn servers(&self) -> Vec<(String, String, String)> {
        let mut state = self.shared.state();
        state.settle_stacks();
        let address = |id: &str| {
            let port = state.fabric.ports.values().find(|port| port.device == id);
            port.map(|port| port.address.clone()).unwrap_or_default()
        };
        let servers = state.servers.values();
        servers.map(|server| (server.id.clone(), server.name.clone(), address(&server.id))).collect()
    }

    /// The image that a server was last made from.
    pub fn server_image(&self, id: &str) -> Option<String> {
        let mut state = self.shared.state();
        state.settle_stacks();
        state.servers.get(id).map(|server| server.image.clone())
    }

    /// Takes a server away behind Heat's back; false when there is none.
    pub fn lose_server(&self, id: &str) -> bool {
        self.shared.state().server_forget(id)
    }

    /// A load balancer with a floating IP on the seeded network, as Kubernetes makes it for a service of `cluster`;
    /// gives its id. Both are leftovers until somebody deletes them.
    pub fn service_load_balancer(&self, project: Named, cluster: &str) -> String {
        let mut state = self.shared.state();
        let (project, description) = (
            seed::project_id(project),
            format!("Kubernetes external service default/web from cluster {cluster}"),
        );
        let (network, subnet) = (seed::PRIVATE_NETWORK.to_owned(), seed::PRIVATE_SUBNET.to_owned());
        let port = state.port_make(project, network, subnet, "Octavia", String::new());
        let address = state.fabric.ports.get(&port).map(|port| port.address.clone()).unwrap_or_default();
        state.floating_make(project, Some(port.clone()), &description);
        let id = state.uuid();
        let balancer = LoadBalancer {
            id: id.clone(),
            name: format!("kube_service_{cluster}_default_web"),
            description,
            project: project.to_owned(),
            address,
            port,
            status: "ACTIVE",
            gone: None,
        };
        state.balancers.insert(id.clone(), balancer);
        id
    }

    /// The port of a health monitor, as Octavia's provider `ovn` makes it in the own subnet of the newest stack that has one,
    /// and forgets it there; false when no stack has.
    pub fn forgotten_monitor_port(&self) -> bool {
        let mut state = self.shared.state();
        let mut stacks = state.heat.stacks.values().rev();
        let place = stacks.find_map(|s| Some((s.project.clone(), s.network.clone()?, s.subnet.clone()?)));
        let Some((project, network, subnet)) = place else { return false };
        let device = format!("ovn-lb-hm-{subnet}");
        state.port_make(&project, network, subnet, MONITOR, device);
        true
    }

    /// What an operator does to a load balancer behind everybody's back: `PENDING_UPDATE`, `ERROR`, `ACTIVE` …
    pub fn set_load_balancer_status(&self, id: &str, status: &'static str) {
        if let Some(balancer) = self.shared.state().balancers.get_mut(id) {
            balancer.status = status;
        }
    }

    /// A security group as the cloud controller makes it for a service of `cluster`, on the ports of the newest server;
    /// gives its id. It is a leftover until somebody deletes it.
    pub fn service_security_group(&self, project: Named, cluster: &str) -> String {
        let mut state = self.shared.state();
        let id = state.uuid();
        let group = SecurityGroup {
            name: format!("lb-sg-{}-default-web", state.uuid()),
            description: format!("Security Group for default/web Service LoadBalancer in cluster {cluster}"),
            project: seed::project_id(project).to_owned(),
            server: state.servers.keys().last().cloned(),
        };
        state.fabric.security_groups.insert(id.clone(), group);
        id
    }

    /// A volume as the CSI driver makes it for a claim in `cluster`, attached to the newest server; gives its id. It is a
    /// leftover until somebody deletes it.
    pub fn claimed_volume(&self, project: Named, cluster: &str) -> String {
        let mut state = self.shared.state();
        let id = state.uuid();
        let mark = ("cinder.csi.openstack.org/cluster".to_owned(), cluster.into());
        let volume = Volume {
            id: id.clone(),
            name: format!("pvc-{id}"),
            project: seed::project_id(project).to_owned(),
            size: 1,
            server: state.servers.keys().last().cloned(),
            metadata: [mark].into_iter().collect(),
        };
        state.volumes.insert(id.clone(), volume);
        id
    }

    /// The next `times` calls whose "METHOD /path?query" contains `matcher` fail by `fault`.
    pub fn fail_next(&self, matcher: &str, fault: Fault, times: u32) {
        self.shared.board().fail_next(matcher, fault, times);
    }

    /// The `number`-th call from now (1 is the next), of whatever sort, fails by `fault`.
    pub fn fail_call(&self, number: u64, fault: Fault) {
        let mut board = self.shared.board();
        let number = board.calls() + number;
        board.fail_call(number, fault);
    }

    /// A crash point: at the `number`-th write from now (1 is the next), and from then on, no call is answered or,
    /// that write itself aside, has an effect. Await [`FakeCloud::stopped`], drop the program under test, then
    /// [`FakeCloud::resume`].
    pub fn stop_at_write(&self, number: u64, when: When) {
        let mut board = self.shared.board();
        let number = board.writes() + number;
        board.stop_at_write(number, when);
    }

    /// Waits until the crash point is reached.
    pub async fn stopped(&self) {
        let mut stopped = self.shared.stopped.subscribe();
        // The sender lives in `self`, so this ends by the crash point only.
        if stopped.wait_for(|stopped| *stopped).await.is_err() {
            tracing::debug!("the fake cloud ended before its crash point");
        }
    }

    /// True from the crash point until [`FakeCloud::resume`].
    pub fn is_stopped(&self) -> bool {
        self.shared.board().is_stopped()
    }

    /// Takes back the crash point; calls that hang lose their connection and never have an effect.
    pub fn resume(&self) {
        self.shared.board().resume();
        self.shared.stopped.send_replace(false);
        self.shared.resumed.send_modify(|count| *count += 1);
    }

    /// Takes back every fault and the crash point.
    pub fn clear_faults(&self) {
        self.shared.board().clear();
        self.resume();
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.shared.board().calls()
    }

    /// How many calls there were that change something; authentication is none.
    pub fn writes(&self) -> u64 {
        self.shared.board().writes()
    }

    /// The calls, the oldest first.
    pub fn log(&self) -> Vec<Call> {
        self.shared.log().clone()
    }

    /// Empties the log.
    pub fn clear_log(&self) {
        self.shared.log().clear();
    }

    /// Everything there is that a cluster can own and that was not there at the start: stacks, trusts, users,
    /// application credentials, secrets, containers, servers, networks, ports, floating IPs, security groups, load
    /// balancers, volumes.
    pub fn leftovers(&self) -> Vec<String> {
        let mut state = self.shared.state();
        state.settle_stacks();
        state.settle_balancers();
        state.leftovers()
    }
}
