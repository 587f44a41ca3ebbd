//! What each route does, takes and answers: one line per route, in the router's order.

use super::schemas::Noun;
use http::Method;
use serde_json::{Value, json};

/// A body, of a request or an answer.
#[derive(Clone, Copy)]
pub(super) enum Body {
    /// None, or nothing that is JSON.
    None,
    /// One object.
    One(Noun),
    /// A page of objects under the collection's name.
    Page(&'static str, Noun),
    /// A list of patch operations.
    Patch,
    /// Any object, described in words elsewhere.
    Object,
}

impl Body {
    pub(super) fn schema(self) -> Option<Value> {
        let reference = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
        match self {
            Body::None => None,
            Body::One(noun) => Some(reference(noun.name())),
            Body::Page(collection, noun) => Some(json!({
                "type": "object",
                "required": [collection],
                "properties": {
                    collection: {"type": "array", "items": reference(noun.name())},
                    "next": {"type": "string", "description": "Address of the next page; absent on the last one"},
                },
            })),
            Body::Patch => Some(json!({"type": "array", "items": reference("PatchOperation")})),
            Body::Object => Some(json!({"type": "object"})),
        }
    }
}

/// One route's description.
pub(super) struct Operation {
    method: &'static str,
    path: &'static str,
    pub id: &'static str,
    pub summary: &'static str,
    /// Minor number of the first version that has it.
    pub since: Option<u16>,
    /// Names among the shared parameters.
    pub arguments: &'static [&'static str],
    pub body: Body,
    pub success: u16,
    pub answer: Body,
}

/// The description of a route.
pub(super) fn operation(method: &Method, path: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.method == method.as_str() && operation.path == path)
}

const PAGING: &[&str] = &["limit", "marker", "sort_key", "sort_dir"];
const POSITION: &[&str] = &["limit", "marker"];
const CLUSTERS: &[&str] = &["limit", "marker", "sort_key", "sort_dir", "project_id", "status", "name"];
const TEMPLATES: &[&str] = &["limit", "marker", "sort_key", "sort_dir", "project_id", "name"];
const NODEGROUPS: &[&str] = &["limit", "marker", "sort_key", "sort_dir", "role"];
const QUOTAS: &[&str] = &["limit", "marker", "sort_key", "sort_dir", "all_tenants"];

macro_rules! operations {
    ($($method:ident $path:literal $id:ident, $summary:literal, $since:expr, $arguments:expr, $body:expr => $success:literal $answer:expr;)*) => {
        const OPERATIONS: &[Operation] = &[$(Operation {
            method: stringify!($method), path: $path, id: stringify!($id), summary: $summary, since: $since,
            arguments: $arguments, body: $body, success: $success, answer: $answer,
        }),*];
    };
}

#[rustfmt::skip]
mod table {
    use super::{Body::{None as Nothing, Object, One, Page, Patch}, *};
    use Noun::{Accepted, Certificate, CertificateRequest, Cluster, ClusterCreate, ClusterNode, ClusterOperation, ClusterSummary,
               Federation, NodeGroup, NodeGroupSummary, Quota, Resize, Service, Stats, Template, Upgrade};

