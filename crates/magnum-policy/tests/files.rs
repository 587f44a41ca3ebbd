//! Operators' files: what they may say, what they are told, and what happens when they change.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};

use magnum_policy::{Credentials, Enforcer, PolicyError, PolicySettings, Reload, Rule, sample};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn with(text: &str) -> Self {
        let files = Self::new();
        files.write("policy.yaml", text);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn settings(&self) -> PolicySettings {
        PolicySettings {
            files: vec![self.path("policy.yaml")],
            dirs: vec![self.path("policy.d")],
            ..PolicySettings::default()
        }
    }

    fn load(&self) -> (Enforcer, Vec<String>) {
        Enforcer::new(self.settings()).unwrap()
    }

    fn fails(&self) -> PolicyError {
        Enforcer::new(self.settings()).unwrap_err()
    }
}

fn with_role(role: &str) -> Credentials {
    Credentials {
        user_id: Some("ann".to_owned()),
        project_id: Some("home".to_owned()),
        roles: vec![role.to_owned()],
        ..Credentials::default()
    }
}

fn home() -> Map<String, Value> {
    json!({"project_id": "home", "user_id": "ann"}).as_object().unwrap().clone()
}

fn allows(enforcer: &Enforcer, rule: Rule, role: &str) -> bool {
    enforcer.enforce(rule, &with_role(role), &home()).is_ok()
}

fn assert_warned(warnings: &[String], words: &[&str]) {
    let found = warnings.iter().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(found, "no line with {words:?} in {warnings:#?}");
}

#[test]
fn a_missing_default_file_is_no_override_but_any_other_missing_file_is_a_mistake() {
    let files = Files::new();
    let (enforcer, warnings) = files.load();
    assert!(warnings.is_empty() && allows(&enforcer, Rule::ClusterGet, "reader"));
    let settings = PolicySettings { files: vec![files.path("rules.yaml")], ..files.settings() };
    let error = Enforcer::new(settings).unwrap_err();
    assert!(
        matches!(&error, PolicyError::Unreadable { path, .. } if path.ends_with("rules.yaml")),
        "{error}"
    );
}

#[test]
fn json_and_yaml_say_the_same() {
    let json = "{\n\t\"owner\": \"role:boss\",\n\t\"cluster:get\": [[\"rule:owner\"], [\"role:guest\"]]\n}\n";
    let yaml = "# owners\nowner: role:boss\n\"cluster:get\":\n  - [\"rule:owner\"]\n  - [\"role:guest\"]\n";
    for text in [json, yaml] {
        let (enforcer, warnings) = Files::with(text).load();
        assert_eq!(warnings, Vec::<String>::new());
        for (role, expected) in [("boss", true), ("guest", true), ("member", false)] {
            assert_eq!(allows(&enforcer, Rule::ClusterGet, role), expected, "{role} under {text}");
        }
    }
}

#[test]
fn an_empty_or_commented_file_changes_nothing() {
    for text in ["", "\n\n", "# nothing\n  # here\n", "{}", "---\n"] {
        let (enforcer, warnings) = Files::with(text).load();
        assert_eq!(warnings, Vec::<String>::new(), "{text:?}");
        assert!(allows(&enforcer, Rule::ClusterGet, "reader"), "{text:?}");
    }
}

#[test]
fn files_in_folders_win_over_the_main_file_in_order_of_their_names() {
    let files = Files::with("cluster:get: role:main");
    files.write("policy.d/20-second.yaml", "cluster:get: role:second");
    files.write(
        "policy.d/10-first.json",
        "{\"cluster:get\": \"role:first\", \"cluster:create\": \"role:first\"}",
    );
    files.write("policy.d/.hidden.yaml", "cluster:get: '@'");
    files.write("policy.d/sub/deeper.yaml", "cluster:get: '@'");
    let (enforcer, _) = files.load();
    assert!(allows(&enforcer, Rule::ClusterGet, "second"));
    assert!(!allows(&enforcer, Rule::ClusterGet, "first") && !allows(&enforcer, Rule::ClusterGet, "main"));
    assert!(allows(&enforcer, Rule::ClusterCreate, "first"));
}

