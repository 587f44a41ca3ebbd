//! Labels with a type. A tenant's template says what it wants in free words; a driver reads some of them, and a
//! word that it reads must be right when the template is made, not when the stack fails an hour later.
//!
//! Unknown labels are kept, since tenants hang their own data on them, and warned about. Only one that is nearly a
//! known one is refused: it is a typing error that would otherwise be silently without effect.

use crate::error::DriverError;
use magnum_types::Labels;

mod foreign;

/// What a label's value may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LabelKind {
    /// Any text without line breaks and quotes.
    Text,
    /// A whole number within bounds, both included.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// `true` or `false`, also as `1`, `0`, `yes`, `no`, `on`, `off`.
    Boolean,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// An IPv4 or IPv6 prefix.
    Cidr,
    /// Prefixes separated by commas.
    Cidrs,
    /// An IPv4 or IPv6 address.
    Address,
    /// A DNS name.
    Domain,
    /// DNS names and addresses separated by commas.
    Names,
    /// Words of letters and digits separated by commas.
    Words,
    /// A release such as `v1.2.3`, the `v` and a suffix as one likes.
    Version,
    /// The tag of a container image, with its digest if one likes: `v1.2.3@sha256:…`.
    Tag,
    /// What stands before the last part of a container image's name; ends in `/`.
    ImagePrefix,
    /// A SHA-256 digest in hex.
    Sha256,
    /// Flags of a program separated by blanks: `--one=1 --two`.
    Flags,
    /// Ports and ranges of ports, separated by commas: `8080,9000-9100`.
    Ports,
    /// An `http` or `https` URL.
    Url,
    /// Whatever.
    Any,
}

/// A label that a driver knows.
#[derive(Clone, Copy, Debug)]
pub struct LabelSpec {
    /// Its name.
    pub name: &'static str,
    /// What it may be.
    pub kind: LabelKind,
    /// What its absence means; empty for nothing.
    pub default: &'static str,
    /// What it does, for documentation.
    pub help: &'static str,
    /// Accepted for the sake of old templates, without effect.
    pub idle: bool,
}

/// Something that the requester should know, though the request is served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Warning(pub String);

impl LabelKind {
    /// What its values are, in words that complete "it must be".
    pub fn allowed(self) -> String {
        match self {
            LabelKind::Text => "text without line breaks, quotes and backslashes".to_owned(),
            LabelKind::Integer { min, max } => format!("a whole number from {min} to {max}"),
            LabelKind::Boolean => "true or false".to_owned(),
            LabelKind::OneOf(words) => format!("one of {}", words.join(", ")),
            LabelKind::Cidr => "an IP prefix such as 10.0.0.0/24".to_owned(),
            LabelKind::Ports => {
                "ports and ranges of ports from 1 to 65535, such as 8080,9000-9100".to_owned()
            }
            LabelKind::Url => "an http or https URL".to_owned(),
            LabelKind::Cidrs => "IP prefixes separated by commas".to_owned(),
            LabelKind::Address => "an IP address".to_owned(),
            LabelKind::Domain => "a DNS name".to_owned(),
            LabelKind::Names => "DNS names and IP addresses separated by commas".to_owned(),
            LabelKind::Words => "words of letters and digits separated by commas".to_owned(),
            LabelKind::Version => "a release such as v1.2.3".to_owned(),
            LabelKind::Tag => "an image tag such as v1.2.3, with @sha256:… after it if pinned".to_owned(),
            LabelKind::ImagePrefix => "a registry and path that end in /, without a scheme".to_owned(),
            LabelKind::Sha256 => "64 hexadecimal digits".to_owned(),
            LabelKind::Flags => "flags such as --name=value separated by blanks, without quotes".to_owned(),
            LabelKind::Any => "any text".to_owned(),
        }
    }

