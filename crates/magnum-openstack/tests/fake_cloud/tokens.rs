//! Sessions renew themselves once for everybody; the validator asks Keystone once per token.

use crate::fake::{Fake, Next};
use magnum_openstack::{CloudErrorKind, TokenError, ValidatorSettings, heat::StackList};
use secrecy::ExposeSecret;
use std::time::Duration;

async fn all<T: Send + 'static>(tasks: Vec<tokio::task::JoinHandle<T>>) -> Vec<T> {
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

#[tokio::test]
async fn many_callers_cause_one_authentication() {
    let fake = Fake::start().await;
    let cloud = fake.cloud();
    let callers = (0..50).map(|_| {
        let session = cloud.service_session().clone();
        tokio::spawn(async move { session.token().await.unwrap().secret.expose_secret().to_owned() })
    });
    let tokens = all(callers.collect()).await;
    assert!(tokens.iter().all(|token| token == "token-1"));
    assert_eq!(fake.logins(), 1);
}

#[tokio::test]
async fn a_failed_authentication_is_shared_too_and_then_tried_again() {
    let fake = Fake::start().await;
    *fake.login_fails.lock().unwrap() = Some(401);
    let cloud = fake.cloud();
    let callers = (0..20).map(|_| {
        let session = cloud.service_session().clone();
        tokio::spawn(async move { session.token().await.unwrap_err().kind })
    });
    let kinds = all(callers.collect()).await;
    assert!(kinds.iter().all(|kind| *kind == CloudErrorKind::Unauthorized));
    assert_eq!(fake.logins(), 1);
    *fake.login_fails.lock().unwrap() = None;
    cloud.service_session().token().await.unwrap();
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let fake = Fake::start().await;
    let cloud = fake.cloud();
    let session = cloud.service_session();
    session.token().await.unwrap();
    fake.clock.advance(Duration::from_secs(3600 - 121));
    session.token().await.unwrap();
    assert_eq!(fake.logins(), 1, "still good");
    fake.clock.advance(Duration::from_secs(2));
    session.token().await.unwrap();
    assert_eq!(fake.logins(), 2, "renewed two minutes early");
}

#[tokio::test]
async fn an_unreachable_keystone_does_not_hurt_while_the_token_lives() {
    let fake = Fake::start().await;
    let cloud = fake.cloud();
    let session = cloud.service_session();
    session.token().await.unwrap();
    *fake.login_fails.lock().unwrap() = Some(500);
    fake.clock.advance(Duration::from_secs(3600 - 60));
    assert_eq!(session.token().await.unwrap().secret.expose_secret(), "token-1");
    session.token().await.unwrap();
    assert_eq!(fake.logins(), 2, "not asked again at once");
    fake.clock.advance(Duration::from_secs(61));
    assert_eq!(session.token().await.unwrap_err().kind, CloudErrorKind::Server(500));
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let fake = Fake::start().await;
    let cloud = fake.cloud();
    fake.will_say(401, "");
    let heat = cloud.heat(cloud.service_session());
    heat.stack_list(&StackList::default()).await.unwrap();
    assert_eq!((fake.logins(), fake.calls().len()), (2, 2));
    fake.will([Next::Say(401, &[], String::new()), Next::Say(401, &[], String::new())]);
    let error = heat.stack_list(&StackList::default()).await.unwrap_err();
    assert_eq!(error.kind, CloudErrorKind::Unauthorized);
    assert_eq!((fake.logins(), fake.calls().len()), (3, 4), "once, not for ever");
}

#[tokio::test]
async fn a_callers_token_is_used_as_it_is_and_never_renewed() {
    let fake = Fake::start().await;
    let cloud = fake.cloud();
    let facts = cloud.token_validator(ValidatorSettings::default()).validate(&"users".into()).await.unwrap();
    let asked = (fake.logins(), *fake.validations.lock().unwrap());
    let session = cloud.user_session("users".into(), Some(facts));
    fake.will_say(401, "");
    let error = cloud.heat(&session).stack_list(&StackList::default()).await.unwrap_err();
    assert_eq!(error.kind, CloudErrorKind::Unauthorized);
    assert_eq!(fake.headers.lock().unwrap()[0]["x-auth-token"], "users");
    assert_eq!((fake.logins(), *fake.validations.lock().unwrap()), asked, "its facts were known");
    cloud.user_session("users".into(), None).facts().await.unwrap();
    assert_eq!(*fake.validations.lock().unwrap(), asked.1 + 1, "without facts it asks about itself");
}

#[tokio::test]
async fn a_token_is_validated_once_for_concurrent_requests_and_for_its_cache_time() {
    let fake = Fake::start().await;
    let validator = std::sync::Arc::new(fake.cloud().token_validator(ValidatorSettings::default()));
    let requests = (0..40).map(|_| {
        let validator = validator.clone();
        tokio::spawn(async move { validator.validate(&"good".into()).await.unwrap().user_id.clone() })
    });
    assert!(all(requests.collect()).await.iter().all(|user| user == "u1"));
    assert_eq!(*fake.validations.lock().unwrap(), 1);
    fake.clock.advance(Duration::from_secs(301));
    let token = validator.validate(&"good".into()).await.unwrap();
    assert_eq!(token.roles, ["member"]);
    assert_eq!(*fake.validations.lock().unwrap(), 2);
}

#[tokio::test]
async fn an_expired_token_is_refused_although_it_was_cached() {
    let fake = Fake::start().await;
    *fake.life.lock().unwrap() = Duration::from_secs(60);
    let validator = fake.cloud().token_validator(ValidatorSettings::default());
    validator.validate(&"good".into()).await.unwrap();
    fake.clock.advance(Duration::from_secs(61));
    *fake.life.lock().unwrap() = Duration::ZERO;
    assert!(matches!(validator.validate(&"good".into()).await, Err(TokenError::Invalid)));
}

#[tokio::test]
async fn an_unknown_token_is_remembered_for_a_short_time() {
    let fake = Fake::start().await;
    let validator = fake.cloud().token_validator(ValidatorSettings::default());
    for _ in 0..5 {
        assert!(matches!(validator.validate(&"bad".into()).await, Err(TokenError::Invalid)));
    }
    assert_eq!(*fake.validations.lock().unwrap(), 1);
    fake.clock.advance(Duration::from_secs(11));
    assert!(matches!(validator.validate(&"bad".into()).await, Err(TokenError::Invalid)));
    assert_eq!(*fake.validations.lock().unwrap(), 2);
    assert!(matches!(validator.validate(&"a\nb".into()).await, Err(TokenError::Invalid)));
    assert_eq!(*fake.validations.lock().unwrap(), 2, "what cannot be a token is not asked about");
}

#[tokio::test]
async fn an_unreachable_keystone_is_not_an_invalid_token() {
    let fake = Fake::start().await;
    *fake.login_fails.lock().unwrap() = Some(500);
    let validator = fake.cloud().token_validator(ValidatorSettings::default());
    assert!(matches!(validator.validate(&"good".into()).await, Err(TokenError::Unavailable(_))));
    *fake.login_fails.lock().unwrap() = None;
    validator.validate(&"good".into()).await.unwrap();
}
