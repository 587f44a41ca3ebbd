//! Keys, certificate authorities, signing requests and sealed values.
//!
//! Everything here is computation: no network, no clock, no file. The caller passes the time in and runs the slow
//! calls (key generation, passphrase encryption) where blocking is allowed. This is the only crate that names the
//! cryptographic library, so that changing it is a change in one place.
//!
//! Read in this order: [`PrivateKey`], [`CertificateRequest`] (what a client sends), [`Profile`] (what the server
//! makes of it), [`CertificateAuthority`] (who signs). [`CertificateInfo`] reads certificates; [`SealingKeys`]
//! encrypts values that go into the database; the functions of [`token`] deal with bearer secrets.

mod ca;
mod csr;
mod error;
mod extensions;
mod info;
mod keys;
mod names;
mod pem;
mod profiles;
mod seal;
mod signer;
pub mod token;

pub use ca::{CertificateAuthority, Validity};
pub use csr::CertificateRequest;
pub use error::{Error, Object};
pub use extensions::ExtensionPolicy;
pub use info::CertificateInfo;
pub use keys::{KeyAlgorithm, PrivateKey};
pub use names::{NameAttribute, San};
pub use profiles::Profile;
pub use seal::{SealingKey, SealingKeys};

/// Longest PEM text that any function of this crate reads, in bytes. Larger input is refused before it is parsed.
pub const MAX_PEM_BYTES: usize = 64 * 1024;
