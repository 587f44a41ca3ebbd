//! Users. Everybody sees itself; who administers a domain sees and changes its users; admins see everybody.
//!
//! To anybody else a user that is there looks like one that is not. Users of `users.yaml` are only shown here: an
//! operator changes them in the file.

use super::{
    caller::Caller,
    fields::{Body, Fields},
    listing::{self, Query, link},
    refusal::Refusal,
};
use crate::{
    identity::Identity,
    made::{MAX_OBJECTS, Made},
    password::MAX_PASSWORD,
    people::User,
    state::State,
};
use axum::{
    body::Bytes,
    extract::{Path, State as Shared},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use secrecy::SecretString;
use serde_json::{Value, json};

/// The fields of a user that can be given.
const FIELDS: [&str; 8] =
    ["name", "domain_id", "password", "enabled", "email", "description", "default_project_id", "options"];

fn document(identity: &Identity, user: &User) -> Value {
    let mut document = json!({
        "id": user.id, "name": user.name, "domain_id": user.domain_id, "enabled": user.enabled,
        "password_expires_at": null, "options": {},
        "links": { "self": link(identity, &format!("users/{}", user.id)) },
    });
    if let Some(fields) = document.as_object_mut() {
        let more = [
            ("email", &user.email),
            ("description", &user.description),
            ("default_project_id", &user.default_project_id),
        ];
        for (key, value) in more {
            if let Some(value) = value {
                fields.insert(key.to_owned(), value.as_str().into());
            }
        }
    }
    document
}

/// A user that the caller may see. To who administers a domain, users of other domains are not there.
fn visible<'s>(caller: &'s Caller, id: &str, action: &str) -> Result<&'s User, Refusal> {
    let user = caller.state.user(id);
    if let Some(user) =
        user.filter(|user| user.id == caller.session.user.id || caller.session.administers(&user.domain_id))
    {
        return Ok(user);
    }
    if caller.session.is_admin() || caller.session.own_domain().is_some() {
        return Err(Refusal::not_found("user", id));
    }
    Err(Refusal::forbidden(action))
}

/// A user that the caller may change, which is one that was made here.
fn changeable(caller: &Caller, id: &str, action: &str) -> Result<User, Refusal> {
    let user = visible(caller, id, action)?;
    if !caller.session.administers(&user.domain_id) {
        return Err(Refusal::forbidden(action));
    }
    if caller.state.people.users.contains_key(id) {
        return Err(Refusal::kept_in_file());
    }
    Ok(user.clone())
}

/// `GET /v3/users`.
pub(super) async fn list(
    Shared(identity): Shared<Identity>,
    caller: Caller,
    query: Query,
) -> Result<Response, Refusal> {
    if !caller.session.is_admin() && caller.session.own_domain().is_none() {
        return Err(Refusal::forbidden("identity:list_users"));
    }
    let seen = caller.state.users().filter(|user| caller.session.administers(&user.domain_id));
    let users = seen.map(|user| document(&identity, user)).collect();
    Ok(listing::list(&identity, "users", users, &query, &["name", "domain_id", "enabled"]))
}

/// `GET /v3/users/{user}`.
pub(super) async fn show(
    Shared(identity): Shared<Identity>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let user = visible(&caller, &id, "identity:get_user")?;
    Ok(listing::one("user", document(&identity, user)))
}

async fn hash_of(identity: &Identity, fields: &Fields<'_>) -> Result<Option<String>, Refusal> {
    let Some(password) = fields.text("password")? else { return Ok(None) };
    if password.is_empty() || password.len() > MAX_PASSWORD {
        return Err(fields.wrong("password", &format!("it must have 1 to {MAX_PASSWORD} bytes")));
    }
    Ok(Some(identity.0.passwords.hash(SecretString::from(password)).await??))
}

