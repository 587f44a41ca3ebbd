//! Every rule that the API asks, by the name operators know it under.
//!
//! The rules are an enum so that a handler cannot ask for a rule that does not exist, and so that a
//! rule without a default does not compile.

macro_rules! rules {
    ($($variant:ident = $name:literal, $operation:literal;)+) => {
        /// A rule that the API asks before it acts.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Rule {
            $(
                #[doc = concat!("`", $name, "`: ", $operation)]
                $variant,
            )+
        }

        impl Rule {
            /// Every rule, in the order of the sample file.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in a policy file, such as `cluster:create`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The request that the rule guards, as method and path.
            pub const fn operation(self) -> &'static str {
                match self {
                    $(Self::$variant => $operation,)+
                }
            }
        }
    };
}

rules! {
    CertificateCreate = "certificate:create", "POST /v1/certificates";
    CertificateGet = "certificate:get", "GET /v1/certificates/{cluster}";
    CertificateRotateCa = "certificate:rotate_ca", "PATCH /v1/certificates/{cluster}";

    ClusterCreate = "cluster:create", "POST /v1/clusters";
    ClusterDelete = "cluster:delete", "DELETE /v1/clusters/{cluster}";
    ClusterDeleteAllProjects = "cluster:delete_all_projects", "DELETE /v1/clusters/{cluster} of any project";
    ClusterDetail = "cluster:detail", "GET /v1/clusters/detail";
    ClusterDetailAllProjects = "cluster:detail_all_projects", "GET /v1/clusters/detail of all projects";
    ClusterGet = "cluster:get", "GET /v1/clusters/{cluster}";
    ClusterGetOneAllProjects = "cluster:get_one_all_projects", "GET /v1/clusters/{cluster} of any project";
    ClusterGetAll = "cluster:get_all", "GET /v1/clusters";
    ClusterGetAllAllProjects = "cluster:get_all_all_projects", "GET /v1/clusters of all projects";
    ClusterUpdate = "cluster:update", "PATCH /v1/clusters/{cluster}";
    ClusterUpdateAllProjects = "cluster:update_all_projects", "PATCH /v1/clusters/{cluster} of any project";
    ClusterUpdateHealthStatus = "cluster:update_health_status", "PATCH /v1/clusters/{cluster} of the health";
    ClusterResize = "cluster:resize", "POST /v1/clusters/{cluster}/actions/resize";
    ClusterUpgrade = "cluster:upgrade", "POST /v1/clusters/{cluster}/actions/upgrade";
    ClusterUpgradeAllProjects = "cluster:upgrade_all_projects",
        "POST /v1/clusters/{cluster}/actions/upgrade of any project";

    ClusterTemplateCreate = "clustertemplate:create", "POST /v1/clustertemplates";
    ClusterTemplateDelete = "clustertemplate:delete", "DELETE /v1/clustertemplates/{clustertemplate}";
    ClusterTemplateDeleteAllProjects = "clustertemplate:delete_all_projects",
        "DELETE /v1/clustertemplates/{clustertemplate} of any project";
    ClusterTemplateDetail = "clustertemplate:detail", "GET /v1/clustertemplates/detail";
    ClusterTemplateDetailAllProjects = "clustertemplate:detail_all_projects",
        "GET /v1/clustertemplates/detail of all projects";
    ClusterTemplateGet = "clustertemplate:get", "GET /v1/clustertemplates/{clustertemplate}";
    ClusterTemplateGetOneAllProjects = "clustertemplate:get_one_all_projects",
        "GET /v1/clustertemplates/{clustertemplate} of any project";
    ClusterTemplateGetAll = "clustertemplate:get_all", "GET /v1/clustertemplates";
    ClusterTemplateGetAllAllProjects = "clustertemplate:get_all_all_projects",
        "GET /v1/clustertemplates of all projects";
    ClusterTemplateUpdate = "clustertemplate:update", "PATCH /v1/clustertemplates/{clustertemplate}";
    ClusterTemplateUpdateAllProjects = "clustertemplate:update_all_projects",
        "PATCH /v1/clustertemplates/{clustertemplate} of any project";
    ClusterTemplatePublish = "clustertemplate:publish",
        "POST /v1/clustertemplates or PATCH /v1/clustertemplates/{clustertemplate} that makes it public or hidden";

    CredentialRotate = "credential:rotate", "PATCH /v1/credentials/{cluster}";

    FederationCreate = "federation:create", "POST /v1/federations";
    FederationDelete = "federation:delete", "DELETE /v1/federations/{federation}";
    FederationDetail = "federation:detail", "GET /v1/federations/detail";
    FederationGet = "federation:get", "GET /v1/federations/{federation}";
    FederationGetAll = "federation:get_all", "GET /v1/federations";
    FederationUpdate = "federation:update", "PATCH /v1/federations/{federation}";

    MagnumServiceGetAll = "magnum-service:get_all", "GET /v1/mservices";

    NodeGroupGet = "nodegroup:get", "GET /v1/clusters/{cluster}/nodegroups/{nodegroup}";
    NodeGroupGetOneAllProjects = "nodegroup:get_one_all_projects",
        "GET /v1/clusters/{cluster}/nodegroups/{nodegroup} of any project";
    NodeGroupGetAll = "nodegroup:get_all", "GET /v1/clusters/{cluster}/nodegroups";
    NodeGroupGetAllAllProjects = "nodegroup:get_all_all_projects",
        "GET /v1/clusters/{cluster}/nodegroups of any project";
    NodeGroupCreate = "nodegroup:create", "POST /v1/clusters/{cluster}/nodegroups";
    NodeGroupDelete = "nodegroup:delete", "DELETE /v1/clusters/{cluster}/nodegroups/{nodegroup}";
    NodeGroupUpdate = "nodegroup:update", "PATCH /v1/clusters/{cluster}/nodegroups/{nodegroup}";

    QuotaCreate = "quota:create", "POST /v1/quotas";
    QuotaDelete = "quota:delete", "DELETE /v1/quotas/{project}/{resource}";
    QuotaGet = "quota:get", "GET /v1/quotas/{project}/{resource}";
    QuotaGetAll = "quota:get_all", "GET /v1/quotas";
    QuotaUpdate = "quota:update", "PATCH /v1/quotas/{project}/{resource}";

    StatsGetAll = "stats:get_all", "GET /v1/stats";

    BayCreate = "bay:create", "POST /v1/bays";
    BayDelete = "bay:delete", "DELETE /v1/bays/{bay}";
    BayDetail = "bay:detail", "GET /v1/bays/detail";
    BayGet = "bay:get", "GET /v1/bays/{bay}";
    BayGetAll = "bay:get_all", "GET /v1/bays";
    BayUpdate = "bay:update", "PATCH /v1/bays/{bay}";

    BayModelCreate = "baymodel:create", "POST /v1/baymodels";
    BayModelDelete = "baymodel:delete", "DELETE /v1/baymodels/{baymodel}";
    BayModelDetail = "baymodel:detail", "GET /v1/baymodels/detail";
    BayModelGet = "baymodel:get", "GET /v1/baymodels/{baymodel}";
    BayModelGetAll = "baymodel:get_all", "GET /v1/baymodels";
    BayModelUpdate = "baymodel:update", "PATCH /v1/baymodels/{baymodel}";
    BayModelPublish = "baymodel:publish",
        "POST /v1/baymodels or PATCH /v1/baymodels/{baymodel} that makes it public";
}
