//! Spotting a misspelt rule name in an operator's file, and guessing what was meant.

/// The known name closest to `name`, if one is close enough to be a slip of the pen.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let bound = name.chars().count().div_ceil(3).clamp(1, 4);
    known
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= bound)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be added, dropped or changed to get from one text to the other.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (line, from) in left.chars().enumerate() {
        let mut diagonal = line;
        let mut before = line.saturating_add(1);
        let mut cells = row.iter_mut();
        if let Some(first) = cells.next() {
            *first = before;
        }
        for (cell, to) in cells.zip(right.chars()) {
            let changed = diagonal.saturating_add(usize::from(from != to));
            diagonal = *cell;
            before = changed.min(diagonal.saturating_add(1)).min(before.saturating_add(1));
            *cell = before;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_added_dropped_and_changed_letters() {
        assert_eq!(distance("cluster:create", "cluster:create"), 0);
        assert_eq!(distance("clustre:create", "cluster:create"), 2);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn a_name_far_from_all_others_has_no_nearest() {
        let known = ["cluster:create", "cluster:delete"];
        assert_eq!(nearest("cluster:craete", known.into_iter()), Some("cluster:create"));
        assert_eq!(nearest("owner", known.into_iter()), None);
    }
}
