//! Patch operations, read and applied to a document with every kind of attribute.
#![no_main]

use libfuzzer_sys::fuzz_target;
use magnum_api::extract::patch::{self, Rules};
use serde_json::{Value, json};

const RULES: Rules =
    Rules { internal: &["stack_id"], mandatory: &["coe"], maps: &["labels"], lists: &["node_taints"] };

fuzz_target!(|data: &[u8]| {
    let Ok(body) = serde_json::from_slice(data) else { return };
    let Ok(operations) = patch::read(body) else { return };
    let document = json!({
        "name": "a", "coe": "swarm", "node_count": 1, "keypair": null, "labels": {"k": "v"}, "node_taints": null,
        "stack_id": null,
    });
    let Value::Object(mut document) = document else { return };
    let _ = patch::apply(&mut document, &operations, RULES);
});
