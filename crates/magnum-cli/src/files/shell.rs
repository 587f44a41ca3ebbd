//! What a shell is to take in, in its own words.

use crate::environment::Environment;

/// A family of shells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shell {
    /// Those that know `export`; fish does, too.
    Posix,
    /// csh and tcsh.
    Csh,
}

impl Shell {
    /// The user's own, by the variable `SHELL`.
    pub fn of(environment: &Environment) -> Self {
        let name = environment.get("SHELL").and_then(|path| path.rsplit('/').next());
        if name.is_some_and(|name| name.contains("csh")) { Self::Csh } else { Self::Posix }
    }

    /// A line for each variable.
    pub fn lines(self, variables: &[(&str, String)]) -> String {
        let line = |(name, value): &(&str, String)| match self {
            Self::Posix => format!("export {name}={}\n", quoted(value)),
            // csh's eval gets all lines as one: without a semicolon the first command would take in the others.
            Self::Csh => format!("setenv {name} {};\n", quoted(value)),
        };
        variables.iter().map(line).collect()
    }
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for (word, expected) in
            [("/a/b", "/a/b"), ("a b", "'a b'"), ("it's", "'it'\\''s'"), ("", "''"), ("$(x)", "'$(x)'")]
        {
            assert_eq!(quoted(word), expected);
        }
    }

    #[test]
    fn each_shell_gets_its_own_words() {
        let variables = [("A", "b c".to_owned()), ("D", "e".to_owned())];
        assert_eq!(Shell::Posix.lines(&variables), "export A='b c'\nexport D=e\n");
        assert_eq!(Shell::Csh.lines(&variables), "setenv A 'b c';\nsetenv D e;\n");
    }
}
