//! The service: opened once, shared by the router and whoever else in the process has a token to check.

use crate::{
    claims::{Claims, TokenKey},
    error::IdentityError,
    files,
    guard::Guard,
    made::{self, Made},
    password::{Passwords, draw, hash_password},
    session::Session,
    settings::IdentitySettings,
    state::{State, Store},
    users_file::{self, FirstStart, first_start, password_replaced, passwords_hashed},
    v3,
};
use axum::Router;
use jiff::{SignedDuration, Timestamp};
use magnum_types::{Clock, Entropy};
use secrecy::SecretString;
use std::{
    fs::File,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// The identity service. Cheap to clone; clones are the same service.
#[derive(Clone)]
pub struct Identity(pub(crate) Arc<Service>);

/// What opening gave.
pub struct Opened {
    /// The service.
    pub identity: Identity,
    /// The first users with their clear passwords, if there was no `users.yaml` before. They are told only once; a
    /// password that got lost is replaced by [`Identity::renew_password`].
    pub first_start: Option<FirstStart>,
}

/// Who a token is, for the other services of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFacts {
    /// The acting user's id; under an impersonating trust the trustor's.
    pub user_id: String,
    /// The user's name.
    pub user_name: String,
    /// The project's id, for a token of a project.
    pub project_id: Option<String>,
    /// Names of the roles.
    pub roles: Vec<String>,
    /// Whether it is an admin of the whole cloud.
    pub is_admin: bool,
    /// The moment from which the token is refused.
    pub expires_at: Timestamp,
}

pub(crate) struct Service {
    pub settings: IdentitySettings,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub passwords: Passwords,
    pub guard: Guard,
    pub store: Store,
    key: TokenKey,
    users_path: PathBuf,
    /// Held while `users.yaml` is read or changed.
    users_changing: Mutex<()>,
    _lock: File,
}

impl Identity {
    /// Opens the directory, or fills it at the first start. Takes a fraction of a second at the first start, which is
    /// spent off the runtime.
    ///
    /// # Errors
    /// When a setting is unusable, a file cannot be read or written or is wrong (each error names file, entry and
    /// remedy), or another process has the directory open.
    pub async fn open(
        settings: IdentitySettings,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Opened, IdentityError> {
        blocking(move || open(settings, clock, entropy)).await
    }

    /// The routes, with paths relative to where they are mounted: `/`, `/v3`, `/v3/auth/tokens` …; mount it with
    /// [`Router::nest_service`] at the path of `public_url` without its `/v3`.
    pub fn router(&self) -> Router {
        v3::router(self.clone())
    }

    /// Who `token` is; none when it is not good (any more). Costs no I/O.
    pub fn authenticate(&self, token: &str) -> Option<TokenFacts> {
        let session = self.0.session(&self.0.store.state(), token)?;
        Some(TokenFacts {
            user_id: session.user.id.clone(),
            user_name: session.user.name.clone(),
            project_id: session.project_id().map(str::to_owned),
            is_admin: session.is_admin(),
            expires_at: session.claims.expires_at(),
            roles: session.roles,
        })
    }

    /// Reads `users.yaml` again. Whoever is disabled or gone in it is refused from then on, tokens included.
    ///
    /// # Errors
    /// As [`Identity::open`]'s; what was read before then stays.
    pub async fn reload(&self) -> Result<(), IdentityError> {
        let service = self.0.clone();
        blocking(move || service.users_reload(|text, _| Ok(text))).await
    }

    /// Gives a user of `users.yaml` a new, random password and returns it. The user's earlier tokens end.
    ///
    /// # Errors
    /// [`IdentityError::NoUser`] when there is no such user with a password, and as [`Identity::reload`]'s.
    pub async fn renew_password(&self, domain: &str, name: &str) -> Result<SecretString, IdentityError> {
        let (service, domain, name) = (self.0.clone(), domain.to_owned(), name.to_owned());
        blocking(move || {
            let password = draw(&*service.entropy);
            let hash = hash_password(&password, &*service.entropy)?;
            service.users_reload(|text, path| password_replaced(path, &text, &domain, &name, &hash))?;
            Ok(password)
        })
        .await
    }
}

impl Service {
    /// The session that a token opens now.
    pub fn session(&self, state: &State, token: &str) -> Option<Session> {
        Session::of(state, self.key.open(token)?, self.clock.now())
    }

    pub fn seal(&self, claims: &Claims) -> Result<String, IdentityError> {
        self.key.seal(claims)
    }

    /// A random id of 32 hexadecimal digits.
    pub fn new_id(&self) -> String {
        self.entropy.uuid().simple().to_string()
    }

    /// When a token that is made now ends.
    pub fn token_end(&self) -> Timestamp {
        let life =
            SignedDuration::try_from(self.settings.token_life).unwrap_or(SignedDuration::from_hours(1));
        self.clock.now().checked_add(life).unwrap_or(Timestamp::MAX)
    }

    /// Reads the file, lets `edit` change it, and takes up what it says then. Blocks.
    fn users_reload(
        &self,
        edit: impl FnOnce(String, &std::path::Path) -> Result<String, IdentityError>,
    ) -> Result<(), IdentityError> {
        let _alone = self.users_changing.lock().unwrap_or_else(PoisonError::into_inner);
        let path = &self.users_path;
        let missing = || IdentityError::file("find", path, std::io::ErrorKind::NotFound.into());
        let before = files::read_private(path)?.ok_or_else(missing)?;
        let edited = edit(before.clone(), path)?;
        let text = passwords_hashed(path, &edited, &*self.entropy)?.unwrap_or(edited);
        let people = users_file::people(path, &text)?;
        if text != before {
            files::write_private(path, &text)?;
        }
        self.store.people_replace(people);
        Ok(())
    }
}

/// Runs work that reads files or hashes on a thread of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, IdentityError> + Send + 'static,
) -> Result<T, IdentityError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(IdentityError::crypto("finish the work")(error)))
}

fn open(
    settings: IdentitySettings,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Opened, IdentityError> {
    let settings = settings.checked()?;
    let directory = settings.directory.clone();
    files::private_directory(&directory)?;
    let lock = files::lock(&directory.join("identity.lock"))?;
    let users_path = directory.join(users_file::NAME);
    let (text, first_start) = match files::read_private(&users_path)? {
        Some(text) => (text, None),
        None => {
            let (text, first) = first_start(&*entropy)?;
            files::write_private(&users_path, &text)?;
            (text, Some(first))
        }
    };
    let hashed = passwords_hashed(&users_path, &text, &*entropy)?;
    let people = users_file::people(&users_path, hashed.as_deref().unwrap_or(&text))?;
    if let Some(hashed) = hashed {
        files::write_private(&users_path, &hashed)?;
    }
    let made_path = directory.join(made::NAME);
    let made = match files::read_private(&made_path)? {
        None => Made::default(),
        Some(text) => Made::parse(&text).map_err(|problem| IdentityError::Damaged {
            path: made_path.clone(),
            problem,
            remedy: "put a copy of it back, or remove it: the credentials of all clusters are then gone",
        })?,
    };
    let service = Service {
        passwords: Passwords::new(entropy.clone())?,
        guard: Guard::default(),
        store: Store::new(made_path, people, made),
        key: TokenKey::of(&directory, &*entropy)?,
        users_path,
        users_changing: Mutex::new(()),
        _lock: lock,
        settings,
        clock,
        entropy,
    };
    Ok(Opened { identity: Identity(Arc::new(service)), first_start })
}
