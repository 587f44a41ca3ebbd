//! The objects of requests and answers, field by field.

use magnum_types::Status;
use serde_json::{Map, Value, json};

/// An object that is described.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Noun {
    Accepted,
    Certificate,
    CertificateRequest,
    Cluster,
    ClusterCreate,
    ClusterNode,
    ClusterOperation,
    ClusterSummary,
    Federation,
    NodeGroup,
    NodeGroupSummary,
    OperationStep,
    Quota,
    Resize,
    Service,
    Stats,
    Template,
    Upgrade,
}

use Noun::*;

const NOUNS: &[Noun] = &[
    Accepted,
    Certificate,
    CertificateRequest,
    Cluster,
    ClusterCreate,
    ClusterNode,
    ClusterOperation,
    ClusterSummary,
    Federation,
    NodeGroup,
    NodeGroupSummary,
    OperationStep,
    Quota,
    Resize,
    Service,
    Stats,
    Template,
    Upgrade,
];

/// What a field holds. Where null is possible it is said.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    TextOrNull,
    Uuid,
    Integer,
    IntegerOrNull,
    Boolean,
    Map,
    MapOrNull,
    Texts,
    Time,
    Links,
    Status,
    Steps,
    Taints,
}

impl Kind {
    fn schema(self) -> Value {
        match self {
            Kind::Text => json!({"type": "string"}),
            Kind::TextOrNull => json!({"type": ["string", "null"]}),
            Kind::Uuid => json!({"type": "string", "format": "uuid"}),
            Kind::Integer => json!({"type": "integer"}),
            Kind::IntegerOrNull => json!({"type": ["integer", "null"]}),
            Kind::Boolean => json!({"type": "boolean"}),
            Kind::Map => json!({"type": "object", "additionalProperties": {"type": "string"}}),
            Kind::MapOrNull => {
                json!({"type": ["object", "null"], "additionalProperties": {"type": "string"}})
            }
            Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
            Kind::Time => json!({"type": ["string", "null"], "format": "date-time"}),
            Kind::Links => json!({"type": "array", "items": {"type": "object"}}),
            Kind::Status => {
                let words: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
                json!({"type": "string", "enum": words})
            }
            Kind::Steps => {
                json!({"type": "array", "items": {"$ref": "#/components/schemas/OperationStep"}})
            }
            Kind::Taints => json!({"type": ["array", "null"], "items": {
                "type": "object",
                "required": ["key", "effect"],
                "properties": {
                    "key": {"type": "string"},
                    "value": {"type": "string"},
                    "effect": {"enum": ["NoSchedule", "PreferNoSchedule", "NoExecute"]},
                },
            }}),
        }
    }
}