    fn admits(self, value: &str) -> bool {
        match self {
            LabelKind::Text => !value.contains(['\n', '\r', '"', '\\']),
            LabelKind::Integer { min, max } => value.parse().is_ok_and(|n: i64| (min..=max).contains(&n)),
            LabelKind::Boolean => boolean(value).is_some(),
            LabelKind::OneOf(words) => words.contains(&value),
            LabelKind::Cidr => is_cidr(value),
            LabelKind::Ports => ports(value).is_some(),
            LabelKind::Url => {
                let rest = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
                rest.is_some_and(|rest| !rest.is_empty() && !rest.contains([' ', '\n', '\r', '"', '\\']))
            }
            LabelKind::Cidrs => list(value).all(is_cidr),
            LabelKind::Address => is_address(value),
            LabelKind::Domain => is_domain(value),
            LabelKind::Names => list(value).all(|name| is_domain(name) || is_address(name)),
            LabelKind::Words => list(value).all(is_word),
            LabelKind::Version => is_version(value),
            LabelKind::Tag => is_tag(value),
            LabelKind::ImagePrefix => {
                value.ends_with('/')
                    && !value.starts_with('/')
                    && !value.contains("//")
                    && value.chars().all(|c| c.is_ascii_alphanumeric() || "._-:/".contains(c))
            }
            LabelKind::Sha256 => is_sha256(value),
            LabelKind::Flags => value.split_ascii_whitespace().all(is_flag) && !value.contains(['\n', '\r']),
            LabelKind::Any => true,
        }
    }
}

/// The truth value of a word, in upstream's wide sense.
pub fn boolean(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" | "t" | "y" => Some(true),
        "false" | "0" | "no" | "off" | "f" | "n" => Some(false),
        _ => None,
    }
}

/// The port ranges of a list like `8080,9000-9100`; `None` if it is none.
pub fn ports(list: &str) -> Option<Vec<(u16, u16)>> {
    list.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last): (u16, u16) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            (first >= 1 && first <= last).then_some((first, last))
        })
        .collect()
}

fn is_cidr(value: &str) -> bool {
    let Some((address, length)) = value.split_once('/') else { return false };
    match (address.parse::<std::net::IpAddr>(), length.parse::<u8>()) {
        (Ok(std::net::IpAddr::V4(_)), Ok(length)) => length <= 32,
        (Ok(std::net::IpAddr::V6(_)), Ok(length)) => length <= 128,
        _ => false,
    }
}

/// The parts of a list like `a,b, c`.
pub fn list(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn is_address(value: &str) -> bool {
    value.parse::<std::net::IpAddr>().is_ok()
}

fn is_domain(value: &str) -> bool {
    let is_part = |part: &str| {
        (1..=63).contains(&part.len())
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    value.len() <= 253 && value.split('.').all(is_part)
}

fn is_word(value: &str) -> bool {
    !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric())
}

fn is_version(value: &str) -> bool {
    let value = value.strip_prefix('v').unwrap_or(value);
    let (release, suffix) = value.split_once(['-', '+', '_']).map_or((value, None), |(r, s)| (r, Some(s)));
    release.split('.').count() == 3
        && release.split('.').all(|part| part.len() <= 9 && is_word(part) && part.parse::<u32>().is_ok())
        && suffix
            .is_none_or(|s| !s.is_empty() && s.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c)))
}

fn is_tag(value: &str) -> bool {
    let (tag, digest) = value.split_once('@').map_or((value, None), |(tag, digest)| (tag, Some(digest)));
    (1..=128).contains(&tag.len())
        && !tag.starts_with(['.', '-'])
        && tag.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        && digest.is_none_or(|digest| digest.strip_prefix("sha256:").is_some_and(is_sha256))
}

fn is_sha256(value: &str) -> bool {
    value.len() == 64 && value.chars().all(|c| c.is_ascii_hexdigit())
}

fn is_flag(word: &str) -> bool {
    let Some(flag) = word.strip_prefix("--") else { return false };
    let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && value.chars().all(|c| c.is_ascii_graphic() && !"\"'\\`$".contains(c))
}

