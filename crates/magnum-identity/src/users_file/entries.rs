//! From entries to people: names become ids, and what does not fit together is named.

use super::{Document, GrantEntry, UserEntry};
use crate::{
    error::IdentityError,
    password,
    people::{DEFAULT_DOMAIN, Domain, Grant, People, Place, Project, User, derived_id},
};
use std::path::Path;

/// The longest name and id, in bytes; Keystone's own bounds are 255 and 64.
const MAX_NAME: usize = 255;
const MAX_ID: usize = 64;

/// An entry that is being read.
struct Entry<'a> {
    path: &'a Path,
    what: String,
}

impl Entry<'_> {
    fn wrong(&self, problem: impl Into<String>, remedy: impl Into<String>) -> IdentityError {
        IdentityError::Users {
            path: self.path.to_owned(),
            entry: self.what.clone(),
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }

    fn name(&self, name: &str) -> Result<(), IdentityError> {
        if name.trim().is_empty() || name.len() > MAX_NAME {
            return Err(self.wrong("its name is empty or too long", "give it a name of at most 255 bytes"));
        }
        Ok(())
    }

    /// The entry's own id, or one derived from its names.
    fn id(&self, own: Option<&String>, derived: String) -> Result<String, IdentityError> {
        let Some(id) = own else { return Ok(derived) };
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if id.is_empty() || id.len() > MAX_ID || !id.chars().all(plain) {
            let remedy = "use up to 64 letters, digits, - and _, or leave it out";
            return Err(self.wrong(format!("its id {id:?} is not usable"), remedy));
        }
        Ok(id.clone())
    }

    fn domain<'p>(&self, people: &'p People, name: Option<&String>) -> Result<&'p Domain, IdentityError> {
        let name = name.map_or("Default", String::as_str);
        people.domain_named(name).or_else(|| people.domain(name)).ok_or_else(|| {
            let known: Vec<&str> = people.domains.iter().map(|domain| domain.name.as_str()).collect();
            let remedy = format!("add it under domains:, or use one of {}", known.join(", "));
            self.wrong(format!("there is no domain {name}"), remedy)
        })
    }
}

pub(super) fn people(path: &Path, document: &Document) -> Result<People, IdentityError> {
    let mut people = People::default();
    for (number, given) in document.domains.iter().enumerate() {
        let entry = Entry { path, what: format!("domain {} ({})", number + 1, given.name) };
        entry.name(&given.name)?;
        let is_default = given.name.eq_ignore_ascii_case("Default");
        let derived =
            if is_default { DEFAULT_DOMAIN.to_owned() } else { derived_id("domain", &[&given.name]) };
        let domain = Domain {
            id: entry.id(given.id.as_ref(), derived)?,
            name: given.name.clone(),
            description: given.description.clone(),
            enabled: given.enabled,
        };
        if people.domain(&domain.id).is_some() || people.domain_named(&domain.name).is_some() {
            return Err(entry.wrong("there is another domain of that name or id", "remove one of them"));
        }
        people.domains.push(domain);
    }
    if people.domain(DEFAULT_DOMAIN).is_none() && people.domain_named("Default").is_none() {
        people.domains.insert(0, default_domain());
    }
    for (number, given) in document.projects.iter().enumerate() {
        let entry = Entry { path, what: format!("project {} ({})", number + 1, given.name) };
        entry.name(&given.name)?;
        let domain_id = entry.domain(&people, given.domain.as_ref())?.id.clone();
        let derived = derived_id("project", &[&domain_id, &given.name]);
        let id = entry.id(given.id.as_ref(), derived)?;
        if people.projects.contains_key(&id) || people.project_named(&domain_id, &given.name).is_some() {
            return Err(entry.wrong("there is another project of that name or id", "remove one of them"));
        }
        let project = Project {
            id: id.clone(),
            name: given.name.clone(),
            domain_id,
            description: given.description.clone(),
            enabled: given.enabled,
        };
        people.projects.insert(id, project);
    }
    for (number, given) in document.users.iter().enumerate() {
        let entry = Entry { path, what: format!("user {} ({})", number + 1, given.name) };
        let user = user(&entry, &people, given)?;
        let same = |known: &User| known.domain_id == user.domain_id && known.name == user.name;
        if people.users.contains_key(&user.id) || people.users.values().any(same) {
            return Err(entry.wrong("there is another user of that name or id", "remove one of them"));
        }
        people.users.insert(user.id.clone(), user);
    }
    Ok(people)
}

fn default_domain() -> Domain {
    Domain {
        id: DEFAULT_DOMAIN.to_owned(),
        name: "Default".to_owned(),
        description: "The default domain".to_owned(),
        enabled: true,
    }
}

fn user(entry: &Entry<'_>, people: &People, given: &UserEntry) -> Result<User, IdentityError> {
    entry.name(&given.name)?;
    let domain_id = entry.domain(people, given.domain.as_ref())?.id.clone();
    let id = entry.id(given.id.as_ref(), derived_id("user", &[&domain_id, &given.name]))?;
    if given.password.as_ref().is_some_and(|password| !password::is_hash(&password.value)) {
        return Err(entry.wrong("its password is no argon2id hash", "write the clear password there"));
    }
    let mut grants: Vec<Grant> = Vec::new();
    for grant in &given.roles {
        let place = place(entry, people, grant)?;
        for role in &grant.roles {
            entry.name(role)?;
            let grant = Grant { place: place.clone(), role: role.clone() };
            if !grants.contains(&grant) {
                grants.push(grant);
            }
        }
    }
    let default_project_id = match &given.default_project {
        Some(name) => Some(project(entry, people, &domain_id, name)?.id.clone()),
        None => None,
    };
    Ok(User {
        id,
        name: given.name.clone(),
        domain_id,
        password: given.password.as_ref().map(|password| password.value.clone()),
        enabled: given.enabled,
        email: given.email.clone(),
        description: given.description.clone(),
        default_project_id,
        grants,
    })
}

fn project<'p>(
    entry: &Entry<'_>,
    people: &'p People,
    domain_id: &str,
    name: &str,
) -> Result<&'p Project, IdentityError> {
    people.project_named(domain_id, name).ok_or_else(|| {
        let remedy = "add it under projects:, or name its domain beside it";
        entry.wrong(format!("there is no project {name} in its domain"), remedy)
    })
}

fn place(entry: &Entry<'_>, people: &People, grant: &GrantEntry) -> Result<Place, IdentityError> {
    match (&grant.project, &grant.domain, grant.system.as_deref()) {
        (Some(name), domain, None) => {
            let domain = entry.domain(people, domain.as_ref())?;
            Ok(Place::Project(project(entry, people, &domain.id, name)?.id.clone()))
        }
        (None, Some(_), None) => Ok(Place::Domain(entry.domain(people, grant.domain.as_ref())?.id.clone())),
        (None, None, Some("all")) => Ok(Place::System),
        _ => {
            let remedy = "give each item under roles: one of project: <name>, domain: <name>, system: all";
            Err(entry.wrong("it is not clear where its roles hold", remedy))
        }
    }
}
