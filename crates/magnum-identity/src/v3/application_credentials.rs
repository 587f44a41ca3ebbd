//! Application credentials: a user's own, with some of its roles in one project, without its password.
//!
//! A user makes, sees and ends its own; admins see and end anybody's. A session by a trust is refused all of it; one by
//! an application credential may make and end others only if it is unrestricted.

use super::{
    caller::Caller,
    fields::{Body, Fields},
    listing::{self, Query, link},
    refusal::Refusal,
    roles::role_document,
};
use crate::{
    identity::Identity,
    made::{ApplicationCredential, MAX_OBJECTS},
    people::with_implied,
    session::Session,
};
use axum::{
    body::Bytes,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};

/// Characters of drawn secrets, and how many of them.
const SYMBOLS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const DRAWN: usize = 86;
const FIELDS: [&str; 7] =
    ["name", "description", "secret", "roles", "expires_at", "unrestricted", "access_rules"];

fn document(identity: &Identity, credential: &ApplicationCredential) -> Value {
    let path = format!("users/{}/application_credentials/{}", credential.user_id, credential.id);
    let roles: Vec<Value> = credential.roles.iter().map(|name| role_document(identity, name)).collect();
    json!({
        "id": credential.id, "name": credential.name, "description": credential.description,
        "user_id": credential.user_id, "project_id": credential.project_id, "roles": roles, "system": null,
        "unrestricted": credential.unrestricted, "expires_at": credential.expires_at.map(local_stamp),
        "links": { "self": link(identity, &path) },
    })
}

/// Keystone writes these ends, alone of all, without a time zone; clients that are strict read no other form.
fn local_stamp(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string()
}

/// Whether the session may look at `user`'s credentials.
fn may_see(session: &Session, user: &str, action: &str) -> Result<(), Refusal> {
    if session.trust.is_some() {
        return Err(Refusal::forbidden(
            "manage application credentials with a token that was got by a trust",
        ));
    }
    if session.user.id != user && !session.is_admin() {
        return Err(Refusal::forbidden(action));
    }
    Ok(())
}

/// Whether the session may make and end any.
fn may_change(session: &Session) -> Result<(), Refusal> {
    if session.credential.as_ref().is_some_and(|credential| !credential.unrestricted) {
        let action = "Using method 'application_credential' is not allowed for managing additional application credentials";
        return Err(Refusal::forbidden(action));
    }
    Ok(())
}

fn found<'c>(caller: &'c Caller, user: &str, id: &str) -> Result<&'c ApplicationCredential, Refusal> {
    let found = caller.state.made.application_credentials.get(id);
    let own = found.filter(|credential| credential.user_id == user);
    own.ok_or_else(|| Refusal::not_found("application credential", id))
}

/// `GET /v3/users/{user}/application_credentials`.
pub(super) async fn list(
    State(identity): State<Identity>,
    caller: Caller,
    Path(user): Path<String>,
    query: Query,
) -> Result<Response, Refusal> {
    may_see(&caller.session, &user, "identity:list_application_credentials")?;
    let all = caller.state.made.application_credentials.values();
    let own = all.filter(|credential| credential.user_id == user);
    let shown = own.map(|credential| document(&identity, credential)).collect();
    Ok(listing::list(&identity, "application_credentials", shown, &query, &["name"]))
}

/// `GET /v3/users/{user}/application_credentials/{id}`.
pub(super) async fn show(
    State(identity): State<Identity>,
    caller: Caller,
    Path((user, id)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    may_see(&caller.session, &user, "identity:get_application_credential")?;
    Ok(listing::one("application_credential", document(&identity, found(&caller, &user, &id)?)))
}

/// `DELETE /v3/users/{user}/application_credentials/{id}`, with the tokens by it.
pub(super) async fn delete(
    State(identity): State<Identity>,
    caller: Caller,
    Path((user, id)): Path<(String, String)>,
) -> Result<StatusCode, Refusal> {
    may_see(&caller.session, &user, "identity:delete_application_credential")?;
    may_change(&caller.session)?;
    found(&caller, &user, &id)?;
    identity
        .change(move |_, made| {
            made.application_credentials.shift_remove(&id);
            Ok::<_, Refusal>(StatusCode::NO_CONTENT)
        })
        .await
}

/// `POST /v3/users/{user}/application_credentials`. The answer is the only place where the secret is shown.
pub(super) async fn create(
    State(identity): State<Identity>,
    caller: Caller,
    Path(user): Path<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    may_see(&caller.session, &user, "identity:create_application_credential")?;
    may_change(&caller.session)?;
    if caller.session.user.id != user {
        return Err(Refusal::forbidden("Cannot create an application credential for another user."));
    }
    let body = Body::parse(&body)?;
    let fields = body.object("application_credential")?;
    let (mut credential, secret) = wanted(&identity, &caller, &fields)?;
    credential.secret_hash = identity.0.passwords.hash(SecretString::from(secret.as_str())).await??;
    let mut shown = document(&identity, &credential);
    if let Some(fields) = shown.as_object_mut() {
        fields.insert("secret".to_owned(), secret.into());
    }
    identity
        .change(move |state, made| {
            let all = made.application_credentials.values();
            let mut own = all.filter(|other| other.user_id == credential.user_id);
            if own.any(|other| other.name == credential.name) {
                return Err(Refusal::conflict("application_credential", &credential.name));
            }
            if made.application_credentials.len() >= MAX_OBJECTS {
                return Err(Refusal::too_many("application credentials"));
            }
            if state.user(&credential.user_id).is_none() {
                return Err(Refusal::unauthorized());
            }
            made.application_credentials.insert(credential.id.clone(), credential);
            Ok(())
        })
        .await?;
    Ok((StatusCode::CREATED, listing::one("application_credential", shown)).into_response())
}

/// The credential that a body asks for, its hash still missing, and its secret.
fn wanted(
    identity: &Identity,
    caller: &Caller,
    fields: &Fields<'_>,
) -> Result<(ApplicationCredential, String), Refusal> {
    fields.only(&FIELDS)?;
    if !fields.list("access_rules")?.is_empty() {
        return Err(fields.wrong("access_rules", "this identity service does not support it"));
    }
    let session = &caller.session;
    let project_id = session
        .project_id()
        .ok_or_else(|| Refusal::bad("An application credential needs a token of a project."))?;
    let asked = fields.roles("roles", |id| caller.state.role(id))?;
    let roles = if asked.is_empty() { session.roles.clone() } else { with_implied(asked) };
    if let Some(missing) = roles.iter().find(|role| !session.has_role(role)) {
        let problem = format!("your token does not have the role {missing}");
        return Err(fields.wrong("roles", &problem));
    }
    let secret = match fields.text("secret")? {
        Some(secret) if secret.is_empty() || secret.len() > crate::password::MAX_PASSWORD => {
            return Err(fields.wrong("secret", "it must have 1 to 4096 bytes"));
        }
        Some(secret) => secret.to_owned(),
        None => identity.0.entropy.text(DRAWN, SYMBOLS),
    };
    let credential = ApplicationCredential {
        id: identity.0.new_id(),
        name: fields.name("name")?.to_owned(),
        description: fields.text("description")?.map(str::to_owned),
        user_id: session.user.id.clone(),
        project_id: project_id.to_owned(),
        roles,
        secret_hash: String::new(),
        unrestricted: fields.flag("unrestricted")?.unwrap_or(false),
        expires_at: fields.future("expires_at", identity.0.clock.now())?,
    };
    Ok((credential, secret))
}
