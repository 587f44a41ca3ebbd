//! What is generated from the option table agrees with what a load makes of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use magnum_config::{
    ConfigError, MagnumConfig, Sources, assignment, options, parse_ini, reference_help, sample, write_private,
};
use proptest::prelude::*;
use secrecy::ExposeSecret;

fn load(text: &str) -> MagnumConfig {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("magnum.conf");
    write_private(&path, text).unwrap();
    let mut sources = Sources::new("magnum-api", "box");
    sources.files.push(path);
    let (config, warnings) = MagnumConfig::load(&sources).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    config
}

/// The sample with the comment signs before assignments taken away; texts keep theirs, which a space follows.
fn uncommented_sample() -> String {
    let sample = sample().unwrap();
    sample
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_sample_loads_to_the_defaults_with_and_without_its_comment_signs() {
    let defaults = format!("{:?}", load(""));
    assert_eq!(format!("{:?}", load(&sample().unwrap())), defaults);
    let config = load(&uncommented_sample());
    assert_eq!(format!("{config:?}"), defaults);
    assert_eq!(config.messaging.transport_url.expose_secret(), "rabbit://");
}

#[test]
fn every_option_stands_once_in_sample_and_help() {
    let assignments = parse_ini(&uncommented_sample()).unwrap();
    let help = reference_help();
    for option in options() {
        let found = assignments
            .iter()
            .filter(|found| found.group == option.group && found.name == option.name)
            .count();
        assert_eq!(found, 1, "[{}] {}", option.group, option.name);
        assert!(
            help.contains(&format!("[{}] {} (", option.group, option.name)),
            "[{}] {}",
            option.group,
            option.name
        );
    }
    assert_eq!(assignments.len(), options().len());
    assert_eq!(help.lines().count(), options().len());
}

#[test]
fn values_that_the_dialect_cannot_express_are_refused() {
    for value in ["a\rb", "a\n\nb", "a\n b", "a\nb ", "a\n"] {
        assert!(matches!(assignment("password", value), Err(ConfigError::Unwritable { .. })), "{value:?}");
    }
}

#[test]
fn names_that_need_care_are_written_as_expected() {
    assert_eq!(assignment("k", r"a\$b$c").unwrap(), "k = a\\\\$b\\$c\n");
    assert_eq!(assignment("k", " x").unwrap(), "k = \" x\"\n");
    assert_eq!(assignment("k", "a\nb").unwrap(), "k = a\n    b\n");
}

proptest! {
    #[test]
    fn any_written_value_is_read_back(value in "[ -~\\t\u{1c}\u{a0}é€\\\\$\"'#;%=:\\[\\]{}]{0,30}") {
        let written = assignment("password", &value).unwrap();
        let config = load(&format!("[keystone_auth]\n{written}"));
        let read = config.keystone_auth.password.map(|secret| secret.expose_secret().to_owned());
        prop_assert_eq!(read.unwrap_or_default(), value);
    }

    #[test]
    fn any_writable_text_of_several_lines_is_read_back(lines in proptest::collection::vec("[!-~$\\\\]([ -~]{0,8}[!-~$\\\\])?", 1..4)) {
        let value = lines.join("\n");
        let config = load(&format!("[database]\n{}", assignment("connection", &value).unwrap()));
        let read = config.database.connection.unwrap();
        prop_assert_eq!(read.expose_secret(), &value);
    }

    #[test]
    fn no_text_makes_the_parser_fail_without_a_line(text in "[\\[\\]a=: #;\n\t'\"$]{0,60}") {
        if let Err(fault) = parse_ini(&text) {
            prop_assert!(fault.line >= 1 && fault.line <= text.split('\n').count());
        }
    }
}
