//! Magnum's own client against a listening service: every Keystone call that it makes.

use crate::house::House;
use magnum_openstack::{
    AuthMethod, AuthSettings, Cloud, CloudErrorKind, CloudSettings, DomainRef, EndpointSettings, ProjectRef,
    Scope, Service, Session, TokenError, TransportSettings, TrusteeAdmin, UserRef, ValidatorSettings,
    keystone::{ApplicationCredentialRequest, TrustRequest},
};
use magnum_types::SeededEntropy;
use secrecy::{ExposeSecret, SecretString};
use std::{sync::Arc, time::Duration};

struct Lab {
    house: House,
    cloud: Cloud,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn user(name: &str, domain: &str) -> UserRef {
    UserRef::Name(name.into(), DomainRef::Name(domain.into()))
}

fn project(name: &str) -> Scope {
    Scope::Project(ProjectRef::Name(name.into(), DomainRef::Name("Default".into())))
}

impl Lab {
    async fn new() -> Self {
        let house = House::new().await;
        let app = axum::Router::new().nest_service("/identity", house.identity().router());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let method = |name: &str| AuthMethod::Password {
            user: user(name, "Default"),
            password: house.passwords[name].as_str().into(),
        };
        let settings = CloudSettings {
            service: AuthSettings {
                auth_url: format!("http://127.0.0.1:{port}/identity/v3"),
                method: method("magnum"),
                scope: project("service"),
            },
            trustee_admin: Some(TrusteeAdmin {
                user: user("magnum_domain_admin", "magnum"),
                password: house.passwords["magnum_domain_admin"].as_str().into(),
                domain: DomainRef::Name("magnum".into()),
            }),
            transport: TransportSettings { attempts: 1, ..TransportSettings::default() },
            endpoint: EndpointSettings { region: Some("RegionOne".into()), ..EndpointSettings::default() },
            services: Vec::new(),
        };
        let cloud = Cloud::new(settings, house.clock.clone(), Arc::new(SeededEntropy::new(5))).unwrap();
        Self { house, cloud, server }
    }

    /// A user's session by password, and by the token that it gave.
    fn person(&self, name: &str) -> Session {
        let password = self.house.passwords[name].as_str().into();
        self.cloud.session(AuthMethod::Password { user: user(name, "Default"), password }, project(name))
    }

