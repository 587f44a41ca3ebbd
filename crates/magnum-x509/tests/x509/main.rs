//! Keys, requests and certificates as other programs see them: Python's cryptography wrote the golden files, and the
//! `openssl` command judges what this crate makes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod authority;
mod bench;
mod keys;
mod profiles;
mod properties;
mod requests;
