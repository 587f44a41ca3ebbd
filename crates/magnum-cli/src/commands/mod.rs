//! The commands: a file per noun, a variant per verb.

pub mod api;
pub mod ca;
pub mod cluster;
pub mod cluster_create;
pub mod config;
pub mod credential;
pub mod diagnose;
pub mod federation;
pub mod node;
pub mod nodegroup;
pub mod operation;
pub mod quotas;
pub mod service;
pub mod several;
pub mod stats;
pub mod template;
pub mod template_fields;

use crate::client::Query;
use clap::{Args, ValueEnum};

/// Which part of a list.
#[derive(Clone, Debug, Default, Args)]
pub struct ListOptions {
    /// Show at most so many
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Begin after this object: its UUID (a quota's number)
    #[arg(long, value_name = "UUID")]
    marker: Option<String>,
}

/// Which part of a list, and in which order.
#[derive(Clone, Debug, Default, Args)]
pub struct SortedListOptions {
    #[command(flatten)]
    page: ListOptions,
    /// Sort by this column
    #[arg(long, value_name = "COLUMN")]
    sort_key: Option<String>,
    /// Sort upwards or downwards
    #[arg(long, value_enum, value_name = "DIRECTION")]
    sort_dir: Option<Direction>,
}

/// Upwards or downwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Direction {
    /// Smallest first
    Asc,
    /// Greatest first
    Desc,
}

impl ListOptions {
    fn query(&self) -> Query {
        given([("limit", self.limit.map(|limit| limit.to_string())), ("marker", self.marker.clone())])
    }
}

impl SortedListOptions {
    fn query(&self) -> Query {
        let direction = self.sort_dir.map(|direction| match direction {
            Direction::Asc => "asc".to_owned(),
            Direction::Desc => "desc".to_owned(),
        });
        let mut query = self.page.query();
        query.extend(given([("sort_key", self.sort_key.clone()), ("sort_dir", direction)]));
        query
    }
}

/// The arguments that have a value.
fn given<const N: usize>(pairs: [(&'static str, Option<String>); N]) -> Query {
    pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
