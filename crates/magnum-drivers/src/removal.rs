//! Which members of a group go when it shrinks. Clients name members by index, server id, name or address; without
//! names the youngest (highest index) go, as Heat itself would choose, but known beforehand so that they can be
//! drained.

use crate::error::DriverError;

/// A member of a group as the stack has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Its name in the group: Heat counts from 0 and never uses a removed index again.
    pub index: u32,
    /// Nova's id; `None` while, or because, there is no server.
    pub server_id: Option<String>,
    /// The server's name.
    pub name: Option<String>,
    /// Fixed and floating addresses.
    pub addresses: Vec<String>,
    /// An earlier change was to remove it and did not.
    pub leaves: bool,
}

impl Member {
    fn is(&self, asked: &str) -> bool {
        self.index.to_string() == asked
            || self.server_id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(asked))
            || self.name.as_deref() == Some(asked)
            || self.addresses.iter().any(|address| address == asked)
    }
}

/// The indexes of the asked members, each once, in the order asked.
///
/// # Errors
/// [`DriverError::NoSuchMember`] for the first that is none.
pub fn resolve_removals(members: &[Member], asked: &[String]) -> Result<Vec<u32>, DriverError> {
    let mut indexes = Vec::with_capacity(asked.len());
    for wanted in asked {
        let wanted = wanted.trim();
        let Some(member) = members.iter().find(|member| member.is(wanted)) else {
            return Err(DriverError::NoSuchMember { asked: wanted.to_owned(), members: describe(members) });
        };
        if !indexes.contains(&member.index) {
            indexes.push(member.index);
        }
    }
    Ok(indexes)
}

/// The indexes of all members that go when the group gets `target` members: the asked ones, then those that were about to
/// go already, then the highest. Asked ones go even if the group does not shrink; Heat then makes new members in their place.
///
/// # Errors
/// As [`resolve_removals`].
pub fn choose_removals(members: &[Member], asked: &[String], target: i32) -> Result<Vec<u32>, DriverError> {
    let mut going = resolve_removals(members, asked)?;
    let target = usize::try_from(target).unwrap_or(0);
    let others = members.iter().filter(|member| !going.contains(&member.index));
    let mut others: Vec<(bool, u32)> = others.map(|member| (member.leaves, member.index)).collect();
    others.sort_unstable();
    while members.len().saturating_sub(going.len()) > target
        && let Some((_, highest)) = others.pop()
    {
        going.push(highest);
    }
    Ok(going)
}

fn describe(members: &[Member]) -> String {
    let all: Vec<String> = members
        .iter()
        .map(|member| match &member.server_id {
            Some(id) => format!("{} ({id})", member.index),
            None => member.index.to_string(),
        })
        .collect();
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group() -> Vec<Member> {
        [0, 1, 4]
            .into_iter()
            .map(|index| Member {
                index,
                server_id: Some(format!("a1b2c3d4-0000-4000-8000-00000000000{index}")),
                name: Some(format!("c-node-{index}")),
                addresses: vec![format!("10.0.0.1{index}"), format!("172.24.4.1{index}")],
                leaves: false,
            })
            .collect()
    }

    fn asked(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_member_is_found_by_index_server_id_name_and_any_address() {
        for word in
            ["4", "A1B2C3D4-0000-4000-8000-000000000004", "c-node-4", "10.0.0.14", "172.24.4.14", " 4 "]
        {
            assert_eq!(resolve_removals(&group(), &asked(&[word])).unwrap(), vec![4], "{word}");
        }
    }

    #[test]
    fn two_words_for_one_member_remove_it_once() {
        assert_eq!(resolve_removals(&group(), &asked(&["1", "10.0.0.11", "0"])).unwrap(), vec![1, 0]);
    }

    #[test]
    fn a_stranger_is_refused_and_the_members_are_named() {
        let error = resolve_removals(&group(), &asked(&["0", "2"])).unwrap_err().to_string();
        assert!(error.contains("\"2\" is no member") && error.contains("4 (a1b2c3d4"), "{error}");
    }

    #[test]
    fn without_names_the_highest_indexes_go() {
        assert_eq!(choose_removals(&group(), &[], 1).unwrap(), vec![4, 1]);
        assert_eq!(choose_removals(&group(), &[], 3).unwrap(), Vec::<u32>::new());
        assert_eq!(choose_removals(&group(), &[], 7).unwrap(), Vec::<u32>::new());
        assert_eq!(choose_removals(&group(), &[], -1).unwrap().len(), 3);
    }

    #[test]
    fn who_was_about_to_go_goes_before_the_highest() {
        let mut group = group();
        group[0].leaves = true;
        assert_eq!(choose_removals(&group, &[], 2).unwrap(), vec![0]);
        assert_eq!(choose_removals(&group, &[], 1).unwrap(), vec![0, 4]);
    }

    #[test]
    fn named_members_go_first_and_even_when_the_count_stays() {
        assert_eq!(choose_removals(&group(), &asked(&["0"]), 1).unwrap(), vec![0, 4]);
        assert_eq!(choose_removals(&group(), &asked(&["0"]), 3).unwrap(), vec![0]);
    }
}
