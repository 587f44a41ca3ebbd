//! Changing a password in the text of `users.yaml`, and nothing else of it.

use super::{Document, UserEntry, parse};
use crate::{
    error::IdentityError,
    password::{hash_password, is_hash},
};
use magnum_types::Entropy;
use secrecy::SecretString;
use std::path::Path;

/// The text with every clear password replaced by its hash; `None` when there is none.
pub(crate) fn passwords_hashed(
    path: &Path,
    text: &str,
    entropy: &dyn Entropy,
) -> Result<Option<String>, IdentityError> {
    let mut changed: Option<String> = None;
    loop {
        let now = changed.as_deref().unwrap_or(text);
        let document = parse(path, now)?;
        let clear = document.users.iter().enumerate().find_map(|(number, user)| {
            let password = user.password.as_ref()?;
            (!is_hash(&password.value)).then(|| (number, SecretString::from(password.value.as_str())))
        });
        let Some((number, password)) = clear else { return Ok(changed) };
        let hash = hash_password(&password, entropy)
            .map_err(|error| wrong(path, &document, number, error.to_string(), "give another password"))?;
        changed = Some(replaced(path, now, &document, number, &hash)?);
    }
}

/// The text with another hash for the user `name` of the domain named `domain`.
pub(crate) fn password_replaced(
    path: &Path,
    text: &str,
    domain: &str,
    name: &str,
    hash: &str,
) -> Result<String, IdentityError> {
    let document = parse(path, text)?;
    let is_wanted = |user: &UserEntry| {
        user.name == name
            && user.domain.as_deref().unwrap_or("Default").eq_ignore_ascii_case(domain)
            && user.password.is_some()
    };
    let number = document.users.iter().position(is_wanted).ok_or_else(|| IdentityError::NoUser {
        name: name.to_owned(),
        domain: domain.to_owned(),
        path: path.to_owned(),
    })?;
    replaced(path, text, &document, number, hash)
}

/// Puts the hash where the user's password stands. What comes out is read again, so that a way of writing YAML that
/// the replacement does not suit is refused instead of damaged.
fn replaced(
    path: &Path,
    text: &str,
    document: &Document,
    number: usize,
    hash: &str,
) -> Result<String, IdentityError> {
    let failed = || {
        let problem = "its password cannot be replaced where it stands".to_owned();
        wrong(path, document, number, problem, "write the password on one line: password: \"…\"")
    };
    let password = document.users.get(number).and_then(|user| user.password.as_ref()).ok_or_else(failed)?;
    let span = password.defined.span();
    let (from, length) = span.byte_offset().zip(span.byte_len()).ok_or_else(failed)?;
    let from = usize::try_from(from).map_err(|_| failed())?;
    let to = usize::try_from(length).ok().and_then(|length| from.checked_add(length)).ok_or_else(failed)?;
    let (before, after) = text.get(..from).zip(text.get(to..)).ok_or_else(failed)?;
    // Single quotes: a hash has commas, which end a value within braces.
    let changed = format!("{before}'{hash}'{after}");
    let again = parse(path, &changed).map_err(|_| failed())?;
    let as_before = again.users.len() == document.users.len()
        && again.users.iter().zip(&document.users).enumerate().all(|(at, (new, old))| {
            let password = |user: &UserEntry| user.password.as_ref().map(|password| password.value.clone());
            let expected = if at == number { Some(hash.to_owned()) } else { password(old) };
            new.name == old.name && new.roles.len() == old.roles.len() && password(new) == expected
        });
    if as_before { Ok(changed) } else { Err(failed()) }
}

fn wrong(path: &Path, document: &Document, number: usize, problem: String, remedy: &str) -> IdentityError {
    let name = document.users.get(number).map_or("", |user| user.name.as_str());
    IdentityError::Users {
        path: path.to_owned(),
        entry: format!("user {} ({name})", number + 1),
        problem,
        remedy: remedy.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use magnum_types::SeededEntropy;

    fn hashed(text: &str) -> Result<Option<String>, IdentityError> {
        passwords_hashed(Path::new("users.yaml"), text, &SeededEntropy::new(1))
    }

    #[test]
    fn a_clear_password_becomes_its_hash_and_the_rest_stays() {
        for (before, after) in [("", " # mine\n"), ("\"", "\"\n"), ("'", "'   # mine\n")] {
            let head =
                "# people\nusers:\n  - {name: ann, password: 'päss: word'}\n  - name: bob\n    password: ";
            let text = format!("{head}{before}s3cret{after}    email: b@example.org\n# end\n");
            let changed = hashed(&text).unwrap().unwrap();
            assert!(!changed.contains("s3cret") && !changed.contains("päss"), "{changed}");
            assert!(
                changed.starts_with("# people\nusers:\n  - {name: ann, password: '$argon2id$"),
                "{changed}"
            );
            assert!(changed.contains("    email: b@example.org\n# end\n"), "{changed}");
            assert_eq!(changed.contains("# mine\n"), after.contains("# mine\n"), "{changed}");
            assert_eq!(hashed(&changed).unwrap(), None);
        }
    }

    #[test]
    fn digits_are_a_password_too() {
        let changed = hashed("users:\n- name: bob\n  password: 0123\n").unwrap().unwrap();
        assert!(changed.starts_with("users:\n- name: bob\n  password: '$argon2id$"), "{changed}");
    }

    #[test]
    fn a_password_that_cannot_be_replaced_or_used_is_named_without_being_shown() {
        for text in [
            "users:\n- name: bob\n  password: ''\n",
            "users:\n- name: bob\n  password: {hush: 1}\n",
            "users:\n- name: bob\n  pasword: hush\n",
        ] {
            let error = hashed(text).unwrap_err().to_string();
            assert!(error.starts_with("users.yaml: ") && !error.contains("hush: 1"), "{error}");
        }
    }
}