/// Checks labels against those that a driver knows.
///
/// # Errors
/// [`DriverError::LabelValue`] and [`DriverError::LabelTypo`], for the first wrong label.
pub fn validate(labels: &Labels, known: &[LabelSpec]) -> Result<Vec<Warning>, DriverError> {
    let mut warnings = Vec::new();
    for (name, value) in &labels.0 {
        match known.iter().find(|spec| spec.name == name) {
            // Upstream takes an empty value for "not given".
            Some(_) if value.is_empty() => {}
            Some(spec) if !spec.kind.admits(value) => {
                let allowed = spec.kind.allowed();
                return Err(DriverError::LabelValue { label: name.clone(), value: value.clone(), allowed });
            }
            Some(spec) if spec.idle => {
                warnings.push(Warning(format!("label {name} has no effect: {}", spec.help)));
            }
            Some(_) => {}
            None if foreign::LABELS.contains(&name.as_str()) => {
                warnings
                    .push(Warning(format!("label {name} belongs to another engine and has no effect here")));
            }
            None => match nearest(name, known) {
                Some(nearest) => {
                    return Err(DriverError::LabelTypo { label: name.clone(), nearest: nearest.to_owned() });
                }
                None => {
                    warnings.push(Warning(format!("label {name} is unknown; it is kept and has no effect")))
                }
            },
        }
    }
    Ok(warnings)
}

/// The known label that `name` is a mistyping of: at most two letters apart, and long enough for that to be no chance.
fn nearest(name: &str, known: &[LabelSpec]) -> Option<&'static str> {
    if name.chars().count() < 5 {
        return None;
    }
    known
        .iter()
        .map(|spec| (distance(&name.to_ascii_lowercase(), spec.name), spec.name))
        .filter(|(apart, _)| *apart <= 2)
        .min()
        .map(|(_, name)| name)
}

