//! `POST /v3/auth/tokens`: proving who one is.
//!
//! Whatever is wrong with name, password or secret, the answer is the same 401 after the same work.

use super::{
    fields::{Body, Fields},
    listing::{Query, is_on},
    refusal::Refusal,
    scope, token_view,
};
use crate::{
    claims::Claims, identity::Identity, made::ApplicationCredential, password::fingerprint, people::User,
    state::State,
};
use axum::{
    Json,
    body::Bytes,
    extract::State as Shared,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use magnum_x509::token::sha256_hex;
use secrecy::SecretString;

/// Who somebody proved to be, before a scope is settled.
pub(super) struct Proof {
    pub user_id: String,
    pub fingerprint: String,
    pub methods: Vec<String>,
    pub credential: Option<ApplicationCredential>,
    /// A token given in exchange: the new one ends with it.
    pub source: Option<Claims>,
}

pub(super) async fn create(
    Shared(identity): Shared<Identity>,
    query: Query,
    body: Bytes,
) -> Result<Response, Refusal> {
    let body = Body::parse(&body)?;
    let auth = body.object("auth")?;
    let state = identity.0.store.state();
    let proof = prove(&identity, &state, &auth).await?;
    let claims = scope::settle(&identity, &state, &auth, proof)?;
    let token = identity.0.seal(&claims)?;
    // A token is given only if it would be accepted, by things as they are after the time that hashing took.
    let state = identity.0.store.state();
    let session = identity.0.session(&state, &token).ok_or_else(Refusal::unauthorized)?;
    let document = token_view::document(&identity, &state, &session, !is_on(&query, "nocatalog"));
    Ok((StatusCode::CREATED, [("x-subject-token", token)], Json(document)).into_response())
}

/// Every method named must be satisfied, and by the same user.
async fn prove(identity: &Identity, state: &State, auth: &Fields<'_>) -> Result<Proof, Refusal> {
    let given = auth.object("identity")?.ok_or_else(|| auth.missing("identity"))?;
    let methods = given.list("methods")?;
    let mut proof: Option<Proof> = None;
    for method in methods {
        let method = method.as_str().ok_or_else(|| given.wrong("methods", "each must be a text"))?;
        let of_method = |key| given.object(key)?.ok_or_else(|| given.missing(key));
        let next = match method {
            "password" => by_password(identity, state, &of_method("password")?).await?,
            "token" => by_token(identity, state, &of_method("token")?)?,
            "application_credential" => {
                by_credential(identity, state, &of_method("application_credential")?).await?
            }
            _ => return Err(Refusal::unauthorized()),
        };
        proof = Some(match proof {
            None => next,
            Some(before)
                if before.user_id == next.user_id
                    && before.credential.is_none()
                    && next.credential.is_none() =>
            {
                let mut methods = before.methods;
                methods.extend(next.methods);
                Proof { methods, source: before.source.or(next.source), ..next }
            }
            Some(_) => return Err(Refusal::unauthorized()),
        });
    }
    let mut proof = proof.ok_or_else(|| given.wrong("methods", "at least one is required"))?;
    let mut seen = Vec::new();
    proof.methods.retain(|method| {
        !seen.contains(method) && {
            seen.push(method.clone());
            true
        }
    });
    Ok(proof)
}

/// The user that a body names by id, or by name and domain. `Err` only for a body that names none.
fn named_user<'s>(state: &'s State, user: &Fields<'_>) -> Result<(Option<&'s User>, String), Refusal> {
    if let Some(id) = user.text("id")? {
        return Ok((state.user(id), id.to_owned()));
    }
    let name = user.required("name")?;
    let domain = user.object("domain")?.ok_or_else(|| user.missing("domain"))?;
    let (found, given) = match domain.text("id")? {
        Some(id) => (state.people.domain(id), id),
        None => {
            let name = domain.required("name")?;
            (state.people.domain_named(name), name)
        }
    };
    let found = found.and_then(|domain| state.user_named(&domain.id, name));
    Ok((found, format!("{given}\n{name}")))
}

