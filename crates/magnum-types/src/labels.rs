//! The label map of templates, clusters and node groups: ordered, text to text, as clients sent it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// Labels in the order in which they were given. Values are always text: clients compare them as text even when
/// they sent a number or a boolean.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(pub IndexMap<String, String>);

/// How a cluster's labels differ from those of its template (spec 1.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelDifference {
    /// The *parent's* value where the child has another one.
    pub overridden: Labels,
    /// Labels that only the child has.
    pub added: Labels,
    /// Labels that only the parent has.
    pub skipped: Labels,
}

impl Labels {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// These labels with `over` laid on top; neither map is changed (faults 1.17).
    pub fn merged_with(&self, over: &Labels) -> Labels {
        let mut merged = self.0.clone();
        merged.extend(over.0.iter().map(|(k, v)| (k.clone(), v.clone())));
        Labels(merged)
    }

    /// Compares these labels with those of the parent they were taken from.
    pub fn difference_from(&self, parent: &Labels) -> LabelDifference {
        let mut difference = LabelDifference::default();
        for (key, value) in &self.0 {
            match parent.0.get(key) {
                None => drop(difference.added.0.insert(key.clone(), value.clone())),
                Some(theirs) if theirs != value => {
                    drop(difference.overridden.0.insert(key.clone(), theirs.clone()));
                }
                Some(_) => {}
            }
        }
        for (key, value) in &parent.0 {
            if !self.0.contains_key(key) {
                difference.skipped.0.insert(key.clone(), value.clone());
            }
        }
        difference
    }
}

impl FromIterator<(String, String)> for Labels {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Labels(pairs.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn the_overridden_label_shows_the_parents_value() {
        let difference =
            labels(&[("a", "1"), ("b", "2")]).difference_from(&labels(&[("a", "9"), ("c", "3")]));
        assert_eq!(difference.overridden, labels(&[("a", "9")]));
        assert_eq!(difference.added, labels(&[("b", "2")]));
        assert_eq!(difference.skipped, labels(&[("c", "3")]));
    }

    #[test]
    fn merging_leaves_both_maps_alone() {
        let parent = labels(&[("a", "1")]);
        assert_eq!(parent.merged_with(&labels(&[("a", "2")])), labels(&[("a", "2")]));
        assert_eq!(parent, labels(&[("a", "1")]));
    }
}
