//! A request's object, read field by field, and the texts of Python literals that fields may hold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use magnum_api::extract::{fields::Fields, python_literal, words};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = python_literal::parse(text);
    let Ok(value) = serde_json::from_str(text) else { return };
    let _ = words::labels("labels", &value);
    let _ = words::list("node_taints", &value);
    let Ok(mut fields) = Fields::of(value) else { return };
    let _ = fields.text("name", 255);
    let _ = fields.integer("node_count", 0, i32::MAX);
    let _ = fields.boolean("public");
    let _ = fields.labels("labels");
    let _ = fields.texts("nodes_to_remove");
    let _ = fields.finish(&["uuid"]);
});
