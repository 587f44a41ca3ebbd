//! The store: everything the service keeps, on MariaDB, MySQL or SQLite. Nothing outside of this crate knows SQL.
//!
//! Upstream's tables are read and written as its releases do, so that an existing database is taken over in place;
//! what they lack (accepted operations, a cluster's handle, registered nodes, waiting notifications) is in tables of
//! our own beside them. A request is *accepted* in one transaction (`accept`), the conductor's engine drives
//! operations through [`magnum_types::OperationStore`], and reads are one query per noun with the tenancy filter in
//! the query.

mod accept;
mod beside;
mod changes;
mod clusters;
mod error;
mod federations;
mod history;
mod keypairs;
mod manage;
mod nodegroups;
mod operations;
mod outbox;
mod page;
mod pool;
mod queue;
mod quotas;
mod reach;
mod registrations;
mod rows;
mod services;
mod settings;
mod sql;
mod store;
mod summaries;
mod takeover;
mod template_rows;
mod templates;

pub use accept::{AcceptCreate, AcceptOperation, GroupChange, Mode, NewOperation};
pub use clusters::ClusterView;
pub use error::DbError;
pub use history::{NodeSummary, OperationSummary, StepSummary};
pub use keypairs::KeypairRow;
pub use outbox::OutboxRow;
pub use page::{Filter, Page, Tenancy};
pub use quotas::Stats;
pub use reach::{ReachClaim, ReachDue};
pub use registrations::NodeReport;
pub use services::service_is_up;
pub use settings::DatabaseSettings;
pub use store::Store;
pub use summaries::{ClusterSummary, GroupSummary};
pub use takeover::{HEAD, RevisionError};
