//! Federations of clusters. Upstream has the table and the calls and never had anything that makes one; so reads answer
//! from the table, and a change is refused at once instead of being accepted and forgotten.

pub mod change;
pub mod list;
pub mod show;
pub mod view;
