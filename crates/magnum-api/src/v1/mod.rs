//! `/v1`: a folder per noun, a file per verb, and a `view` that makes the noun's document for the asked version.

pub mod certificates;
pub mod clusters;
pub mod clustertemplates;
pub mod credentials;
pub mod document;
pub mod federations;
pub mod mservices;
pub mod names;
pub mod nodegroups;
pub mod nodes;
pub mod operations;
pub mod quotas;
pub mod stats;
pub mod versions;
mod warnings;
