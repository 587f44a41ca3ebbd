//! A cloud for tests: Keystone, Heat, Nova, Neutron, Glance, Cinder, Octavia and Barbican as one small HTTP server.
//!
//! It keeps state: what is created is there until it is deleted, belongs to a project, and is refused to others.
//! Stacks take their time on the test's clock and own servers, ports, addresses and volumes. [`FakeCloud`] is the
//! handle: it breaks calls in every way that matters ([`Fault`]), stops at any write ([`When`]), and says what is
//! left over. Ids are drawn from a seed, so a run is repeated exactly. What each service answers was compared with
//! the real ones; where the fake is simpler, the module says so.

mod barbican;
mod cinder;
mod cloud;
mod exchange;
mod faults;
mod glance;
mod heat;
mod keystone;
mod neutron;
mod nova;
mod octavia;
pub mod seed;
mod server;
mod state;

pub use cloud::{Account, FakeCloud};
pub use faults::{Fault, When};
pub use heat::Part;
pub use seed::Named;
pub use server::Call;
