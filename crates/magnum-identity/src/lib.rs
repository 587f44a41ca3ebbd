//! The identity service of standalone mode: the part of Keystone v3 that unmodified clients and Magnum itself speak.
//!
//! - People come from a file that an operator edits (`users_file`), what is made while running is kept in another
//!   (`made`, `identity.json`): trustee users, trusts, application credentials, revoked tokens. Both are mode
//!   600, hold hashes only (argon2id), and are replaced as a whole.
//! - Tokens (`claims`) are sealed records. They survive a restart, they end with their time, by revocation, and with what
//!   they rest on: a changed password, a disabled user, a deleted trust, a lost role. Without `token.key` all are void.
//! - Who may do what (`session`, and the head of each file in `v3`) is as Keystone's defaults, but an admin of a domain is
//!   an admin of nothing else. Nobody but admins learns who else there is.
//! - Guessing is slow (`guard`), hashing is bounded and off the runtime (`password`).
//!
//! Not there: changing projects, roles and role assignments over HTTP (that is `users.yaml`'s), groups, federation,
//! OAuth, EC2, limits, access rules, trusts with a limited number of uses. Each is refused with words that say so.

mod claims;
pub mod clouds;
mod error;
mod files;
mod guard;
mod identity;
mod made;
mod password;
mod people;
mod session;
mod settings;
mod state;
mod users_file;
mod v3;

pub use error::IdentityError;
pub use identity::{Identity, Opened, TokenFacts};
pub use password::hash_password;
pub use settings::{CatalogEntry, CatalogInterface, IdentitySettings};
pub use users_file::{FirstStart, FirstUser};
