//! A cluster's nodes as they made themselves known, for people. The nodes' own calls are in [`crate::nodes`].

pub mod list;
mod view;