/// What a body says of a user besides name, domain and password.
fn fill(caller: &Caller, fields: &Fields<'_>, user: &mut User) -> Result<(), Refusal> {
    fields.only(&FIELDS)?;
    if fields.object("options")?.is_some_and(|options| options.only(&[]).is_err()) {
        return Err(fields.wrong("options", "this identity service supports none"));
    }
    user.enabled = fields.flag("enabled")?.unwrap_or(user.enabled);
    for (key, place) in [
        ("email", &mut user.email),
        ("description", &mut user.description),
        ("default_project_id", &mut user.default_project_id),
    ] {
        if fields.has(key) {
            *place = fields.text(key)?.map(str::to_owned);
        }
    }
    match &user.default_project_id {
        Some(id) if !caller.state.people.projects.contains_key(id) => Err(Refusal::not_found("project", id)),
        _ => Ok(()),
    }
}

fn check_name(state: &State, made: &Made, user: &User) -> Result<(), Refusal> {
    let same =
        |other: &User| other.domain_id == user.domain_id && other.name == user.name && other.id != user.id;
    if state.people.users.values().chain(made.users.values()).any(same) {
        return Err(Refusal::conflict("user", &user.name));
    }
    Ok(())
}

/// `POST /v3/users`.
pub(super) async fn create(
    Shared(identity): Shared<Identity>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Refusal> {
    let body = Body::parse(&body)?;
    let fields = body.object("user")?;
    let name = fields.name("name")?.to_owned();
    // As in Keystone: without a domain that of the caller's token, or the default one.
    let domain_id = match fields.text("domain_id")? {
        Some(id) => id,
        None => caller.session.own_domain().unwrap_or(crate::people::DEFAULT_DOMAIN),
    };
    if !caller.session.administers(domain_id) {
        return Err(Refusal::forbidden("identity:create_user"));
    }
    if caller.state.people.domain(domain_id).is_none() {
        return Err(Refusal::not_found("domain", domain_id));
    }
    let mut user = User {
        id: identity.0.new_id(),
        name,
        domain_id: domain_id.to_owned(),
        password: None,
        enabled: true,
        email: None,
        description: None,
        default_project_id: None,
        grants: Vec::new(),
    };
    fill(&caller, &fields, &mut user)?;
    user.password = hash_of(&identity, &fields).await?;
    let shown = document(&identity, &user);
    identity
        .change(move |state, made| {
            check_name(state, made, &user)?;
            if made.users.len() >= MAX_OBJECTS {
                return Err(Refusal::too_many("users"));
            }
            made.users.insert(user.id.clone(), user);
            Ok(())
        })
        .await?;
    Ok((StatusCode::CREATED, listing::one("user", shown)).into_response())
}

/// `PATCH /v3/users/{user}`. A new password ends the user's tokens, being disabled suspends them.
pub(super) async fn update(
    Shared(identity): Shared<Identity>,
    caller: Caller,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let user = changeable(&caller, &id, "identity:update_user")?;
    let body = Body::parse(&body)?;
    let fields = body.object("user")?;
    if fields.text("domain_id")?.is_some_and(|domain| domain != user.domain_id) {
        return Err(fields.wrong("domain_id", "a user cannot move to another domain"));
    }
    let mut patched = user.clone();
    fill(&caller, &fields, &mut patched)?;
    if fields.has("name") {
        patched.name = fields.name("name")?.to_owned();
    }
    let hash = hash_of(&identity, &fields).await?;
    let is_new_password = hash.is_some();
    patched.password = hash.or(patched.password);
    let user = identity
        .change(move |state, made| {
            check_name(state, made, &patched)?;
            let kept = made.users.get_mut(&id).ok_or_else(|| Refusal::not_found("user", &id))?;
            if !is_new_password {
                // Another request may have set one meanwhile.
                patched.password.clone_from(&kept.password);
            }
            kept.clone_from(&patched);
            Ok(patched)
        })
        .await?;
    Ok(listing::one("user", document(&identity, &user)))
}

/// `DELETE /v3/users/{user}`, with its trusts, application credentials and tokens.
pub(super) async fn delete(
    Shared(identity): Shared<Identity>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    changeable(&caller, &id, "identity:delete_user")?;
    identity
        .change(move |_, made| {
            made.user_delete(&id);
            Ok::<_, Refusal>(StatusCode::NO_CONTENT)
        })
        .await
}
