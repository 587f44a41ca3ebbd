//! Whose token it is and what its owner may do, as things are now.

use crate::{
    claims::Claims,
    made::{ApplicationCredential, Trust},
    password::fingerprint,
    people::{Place, User},
    state::State,
};
use jiff::Timestamp;

/// An accepted token.
pub(crate) struct Session {
    pub claims: Claims,
    /// Who acts: under an impersonating trust the trustor.
    pub user: User,
    pub place: Option<Place>,
    /// Names of the roles at the place, the implied ones too.
    pub roles: Vec<String>,
    pub trust: Option<Trust>,
    pub credential: Option<ApplicationCredential>,
}

impl Session {
    /// The session that a token opens; none when it has ended, was revoked, or what it rests on is gone.
    pub fn of(state: &State, claims: Claims, now: Timestamp) -> Option<Self> {
        let is_revoked = claims.audit_ids.first().is_none_or(|id| state.made.revoked.contains_key(id));
        if now >= claims.expires_at() || is_revoked {
            return None;
        }
        let user = state.user(&claims.user_id).filter(|user| state.is_enabled(user))?;
        let credential = match &claims.credential_id {
            None => None,
            Some(id) => Some(state.made.application_credentials.get(id)?),
        };
        let secret =
            credential.map_or(user.password.as_deref(), |credential| Some(credential.secret_hash.as_str()));
        if fingerprint(&user.id, secret) != claims.fingerprint {
            return None;
        }
        let trust = match &claims.trust_id {
            None => None,
            Some(id) => Some(state.live_trust(id, now).filter(|trust| trust.trustee_user_id == user.id)?),
        };
        let acting = match trust {
            Some(trust) if trust.impersonation => state.user(&trust.trustor_user_id)?,
            _ => user,
        };
        let roles = match (&claims.place, trust, credential) {
            (None, ..) => Vec::new(),
            (Some(_), Some(trust), _) => state.trust_roles(trust),
            (Some(_), None, Some(credential)) => state.credential_roles(credential),
            (Some(place), None, None) => user.roles(place),
        };
        let is_good = |place: &Place| state.people.is_open(place) && !roles.is_empty();
        if !claims.place.as_ref().is_none_or(is_good) {
            return None;
        }
        Some(Self {
            user: acting.clone(),
            place: claims.place.clone(),
            roles,
            trust: trust.cloned(),
            credential: credential.cloned(),
            claims,
        })
    }

    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == role)
    }

    pub fn project_id(&self) -> Option<&str> {
        match &self.place {
            Some(Place::Project(id)) => Some(id),
            _ => None,
        }
    }

    /// An admin of the cloud. An admin of a domain is none, which is stricter than Keystone's own default.
    pub fn is_admin(&self) -> bool {
        self.has_role("admin") && matches!(self.place, Some(Place::Project(_) | Place::System))
    }

    /// The domain that the session may administer, for one that is not the cloud's admin.
    pub fn own_domain(&self) -> Option<&str> {
        match &self.place {
            Some(Place::Domain(id)) if self.has_role("admin") || self.has_role("manager") => Some(id),
            _ => None,
        }
    }

    /// Who may see and change the users of a domain.
    pub fn administers(&self, domain_id: &str) -> bool {
        self.is_admin() || self.own_domain() == Some(domain_id)
    }

    /// Who may ask about the tokens of others.
    pub fn validates_tokens(&self) -> bool {
        self.is_admin() || self.has_role("service")
    }
}
