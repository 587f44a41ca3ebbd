//! The tree an expression becomes.
//!
//! References between rules are kept by name until a whole rule set is known, then resolved to a
//! place in it, so that a check follows an index and never looks a name up.

use super::template::Template;

/// How many levels an expression, with every rule it refers to, may nest.
pub(crate) const MAX_DEPTH: usize = 64;

/// One node of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Check {
    /// Allows everyone.
    Always,
    /// Allows nobody.
    Never,
    /// Could not be understood: allows nobody, whatever stands around it.
    Refused,
    And(Vec<Check>),
    Or(Vec<Check>),
    Not(Box<Check>),
    Rule(RuleRef),
    /// The caller holds this role, in any case of letters.
    Role(Template),
    /// The caller's attribute at this path has this value.
    Attribute {
        path: Vec<Box<str>>,
        value: Template,
    },
    /// A fixed text equals this value (of the target).
    Literal {
        text: Box<str>,
        value: Template,
    },
}

/// A reference to another rule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RuleRef {
    pub(crate) name: Box<str>,
    /// The rule's place in its set, once resolved; stays empty if there is no such rule.
    pub(crate) place: Option<usize>,
}

impl Check {
    /// A reference to the rule of this name.
    pub(crate) fn rule(name: &str) -> Self {
        Self::Rule(RuleRef { name: name.into(), place: None })
    }

    /// Calls `visit` on every reference below this node.
    pub(crate) fn for_each_reference(&mut self, visit: &mut impl FnMut(&mut RuleRef)) {
        match self {
            Self::And(parts) | Self::Or(parts) => {
                parts.iter_mut().for_each(|part| part.for_each_reference(visit));
            }
            Self::Not(inner) => inner.for_each_reference(visit),
            Self::Rule(reference) => visit(reference),
            Self::Always
            | Self::Never
            | Self::Refused
            | Self::Role(_)
            | Self::Attribute { .. }
            | Self::Literal { .. } => {}
        }
    }
}
