//! The file of a first start: who is there when nobody has written anything yet.

use crate::{
    error::IdentityError,
    password::{draw, hash_password},
};
use magnum_types::Entropy;
use secrecy::SecretString;

/// What a first start drew. The clear passwords are nowhere else.
#[derive(Debug)]
pub struct FirstStart {
    /// Everybody, in the file's order: `admin`, `demo`, `magnum`, `magnum_domain_admin`.
    pub users: Vec<FirstUser>,
}

/// One of the first users.
#[derive(Debug, Clone)]
pub struct FirstUser {
    /// Its name.
    pub name: String,
    /// Its domain's name.
    pub domain: String,
    /// The name of the project that it has roles in; none for the admin of a domain.
    pub project: Option<String>,
    /// Its password.
    pub password: SecretString,
}

const HEADER: &str = "\
# Who may use this cloud. Read when Magnum starts, and at SIGHUP.
#
# To add somebody, add an entry with a clear password: it is replaced by its hash when the file is next read.
#
#   users:
#     - name: alice
#       password: \"a good one\"
#       roles:
#         - {project: demo, roles: [member]}
#
# Further keys of a user: id, domain (Default unless given), enabled, email, description, default_project. Roles hold in
# a project ({project: <name>, domain: <its domain>}), in a domain ({domain: <name>}) or everywhere ({system: all}).
# The role admin is as powerful in every project as in any other: it administers the whole cloud.
#
# Who has no id gets one made of its name: give one before you rename.
#
# The users magnum and magnum_domain_admin are Magnum's own; without them no cluster can be made.

";

/// The users: name, domain, where their roles hold, the roles.
const USERS: [(&str, &str, &str, &str); 4] = [
    ("admin", "Default", "project: admin", "admin"),
    ("demo", "Default", "project: demo", "member, reader"),
    ("magnum", "Default", "project: service", "admin, service"),
    ("magnum_domain_admin", "magnum", "domain: magnum", "admin"),
];

/// The file's text, and what it was made from.
pub(crate) fn first_start(entropy: &dyn Entropy) -> Result<(String, FirstStart), IdentityError> {
    let id = || entropy.uuid().simple().to_string();
    let mut text = format!("{HEADER}domains:\n  - name: magnum\n    id: {}\n", id());
    text.push_str("    description: the users that clusters act by\nprojects:\n");
    for name in ["admin", "demo", "service"] {
        text.push_str(&format!("  - name: {name}\n    id: {}\n", id()));
    }
    text.push_str("users:\n");
    let mut users = Vec::new();
    for (name, domain, place, roles) in USERS {
        let password = draw(entropy);
        let hash = hash_password(&password, entropy)?;
        text.push_str(&format!(
            "  - name: {name}\n    id: {}\n    domain: {domain}\n    password: '{hash}'\n    roles:\n      - {{{place}, roles: [{roles}]}}\n",
            id()
        ));
        users.push(FirstUser {
            name: name.to_owned(),
            domain: domain.to_owned(),
            project: place.strip_prefix("project: ").map(str::to_owned),
            password,
        });
    }
    Ok((text, FirstStart { users }))
}