#[test]
fn a_later_key_of_the_same_name_wins() {
    let (enforcer, _) = Files::with("cluster:get: '@'\ncluster:get: role:boss\n").load();
    assert!(!allows(&enforcer, Rule::ClusterGet, "guest"));
}

#[test]
fn a_remote_check_never_allows_and_is_named() {
    for check in ["http://opa/check", "not http://opa/check", "role:boss and not https://opa/%(x)s"] {
        let (enforcer, warnings) = Files::with(&format!("cluster:get: \"{check}\"")).load();
        assert!(!allows(&enforcer, Rule::ClusterGet, "boss"), "{check}");
        assert_warned(&warnings, &["cluster:get", "remote server", "policy.yaml"]);
    }
}

#[test]
fn what_cannot_be_understood_never_allows_not_even_through_another_rule() {
    for broken in ["nonsense", "@ @", "(@", "user:%(user)d", "user:%", "'a' or @"] {
        let (enforcer, warnings) =
            Files::with(&format!("helper: \"{broken}\"\ncluster:get: not rule:helper\n")).load();
        assert!(!allows(&enforcer, Rule::ClusterGet, "boss"), "{broken}");
        assert_warned(&warnings, &["helper"]);
    }
}

#[test]
fn values_that_are_not_rules_deny_and_an_empty_one_is_pointed_out() {
    for value in ["true", "false", "7", "{a: b}", "[[1]]", "[{a: b}]"] {
        let (enforcer, warnings) = Files::with(&format!("cluster:get: {value}")).load();
        assert!(!allows(&enforcer, Rule::ClusterGet, "admin"), "{value}");
        assert_warned(&warnings, &["cluster:get"]);
    }
    let (enforcer, warnings) = Files::with("cluster:get:\n").load();
    assert!(allows(&enforcer, Rule::ClusterGet, "guest"));
    assert_warned(&warnings, &["cluster:get", "everyone"]);
}

#[test]
fn a_misspelt_rule_is_named_with_the_one_that_was_meant() {
    let (_, warnings) = Files::with("clustre:create: role:boss\nunused: role:boss\n").load();
    assert_warned(&warnings, &["clustre:create", "cluster:create"]);
    assert_warned(&warnings, &["unused", "nothing refers"]);
    let (_, warnings) = Files::with("helper: role:boss\ncluster:get: rule:helper\ndefault: '!'\n").load();
    assert_eq!(warnings, Vec::<String>::new());
}

#[test]
fn a_reference_to_nothing_asks_the_default_rule_or_denies() {
    let (enforcer, warnings) = Files::with("cluster:get: rule:gone\ncluster:create: not rule:gone\n").load();
    assert!(!allows(&enforcer, Rule::ClusterGet, "boss") && !allows(&enforcer, Rule::ClusterCreate, "boss"));
    assert_warned(&warnings, &["cluster:get", "gone", "never allows"]);
    let (enforcer, _) = Files::with("cluster:get: rule:gone\ndefault: role:boss\n").load();
    assert!(allows(&enforcer, Rule::ClusterGet, "boss") && !allows(&enforcer, Rule::ClusterGet, "guest"));
}

#[test]
fn rules_in_a_ring_are_an_error() {
    for ring in [
        "cluster:get: rule:cluster:get",
        "a: rule:b\nb: not rule:c\nc: \"@ or (rule:a and @)\"\n",
        "default: rule:nowhere",
        "project_member: rule:admin_or_project_member",
    ] {
        assert!(matches!(Files::with(ring).fails(), PolicyError::Cycle { .. }), "{ring}");
    }
}

#[test]
fn an_administrators_rule_that_asks_for_itself_ends() {
    let (enforcer, _) = Files::with("context_is_admin: is_admin:True or role:boss\n").load();
    assert!(enforcer.is_admin(&with_role("boss")) && !enforcer.is_admin(&with_role("guest")));
    assert!(allows(&enforcer, Rule::QuotaCreate, "boss"));
}

