//! A `policy.yaml` to start from: every rule with its default, all commented out.

use std::fmt::Write as _;

use crate::{BaseRule, Rule, default_of, default_of_base};

const HEAD: &str = "\
# Rules of the Container Infrastructure Management service.
#
# Every line shows a default. Take the mark off and change what you need: a rule that stays
# commented out follows the defaults of the release you run. The file is read again within a second
# of a change; if it is broken, the rules in force stay.
";

/// The sample as YAML text.
pub fn sample() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("\n# Who is who.\n");
    for base in BaseRule::ALL {
        let default = default_of_base(*base);
        let _ = write!(text, "\n# {}\n#\"{}\": \"{}\"\n", base.meaning(), base.name(), default.check);
        if let Some(old) = default.deprecated {
            let _ = writeln!(text, "# also allowed unless enforce_new_defaults is on: {}", old.check);
        }
    }
    text.push_str("\n# Who may do what.\n");
    for rule in Rule::ALL {
        let default = default_of(*rule);
        let scopes: Vec<&str> = default.scope_types.iter().map(|scope| scope.name()).collect();
        let scopes = if scopes.is_empty() { "any".to_owned() } else { scopes.join(", ") };
        let _ = write!(
            text,
            "\n# {}\n# token scope: {scopes}\n#\"{}\": \"{}\"\n",
            rule.operation(),
            rule.name(),
            default.check
        );
    }
    text
}
