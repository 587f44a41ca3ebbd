//! Every rule × every kind of caller, under the defaults: with what older releases allowed, and
//! without. A new rule without a row does not compile.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use magnum_policy::{Cause, Credentials, Enforcer, PolicySettings, Rule, Scope, default_of};
use serde_json::{Map, Value, json};

/// Who asks, about an object of project `home` that `ann` made and whose cluster user is `robot`.
const CALLERS: [&str; 8] =
    ["admin", "creator", "rolelessCreator", "member", "reader", "foreign", "trustee", "nobody"];

fn caller(kind: &str) -> Credentials {
    let (user, project, domain, roles): (_, _, _, &[&str]) = match kind {
        "admin" => ("root", Some("admins"), "default", &["admin"]),
        "creator" => ("ann", Some("home"), "default", &["member", "reader"]),
        "rolelessCreator" => ("ann", Some("home"), "default", &["_member_"]),
        "member" => ("bob", Some("home"), "default", &["Member", "reader"]),
        "reader" => ("eve", Some("home"), "default", &["reader"]),
        "foreign" => ("mal", Some("away"), "default", &["member", "reader"]),
        "trustee" => ("robot", None, "trustees", &[]),
        "nobody" => ("zoe", None, "default", &[]),
        other => panic!("no caller {other}"),
    };
    Credentials {
        user_id: Some(user.to_owned()),
        project_id: project.map(str::to_owned),
        user_domain_id: Some(domain.to_owned()),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        ..Credentials::default()
    }
}

fn target() -> Map<String, Value> {
    let object = json!({
        "uuid": "c1", "project_id": "home", "user_id": "ann",
        "trustee_user_id": "robot", "trustee_domain_id": "trustees",
    });
    object.as_object().unwrap().clone()
}

const ANYONE_AT_HOME: &str = "admin creator rolelessCreator member reader";
const ADMIN_ONLY: (&str, &str) = ("admin", "admin");

/// Who is allowed: with the old forms, and with the new defaults only.
fn expected(rule: Rule) -> (&'static str, &'static str) {
    match rule {
        Rule::ClusterCreate
        | Rule::ClusterDelete
        | Rule::ClusterUpdate
        | Rule::ClusterResize
        | Rule::ClusterUpgrade
        | Rule::ClusterTemplateCreate
        | Rule::ClusterTemplateDelete
        | Rule::ClusterTemplateUpdate
        | Rule::CertificateRotateCa
        | Rule::FederationCreate
        | Rule::FederationDelete
        | Rule::FederationUpdate
        | Rule::NodeGroupCreate
        | Rule::NodeGroupDelete
        | Rule::NodeGroupUpdate
        | Rule::BayCreate
        | Rule::BayDelete
        | Rule::BayUpdate
        | Rule::BayModelCreate
        | Rule::BayModelDelete
        | Rule::BayModelUpdate => (ANYONE_AT_HOME, "admin creator member"),
        Rule::ClusterDetail
        | Rule::ClusterGet
        | Rule::ClusterGetAll
        | Rule::ClusterTemplateDetail
        | Rule::ClusterTemplateGet
        | Rule::ClusterTemplateGetAll
        | Rule::FederationDetail
        | Rule::FederationGet
        | Rule::FederationGetAll
        | Rule::NodeGroupGet
        | Rule::NodeGroupGetAll
        | Rule::QuotaGet
        | Rule::StatsGetAll
        | Rule::BayDetail
        | Rule::BayGet
        | Rule::BayGetAll
        | Rule::BayModelDetail
        | Rule::BayModelGet
        | Rule::BayModelGetAll => (ANYONE_AT_HOME, "admin creator member reader"),
        Rule::CertificateCreate | Rule::CertificateGet | Rule::ClusterUpdateHealthStatus => {
            ("admin creator rolelessCreator trustee", "admin creator")
        }
        Rule::CredentialRotate => (ANYONE_AT_HOME, "creator member"),
        Rule::ClusterDeleteAllProjects
        | Rule::ClusterDetailAllProjects
        | Rule::ClusterGetOneAllProjects
        | Rule::ClusterGetAllAllProjects
        | Rule::ClusterUpdateAllProjects
        | Rule::ClusterUpgradeAllProjects
        | Rule::ClusterTemplateDeleteAllProjects
        | Rule::ClusterTemplateDetailAllProjects
        | Rule::ClusterTemplateGetOneAllProjects
        | Rule::ClusterTemplateGetAllAllProjects
        | Rule::ClusterTemplateUpdateAllProjects
        | Rule::ClusterTemplatePublish
        | Rule::BayModelPublish
        | Rule::MagnumServiceGetAll
        | Rule::NodeGroupGetOneAllProjects
        | Rule::NodeGroupGetAllAllProjects
        | Rule::QuotaCreate
        | Rule::QuotaDelete
        | Rule::QuotaGetAll
        | Rule::QuotaUpdate => ADMIN_ONLY,
    }
}

