//! Every expression of a fixed table means here what it means to oslo.policy. The table comes from
//! `data/oracle.py`, which says what was left out and why.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use magnum_policy::{Credentials, Enforcer, PolicySettings, Rule};
use serde_json::{Map, Value};

fn caller(value: &Value) -> Credentials {
    let mut credentials = Credentials::default();
    for (name, value) in value.as_object().unwrap() {
        let text = value.as_str().map(str::to_owned);
        match name.as_str() {
            "user_id" => credentials.user_id = text,
            "project_id" => credentials.project_id = text,
            "domain_id" => credentials.domain_id = text,
            "is_admin" => credentials.is_admin = value.as_bool(),
            "roles" => {
                credentials.roles =
                    value.as_array().unwrap().iter().map(|role| role.as_str().unwrap().to_owned()).collect();
            }
            _ => drop(credentials.extra.insert(name.clone(), value.clone())),
        }
    }
    credentials
}

#[test]
fn expressions_mean_what_they_mean_to_oslo_policy() {
    let table: Value = serde_json::from_str(include_str!("data/oracle.json")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.json");
    let mut wrong = Vec::new();
    let mut asked = 0;
    for case in table["cases"].as_array().unwrap() {
        let mut rules = table["rules"].as_object().unwrap().clone();
        rules.insert(Rule::ClusterGet.name().to_owned(), case["expression"].clone());
        std::fs::write(&path, Value::Object(rules).to_string()).unwrap();
        let settings =
            PolicySettings { files: vec![path.clone()], enforce_scope: false, ..PolicySettings::default() };
        let (enforcer, _) = Enforcer::new(settings).unwrap();
        for (caller_name, credentials) in table["callers"].as_object().unwrap() {
            for (target_name, target) in table["targets"].as_object().unwrap() {
                let target: &Map<String, Value> = target.as_object().unwrap();
                let name = Value::String(format!("{caller_name} {target_name}"));
                let expected = case["allowed"].as_array().unwrap().contains(&name);
                let answer = enforcer.enforce(Rule::ClusterGet, &caller(credentials), target).is_ok();
                asked += 1;
                if answer != expected {
                    wrong
                        .push(format!("{} for {name}: {answer}, oslo.policy {expected}", case["expression"]));
                }
            }
        }
    }
    assert!(asked > 3000, "only {asked} questions were asked");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
