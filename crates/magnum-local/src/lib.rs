//! The local cloud of standalone mode: as much of Heat, Nova, Neutron, Glance and Cinder as Magnum asks for, over one
//! machine's Docker Engine.

pub mod cloud;
pub mod engine;
pub mod machines;