fn allowed(enforcer: &Enforcer, rule: Rule) -> String {
    let target = target();
    let allowed = CALLERS.into_iter().filter(|kind| enforcer.enforce(rule, &caller(kind), &target).is_ok());
    allowed.collect::<Vec<_>>().join(" ")
}

fn enforcer(enforce_new_defaults: bool) -> Enforcer {
    let settings = PolicySettings { enforce_new_defaults, ..PolicySettings::default() };
    let (enforcer, warnings) = Enforcer::new(settings).unwrap();
    assert_eq!(warnings, Vec::<String>::new(), "the defaults must not need a warning");
    enforcer
}

#[test]
fn every_rule_allows_exactly_whom_it_should() {
    let (old, new) = (enforcer(false), enforcer(true));
    for rule in Rule::ALL {
        let (with_old, only_new) = expected(*rule);
        assert_eq!(allowed(&old, *rule), with_old, "{} with the old forms", rule.name());
        assert_eq!(allowed(&new, *rule), only_new, "{} with new defaults only", rule.name());
    }
}

#[test]
fn a_cluster_user_with_a_project_role_may_still_not_touch_clusters() {
    let mut robot = caller("trustee");
    robot.project_id = Some("home".to_owned());
    robot.roles = vec!["member".to_owned()];
    for enforcer in [enforcer(false), enforcer(true)] {
        for rule in [Rule::ClusterDelete, Rule::ClusterGet, Rule::ClusterTemplateCreate, Rule::BayCreate] {
            assert!(enforcer.enforce(rule, &robot, &target()).is_err(), "{}", rule.name());
        }
    }
}

#[test]
fn a_caller_without_a_project_does_not_own_an_object_without_one() {
    let object = json!({"project_id": null, "user_id": null, "trustee_user_id": null});
    let caller = Credentials::default();
    for rule in Rule::ALL {
        let answer = enforcer(false).enforce(*rule, &caller, object.as_object().unwrap());
        assert!(answer.is_err(), "{}", rule.name());
    }
}

#[test]
fn a_token_of_the_wrong_scope_is_refused_and_the_refusal_says_so() {
    let mut system = caller("admin");
    system.system_scope = Some("all".to_owned());
    let denied = enforcer(false).enforce(Rule::ClusterGet, &system, &target()).unwrap_err();
    assert_eq!(denied.cause, Cause::Scope(Scope::System));
    assert!(denied.to_string().contains("cluster:get") && denied.to_string().contains("system"), "{denied}");
    assert!(enforcer(false).enforce(Rule::QuotaCreate, &system, &target()).is_ok());

    let mut domain = caller("admin");
    domain.domain_id = Some("default".to_owned());
    let denied = enforcer(false).enforce(Rule::ClusterGet, &domain, &target()).unwrap_err();
    assert_eq!(denied.cause, Cause::Scope(Scope::Domain));

    let lax = PolicySettings { enforce_scope: false, ..PolicySettings::default() };
    let (lax, _) = Enforcer::new(lax).unwrap();
    assert!(lax.enforce(Rule::ClusterGet, &system, &target()).is_ok());
}

#[test]
fn a_refusal_names_its_rule() {
    for rule in Rule::ALL {
        let denied = enforcer(true).enforce(*rule, &caller("nobody"), &target()).unwrap_err();
        assert_eq!(denied.rule, *rule);
        assert_eq!(denied.cause, Cause::Expression);
        assert!(denied.to_string().contains(rule.name()), "{denied}");
    }
}

#[test]
fn administrators_are_known_by_their_role_or_by_what_is_already_known() {
    let enforcer = enforcer(false);
    assert!(enforcer.is_admin(&caller("admin")));
    assert!(!enforcer.is_admin(&caller("member")));
    let known = Credentials { is_admin: Some(true), ..caller("member") };
    assert!(enforcer.is_admin(&known));
}

#[test]
fn names_are_unique_and_every_project_rule_has_a_scope() {
    let mut names: Vec<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
    names.extend(magnum_policy::BaseRule::ALL.iter().map(|base| base.name()));
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
    for rule in Rule::ALL {
        let admin_only = expected(*rule) == ADMIN_ONLY;
        assert_eq!(default_of(*rule).scope_types.is_empty(), admin_only, "{}", rule.name());
    }
}

#[test]
fn a_check_of_a_default_rule_takes_microseconds() {
    let enforcer = enforcer(false);
    let (caller, target) = (caller("foreign"), target());
    let started = std::time::Instant::now();
    for _ in 0..10_000 {
        assert!(enforcer.enforce(Rule::ClusterGet, &caller, &target).is_err());
    }
    // Unoptimised and on a busy machine; optimised it is far below.
    assert!(started.elapsed().as_micros() / 10_000 < 200, "{:?}", started.elapsed() / 10_000);
}
