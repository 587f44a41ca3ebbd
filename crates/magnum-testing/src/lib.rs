//! What tests of several crates share: real servers and services to run against.

pub mod certificates;
pub mod mariadb;
pub mod rabbitmq;
