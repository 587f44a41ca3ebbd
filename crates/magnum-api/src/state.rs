//! What handlers work with. The binary wires it; a clone is a handful of reference counts.

use crate::{
    nodes::{held::Held, membership::Membership, program::NodeProgram},
    settings::ApiSettings,
    v1::certificates::authority::AuthorityCache,
};
use magnum_db::Store;
use magnum_drivers::Registry;
use magnum_messaging::Bus;
use magnum_openstack::{Cloud, TokenValidator};
use magnum_policy::Enforcer;
use magnum_secrets::CertificateStore;
use magnum_types::{Clock, Entropy};
use magnum_x509::SealingKeys;
use std::sync::Arc;

/// Everything a handler may use.
#[derive(Clone)]
pub struct AppState {
    /// The database.
    pub store: Store,
    /// Decides what a caller may do.
    pub enforcer: Enforcer,
    /// Turns tokens into callers.
    pub validator: Arc<TokenValidator>,
    /// The cloud's services.
    pub cloud: Arc<Cloud>,
    /// The drivers.
    pub registry: Arc<Registry>,
    /// Where clusters' certificates are.
    pub secrets: Arc<dyn CertificateStore>,
    /// CA certificates in memory; make it with [`authority::cache`](crate::v1::certificates::authority::cache).
    pub authorities: AuthorityCache,
    /// Keys that seal what the database must not hold in clear.
    pub sealing: Arc<SealingKeys>,
    /// Wakes conductors.
    pub bus: Arc<dyn Bus>,
    /// Tells whether a server belongs to a cluster.
    pub membership: Arc<dyn Membership>,
    /// Nodes that wait for a plan.
    pub held: Held,
    /// The program that nodes download, if this server has it.
    pub program: Option<Arc<NodeProgram>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Settings.
    pub settings: Arc<ApiSettings>,
}