type Field = (&'static str, Kind);

impl Noun {
    /// Its name among the schemas.
    pub fn name(self) -> &'static str {
        match self {
            Accepted => "Accepted",
            Certificate => "Certificate",
            CertificateRequest => "CertificateRequest",
            Cluster => "Cluster",
            ClusterCreate => "ClusterCreate",
            ClusterNode => "ClusterNode",
            ClusterOperation => "ClusterOperation",
            ClusterSummary => "ClusterSummary",
            Federation => "Federation",
            NodeGroup => "NodeGroup",
            NodeGroupSummary => "NodeGroupSummary",
            OperationStep => "OperationStep",
            Quota => "Quota",
            Resize => "Resize",
            Service => "Service",
            Stats => "Stats",
            Template => "ClusterTemplate",
            Upgrade => "Upgrade",
        }
    }

    /// Fields that a request must give.
    fn required(self) -> &'static [&'static str] {
        match self {
            Accepted => &["uuid"],
            CertificateRequest => &["cluster_uuid", "csr"],
            ClusterCreate => &["cluster_template_id"],
            Resize => &["node_count"],
            Template => &["coe", "image_id"],
            Upgrade => &["cluster_template"],
            _ => &[],
        }
    }

    #[rustfmt::skip]
    fn fields(self) -> &'static [Field] {
        use Kind::{Boolean, Integer, IntegerOrNull, Links, Map, MapOrNull, Status, Steps, Taints, Text, TextOrNull, Texts, Time, Uuid};
        match self {
            Accepted => &[("uuid", Uuid)],
            Certificate => &[("cluster_uuid", Uuid), ("csr", Text), ("pem", Text), ("ca_cert_type", Text), ("links", Links)],
            CertificateRequest => &[("cluster_uuid", Text), ("csr", Text), ("ca_cert_type", TextOrNull)],
            Cluster => &[
                ("uuid", Uuid), ("name", Text), ("cluster_template_id", Text), ("keypair", TextOrNull),
                ("node_count", Integer), ("master_count", Integer), ("docker_volume_size", IntegerOrNull), ("labels", Map),
                ("merge_labels", Boolean), ("master_flavor_id", TextOrNull), ("flavor_id", TextOrNull),
                ("fixed_network", TextOrNull), ("fixed_subnet", TextOrNull), ("floating_ip_enabled", Boolean),
                ("master_lb_enabled", Boolean), ("create_timeout", IntegerOrNull), ("discovery_url", TextOrNull),
                ("status", Status), ("status_reason", TextOrNull), ("health_status", TextOrNull),
                ("health_status_reason", MapOrNull), ("api_address", TextOrNull), ("coe_version", TextOrNull),
                ("container_version", TextOrNull), ("node_addresses", Texts), ("master_addresses", Texts),
                ("project_id", Text), ("user_id", Text), ("links", Links), ("created_at", Time), ("updated_at", Time),
                ("stack_id", TextOrNull), ("cluster_id", TextOrNull), ("labels_overridden", Map), ("labels_added", Map),
                ("labels_skipped", Map), ("faults", Map),
            ],
            ClusterCreate => &[
                ("name", TextOrNull), ("cluster_template_id", Text), ("keypair", TextOrNull), ("node_count", Integer),
                ("master_count", Integer), ("docker_volume_size", IntegerOrNull), ("labels", MapOrNull),
                ("merge_labels", Boolean), ("master_flavor_id", TextOrNull), ("flavor_id", TextOrNull),
                ("fixed_network", TextOrNull), ("fixed_subnet", TextOrNull), ("floating_ip_enabled", Boolean),
                ("master_lb_enabled", Boolean), ("create_timeout", IntegerOrNull), ("discovery_url", TextOrNull),
            ],
            ClusterNode => &[
                ("instance_id", Text), ("name", Text), ("role", Text), ("is_first", Boolean), ("nodegroup_id", Uuid),
                ("nodegroup", TextOrNull), ("address", Text), ("public_address", TextOrNull), ("state", Text),
                ("step", TextOrNull), ("error", TextOrNull), ("version", TextOrNull), ("image_id", TextOrNull),
                ("plan_generation", Integer), ("reported_at", Time), ("created_at", Time),
            ],
            ClusterOperation => &[
                ("uuid", Uuid), ("cluster_id", Uuid), ("kind", Text), ("state", Text), ("status_reason", TextOrNull),
                ("request_id", Text), ("user_id", Text), ("failures_in_a_row", Integer), ("steps", Steps),
                ("created_at", Time), ("updated_at", Time), ("finished_at", Time), ("deadline", Time), ("links", Links),
            ],
            ClusterSummary => &[
                ("uuid", Uuid), ("name", Text), ("cluster_template_id", Text), ("keypair", TextOrNull),
                ("docker_volume_size", IntegerOrNull), ("labels", Map), ("merge_labels", Boolean),
                ("master_flavor_id", TextOrNull), ("flavor_id", TextOrNull), ("node_count", Integer),
                ("master_count", Integer), ("status", Status), ("health_status", TextOrNull),
                ("create_timeout", IntegerOrNull), ("links", Links), ("stack_id", TextOrNull), ("cluster_id", TextOrNull),
            ],
            Federation => &[
                ("uuid", Uuid), ("name", Text), ("hostcluster_id", TextOrNull), ("member_ids", Texts), ("status", TextOrNull),
                ("status_reason", TextOrNull), ("properties", Map), ("links", Links), ("created_at", Time),
                ("updated_at", Time),
            ],
            NodeGroup => &[
                ("id", Integer), ("uuid", Uuid), ("name", Text), ("cluster_id", Uuid), ("project_id", Text),
                ("docker_volume_size", IntegerOrNull), ("labels", Map), ("merge_labels", Boolean),
                ("flavor_id", TextOrNull), ("image_id", TextOrNull), ("node_addresses", Texts), ("node_count", Integer),
                ("role", Text), ("min_node_count", Integer), ("max_node_count", IntegerOrNull), ("is_default", Boolean),
                ("stack_id", TextOrNull), ("status", Status), ("status_reason", TextOrNull), ("version", TextOrNull),
                ("node_labels", MapOrNull), ("node_taints", Taints), ("links", Links), ("created_at", Time),
                ("updated_at", Time), ("labels_overridden", Map), ("labels_added", Map), ("labels_skipped", Map),
            ],
            NodeGroupSummary => &[
                ("uuid", Uuid), ("name", Text), ("flavor_id", TextOrNull), ("node_count", Integer), ("role", Text),
                ("is_default", Boolean), ("image_id", TextOrNull), ("status", Status), ("stack_id", TextOrNull),
                ("merge_labels", Boolean), ("min_node_count", Integer), ("max_node_count", IntegerOrNull),
            ],
            OperationStep => &[
                ("name", Text), ("state", Text), ("tries", IntegerOrNull), ("error", TextOrNull), ("started_at", Time),
                ("finished_at", Time),
            ],
            Quota => &[
                ("id", Integer), ("project_id", Text), ("resource", Text), ("hard_limit", Integer), ("created_at", Time),
                ("updated_at", Time),
            ],
            Resize => &[("node_count", Integer), ("nodes_to_remove", Texts), ("nodegroup", TextOrNull)],
            Service => &[
                ("id", Integer), ("host", Text), ("binary", Text), ("state", Text), ("report_count", Integer),
                ("disabled", Boolean), ("disabled_reason", TextOrNull), ("created_at", Time), ("updated_at", Time),
            ],
            Stats => &[("clusters", Integer), ("nodes", Integer)],
            Template => &[
                ("uuid", Uuid), ("name", Text), ("coe", Text), ("image_id", Text), ("flavor_id", TextOrNull),
                ("master_flavor_id", TextOrNull), ("keypair_id", TextOrNull), ("external_network_id", TextOrNull),
                ("fixed_network", TextOrNull), ("fixed_subnet", TextOrNull), ("network_driver", TextOrNull),
                ("volume_driver", TextOrNull), ("dns_nameserver", TextOrNull), ("apiserver_port", IntegerOrNull),
                ("docker_volume_size", IntegerOrNull), ("docker_storage_driver", TextOrNull),
                ("cluster_distro", TextOrNull), ("http_proxy", TextOrNull), ("https_proxy", TextOrNull),
                ("no_proxy", TextOrNull), ("registry_enabled", Boolean), ("insecure_registry", TextOrNull), ("labels", Map),
                ("tls_disabled", Boolean), ("public", Boolean), ("hidden", Boolean), ("server_type", Text),
                ("master_lb_enabled", Boolean), ("floating_ip_enabled", Boolean), ("tags", TextOrNull),
                ("driver", TextOrNull), ("project_id", Text), ("user_id", Text), ("links", Links), ("created_at", Time),
                ("updated_at", Time),
            ],
            Upgrade => &[("cluster_template", Text), ("max_batch_size", Integer), ("nodegroup", TextOrNull)],
        }
    }
}

