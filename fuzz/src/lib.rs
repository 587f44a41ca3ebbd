//! What the fuzz targets do with their bytes: they give them to the code that reads what strangers send. A panic is a
//! finding. Here, and not in the targets, so that every build checks and every test run tries them.

use magnum_api::extract::{
    fields::Fields,
    page::{Arguments, PAGING, Page},
    patch::{self, Rules},
    python_literal, words,
};
use serde_json::{Value, json};

const RULES: Rules =
    Rules { internal: &["stack_id"], mandatory: &["coe"], maps: &["labels"], lists: &["node_taints"] };

/// A request's object, read field by field, and the texts of Python literals that fields may hold.
pub fn body(data: &[u8]) {
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
}

/// Patch operations, read and applied to a document with every kind of attribute.
pub fn patch(data: &[u8]) {
    let Ok(body) = serde_json::from_slice(data) else { return };
    let Ok(operations) = patch::read(body) else { return };
    let document = json!({
        "name": "a", "coe": "swarm", "node_count": 1, "keypair": null, "labels": {"k": "v"}, "node_taints": null,
        "stack_id": null,
    });
    let Value::Object(mut document) = document else { return };
    let _ = patch::apply(&mut document, &operations, RULES);
}

/// Query strings: arguments and paging by both kinds of marker.
pub fn query(data: &[u8]) {
    let Ok(query) = std::str::from_utf8(data) else { return };
    let Ok(arguments) = Arguments::read(Some(query), PAGING) else { return };
    let _ = Page::of(&arguments, 1000).map(|page: Page| page.next("http://h/v1/clusters", 1, page.marker));
    let _ = Page::<i64>::of(&arguments, 1000);
}

#[cfg(test)]
mod tests {
    /// Inputs from which a fuzzer begins.
    const SEEDS: &[&[u8]] = &[
        b"",
        b"\xff\xfe",
        b"{'a': 'b', 'c': [1, None, True]}",
        br#"{"name": "a", "node_count": "3", "labels": {"k": null}, "nodes_to_remove": ["0"]}"#,
        br#"[{"op": "replace", "path": "/labels/a.b~1c", "value": "{'x': 1}"}]"#,
        br#"[{"op": "remove", "path": "/labels"}, {"op": "add", "path": "/node_taints/-", "value": "a=b:NoSchedule"}]"#,
        b"limit=2&marker=00000000-0000-4000-8000-000000000001&sort_dir=desc&sort_key=name",
        b"limit=-1&limit=%00&marker=18446744073709551616",
    ];

    #[test]
    fn every_target_takes_every_seed_and_every_part_of_it() {
        for seed in SEEDS {
            for end in 0..=seed.len() {
                let part = &seed[..end];
                super::body(part);
                super::patch(part);
                super::query(part);
            }
        }
    }
}
