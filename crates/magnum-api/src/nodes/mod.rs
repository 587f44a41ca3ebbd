//! What the nodes of clusters ask: register, plan, report, and the node program itself. Nodes have no Keystone token.
//! The first call carries the cluster's join secret and is believed only for a server that really is a member of the
//! cluster's stack; from then on each node has a token of its own, which is kept only as a hash.

pub mod caller;
pub mod certificates;
pub mod facts;
pub mod health;
pub mod held;
pub mod membership;
pub mod plan;
pub mod program;
pub mod register;
pub mod report;
pub mod seen;
