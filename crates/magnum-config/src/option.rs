//! One option as data, and the macro that declares a section once for all its uses.
//!
//! `section!` takes a list of fields with type, default and help text, and makes of it both the struct that the
//! service reads and the rows of the option table. So the sample file, the reference, the parser's checks and
//! the typed result cannot disagree: there is no second place to forget.

use crate::error::ConfigError;
use crate::resolver::Resolver;
use crate::value::{Field, Kind};

/// Everything known about an option without reading a file.
#[derive(Debug, Clone)]
pub struct OptionSpec {
    /// Group it stands in, `DEFAULT` for the general one.
    pub group: &'static str,
    /// Name, with underscores.
    pub name: &'static str,
    /// Type of its value.
    pub kind: Kind,
    /// Default as it would be written in a file; none means unset.
    pub default: Option<&'static str>,
    /// What it does, in one or a few sentences.
    pub help: String,
    /// Whether the value must never be shown.
    pub secret: bool,
    /// Smallest number allowed.
    pub min: Option<i64>,
    /// Largest number allowed.
    pub max: Option<i64>,
    /// The only values allowed; empty means any.
    pub choices: &'static [&'static str],
    /// Old names that still work, `name` for the same group or `group/name`.
    pub deprecated: &'static [&'static str],
    /// The upstream releases that have it (P is Pike, Z is Zed, 22 is 22.0, M is 2026's master); empty for an
    /// addition of this service.
    pub releases: &'static str,
    /// Why it is accepted without effect; none for options that work.
    pub ignored: Option<&'static str>,
    /// Whether a changed value can be taken over without a restart.
    pub mutable: bool,
}

impl OptionSpec {
    pub(crate) fn new<T: Field>(
        group: &'static str,
        name: &'static str,
        default: Option<&'static str>,
        help: &str,
    ) -> Self {
        Self {
            group,
            name,
            kind: T::KIND,
            default,
            help: help.trim().to_owned(),
            secret: T::SECRET,
            min: T::MIN,
            max: T::MAX,
            choices: &[],
            deprecated: &[],
            releases: "P, Z, 22, M",
            ignored: None,
            mutable: false,
        }
    }

    pub(crate) fn at_least(mut self, min: i64) -> Self {
        self.min = Some(min);
        self
    }

    pub(crate) fn at_most(mut self, max: i64) -> Self {
        self.max = Some(max);
        self
    }

    pub(crate) fn one_of(mut self, choices: &'static [&'static str]) -> Self {
        self.choices = choices;
        self
    }

    pub(crate) fn was(mut self, deprecated: &'static [&'static str]) -> Self {
        self.deprecated = deprecated;
        self
    }

    pub(crate) fn releases(mut self, releases: &'static str) -> Self {
        self.releases = releases;
        self
    }

    /// An addition of this service: upstream has no such option.
    pub(crate) fn ours(self) -> Self {
        self.releases("")
    }

    pub(crate) fn mutable(mut self) -> Self {
        self.mutable = true;
        self
    }

    pub(crate) fn ignored(mut self, why: &'static str) -> Self {
        self.ignored = Some(why);
        self.help = why.to_owned();
        self
    }

    /// The old `(group, name)` pairs that mean this option, `aliases` being the old names of whole groups.
    pub(crate) fn old_names(
        &self,
        aliases: &[(&'static str, &'static str)],
    ) -> Vec<(&'static str, &'static str)> {
        let moved = aliases.iter().filter(|(_, new)| *new == self.group).map(|(old, _)| (*old, self.name));
        let renamed = self.deprecated.iter().map(|old| old.split_once('/').unwrap_or((self.group, *old)));
        renamed.chain(moved).collect()
    }
}

/// A struct whose fields are the options of one group.
pub(crate) trait Section: Sized {
    /// The rows of the option table, for a section that stands in `group`.
    fn options(group: &'static str) -> Vec<OptionSpec>;
    /// Reads the section declared for the group `declared` from the group `actual`.
    fn read_from(resolver: &Resolver<'_>, declared: &str, actual: &str) -> Result<Self, ConfigError>;

    /// Reads the section from the group it is declared for.
    fn read(resolver: &Resolver<'_>, group: &str) -> Result<Self, ConfigError> {
        Self::read_from(resolver, group, group)
    }
}

macro_rules! section {
    // A group of which nothing is read has rows in the table and no struct.
    (
        $(#[doc = $about:literal])+
        fn $rows:ident ignored $why:literal {
            $( $unread:ident: $unread_type:ty $(= $unread_default:expr)? $(, $unread_set:ident($($unread_arg:expr),*))*; )*
        }
    ) => {
        $(#[doc = $about])+
        pub(crate) fn $rows(group: &'static str) -> Vec<$crate::option::OptionSpec> {
            vec![$( $crate::option::OptionSpec::new::<$unread_type>(
                group, stringify!($unread), None::<&'static str>$(.or(Some($unread_default)))?, "",
            ).ignored($why)$(.$unread_set($($unread_arg),*))*, )*]
        }
    };
    (
        $(#[doc = $about:literal])+
        $section:ident {
            $(
                $(#[doc = $help:literal])+
                $field:ident: $type:ty $(= $default:expr)? $(, $set:ident($($arg:expr),*))*;
            )*
        }
        $(ignored $why:literal {
            $( $unread:ident: $unread_type:ty $(= $unread_default:expr)? $(, $unread_set:ident($($unread_arg:expr),*))*; )*
        })*
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone)]
        pub struct $section {
            $( $(#[doc = $help])+ pub $field: $type, )*
        }

        impl $crate::option::Section for $section {
            fn options(group: &'static str) -> Vec<$crate::option::OptionSpec> {
                vec![
                    $( $crate::option::OptionSpec::new::<$type>(
                        group, stringify!($field), None::<&'static str>$(.or(Some($default)))?, concat!($($help),+),
                    )$(.$set($($arg),*))*, )*
                    $($( $crate::option::OptionSpec::new::<$unread_type>(
                        group, stringify!($unread), None::<&'static str>$(.or(Some($unread_default)))?, "",
                    ).ignored($why)$(.$unread_set($($unread_arg),*))*, )*)*
                ]
            }

            fn read_from(
                resolver: &$crate::resolver::Resolver<'_>,
                declared: &str,
                actual: &str,
            ) -> Result<Self, $crate::error::ConfigError> {
                Ok(Self { $( $field: resolver.field(declared, actual, stringify!($field))?, )* })
            }
        }
    };
}
pub(crate) use section;
