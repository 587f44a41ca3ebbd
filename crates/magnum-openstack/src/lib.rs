//! The calls Magnum makes of an OpenStack cloud, and nothing else.
//!
//! [`Cloud`] is the door: it is built once from settings, opens [`Session`]s (service user, trustee-domain admin,
//! trustee with a trust, a caller's token) and gives one small client per service. Every call has a deadline,
//! a bounded answer and bounded retries; every failure is a [`CloudError`] that carries the service's own words.
//! This is the only crate that names an HTTP client library.

pub mod auth;
pub mod barbican;
mod catalog;
pub mod cinder;
mod client;
mod cloud;
pub mod container_infra;
mod error;
mod fault;
pub mod glance;
pub mod heat;
pub mod keystone;
pub mod neutron;
pub mod nova;
pub mod octavia;
mod resolve;
mod session;
mod token;
mod transport;
mod validator;

pub use auth::{AuthMethod, AuthSettings, DomainRef, ProjectRef, Scope, UserRef};
pub use catalog::{Catalog, CatalogEndpoint, CatalogEntry, Interface, Service};
pub use client::{EndpointSettings, ServiceClient};
pub use cloud::{Cloud, CloudSettings, TrusteeAdmin};
pub use error::{CloudError, CloudErrorKind};
pub use session::{AuthToken, Session};
pub use token::{TokenTrust, ValidToken};
pub use transport::{Deadline, Transport, TransportSettings};
pub use validator::{TokenError, TokenValidator, ValidatorSettings};