/// The names of a noun's fields.
pub fn fields(noun: Noun) -> impl Iterator<Item = &'static str> {
    noun.fields().iter().map(|(name, _)| *name)
}

/// Every schema by its name.
pub(super) fn all() -> Value {
    let mut schemas: Map<String, Value> = NOUNS
        .iter()
        .map(|noun| {
            let properties: Map<String, Value> =
                noun.fields().iter().map(|(name, kind)| ((*name).to_owned(), kind.schema())).collect();
            let schema = json!({"type": "object", "properties": properties, "required": noun.required()});
            (noun.name().to_owned(), schema)
        })
        .collect();
    schemas.insert(
        "PatchOperation".to_owned(),
        json!({
            "type": "object",
            "required": ["op", "path"],
            "properties": {
                "op": {"enum": ["add", "replace", "remove"]},
                "path": {"type": "string", "description": "/<attribute> or /<attribute>/<key>"},
                "value": {"description": "The new value; maps also as JSON text or as the text of a Python literal"},
            },
        }),
    );
    schemas.insert(
        "Errors".to_owned(),
        json!({
            "type": "object",
            "properties": {"errors": {"type": "array", "items": {
                "type": "object",
                "properties": {
                    "request_id": {"type": "string"},
                    "code": {"type": "string"},
                    "status": {"type": "integer"},
                    "title": {"type": "string"},
                    "detail": {"type": "string"},
                    "links": {"type": "array", "items": {"type": "object"}},
                },
            }}},
        }),
    );
    Value::Object(schemas)
}
