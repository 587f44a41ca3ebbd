//! Certificates: the CA of a cluster, and certificates signed by it. The API does both itself, since it reaches the
//! certificate store as well as a conductor does.

pub mod authority;
pub mod rotate;
pub mod show;
pub mod sign;