/// Checks a secret, bounded by account. The account of somebody who does not exist is made of the words that were given.
async fn check(
    identity: &Identity,
    account: &str,
    secret: &str,
    hash: Option<&str>,
    is_usable: bool,
) -> Result<(), Refusal> {
    let account = sha256_hex(account.as_bytes());
    let service = &identity.0;
    service.guard.check(&account, service.clock.now()).map_err(Refusal::slow_down)?;
    let right = service.passwords.verify(SecretString::from(secret), hash).await?;
    if right && is_usable {
        return Ok(());
    }
    service.guard.failed(&account, service.clock.now());
    tracing::info!(account_sha256 = account, "a login was refused");
    Err(Refusal::unauthorized())
}

async fn by_password(identity: &Identity, state: &State, method: &Fields<'_>) -> Result<Proof, Refusal> {
    let given = method.object("user")?.ok_or_else(|| method.missing("user"))?;
    let (user, words) = named_user(state, &given)?;
    let password = given.text("password")?.ok_or_else(|| given.missing("password"))?;
    let hash = user.and_then(|user| user.password.as_deref());
    let account = user.map_or(words.as_str(), |user| user.id.as_str());
    check(identity, account, password, hash, user.is_some_and(|user| state.is_enabled(user))).await?;
    let user = user.ok_or_else(Refusal::unauthorized)?;
    Ok(Proof {
        user_id: user.id.clone(),
        fingerprint: fingerprint(&user.id, hash),
        methods: vec!["password".to_owned()],
        credential: None,
        source: None,
    })
}

/// A token for another scope. One that was got by delegation stays what it is.
fn by_token(identity: &Identity, state: &State, method: &Fields<'_>) -> Result<Proof, Refusal> {
    let session = identity.0.session(state, method.required("id")?).ok_or_else(Refusal::unauthorized)?;
    if session.trust.is_some() || session.credential.is_some() {
        return Err(Refusal::forbidden(
            "exchange a token that was got by a trust or an application credential",
        ));
    }
    let claims = session.claims;
    let mut methods = claims.methods.clone();
    methods.push("token".to_owned());
    Ok(Proof {
        user_id: claims.user_id.clone(),
        fingerprint: claims.fingerprint.clone(),
        methods,
        credential: None,
        source: Some(claims),
    })
}

async fn by_credential(identity: &Identity, state: &State, method: &Fields<'_>) -> Result<Proof, Refusal> {
    let credentials = &state.made.application_credentials;
    let (found, words) = match method.text("id")? {
        Some(id) => (credentials.get(id), id.to_owned()),
        None => {
            let name = method.required("name")?;
            let user = method.object("user")?.ok_or_else(|| method.missing("user"))?;
            let (user, words) = named_user(state, &user)?;
            let own = |credential: &&ApplicationCredential| {
                user.is_some_and(|user| user.id == credential.user_id) && credential.name == name
            };
            (credentials.values().find(own), format!("{words}\n{name}"))
        }
    };
    let secret = method.text("secret")?.ok_or_else(|| method.missing("secret"))?;
    let hash = found.map(|credential| credential.secret_hash.as_str());
    let account = found.map_or(words.as_str(), |credential| credential.id.as_str());
    let now = identity.0.clock.now();
    let is_usable = found.is_some_and(|credential| credential.expires_at.is_none_or(|end| now < end));
    check(identity, account, secret, hash, is_usable).await?;
    let credential = found.ok_or_else(Refusal::unauthorized)?;
    Ok(Proof {
        user_id: credential.user_id.clone(),
        fingerprint: fingerprint(&credential.user_id, hash),
        methods: vec!["application_credential".to_owned()],
        credential: Some(credential.clone()),
        source: None,
    })
}
