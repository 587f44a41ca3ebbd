//! Keystone: the users, trusts and application credentials that clusters act by.

use crate::{
    client::ServiceClient,
    error::{CloudError, found, gone_is_done},
    resolve::only,
    session::secret_header,
};
use http::Method;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use std::{fmt, time::Duration};

/// Keystone's revocations are exact to a second.
const REVOCATION_GRAIN: Duration = Duration::from_millis(1100);

/// The Identity API for one session.
#[derive(Clone)]
pub struct Keystone(pub(crate) ServiceClient);

/// Something with an id and a name: a domain, a role.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Named {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    /// Its id.
    pub id: String,
    /// Its name, unique in its domain.
    pub name: String,
    /// Its domain's id.
    #[serde(default)]
    pub domain_id: String,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Project {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its domain's id.
    pub domain_id: Option<String>,
    /// False when the project is disabled.
    #[serde(default)]
    pub enabled: bool,
}

/// A service of the catalog, as operators registered it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RegisteredService {
    /// Its type, such as `load-balancer`.
    #[serde(rename = "type")]
    pub service_type: String,
    /// Its name.
    pub name: Option<String>,
    /// Whether tokens list it.
    #[serde(default)]
    pub enabled: bool,
}

/// A trust.
#[derive(Clone, Deserialize)]
pub struct Trust {
    /// Its id; printed nowhere.
    pub id: String,
    /// Who trusts.
    pub trustor_user_id: String,
    /// Who is trusted.
    pub trustee_user_id: String,
    /// Where it holds.
    pub project_id: Option<String>,
    /// The roles passed on; empty in listings.
    #[serde(default)]
    pub roles: Vec<Named>,
    /// The trust that it was handed on from.
    #[serde(default)]
    pub redelegated_trust_id: Option<String>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust")
            .field("trustor_user_id", &self.trustor_user_id)
            .field("trustee_user_id", &self.trustee_user_id)
            .field("project_id", &self.project_id)
            .finish_non_exhaustive()
    }
}

/// A trust to be made.
#[derive(Debug, Clone)]
pub struct TrustRequest<'a> {
    /// Who trusts: must be the session's own user.
    pub trustor_user_id: &'a str,
    /// Who is trusted.
    pub trustee_user_id: &'a str,
    /// The trustor's project.
    pub project_id: &'a str,
    /// Names of the roles passed on; the trustor must hold them all.
    pub roles: &'a [String],
    /// Whether the trustee acts under the trustor's name.
    pub impersonation: bool,
    /// How often it may be passed on. Heat makes a trust of its own for each stack, so a trustee who creates stacks
    /// needs at least one where Heat defers authentication to trusts.
    pub redelegation_count: Option<u32>,
}

/// An application credential; its secret is known only in the answer to its creation.
#[derive(Debug, Clone, Deserialize)]
pub struct ApplicationCredential {
    /// Its id.
    pub id: String,
    /// Its name, unique per user.
    pub name: String,
    /// Where it holds.
    pub project_id: Option<String>,
    /// Its secret, after creation only.
    #[serde(default, deserialize_with = "secret")]
    pub secret: Option<SecretString>,
    /// Whether it may make trusts and further credentials.
    pub unrestricted: Option<bool>,
}

fn secret<'de, D: Deserializer<'de>>(field: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(field)?.map(SecretString::from))
}

/// An application credential to be made.
#[derive(Debug, Clone)]
pub struct ApplicationCredentialRequest<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is for, in words.
    pub description: &'a str,
    /// Names of its roles; all of the user's in the project when empty.
    pub roles: &'a [String],
    /// Whether it may make further credentials.
    pub unrestricted: bool,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct UserAnswer {
    user: User,
}
#[derive(Deserialize)]
struct TrustAnswer {
    trust: Trust,
}
#[derive(Deserialize)]
struct ProjectAnswer {
    project: Project,
}
#[derive(Deserialize)]
struct CredentialAnswer {
    application_credential: ApplicationCredential,
}

impl Keystone {
    /// The domain named `name`.
    pub async fn domain_find(&self, name: &str) -> Result<Option<Named>, CloudError> {
        let domains = self.0.list::<Named>(&["domains"], "domains", &[("name", name)]).await?;
        only("keystone", "domain", name, domains)
    }

    /// Makes a user without roles.
    pub async fn user_create(
        &self,
        domain: &str,
        name: &str,
        password: &SecretString,
    ) -> Result<User, CloudError> {
        let user = json!({ "user": {
            "name": name, "domain_id": domain, "password": password.expose_secret(),
            "description": "trustee of a Magnum cluster",
        }});
        Ok(self.0.write::<UserAnswer>(Method::POST, &["users"], &user).await?.user)
    }

    /// The user named exactly `name` in the domain.
    pub async fn user_find(&self, domain: &str, name: &str) -> Result<Option<User>, CloudError> {
        let query = [("domain_id", domain), ("name", name)];
        let mut users = self.0.list::<User>(&["users"], "users", &query).await?;
        // Some back ends compare names without regard to case.
        users.retain(|user| user.name == name);
        only("keystone", "user", name, users)
    }

    /// Sets a user's password, as an admin of its domain. Returns when the new password is good for use: Keystone then
    /// revokes every earlier token of the user and compares whole seconds, so that a token issued within the same
    /// second would be refused.
    pub async fn user_set_password(&self, user: &str, password: &SecretString) -> Result<(), CloudError> {
        self.user_lose_password(user, password).await?;
        tokio::time::sleep(REVOCATION_GRAIN).await;
        Ok(())
    }

