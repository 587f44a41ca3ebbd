//! The sections of magnum.conf, grouped by the part of the service that reads them.

pub(crate) mod clients;
pub(crate) mod cluster;
pub(crate) mod database;
pub(crate) mod keystone;
pub(crate) mod logging;
pub(crate) mod messaging;
pub(crate) mod ours;
pub(crate) mod service;
pub(crate) mod trust;
pub(crate) mod web;