    async fn caller(&self, name: &str) -> Session {
        let token = self.person(name).token().await.unwrap();
        self.cloud.user_session(token.secret.clone(), None)
    }
}

#[tokio::test]
async fn a_clusters_credential_lives_from_trustee_to_nothing_left() {
    let lab = Lab::new().await;
    let demo = lab.caller("demo").await;
    let facts = demo.facts().await.unwrap();
    let (user_id, project_id) = (facts.user_id.clone(), facts.project_id.clone().unwrap());
    let admin = lab.cloud.trustee_admin_session().unwrap();
    let domain = admin.facts().await.unwrap().domain_id.clone().unwrap();
    let keystone = lab.cloud.keystone(admin);
    assert_eq!(keystone.domain_find("magnum").await.unwrap().unwrap().id, domain);

    let trustee = keystone.user_create(&domain, "c1_p1", &"first".into()).await.unwrap();
    assert!(keystone.user_create(&domain, "c1_p1", &"x".into()).await.unwrap_err().is_conflict());
    assert_eq!(keystone.user_find(&domain, "c1_p1").await.unwrap().unwrap(), trustee);
    assert_eq!(keystone.user_find(&domain, "c2_p1").await.unwrap(), None);
    let password = SecretString::from("second");
    keystone.user_set_password(&trustee.id, &password).await.unwrap();

    let request = TrustRequest {
        trustor_user_id: &user_id,
        trustee_user_id: &trustee.id,
        project_id: &project_id,
        roles: &facts.roles,
        impersonation: true,
        redelegation_count: Some(1),
    };
    let as_demo = lab.cloud.keystone(&demo);
    let trust = as_demo.trust_create(&request).await.unwrap();
    assert_eq!(trust.roles.len(), facts.roles.len());
    assert_eq!(as_demo.trusts_of_trustor(&user_id).await.unwrap()[0].id, trust.id);
    assert_eq!(as_demo.trust_get(&trust.id).await.unwrap().unwrap().project_id.unwrap(), project_id);

    let session = lab.cloud.trust_session(&trustee.id, password, trust.id.clone().into());
    let acting = session.facts().await.unwrap();
    assert_eq!((&acting.user_id, &acting.project_id), (&user_id, &Some(project_id.clone())));
    assert!(acting.is_delegated() && acting.trust.as_ref().unwrap().impersonation);
    let heat = lab.cloud.client(Service::Orchestration, &session).root().await.unwrap();
    assert!(heat.as_str().ends_with(&format!("/orchestration/v1/{project_id}")), "{heat}");

    let service = lab.cloud.keystone(lab.cloud.service_session());
    assert_eq!(service.trusts_of_trustee(&trustee.id).await.unwrap().len(), 1);
    assert_eq!(service.project_get(&project_id).await.unwrap().unwrap().name, "demo");
    assert_eq!(service.project_get("nothing").await.unwrap(), None);
    assert_eq!(service.user_roles(&project_id, &user_id).await.unwrap(), ["member", "reader"]);
    assert_eq!(service.region_list().await.unwrap(), ["RegionOne"]);
    assert_eq!(service.service_list(Some("orchestration")).await.unwrap()[0].name.as_deref(), Some("heat"));
    assert_eq!(service.service_list(None).await.unwrap().len(), 3);

    service.trust_delete(&trust.id).await.unwrap();
    service.trust_delete(&trust.id).await.unwrap();
    assert!(service.trust_get(&trust.id).await.unwrap().is_none());
    let gone = lab.cloud.keystone(&session).region_list().await.unwrap_err();
    assert_eq!(gone.kind, CloudErrorKind::Unauthorized);
    keystone.user_delete(&trustee.id).await.unwrap();
    keystone.user_delete(&trustee.id).await.unwrap();
    assert_eq!(keystone.user_find(&domain, "c1_p1").await.unwrap(), None);
}

#[tokio::test]
async fn the_trustor_may_be_played_to_end_its_trust() {
    let lab = Lab::new().await;
    let demo = lab.caller("demo").await;
    let facts = demo.facts().await.unwrap();
    let admin = lab.cloud.trustee_admin_session().unwrap();
    let domain = admin.facts().await.unwrap().domain_id.clone().unwrap();
    let trustee = lab.cloud.keystone(admin).user_create(&domain, "t", &"pw".into()).await.unwrap();
    let request = TrustRequest {
        trustor_user_id: &facts.user_id,
        trustee_user_id: &trustee.id,
        project_id: facts.project_id.as_deref().unwrap(),
        roles: &["member".to_owned()],
        impersonation: true,
        redelegation_count: None,
    };
    let trust = lab.cloud.keystone(&demo).trust_create(&request).await.unwrap();
    let refused = lab.cloud.keystone(admin).trust_delete(&trust.id).await.unwrap_err();
    assert_eq!(refused.kind, CloudErrorKind::Forbidden);
    let session = lab.cloud.trust_session(&trustee.id, "pw".into(), trust.id.clone().into());
    lab.cloud.keystone(&session).trust_delete(&trust.id).await.unwrap();
    let wrong = lab.cloud.trust_session(&trustee.id, "wrong".into(), trust.id.into());
    assert_eq!(wrong.token().await.unwrap_err().kind, CloudErrorKind::Unauthorized);
}

#[tokio::test]
async fn an_application_credential_stands_in_for_a_trust() {
    let lab = Lab::new().await;
    let person = lab.person("demo");
    let facts = person.facts().await.unwrap();
    let keystone = lab.cloud.keystone(&person);
    let request = ApplicationCredentialRequest {
        name: "magnum-c1",
        description: "made by Magnum for a cluster",
        roles: &[],
        unrestricted: true,
        expires_at: None,
    };
    let made = keystone.application_credential_create(&facts.user_id, &request).await.unwrap();
    let found = keystone.application_credential_find(&facts.user_id, "magnum-c1").await.unwrap().unwrap();
    assert!(found.id == made.id && found.secret.is_none());
    let secret = made.secret.unwrap();
    let session = lab.cloud.application_credential_session(&made.id, secret.clone());
    assert_eq!(session.facts().await.unwrap().application_credential_id.as_ref(), Some(&made.id));
    let method = AuthMethod::NamedApplicationCredential {
        name: "magnum-c1".into(),
        user: UserRef::Id(facts.user_id.clone()),
        secret,
    };
    lab.cloud.session(method, Scope::Unscoped).token().await.unwrap();
    // By it a trust is refused, further credentials are not.
    let trust = TrustRequest {
        trustor_user_id: &facts.user_id,
        trustee_user_id: &facts.user_id,
        project_id: facts.project_id.as_deref().unwrap(),
        roles: &["member".to_owned()],
        impersonation: true,
        redelegation_count: None,
    };
    let by_it = lab.cloud.keystone(&session);
    assert_eq!(by_it.trust_create(&trust).await.unwrap_err().kind, CloudErrorKind::Forbidden);
    let second = ApplicationCredentialRequest { name: "second", ..request };
    let second = by_it.application_credential_create(&facts.user_id, &second).await.unwrap();
    keystone.application_credential_delete(&facts.user_id, &second.id).await.unwrap();
    let service = lab.cloud.keystone(lab.cloud.service_session());
    service.application_credential_delete(&facts.user_id, &made.id).await.unwrap();
    service.application_credential_delete(&facts.user_id, &made.id).await.unwrap();
    assert_eq!(by_it.region_list().await.unwrap_err().kind, CloudErrorKind::Unauthorized);
}

#[tokio::test]
async fn callers_tokens_are_validated_revoked_and_renewed() {
    let lab = Lab::new().await;
    let settings = ValidatorSettings {
        cache_time: Duration::ZERO,
        refusal_time: Duration::ZERO,
        ..ValidatorSettings::default()
    };
    let validator = lab.cloud.token_validator(settings);
    let person = lab.person("demo");
    let token = person.token().await.unwrap();
    let valid = validator.validate(&token.secret).await.unwrap();
    assert_eq!((valid.user_name.as_str(), valid.project_name.as_deref()), ("demo", Some("demo")));
    assert_eq!(valid.user_domain_name.as_deref(), Some("Default"));
    assert!(valid.catalog.has(Service::ContainerInfra) && !valid.is_delegated());
    let exchanged = lab.cloud.session(AuthMethod::Token { token: token.secret.clone() }, project("demo"));
    assert_eq!(exchanged.facts().await.unwrap().methods, ["password", "token"]);

    let given = lab.cloud.user_session(token.secret.clone(), None);
    lab.cloud.keystone(&given).token_revoke(&token.secret).await.unwrap();
    assert!(matches!(validator.validate(&token.secret).await, Err(TokenError::Invalid)));
    assert!(matches!(validator.validate(&"nonsense".into()).await, Err(TokenError::Invalid)));
    // The person's own session notices, and logs in anew.
    lab.cloud.keystone(&person).region_list().await.unwrap();
    assert_ne!(person.token().await.unwrap().secret.expose_secret(), token.secret.expose_secret());
    // The service's session outlives its first token.
    lab.house.pass(3700);
    assert_eq!(lab.cloud.keystone(lab.cloud.service_session()).region_list().await.unwrap().len(), 1);
}
