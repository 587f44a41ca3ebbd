//! Turns a request's parts into typed values, in the dialect that clients speak: everything may be a string, null
//! and the empty text mean "not given", and what is wrong is refused with a 400 that names the field.

pub mod body;
pub mod call;
pub mod fields;
pub mod page;
pub mod patch;
pub mod python_literal;
pub mod words;

pub use body::{FieldsBody, PatchBody};
pub use call::Call;
