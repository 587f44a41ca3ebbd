//! A cluster's credential is replaced: what opens the cloud when, what stays, and what a failure leaves.

use crate::{
    nodes::Fails,
    picture::owned,
    rig::{Drove, Rig},
};
use magnum_openstack::CloudErrorKind;
use magnum_types::{Cluster, FormerCredentials, FormerTrust, OperationState, Status, places};
use std::time::Duration;

/// Somebody who remembers a cluster's credential.
struct Remembered {
    trustee: String,
    trust: String,
    sealed: String,
}

impl Remembered {
    fn of(cluster: &Cluster) -> Self {
        Self {
            trustee: cluster.trustee_user_id.clone().unwrap(),
            trust: cluster.trust_id.clone().unwrap(),
            sealed: cluster.trustee_password.clone().unwrap(),
        }
    }

    async fn opens(&self, rig: &Rig) -> bool {
        let world = rig.conductor(None).world;
        let secret = world.open(&places::trustee_password(rig.cluster), &self.sealed).unwrap();
        let session = world.cloud.trust_session(&self.trustee, secret, self.trust.clone().into());
        match session.token().await {
            Ok(_) => true,
            Err(error) => {
                let ended =
                    [CloudErrorKind::Unauthorized, CloudErrorKind::Forbidden, CloudErrorKind::NotFound];
                assert!(ended.contains(&error.kind), "{error:?}");
                false
            }
        }
    }

    /// Whether Keystone still has the trust.
    async fn is_there(&self, rig: &Rig) -> bool {
        let world = rig.conductor(None).world;
        let keystone = world.cloud.keystone(world.cloud.service_session());
        keystone.trust_get(&self.trust).await.unwrap().is_some()
    }
}

async fn present(rig: &Rig) -> Remembered {
    Remembered::of(&rig.view().await.unwrap().cluster)
}

async fn former(rig: &Rig) -> FormerCredentials {
    rig.store.handle_get(rig.cluster).await.unwrap().former_credentials
}

#[tokio::test]
async fn the_old_credential_ends_when_every_node_has_the_new_one() {
    let rig = Rig::kubernetes(1).await.living(1).await;
    let first = present(&rig).await;
    rig.nodes.silence(Some("-node-0"));
    let rotate = rig.accept_credential_rotate().await;
    let conductor = rig.conductor(None);
    for _ in 0..10 {
        assert_eq!(conductor.turn(rotate).await, None);
    }
    let second = present(&rig).await;
    assert_ne!((&second.trustee, &second.trust), (&first.trustee, &first.trust));
    assert_ne!(second.sealed, first.sealed);
    assert!(first.opens(&rig).await && second.opens(&rig).await, "a node still needs the old one");
    let (status, reason) = rig.status().await;
    assert_eq!(status, Status::UpdateInProgress);
    assert_eq!(
        reason,
        "rotating the credential until all nodes act by the new credential: 1 of 2 nodes; waiting for \
         c1-abcdefghijkl-node-0"
    );
    rig.nodes.silence(None);
    assert_eq!(conductor.drive(rotate).await, Drove::Ended(OperationState::Done));
    assert_eq!(rig.status().await, (Status::UpdateComplete, String::new()));
    assert!(!first.opens(&rig).await && second.opens(&rig).await);
}

