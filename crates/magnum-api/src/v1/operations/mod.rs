//! A cluster's operations, as a person watches them. Reading only: what is asked of a cluster makes them.

pub mod list;
pub mod show;
mod view;
