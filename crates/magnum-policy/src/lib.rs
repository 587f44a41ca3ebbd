//! Who may do what: the oslo.policy dialect and Magnum's default rules.
//!
//! Operators keep their `policy.yaml` or `policy.json` of any release; this crate reads it, lays it
//! over the defaults in [`default_of`] and answers one question, [`Enforcer::enforce`]. It makes no
//! remote call and reads no clock but a monotonic one, so a check costs microseconds.
//!
//! It fails closed: an expression that cannot be understood, refers to a rule that does not exist or
//! asks a remote server never allows anything, not even behind a `not`.

mod base;
mod credentials;
mod defaults;
mod enforcer;
mod error;
mod expression;
mod file;
mod names;
mod rule;
mod rule_set;
mod sample;

pub use base::{BaseDefault, BaseRule, Deprecated, default_of_base};
pub use credentials::Credentials;
pub use defaults::{RuleDefault, Scope, default_of};
pub use enforcer::{Enforcer, PolicySettings, Reload};
pub use error::{Cause, Denied, PolicyError};
pub use rule::Rule;
pub use sample::sample;