#[test]
fn nesting_is_bounded() {
    let deep = |levels: usize| format!("cluster:get: \"{}@{}\"", "(".repeat(levels), ")".repeat(levels));
    assert!(allows(&Files::with(&deep(60)).load().0, Rule::ClusterGet, "guest"));
    let (enforcer, warnings) = Files::with(&deep(50_000)).load();
    assert!(!allows(&enforcer, Rule::ClusterGet, "guest"));
    assert_warned(&warnings, &["cluster:get", "nested"]);

    let nots = format!("cluster:get: \"{}@\"", "not ".repeat(50_000));
    assert!(allows(&Files::with(&nots).load().0, Rule::ClusterGet, "guest"));

    let chain: String = (0..5000).map(|link| format!("r{link}: rule:r{}\n", link + 1)).collect();
    assert!(matches!(Files::with(&chain).fails(), PolicyError::TooDeep { .. }));
    let backwards: String = (0..5000).rev().map(|link| format!("r{link}: rule:r{}\n", link + 1)).collect();
    assert!(matches!(Files::with(&backwards).fails(), PolicyError::TooDeep { .. }));
}

#[test]
fn files_that_are_no_policy_are_errors_that_name_the_file() {
    for text in ["cluster:get: [", "- a\n- b\n", "just text", "{\"a\": ", "\u{0}"] {
        let error = Files::with(text).fails();
        assert!(error.to_string().contains("policy.yaml"), "{error}");
    }
    let files = Files::new();
    files.write("policy.yaml", &"# filler\n".repeat(200_000));
    assert!(matches!(files.fails(), PolicyError::TooLarge { .. }));
}

#[test]
fn the_old_quota_names_count_as_the_new_ones() {
    let (enforcer, warnings) =
        Files::with("quotas:create: role:boss\nquotas:get: '!'\nquota:get: '@'\n").load();
    assert!(allows(&enforcer, Rule::QuotaCreate, "boss") && !allows(&enforcer, Rule::QuotaCreate, "admin"));
    assert!(allows(&enforcer, Rule::QuotaGet, "guest"), "the new name wins over the old one");
    assert_warned(&warnings, &["quotas:create", "quota:create"]);
}

#[test]
fn tightening_a_base_rule_tightens_all_that_stands_on_it() {
    let (enforcer, _) = Files::with("admin_or_project_member_deny_cluster_user: role:boss\n").load();
    for rule in [Rule::ClusterCreate, Rule::ClusterDelete, Rule::BayCreate] {
        assert!(allows(&enforcer, rule, "boss") && !allows(&enforcer, rule, "member"), "{}", rule.name());
    }
    let (enforcer, _) = Files::with("cluster:create: role:boss\n").load();
    assert!(!allows(&enforcer, Rule::BayCreate, "member"));
}

#[test]
fn an_operators_old_base_rule_is_not_widened_by_the_new_default() {
    let (enforcer, _) = Files::with("admin_or_owner: role:boss\n").load();
    for rule in [Rule::NodeGroupCreate, Rule::ClusterCreate, Rule::StatsGetAll] {
        assert!(allows(&enforcer, rule, "boss") && !allows(&enforcer, rule, "member"), "{}", rule.name());
    }
    let same = "admin_or_owner: is_admin:True or project_id:%(project_id)s\n";
    let strict = PolicySettings { enforce_new_defaults: true, ..Files::with(same).settings() };
    assert!(allows(&Enforcer::new(strict).unwrap().0, Rule::NodeGroupCreate, "member"));
}

#[test]
fn nested_attributes_of_caller_and_target_are_found() {
    let (enforcer, _) = Files::with("cluster:get: token.domain.id:%(owner.domain.id)s\n").load();
    let mut caller = with_role("guest");
    caller.extra.insert("token".to_owned(), json!({"domain": {"id": "d1"}}));
    for (domain, expected) in [("d1", true), ("d2", false)] {
        let target = json!({"owner": {"domain": {"id": domain}}});
        assert_eq!(
            enforcer.enforce(Rule::ClusterGet, &caller, target.as_object().unwrap()).is_ok(),
            expected
        );
    }
}

