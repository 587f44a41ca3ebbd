//! `/v1`: a folder per noun, a file per verb, and a `view` that makes the noun's document for the asked version.

pub mod certificates;
pub mod clusters;
pub mod clustertemplates;
pub mod document;
pub mod mservices;
pub mod names;
pub mod nodegroups;
pub mod stats;
pub mod versions;