    operations! {
        GET "/healthcheck" healthcheck, "OK while the service is to be used", None, &[], Nothing => 200 Nothing;
        GET "/" versions_list, "The versions of the API", None, &[], Nothing => 200 Object;
        GET "/v1" version_show, "The collections of version 1", None, &[], Nothing => 200 Object;
        GET "/v1/openapi.json" openapi_show, "This document", None, &[], Nothing => 200 Object;
        GET "/v1/clustertemplates" clustertemplates_list, "Templates of the project and public ones", None, TEMPLATES, Nothing => 200 Page("clustertemplates", Template);
        GET "/v1/clustertemplates/detail" clustertemplates_detail, "The same", None, TEMPLATES, Nothing => 200 Page("clustertemplates", Template);
        POST "/v1/clustertemplates" clustertemplate_create, "Makes a template", None, &[], One(Template) => 201 One(Template);
        GET "/v1/clustertemplates/{template}" clustertemplate_show, "One template, by UUID or name", None, &[], Nothing => 200 One(Template);
        PATCH "/v1/clustertemplates/{template}" clustertemplate_update, "Changes a template; while clusters use it only its name, tags, and whether it is public or hidden", None, &[], Patch => 200 One(Template);
        DELETE "/v1/clustertemplates/{template}" clustertemplate_delete, "Takes a template away that no cluster uses", None, &[], Nothing => 204 Nothing;
        GET "/v1/clusters" clusters_list, "The project's clusters in short; an administrator's list is of all projects", None, CLUSTERS, Nothing => 200 Page("clusters", ClusterSummary);
        GET "/v1/clusters/detail" clusters_detail, "The same in full", None, CLUSTERS, Nothing => 200 Page("clusters", Cluster);
        POST "/v1/clusters" cluster_create, "Accepts a new cluster", None, &[], One(ClusterCreate) => 202 One(Accepted);
        GET "/v1/clusters/{cluster}" cluster_show, "One cluster, by UUID or name", None, &[], Nothing => 200 One(Cluster);
        PATCH "/v1/clusters/{cluster}" cluster_update, "Changes node_count, health_status or health_status_reason", None, &["rollback"], Patch => 202 One(Accepted);
        DELETE "/v1/clusters/{cluster}" cluster_delete, "Accepts the end of a cluster, whatever its state", None, &[], Nothing => 204 Nothing;
        POST "/v1/clusters/{cluster}/actions/resize" cluster_resize, "Gives a node group another size", Some(7), &[], One(Resize) => 202 One(Accepted);
        POST "/v1/clusters/{cluster}/actions/upgrade" cluster_upgrade, "Brings a cluster to another template, where its driver can", Some(8), &[], One(Upgrade) => 202 One(Accepted);
        DELETE "/v1/clusters/{cluster}/actions/upgrade" upgrade_stop, "Stops the upgrade that is going on where it stands; an addition", None, &[], Nothing => 202 One(Accepted);
        GET "/v1/clusters/{cluster}/operations" operations_list, "What was asked of a cluster and how it went, step by step, the newest first", None, POSITION, Nothing => 200 Page("operations", ClusterOperation);
        GET "/v1/clusters/{cluster}/operations/{operation}" operation_show, "One operation, by UUID", None, &[], Nothing => 200 One(ClusterOperation);
        GET "/v1/clusters/{cluster}/nodes" nodes_list, "A cluster's nodes as they reported themselves, the newest first", None, POSITION, Nothing => 200 Page("nodes", ClusterNode);
        GET "/v1/clusters/{cluster}/nodegroups" nodegroups_list, "A cluster's node groups in short", Some(9), NODEGROUPS, Nothing => 200 Page("nodegroups", NodeGroupSummary);
        POST "/v1/clusters/{cluster}/nodegroups" nodegroup_create, "Accepts a further group of workers", Some(9), &[], One(NodeGroup) => 202 One(NodeGroup);
        GET "/v1/clusters/{cluster}/nodegroups/{nodegroup}" nodegroup_show, "One node group, by UUID or name", Some(9), &[], Nothing => 200 One(NodeGroup);
        PATCH "/v1/clusters/{cluster}/nodegroups/{nodegroup}" nodegroup_update, "Changes a group's bounds, labels of nodes and taints", Some(9), &[], Patch => 202 One(NodeGroup);
        DELETE "/v1/clusters/{cluster}/nodegroups/{nodegroup}" nodegroup_delete, "Accepts the end of a group that is no default one", Some(9), &[], Nothing => 204 Nothing;
        GET "/v1/certificates/{cluster}" certificate_show, "The CA certificate of a cluster", None, &["ca_cert_type"], Nothing => 200 One(Certificate);
        POST "/v1/certificates" certificate_sign, "Signs a certificate request with a cluster's CA", None, &[], One(CertificateRequest) => 201 One(Certificate);
        PATCH "/v1/certificates/{cluster}" certificate_rotate, "Gives a cluster a new CA, where its driver can", None, &[], Nothing => 202 One(Accepted);
        PATCH "/v1/credentials/{cluster}" credential_rotate, "Gives a cluster a new credential for the cloud, where its driver can", Some(12), &[], Nothing => 202 One(Accepted);
        GET "/v1/quotas" quotas_list, "The quotas that administrators set", None, QUOTAS, Nothing => 200 Page("quotas", Quota);
        POST "/v1/quotas" quota_create, "Limits a project", None, &[], One(Quota) => 201 One(Quota);
        GET "/v1/quotas/{project}/{resource}" quota_show, "What a project may have", None, &[], Nothing => 200 One(Quota);
        PATCH "/v1/quotas/{project}/{resource}" quota_update, "Changes a project's limit", None, &[], One(Quota) => 202 One(Quota);
        DELETE "/v1/quotas/{project}/{resource}" quota_delete, "Takes a project's own limit away", None, &[], Nothing => 204 Nothing;
        GET "/v1/federations" federations_list, "Federations; nothing makes one", None, PAGING, Nothing => 200 Page("federations", Federation);
        GET "/v1/federations/detail" federations_detail, "The same", None, PAGING, Nothing => 200 Page("federations", Federation);
        POST "/v1/federations" federation_create, "Refused: not implemented, as upstream", None, &[], Object => 202 One(Accepted);
        GET "/v1/federations/{federation}" federation_show, "One federation, by UUID or name", None, &[], Nothing => 200 One(Federation);
        PATCH "/v1/federations/{federation}" federation_update, "Refused: not implemented, as upstream", None, &["rollback"], Patch => 202 One(Accepted);
        DELETE "/v1/federations/{federation}" federation_delete, "Refused: not implemented, as upstream", None, &[], Nothing => 204 Nothing;
        GET "/v1/mservices" mservices_list, "The conductors and whether they live", None, &[], Nothing => 200 Page("mservices", Service);
        GET "/v1/stats" stats_show, "How many clusters and nodes there are", None, &["project_id", "type"], Nothing => 200 One(Stats);
        POST "/v1/nodes/register" node_register, "A node makes itself known by its group's join secret", None, &[], Object => 201 Object;
        GET "/v1/nodes/plan" node_plan, "What a node is to do", None, &["after", "hold"], Nothing => 200 Object;
        POST "/v1/nodes/report" node_report, "What a node has done", None, &[], Object => 204 Nothing;
        POST "/v1/nodes/certificates" node_certificate, "A certificate for one of a node's identities", None, &[], Object => 201 Object;
        GET "/v1/nodes/program/{sha256}" node_program, "The node program", None, &[], Nothing => 200 Nothing;
    }

    pub(super) const ALL: &[Operation] = OPERATIONS;
}

use table::ALL as OPERATIONS;
