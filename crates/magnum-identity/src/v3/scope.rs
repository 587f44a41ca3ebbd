//! What a new token is to be good for.

use super::{auth::Proof, fields::Fields, refusal::Refusal};
use crate::{claims::Claims, identity::Identity, people::Place, state::State};

/// Characters of audit ids.
const SYMBOLS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The scope that a request asks for.
enum Asked {
    /// Nothing was said.
    Any,
    /// Explicitly none.
    Nothing,
    Place(Place),
    Trust(String),
}

/// The claims of the new token. A scope that the user has no role in is 401, as one that is not there.
pub(super) fn settle(
    identity: &Identity,
    state: &State,
    auth: &Fields<'_>,
    proof: Proof,
) -> Result<Claims, Refusal> {
    let (service, now) = (&identity.0, identity.0.clock.now());
    let mut claims = Claims::new(&proof.user_id, proof.fingerprint, now, service.token_end());
    claims.methods = proof.methods;
    claims.audit_ids = vec![service.entropy.text(22, SYMBOLS)];
    if let Some(source) = &proof.source {
        claims.end_by(Some(source.expires_at()));
        claims.audit_ids.extend(source.audit_ids.last().cloned());
    }
    let asked = asked(state, auth)?;
    if let Some(credential) = proof.credential {
        if !matches!(asked, Asked::Any) {
            return Err(auth.wrong("scope", "an application credential has a scope of its own"));
        }
        claims.end_by(credential.expires_at);
        claims.place = Some(Place::Project(credential.project_id));
        claims.credential_id = Some(credential.id);
        return Ok(claims);
    }
    match asked {
        Asked::Nothing => {}
        Asked::Place(place) => claims.place = Some(place),
        Asked::Trust(id) => {
            let trust = state.live_trust(&id, now).ok_or_else(Refusal::unauthorized)?;
            if trust.trustee_user_id != claims.user_id {
                return Err(Refusal::forbidden("use a trust that was given to another user"));
            }
            if state.trust_roles(trust).is_empty() {
                return Err(Refusal::forbidden("use a trust whose trustor has lost its roles"));
            }
            claims.end_by(trust.expires_at);
            claims.place = Some(Place::Project(trust.project_id.clone()));
            claims.trust_id = Some(id);
        }
        Asked::Any => {
            // As in Keystone: the default project, if it is of any use.
            let user = state.user(&claims.user_id);
            let place = user.and_then(|user| user.default_project_id.clone()).map(Place::Project);
            claims.place = place.filter(|place| {
                state.people.is_open(place) && user.is_some_and(|user| !user.roles(place).is_empty())
            });
        }
    }
    Ok(claims)
}

fn asked(state: &State, auth: &Fields<'_>) -> Result<Asked, Refusal> {
    match auth.value("scope") {
        None => return Ok(Asked::Any),
        Some(scope) if scope == "unscoped" => return Ok(Asked::Nothing),
        Some(_) => {}
    }
    let Some(scope) = auth.object("scope")? else { return Ok(Asked::Any) };
    let kinds = ["project", "domain", "system", "OS-TRUST:trust", "unscoped"];
    if kinds.iter().filter(|kind| scope.has(kind)).count() > 1 {
        return Err(auth.wrong("scope", "only one scope can be asked for"));
    }
    if let Some(project) = scope.object("project")? {
        let id = match project.text("id")? {
            Some(id) => state.people.projects.get(id).map(|project| project.id.clone()),
            None => {
                let name = project.required("name")?;
                let domain = project.object("domain")?.ok_or_else(|| project.missing("domain"))?;
                let domain = domain_id(state, &domain)?;
                let found = domain.and_then(|domain| state.people.project_named(&domain, name));
                found.map(|project| project.id.clone())
            }
        };
        return Ok(Asked::Place(Place::Project(id.ok_or_else(Refusal::unauthorized)?)));
    }
    if let Some(domain) = scope.object("domain")? {
        let id = domain_id(state, &domain)?.ok_or_else(Refusal::unauthorized)?;
        return Ok(Asked::Place(Place::Domain(id)));
    }
    if let Some(system) = scope.object("system")? {
        return match system.flag("all")? {
            Some(true) => Ok(Asked::Place(Place::System)),
            _ => Err(system.wrong("all", "it must be true")),
        };
    }
    if let Some(trust) = scope.object("OS-TRUST:trust")? {
        return Ok(Asked::Trust(trust.required("id")?.to_owned()));
    }
    if scope.has("unscoped") {
        return Ok(Asked::Nothing);
    }
    Err(auth.wrong("scope", "it must name a project, a domain, a trust or the system"))
}

/// The id of the domain that a body names by id or name; none when there is none.
fn domain_id(state: &State, domain: &Fields<'_>) -> Result<Option<String>, Refusal> {
    let found = match domain.text("id")? {
        Some(id) => state.people.domain(id),
        None => state.people.domain_named(domain.required("name")?),
    };
    Ok(found.map(|domain| domain.id.clone()))
}