/// Heat was handed on a trust from the first one, and refuses to update a stack without it.
#[tokio::test]
async fn a_trust_that_heat_hangs_on_stays_and_opens_nothing_and_others_go() {
    for rig in [Rig::kubernetes(1).await.living(1).await, Rig::with_cluster(1).await] {
        let first = present(&rig).await;
        let rotate = rig.accept_credential_rotate().await;
        assert_eq!(rig.finish(rotate).await, OperationState::Done, "{:?}", rig.status().await);
        let second = present(&rig).await;
        assert!(!first.opens(&rig).await && first.is_there(&rig).await);
        let kept = FormerTrust { trustee_user_id: first.trustee.clone(), trust_id: first.trust.clone() };
        assert_eq!(
            former(&rig).await,
            FormerCredentials { generation: 1, replaced: None, kept: vec![kept.clone()] }
        );
        let with_one = owned(&rig);
        rig.pass(5);
        let resize = rig.accept_resize(2).await;
        assert_eq!(rig.finish(resize).await, OperationState::Done, "{:?}", rig.status().await);
        rig.pass(5);
        rig.register_nodes().await;

        let again = rig.accept_credential_rotate().await;
        assert_eq!(rig.finish(again).await, OperationState::Done, "{:?}", rig.status().await);
        assert!(!second.opens(&rig).await && !second.is_there(&rig).await, "nothing hung on the second");
        assert_eq!(former(&rig).await, FormerCredentials { generation: 2, replaced: None, kept: vec![kept] });
        for kind in ["trust", "user"] {
            assert_eq!(owned(&rig).get(kind), with_one.get(kind), "{kind}");
        }
        let name = rig.view().await.unwrap().cluster.trustee_username.unwrap();
        assert!(name.ends_with("_2"), "{name}");
        let delete = rig.accept_delete().await;
        assert_eq!(rig.finish(delete).await, OperationState::Done);
        assert_eq!(rig.cloud.leftovers(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn another_user_of_the_project_takes_the_creators_place() {
    let rig = Rig::with_cluster(1).await;
    let first = present(&rig).await;
    let rotate = rig.accept_credential_rotate_of("reader").await;
    assert_eq!(rig.finish(rotate).await, OperationState::Done, "{:?}", rig.status().await);
    let second = present(&rig).await;
    assert!(!first.opens(&rig).await && second.opens(&rig).await);
    // Heat makes a trust of the new trustor's for the next update, and the creator's has nothing to hold any more.
    rig.pass(5);
    let resize = rig.accept_resize(2).await;
    assert_eq!(rig.finish(resize).await, OperationState::Done, "{:?}", rig.status().await);
    rig.pass(5);
    let again = rig.accept_credential_rotate_of("reader").await;
    assert_eq!(rig.finish(again).await, OperationState::Done, "{:?}", rig.status().await);
    assert!(!first.is_there(&rig).await && second.is_there(&rig).await);
}

#[tokio::test]
async fn the_old_credential_stays_good_when_a_node_fails_and_asking_again_resumes() {
    let rig = Rig::kubernetes(1).await.living(1).await;
    let first = present(&rig).await;
    rig.nodes.fail("-node-0", Fails::After(0));
    let rotate = rig.accept_credential_rotate().await;
    assert_eq!(rig.finish(rotate).await, OperationState::Failed);
    let (status, reason) = rig.status().await;
    assert_eq!(status, Status::UpdateFailed);
    assert!(
        reason.starts_with(
            "until all nodes act by the new credential: node c1-abcdefghijkl-node-0: step \"kubelet\""
        ),
        "{reason}"
    );
    let second = present(&rig).await;
    assert!(first.opens(&rig).await && second.opens(&rig).await);
    let halfway = owned(&rig);
    rig.pass(5);
    // What makes no trust needs no token either.
    rig.cloud.refuse_trusts(true);
    let again = rig.accept_credential_rotate().await;
    assert_eq!(rig.finish(again).await, OperationState::Done, "{:?}", rig.status().await);
    let after = present(&rig).await;
    assert_eq!((&after.trust, &after.sealed), (&second.trust, &second.sealed), "no third one is made");
    assert!(!first.opens(&rig).await && after.opens(&rig).await);
    assert_eq!(owned(&rig), halfway);
}

#[tokio::test]
async fn a_node_that_never_answers_fails_the_rotation_in_time() {
    let mut rig = Rig::kubernetes(1).await.living(1).await;
    let first = present(&rig).await;
    rig.time_limit = Duration::from_secs(120);
    rig.nodes.silence(Some("-node-0"));
    let rotate = rig.accept_credential_rotate().await;
    assert_eq!(rig.finish(rotate).await, OperationState::Failed);
    let (status, reason) = rig.status().await;
    assert_eq!(status, Status::UpdateFailed);
    assert!(reason.contains("node c1-abcdefghijkl-node-0 did not follow in time"), "{reason}");
    assert!(first.opens(&rig).await);
}

#[tokio::test]
async fn a_caller_who_can_make_no_trust_is_told_and_nothing_changes() {
    for (ends, words) in [(true, "ask again with a new login"), (false, "a password or token login")] {
        let rig = Rig::kubernetes(1).await.living(1).await;
        let (first, cloud) = (present(&rig).await, owned(&rig));
        let rotate = rig.accept_credential_rotate().await;
        match ends {
            true => rig.cloud.revoke_all_tokens(),
            false => rig.cloud.refuse_trusts(true),
        }
        assert_eq!(rig.finish(rotate).await, OperationState::Failed);
        let (status, reason) = rig.status().await;
        assert_eq!(status, Status::UpdateFailed);
        assert!(reason.contains(words), "{reason}");
        assert_eq!(present(&rig).await.sealed, first.sealed);
        assert_eq!(former(&rig).await, FormerCredentials::default());
        assert!(first.opens(&rig).await);
        assert_eq!(owned(&rig), cloud, "the new trustee is gone");
    }
}

#[tokio::test]
async fn a_service_that_may_not_delete_trusts_does_it_as_their_trustor() {
    let rig = Rig::with_cluster(1).await;
    for _ in 0..2 {
        rig.pass(5);
        let second = present(&rig).await;
        let rotate = rig.accept_credential_rotate().await;
        rig.cloud.fail_next(
            "GET /identity/v3/OS-TRUST/trusts/",
            magnum_fakes::Fault::Status(403, "no".into()),
            1,
        );
        assert_eq!(rig.finish(rotate).await, OperationState::Done, "{:?}", rig.status().await);
        assert!(!second.opens(&rig).await);
    }
    assert_eq!(former(&rig).await.kept.len(), 1);
}

#[tokio::test]
async fn a_cluster_in_the_middle_of_a_credentials_rotation_is_deleted_without_a_trace() {
    // Once with both credentials in use, and once with a trustee that is not in any row yet.
    for turns in [None, Some(1)] {
        let rig = Rig::kubernetes(1).await.living(1).await;
        rig.nodes.silence(Some("-node-0"));
        let rotate = rig.accept_credential_rotate().await;
        match turns {
            None => {
                let conductor = rig.conductor(None);
                for _ in 0..5 {
                    assert_eq!(conductor.turn(rotate).await, None);
                }
                assert!(former(&rig).await.replaced.is_some());
            }
            Some(_) => {
                // The second write makes the trust; the conductor dies before it is known.
                let death = crate::rig::Death::AtCloud(2, magnum_fakes::When::After);
                assert_eq!(rig.life(Some(death), rotate).await, None);
                assert_eq!(former(&rig).await, FormerCredentials::default());
            }
        }
        let delete = rig.accept_delete().await;
        assert_eq!(rig.finish(rotate).await, OperationState::Superseded);
        assert_eq!(rig.finish(delete).await, OperationState::Done, "{:?}", turns);
        assert_eq!(rig.cloud.leftovers(), Vec::<String>::new(), "{turns:?}");
    }
}
