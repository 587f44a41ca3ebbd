//! Magnum, Heat and whoever has files, in memory.

use crate::world::{CLUSTER, INSTANCE, Stopped, World};
use magnum_node::{
    error::CallError,
    machine::Machine,
    server::{Server, Signal},
};
use magnum_types::plan::{
    Bootstrap, IdentityRequest, IdentityResponse, RegisterRequest, RegisterResponse, Report, Text,
};
use magnum_x509::{CertificateAuthority, CertificateRequest, KeyAlgorithm, PrivateKey, Profile, Validity};
use serde_json::Value;
use std::{io::Read, panic, time::Duration};

impl Server for World {
    fn register(&self, request: &RegisterRequest) -> Result<RegisterResponse, CallError> {
        self.operation(|inner| {
            assert_eq!((request.cluster.as_str(), request.instance_id.as_str()), (CLUSTER, INSTANCE));
            assert_eq!(request.join_secret, "the-join-secret");
            let key =
                magnum_x509::CertificateRequest::from_pem(&request.csr).unwrap().public_key_der().unwrap();
            if inner.refuse.0 > 0 {
                inner.refuse.0 -= 1;
                return Err(CallError::Refused { status: inner.refuse.1, text: "not a member".to_owned() });
            }
            let key = format!("{key:?}");
            if inner.registrations.iter().any(|known| *known != key) {
                return Err(CallError::Refused {
                    status: 409,
                    text: "registered with another key".to_owned(),
                });
            }
            inner.registrations.push(key);
            inner.token = format!("token-{}", inner.registrations.len());
            Ok(RegisterResponse {
                token: inner.token.clone(),
                certificate: "certificate".to_owned(),
                ca: "ca".to_owned(),
                name: "c-primary-master-0".to_owned(),
            })
        })
    }

    fn plan(&self, token: &Text, after: i64, _hold: Option<Duration>) -> Result<Option<Value>, CallError> {
        if self.0.borrow().polls == Some(0) {
            panic::panic_any(Stopped);
        }
        let polls = self.0.borrow().polls;
        self.0.borrow_mut().polls = polls.map(|polls| polls - 1);
        self.operation(|inner| {
            if token.0 != inner.token {
                return Err(CallError::Unauthorized);
            }
            let newer = |plan: &&Value| plan["generation"].as_i64().unwrap() > after;
            let found = inner.plans.iter().rev().find(newer).cloned();
            inner.plans.extend(inner.comes_later.take());
            Ok(found)
        })
    }

    fn report(&self, token: &Text, report: &Report) -> Result<(), CallError> {
        self.operation(|inner| {
            if token.0 != inner.token {
                return Err(CallError::Unauthorized);
            }
            if inner.lost_reports > 0 {
                inner.lost_reports -= 1;
                return Err(CallError::Unavailable("connection reset".to_owned()));
            }
            inner.reports.push(report.clone());
            Ok(())
        })
    }

    fn certificate(&self, token: &Text, request: &IdentityRequest) -> Result<IdentityResponse, CallError> {
        let now = self.wall();
        self.operation(|inner| {
            if token.0 != inner.token {
                return Err(CallError::Unauthorized);
            }
            if let Some((error, times)) =
                inner.failures.get_mut("certificate").filter(|(_, times)| *times > 0)
            {
                *times -= 1;
                return Err(CallError::Unavailable(error.clone()));
            }
            let authority = inner.authority.get_or_insert_with(|| {
                let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
                CertificateAuthority::create("ca", key, Validity::starting(now, 3650).unwrap()).unwrap()
            });
            let profile =
                Profile::Node { common_name: request.identity.clone(), organisation: None, sans: Vec::new() };
            let csr = CertificateRequest::from_pem(&request.csr).unwrap();
            let certificate = authority.sign(&csr, &profile, now, 90).unwrap();
            inner.signed_keys.push(csr.public_key_der().unwrap());
            inner.signed.push((request.identity.clone(), certificate.clone()));
            let not_after = magnum_x509::CertificateInfo::parse(&certificate).unwrap().not_after;
            Ok(IdentityResponse { certificate, not_after })
        })
    }

    fn fetch(&self, url: &str, proxy: Option<&str>, _: Duration) -> Result<Box<dyn Read>, CallError> {
        self.operation(|inner| {
            let by = proxy.map(|proxy| format!(" by {proxy}")).unwrap_or_default();
            inner.commands.push(format!("fetch {url}{by}"));
            let found = inner.web.get(url).cloned();
            let missing = || CallError::Refused { status: 404, text: "not found".to_owned() };
            found.map(|content| Box::new(std::io::Cursor::new(content)) as Box<dyn Read>).ok_or_else(missing)
        })
    }

    fn signal(&self, bootstrap: &Bootstrap, name: &str, signal: &Signal) -> Result<(), CallError> {
        self.operation(|inner| {
            assert_eq!(bootstrap.signal_token, "the-signal-token");
            assert!(!name.is_empty());
            inner.signals.push(signal.clone());
            Ok(())
        })
    }
}
