//! A new credential by which a cluster acts on the cloud.

pub mod rotate;