#[test]
fn a_changed_file_is_taken_over_and_a_broken_one_keeps_the_old_rules() {
    let files = Files::with("cluster:get: role:one\n");
    let (enforcer, _) = files.load();
    assert!(matches!(enforcer.reload_if_changed(), Reload::Unchanged));
    assert!(allows(&enforcer, Rule::ClusterGet, "one"));

    files.write("policy.yaml", "cluster:get: role:second\nodd: '@'\n");
    let clone = enforcer.clone();
    match clone.reload_if_changed() {
        Reload::Loaded(warnings) => assert_warned(&warnings, &["odd"]),
        other => panic!("{other:?}"),
    }
    assert!(allows(&enforcer, Rule::ClusterGet, "second") && !allows(&enforcer, Rule::ClusterGet, "one"));

    for broken in ["cluster:get: [", "cluster:get: rule:cluster:get"] {
        files.write("policy.yaml", broken);
        assert!(matches!(enforcer.reload_if_changed(), Reload::Kept(_)), "{broken}");
        assert!(matches!(enforcer.reload_if_changed(), Reload::Unchanged), "it is said only once");
        assert!(allows(&enforcer, Rule::ClusterGet, "second"));
    }

    files.write("policy.d/more.yaml", "cluster:get: role:third\n");
    files.write("policy.yaml", "{}");
    assert!(matches!(enforcer.reload_if_changed(), Reload::Loaded(_)));
    assert!(allows(&enforcer, Rule::ClusterGet, "third"));

    std::fs::remove_dir_all(files.path("policy.d")).unwrap();
    std::fs::remove_file(files.path("policy.yaml")).unwrap();
    assert!(matches!(enforcer.reload_if_changed(), Reload::Loaded(_)));
    assert!(allows(&enforcer, Rule::ClusterGet, "reader"), "the defaults are back");
}

#[test]
fn a_check_notices_a_change_by_itself_within_about_a_second() {
    let files = Files::with("cluster:get: role:one\n");
    let (enforcer, _) = files.load();
    files.write("policy.yaml", "cluster:get: role:second\n");
    let started = std::time::Instant::now();
    while !allows(&enforcer, Rule::ClusterGet, "second") {
        assert!(started.elapsed().as_secs() < 20, "the change was never noticed");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(started.elapsed().as_millis() > 300, "the files were looked at too often");
}

#[test]
fn the_sample_loads_without_a_word_with_and_without_its_comment_marks() {
    let text = sample();
    for rule in Rule::ALL {
        assert!(text.contains(&format!("\n#\"{}\": ", rule.name())), "{}", rule.name());
    }
    let (_, warnings) = Files::with(&text).load();
    assert_eq!(warnings, Vec::<String>::new());
    let bare: String = text
        .lines()
        .map(|line| line.strip_prefix("#\"").map_or(format!("{line}\n"), |rest| format!("\"{rest}\n")))
        .collect();
    let (enforcer, warnings) = Files::with(&bare).load();
    assert_eq!(warnings, Vec::<String>::new());
    assert!(
        allows(&enforcer, Rule::ClusterCreate, "member") && !allows(&enforcer, Rule::ClusterCreate, "reader")
    );
}

fn load_text(path: &Path, rule: &str) -> Enforcer {
    std::fs::write(path, json!({"cluster:get": rule}).to_string()).unwrap();
    Enforcer::new(PolicySettings { files: vec![path.to_owned()], ..PolicySettings::default() }).unwrap().0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let files = Files::new();
        files.write("policy.yaml", &text);
        drop(Enforcer::new(files.settings()));
    }

    #[test]
    fn no_expression_makes_a_check_panic(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "and", "or", "not", "(", ")", "((", "))", "@", "!", "role:admin", "a.b:%(c.d)s", "'x':%(y)s",
                "x:%%", "%(", ":", "'", "\"", "''", "1.5:%(n)s", "user_id:%(user_id)s", "é:ß",
            ]),
            0..40,
        ),
        joiner in prop::sample::select(vec![" ", "", "\t"]),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.json");
        let rule = words.join(joiner);
        // `x:…` words cannot form a reference, so every expression loads.
        let enforcer = load_text(&path, &rule);
        let _ = allows(&enforcer, Rule::ClusterGet, "guest");
        let negated = load_text(&path, &format!("not ({rule})"));
        let both = allows(&enforcer, Rule::ClusterGet, "guest") && allows(&negated, Rule::ClusterGet, "guest");
        prop_assert!(!both, "{rule} and its negation both allow");
    }
}