    /// The same where only the end of the old password matters: the new one may be refused for a second.
    pub async fn user_lose_password(&self, user: &str, password: &SecretString) -> Result<(), CloudError> {
        let change = json!({ "user": { "password": password.expose_secret() } });
        self.0.write_only(Method::PATCH, &["users", user], &change).await
    }

    /// Deletes a user; done when there is none.
    pub async fn user_delete(&self, user: &str) -> Result<(), CloudError> {
        gone_is_done(self.0.delete(&["users", user], &[]).await)
    }

    /// The names of a user's roles in a project, as assigned there directly.
    pub async fn user_roles(&self, project: &str, user: &str) -> Result<Vec<String>, CloudError> {
        let path = ["projects", project, "users", user, "roles"];
        let roles: Vec<Named> = self.0.list(&path, "roles", &[]).await?;
        Ok(roles.into_iter().map(|role| role.name).collect())
    }

    /// Makes a trust. `Forbidden` for sessions that are themselves delegated (trust, application credential).
    pub async fn trust_create(&self, request: &TrustRequest<'_>) -> Result<Trust, CloudError> {
        let roles: Vec<Value> = request.roles.iter().map(|name| json!({ "name": name })).collect();
        let mut trust = json!({
            "trustor_user_id": request.trustor_user_id, "trustee_user_id": request.trustee_user_id,
            "project_id": request.project_id, "impersonation": request.impersonation, "roles": roles,
        });
        if let (Some(count), Some(trust)) =
            (request.redelegation_count.filter(|count| *count > 0), trust.as_object_mut())
        {
            trust.insert("allow_redelegation".to_owned(), true.into());
            trust.insert("redelegation_count".to_owned(), count.into());
        }
        let body = json!({ "trust": trust });
        Ok(self.0.write::<TrustAnswer>(Method::POST, &["OS-TRUST", "trusts"], &body).await?.trust)
    }

    /// One trust, if it is there.
    pub async fn trust_get(&self, id: &str) -> Result<Option<Trust>, CloudError> {
        Ok(found(self.0.get::<TrustAnswer>(&["OS-TRUST", "trusts", id], &[]).await)?
            .map(|answer| answer.trust))
    }

    /// The trusts given by a user (Keystone shows a user its own only).
    pub async fn trusts_of_trustor(&self, user: &str) -> Result<Vec<Trust>, CloudError> {
        self.0.list(&["OS-TRUST", "trusts"], "trusts", &[("trustor_user_id", user)]).await
    }

    /// The trusts given to a user.
    pub async fn trusts_of_trustee(&self, user: &str) -> Result<Vec<Trust>, CloudError> {
        self.0.list(&["OS-TRUST", "trusts"], "trusts", &[("trustee_user_id", user)]).await
    }

    /// Deletes a trust; done when there is none.
    pub async fn trust_delete(&self, id: &str) -> Result<(), CloudError> {
        gone_is_done(self.0.delete(&["OS-TRUST", "trusts", id], &[]).await)
    }

    /// Makes an application credential for the session's own user and project.
    pub async fn application_credential_create(
        &self,
        user: &str,
        request: &ApplicationCredentialRequest<'_>,
    ) -> Result<ApplicationCredential, CloudError> {
        let mut credential = json!({
            "name": request.name, "description": request.description, "unrestricted": request.unrestricted,
        });
        if let Some(fields) = credential.as_object_mut() {
            if !request.roles.is_empty() {
                let roles: Vec<Value> = request.roles.iter().map(|name| json!({ "name": name })).collect();
                fields.insert("roles".to_owned(), roles.into());
            }
            if let Some(end) = request.expires_at {
                fields.insert("expires_at".to_owned(), end.to_string().into());
            }
        }
        let body = json!({ "application_credential": credential });
        let path = ["users", user, "application_credentials"];
        Ok(self.0.write::<CredentialAnswer>(Method::POST, &path, &body).await?.application_credential)
    }

    /// A user's application credential by name.
    pub async fn application_credential_find(
        &self,
        user: &str,
        name: &str,
    ) -> Result<Option<ApplicationCredential>, CloudError> {
        let path = ["users", user, "application_credentials"];
        let found = self.0.list(&path, "application_credentials", &[("name", name)]).await?;
        only("keystone", "application credential", name, found)
    }

    /// Deletes an application credential; done when there is none.
    pub async fn application_credential_delete(&self, user: &str, id: &str) -> Result<(), CloudError> {
        gone_is_done(self.0.delete(&["users", user, "application_credentials", id], &[]).await)
    }

    /// One project, if it is there.
    pub async fn project_get(&self, id: &str) -> Result<Option<Project>, CloudError> {
        Ok(found(self.0.get::<ProjectAnswer>(&["projects", id], &[]).await)?.map(|answer| answer.project))
    }

    /// The ids of all regions.
    pub async fn region_list(&self) -> Result<Vec<String>, CloudError> {
        let regions: Vec<Named> = self.0.list(&["regions"], "regions", &[]).await?;
        Ok(regions.into_iter().map(|region| region.id).collect())
    }

    /// The registered services, of one type when given.
    pub async fn service_list(
        &self,
        service_type: Option<&str>,
    ) -> Result<Vec<RegisteredService>, CloudError> {
        let query: Vec<(&str, &str)> = service_type.map(|wanted| ("type", wanted)).into_iter().collect();
        self.0.list(&["services"], "services", &query).await
    }

    /// Revokes a token; done when it is unknown.
    pub async fn token_revoke(&self, token: &SecretString) -> Result<(), CloudError> {
        let subject = secret_header(token)?;
        gone_is_done(self.0.delete_with(&["auth", "tokens"], &[], &[("x-subject-token", subject)]).await)
    }
}
