//! Which instance this is: Nova's id of the server, as cloud-init or the metadata service tells it.

use crate::{bootstrap::read_file, error::NodeError, machine::Machine};
use serde_json::Value;

const INSTANCE_DATA: &str = "/run/cloud-init/instance-data.json";
const INSTANCE_ID: &str = "/var/lib/cloud/data/instance-id";

/// Nova's id. `metadata` asks the metadata service for its JSON document, when the files tell nothing.
///
/// # Errors
/// [`NodeError::NoInstanceId`] when nobody tells, and what reading a file brings.
pub fn instance_id(
    machine: &dyn Machine,
    metadata: impl FnOnce() -> Option<Value>,
) -> Result<String, NodeError> {
    if let Some(bytes) = read_file(machine, INSTANCE_DATA)?
        && let Ok(data) = serde_json::from_slice::<Value>(&bytes)
        && let Some(id) = data.pointer("/v1/instance_id").and_then(Value::as_str).and_then(uuid)
    {
        return Ok(id);
    }
    if let Some(bytes) = read_file(machine, INSTANCE_ID)?
        && let Some(id) = uuid(&String::from_utf8_lossy(&bytes))
    {
        return Ok(id);
    }
    let document = metadata().unwrap_or_default();
    document.get("uuid").and_then(Value::as_str).and_then(uuid).ok_or(NodeError::NoInstanceId)
}

/// A UUID in lower case. EC2's `i-00000001`, which some data sources tell, is none.
fn uuid(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    let digits = text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit());
    (groups == [8, 4, 4, 4, 12] && digits).then_some(text)
}
