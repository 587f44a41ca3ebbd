//! The conductors, for administrators.

pub mod list;