/// How many letters must be put in, taken out, replaced or swapped with their neighbour.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one.len().abs_diff(other.len()) > 2 {
        return usize::MAX;
    }
    let at = |row: &[usize], i: usize| row.get(i).copied().unwrap_or(usize::MAX / 2);
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let mut least =
                (at(&last, j) + usize::from(a != b)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            if i > 0 && j > 0 && one.get(i - 1) == Some(b) && other.get(j - 1) == Some(a) {
                least = least.min(at(&before_last, j - 1) + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    at(&last, other.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[LabelSpec] = &[
        LabelSpec { name: "availability_zone", kind: LabelKind::Text, default: "", help: "", idle: false },
        LabelSpec { name: "open_ports", kind: LabelKind::Ports, default: "", help: "", idle: false },
        LabelSpec {
            name: "size",
            kind: LabelKind::Integer { min: 1, max: 9 },
            default: "",
            help: "",
            idle: false,
        },
        LabelSpec { name: "preempt", kind: LabelKind::Boolean, default: "", help: "", idle: false },
        LabelSpec { name: "kind", kind: LabelKind::OneOf(&["a", "b"]), default: "", help: "", idle: false },
        LabelSpec { name: "prefix", kind: LabelKind::Cidr, default: "", help: "", idle: false },
        LabelSpec { name: "old", kind: LabelKind::Text, default: "", help: "gone", idle: true },
    ];

    #[test]
    fn each_kind_admits_what_is_meant_and_nothing_near_it() {
        use LabelKind::*;
        let digest = "0".repeat(64);
        let pinned = format!("v1@sha256:{digest}");
        let cases: &[(LabelKind, &[&str], &[&str])] = &[
            (Cidrs, &["10.0.0.0/8, fd00::/8", "10.0.0.0/8"], &["10.0.0.0/8;10.1.0.0/16", "all"]),
            (Address, &["10.0.0.1", "fd00::1"], &["10.0.0", "10.0.0.0/8"]),
            (Domain, &["cluster.local", "a"], &["", ".", "a..b", "-a", "a b", "A.b", "a_b"]),
            (Names, &["api.example.org,10.0.0.1"], &["api_example", "*.a"]),
            (Words, &["AlwaysPullImages,PodNodeSelector"], &["a b", "a;b", "a-b"]),
            (
                Version,
                &["v1.36.0", "1.20.2", "v1.23.3-rancher1"],
                &["v1.36", "v1.36.0-", "1.x.0", "v1.2.3 ", "+1.2.3"],
            ),
            (Tag, &["v1.2.3", "1.7.0_x", pinned.as_str()], &["", "-a", "a b", "a:b", "v1@sha256:0", "a\n"]),
            (
                ImagePrefix,
                &["registry.example:5000/a/", "a/"],
                &["registry", "https://a/", "/", "a//b/", "a b/"],
            ),
            (Sha256, &[digest.as_str()], &["0", "g"]),
            (
                Flags,
                &["--v=4 --feature-gates=A=true,B=false", "--eviction-hard=nodefs.available<10%", ""],
                &["v=4", "--v=4 rm", "--a=\"b\"", "--a=$HOME", "--a\n--b", "--=1", "-v"],
            ),
            (Any, &["\"anything\"\n"], &[]),
        ];
        for (kind, right, wrong) in cases {
            for value in *right {
                assert!(kind.admits(value), "{kind:?} {value:?}");
            }
            for value in *wrong {
                assert!(!kind.admits(value), "{kind:?} {value:?}");
            }
        }
    }

    fn check(name: &str, value: &str) -> Result<Vec<Warning>, String> {
        let labels = Labels::from_iter([(name.to_owned(), value.to_owned())]);
        validate(&labels, KNOWN).map_err(|error| error.to_string())
    }

    #[test]
    fn a_right_value_passes_without_a_word() {
        for (name, value) in [
            ("availability_zone", "nova"),
            ("open_ports", "80, 9000-9100"),
            ("size", "9"),
            ("size", ""),
            ("preempt", "True"),
            ("kind", "b"),
            ("prefix", "10.0.0.0/24"),
            ("prefix", "fd00::/64"),
        ] {
            assert_eq!(check(name, value), Ok(vec![]), "{name}={value}");
        }
    }

    #[test]
    fn a_wrong_value_is_refused_with_the_label_and_what_is_allowed() {
        for (name, value, allowed) in [
            ("size", "10", "a whole number from 1 to 9"),
            ("size", "many", "a whole number"),
            ("preempt", "perhaps", "true or false"),
            ("kind", "c", "one of a, b"),
            ("prefix", "10.0.0.0", "an IP prefix"),
            ("prefix", "10.0.0.0/33", "an IP prefix"),
            ("open_ports", "0", "ports and ranges"),
            ("open_ports", "9-8", "ports and ranges"),
            ("availability_zone", "a\"b", "text without"),
        ] {
            let error = check(name, value).unwrap_err();
            assert!(error.contains(name) && error.contains(allowed), "{error}");
        }
    }

    #[test]
    fn a_typing_error_is_refused_and_the_right_word_named() {
        for typo in
            ["availabilty_zone", "availability_zoen", "Availability_Zone", "availability-zone", "open_port"]
        {
            let error = check(typo, "x").unwrap_err();
            assert!(error.contains(typo) && error.contains("did you mean"), "{error}");
        }
    }

    #[test]
    fn an_unknown_label_is_kept_and_warned_about() {
        let said = check("team", "blue").unwrap();
        assert_eq!(said, vec![Warning("label team is unknown; it is kept and has no effect".to_owned())]);
        assert_eq!(check("sizes_of_things", "x").unwrap().len(), 1);
        // Short names are within two letters of everything.
        assert_eq!(check("kin", "x").unwrap().len(), 1);
    }

    #[test]
    fn labels_of_another_engine_and_idle_ones_are_kept_with_a_warning() {
        assert!(check("kube_tag", "v1.30.0").unwrap()[0].0.contains("another engine"));
        assert!(check("old", "x").unwrap()[0].0.contains("no effect"));
    }

    #[test]
    fn a_swap_counts_as_one_error() {
        assert_eq!(distance("zoen", "zone"), 1);
        assert_eq!(distance("zone", "zone"), 0);
        assert_eq!(distance("", "ab"), 2);
        assert_eq!(distance("abc", "abcdef"), usize::MAX);
    }
}
