//! Where settings come from and which of two wins.
//!
//! Files are read in the order given and then the `*.conf` files of directories in the order of their names; a
//! later one overrides an earlier one, and the environment (`OS_<GROUP>__<OPTION>`) overrides them all. The
//! environment, the home directory and the host name are handed in, so a load depends on nothing but its
//! arguments and the files.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{ConfigError, Origin};
use crate::ini;

/// What to load a configuration from.
#[derive(Clone)]
pub struct Sources {
    /// Files named with `--config-file`, in order. When empty, the usual places are searched.
    pub files: Vec<PathBuf>,
    /// Directories named with `--config-dir`, in order. When empty, the usual places are searched.
    pub dirs: Vec<PathBuf>,
    /// The process environment; only `OS_<GROUP>__<OPTION>` is looked at.
    pub environment: Vec<(String, String)>,
    /// Home directory of the user, searched first.
    pub home: Option<PathBuf>,
    /// Directory of system-wide configuration, `/etc`.
    pub etc: PathBuf,
    /// Name of the running program, for `<program>.conf`.
    pub program: String,
    /// Name of this machine: the default of `[DEFAULT] host`.
    pub host_name: String,
}

/// Without the environment, which may hold passwords.
impl fmt::Debug for Sources {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Sources")
            .field("files", &self.files)
            .field("dirs", &self.dirs)
            .field("home", &self.home)
            .field("etc", &self.etc)
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

impl Sources {
    /// Sources for `program` on the machine `host_name`: the usual places under `/etc`, no environment, no home.
    pub fn new(program: &str, host_name: &str) -> Self {
        Self {
            files: Vec::new(),
            dirs: Vec::new(),
            environment: Vec::new(),
            home: None,
            etc: PathBuf::from("/etc"),
            program: program.to_owned(),
            host_name: host_name.to_owned(),
        }
    }

    /// The files that a load will read, lowest precedence first. Of `magnum.conf` and `<program>.conf` (and of the
    /// directories `magnum.conf.d` and `<program>.conf.d`) the first found of each in `~/.magnum`, `~`,
    /// `/etc/magnum` and `/etc` counts, unless files (or directories) are named. Fails when a named directory
    /// cannot be listed.
    pub fn config_files(&self) -> Result<Vec<PathBuf>, ConfigError> {
        let mut found = if self.files.is_empty() { self.search("conf") } else { self.files.clone() };
        let dirs = if self.dirs.is_empty() { self.search("conf.d") } else { self.dirs.clone() };
        for dir in dirs {
            found.extend(conf_files_of(&dir)?);
        }
        Ok(found)
    }

    fn search(&self, extension: &str) -> Vec<PathBuf> {
        let places: Vec<PathBuf> = self
            .home
            .iter()
            .flat_map(|home| [home.join(".magnum"), home.clone()])
            .chain([self.etc.join("magnum"), self.etc.clone()])
            .collect();
        let mut names = vec!["magnum"];
        if self.program != "magnum" {
            names.push(&self.program);
        }
        names
            .iter()
            .filter_map(|name| {
                places
                    .iter()
                    .map(|place| place.join(format!("{name}.{extension}")))
                    .find(|path| path.exists())
            })
            .collect()
    }

    /// Reads all sources into one list, lowest precedence first.
    pub(crate) fn collect(&self) -> Result<Vec<Setting>, ConfigError> {
        let mut settings = Vec::new();
        for (rank, path) in self.config_files()?.into_iter().enumerate() {
            read_file(&path, rank, &mut settings)?;
        }
        for (variable, value) in &self.environment {
            if let Some((group, name)) = variable.strip_prefix("OS_").and_then(|rest| rest.split_once("__")) {
                settings.push(Setting {
                    group: group_key(group),
                    name: name.to_ascii_lowercase(),
                    value: value.clone(),
                    origin: Origin::Environment(variable.clone()),
                    rank: usize::MAX,
                });
            }
        }
        Ok(settings)
    }
}

/// One raw value and where it stands.
pub(crate) struct Setting {
    pub group: String,
    pub name: String,
    pub value: String,
    pub origin: Origin,
    /// Place of its source among the sources; a higher one wins.
    pub rank: usize,
}

/// Groups compare without case, except that only the exact `DEFAULT` is the general group (or the environment's).
pub(crate) fn group_key(group: &str) -> String {
    if group == "DEFAULT" { group.to_owned() } else { group.to_lowercase() }
}

fn conf_files_of(dir: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let failed = |source| ConfigError::Read { path: dir.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "conf") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read_file(path: &Path, rank: usize, settings: &mut Vec<Setting>) -> Result<(), ConfigError> {
    let text =
        fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let assignments =
        ini::parse(&text).map_err(|source| ConfigError::Syntax { path: path.to_owned(), source })?;
    settings.extend(assignments.into_iter().map(|assignment| Setting {
        group: group_key(&assignment.group),
        name: assignment.name.replace('-', "_"),
        value: assignment.value,
        origin: Origin::File { path: path.to_owned(), line: assignment.line },
        rank,
    }));
    Ok(())
}
