//! The parameters that a template declares, read well enough to refuse what Heat would refuse.
//!
//! Not a YAML reader: the `parameters` section is cut into its entries by their indentation, which is what templates
//! written by people have in common.

/// One declared parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Declared {
    pub name: String,
    pub has_default: bool,
    /// The default where it is a plain word.
    pub default: Option<String>,
    pub hidden: bool,
}

/// The declared parameters; `None` when the text is no HOT template.
pub(crate) fn declared(template: &str) -> Option<Vec<Declared>> {
    if !template.lines().any(|line| line.trim_start().starts_with("heat_template_version")) {
        return None;
    }
    let section = template.lines().skip_while(|line| !line.starts_with("parameters:")).skip(1);
    let section = section.take_while(|line| line.is_empty() || line.starts_with([' ', '#']));
    let mut entries: Vec<(String, String)> = Vec::new();
    for line in section.filter(|line| !line.trim_start().starts_with('#')) {
        let entry = line.strip_prefix("  ").filter(|rest| !rest.starts_with([' ', '#']));
        match entry.and_then(|rest| rest.split_once(':')) {
            Some((name, rest)) => entries.push((name.to_owned(), rest.to_owned())),
            None => {
                if let Some((_, text)) = entries.last_mut() {
                    text.push('\n');
                    text.push_str(line);
                }
            }
        }
    }
    Some(entries.into_iter().map(|(name, text)| entry(name, &text)).collect())
}

fn entry(name: String, text: &str) -> Declared {
    let value = text.split_once("default:").map(|(_, after)| after.trim_start());
    let plain = value.map(|value| value.split([',', '}', '\n']).next().unwrap_or_default().trim());
    let plain = plain.map(|word| word.trim_matches(['\'', '"'])).filter(|word| !word.starts_with(['[', '{']));
    Declared {
        name,
        has_default: value.is_some(),
        default: plain.map(str::to_owned),
        hidden: text.contains("hidden: true"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_in_both_ways_of_writing_them() {
        let template = "heat_template_version: 2018-08-31\n\nparameters:\n  # a word\n  one: {type: number, default: 1}\n  \
                        two:\n    type: string\n    hidden: true\n  three: {type: string, default: ''}\n\nresources:\n  \
                        four: {type: OS::Heat::None}\n";
        let found = declared(template).unwrap();
        let names: Vec<&str> = found.iter().map(|parameter| parameter.name.as_str()).collect();
        assert_eq!(names, ["one", "two", "three"]);
        assert_eq!(found[0].default.as_deref(), Some("1"));
        assert!(found[1].hidden && !found[1].has_default);
        assert_eq!(found[2].default.as_deref(), Some(""));
        assert_eq!(declared("no template"), None);
    }
}
