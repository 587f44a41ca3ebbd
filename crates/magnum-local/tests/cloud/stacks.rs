//! Heat's calls, in Heat's words.

use crate::machine::{Doing, busy};
use crate::rig::{Rig, create, group_stack_of, listed, living, scale, stack_of};
use magnum_openstack::{
    CloudErrorKind,
    heat::{ResourceFilter, StackList, StackRef, StackRequest, StackUpdate},
};
use serde_json::{Map, Value, json};

#[tokio::test]
async fn a_stack_is_made_shown_and_found() {
    let rig = Rig::new().await;
    let heat = rig.heat();
    let stack = create(&heat, "c1", &stack_of(3, 2)).await.unwrap();
    let shown = heat.stack_get(&stack, false).await.unwrap().unwrap();
    assert_eq!(shown.stack_status, "CREATE_IN_PROGRESS");
    assert_eq!((shown.timeout_mins, shown.updated_time), (Some(30), None));
    assert_eq!(shown.parameters["number_of_nodes"], "2");
    assert_eq!(shown.parameters["verify_ca"], "True");
    assert_eq!(shown.parameters["join_secret"], "******");
    rig.ends_as(&stack, "CREATE_COMPLETE").await;

    let found = heat.stack_find("c1").await.unwrap().unwrap();
    assert_eq!(found.reference(), stack);
    assert_eq!(found.project.as_deref(), Some(rig.project("demo").as_str()));
    assert!(heat.stack_find("c2").await.unwrap().is_none());
    let complete = heat.stack_get(&stack, true).await.unwrap().unwrap();
    let addresses = |name: &str| complete.output(name).unwrap().as_array().unwrap().len();
    assert_eq!((addresses("swarm_primary_master"), addresses("swarm_secondary_masters_private")), (1, 2));
    assert_eq!(addresses("swarm_nodes"), 2);
    let api = complete.output("api_address").unwrap();
    assert_eq!(Some(api), complete.output("swarm_primary_master_private").unwrap().get(0));
    let network = heat.resource_get(&stack, "private_network").await.unwrap().unwrap();
    assert_eq!(complete.output("node_network").unwrap(), &json!(network.physical_resource_id));
}

#[tokio::test]
async fn stacks_are_listed_by_id_tag_and_project() {
    let rig = Rig::new().await;
    let (heat, others) = (rig.heat(), rig.heat_of("other"));
    let one = create(&heat, "one", &stack_of(1, 0)).await.unwrap();
    let two = create(&heat, "two", &stack_of(1, 0)).await.unwrap();
    let three = create(&others, "one", &stack_of(1, 0)).await.unwrap();
    let by = |ids: &[String]| ids.to_vec();

    assert_eq!(listed(&heat, &StackList::default()).await.len(), 2);
    let ids = by(&[two.id.clone(), three.id.clone(), "none".into()]);
    assert_eq!(listed(&heat, &StackList { ids: &ids, ..Default::default() }).await, ["two"]);
    let tagged = |tags| StackList { tags: Some(tags), ..Default::default() };
    assert_eq!(listed(&heat, &tagged("magnum,of-a-test")).await.len(), 2);
    assert_eq!(listed(&heat, &tagged("magnum,else")).await.len(), 0);

    assert_eq!(listed(&others, &StackList::default()).await, ["one"]);
    assert!(others.stack_get(&one, false).await.unwrap().is_none(), "another project's stack is not there");
    assert!(heat.stack_get(&three, false).await.unwrap().is_none());
    others.stack_delete(&two).await.unwrap();
    rig.pass(5).await;
    assert_eq!(heat.stack_find("two").await.unwrap().unwrap().stack_status, "CREATE_COMPLETE");

    let admin = rig.heat_of("admin").in_project(&rig.project("demo"));
    assert_eq!(
        listed(&admin, &StackList { ids: std::slice::from_ref(&one.id), ..Default::default() }).await,
        ["one"]
    );
    let everywhere = StackList { all_projects: true, ..Default::default() };
    assert_eq!(listed(&admin, &everywhere).await.len(), 3);
    assert_eq!(heat.stack_list(&everywhere).await.unwrap_err().kind, CloudErrorKind::Forbidden);
    let wrong = heat.in_project(&rig.project("other")).stack_list(&StackList::default()).await;
    assert_eq!(wrong.unwrap_err().kind, CloudErrorKind::Forbidden);
    let reader = create(&rig.heat_of("reader"), "mine", &stack_of(1, 0)).await;
    assert_eq!(reader.unwrap_err().kind, CloudErrorKind::Forbidden);
}

#[tokio::test]
async fn a_server_is_placed_in_its_group_as_the_api_looks_for_it() {
    let rig = Rig::new().await;
    let stack = living(&rig, 3, 2).await;
    let resources = rig.resources(&stack).await;
    let of = |id: &str| resources.iter().find(|r| r.physical_resource_id.as_deref() == Some(id)).unwrap();
    for (server, group, index) in [
        ("c1-primary-master-0", "swarm_primary_master", "0"),
        ("c1-secondary-master-1", "swarm_secondary_masters", "1"),
        ("c1-node-1", "swarm_nodes", "1"),
    ] {
        let found = of(&rig.machine.server_of(server).to_string());
        assert_eq!(found.resource_type, "OS::Nova::Server");
        let member = of(&found.stack().unwrap().id);
        assert_eq!((member.resource_name.as_str(), &member.nested_stack()), (index, &found.stack()));
        let holder = of(&member.stack().unwrap().id);
        assert_eq!((holder.resource_name.as_str(), holder.stack()), (group, Some(stack.clone())));
        let own = rig.heat().stack_get(&found.stack().unwrap(), false).await.unwrap().unwrap();
        assert_eq!(own.parameters["name"], server);
    }
    let top = rig.heat().resource_list(&stack, &ResourceFilter::default()).await.unwrap();
    assert_eq!(top.len(), 4, "a network and three groups");
    let filter = ResourceFilter { nested_depth: 3, resource_type: Some("OS::Nova::Server"), status: None };
    assert_eq!(rig.heat().resource_list(&stack, &filter).await.unwrap().len(), 5);
    let failed = ResourceFilter { nested_depth: 3, resource_type: None, status: Some("FAILED") };
    assert_eq!(rig.heat().resource_list(&stack, &failed).await.unwrap().len(), 0);

    let group = rig.heat().resource_get(&stack, "swarm_nodes").await.unwrap().unwrap();
    assert_eq!(group.attributes["refs_map"]["1"], rig.machine.server_of("c1-node-1").to_string());
    assert!(rig.heat().resource_get(&stack, "nothing").await.unwrap().is_none());
    let events = rig.heat().event_list(&stack, 0, 3).await.unwrap();
    assert_eq!((events.len(), events[0].resource_status.as_str()), (3, "CREATE_COMPLETE"));
}

#[tokio::test]
async fn what_cannot_be_made_is_refused_at_once() {
    let rig = Rig::new().await;
    let heat = rig.heat();
    create(&heat, "c1", &stack_of(1, 1)).await.unwrap();
    let taken = create(&heat, "c1", &stack_of(1, 1)).await.unwrap_err();
    assert!(taken.is_conflict() && taken.message.contains("(c1) already exists"), "{}", taken.message);

    let mut unknown = stack_of(1, 1);
    unknown.parameters.insert("node_flavor".into(), json!("m1.huge"));
    let mut missing = stack_of(1, 1);
    missing.parameters.shift_remove("cluster_uuid");
    let mut hot = stack_of(1, 1);
    hot.template = "heat_template_version: 2018-08-31\n".into();
    let strange = group_stack_of(json!({"node_network": "nowhere"}).as_object().unwrap(), 1);
    for (stack, words) in
        [(unknown, "m1.huge"), (missing, "cluster_uuid"), (hot, "magnum_local"), (strange, "nowhere")]
    {
        let error = create(&heat, "c2", &stack).await.unwrap_err();
        assert_eq!(error.kind, CloudErrorKind::BadRequest);
        assert!(error.message.contains(words), "{}", error.message);
    }
    assert_eq!(create(&heat, "2c", &stack_of(1, 1)).await.unwrap_err().kind, CloudErrorKind::BadRequest);
    assert_eq!(listed(&heat, &StackList::default()).await, ["c1"]);
    *rig.disk.full.lock().unwrap() = true;
    let full = create(&heat, "c3", &stack_of(1, 1)).await.unwrap_err();
    assert!(full.message.contains("cannot be written"), "{}", full.message);
    *rig.disk.full.lock().unwrap() = false;
    assert!(heat.stack_find("c3").await.unwrap().is_none(), "what was not written did not happen");
}

#[tokio::test]
async fn a_document_is_validated_without_making_anything() {
    let rig = Rig::new().await;
    let stack = stack_of(1, 2);
    let parameters: Map<String, Value> = stack.parameters.clone().into_iter().collect();
    let request = |template| StackRequest {
        name: "v",
        template,
        files: &stack.files,
        environment: None,
        parameters: &parameters,
        timeout_mins: None,
        disable_rollback: true,
        tags: &[],
    };
    rig.heat().template_validate(&request(&stack.template)).await.unwrap();
    let error = rig.heat().template_validate(&request("{}")).await.unwrap_err();
    assert_eq!(error.kind, CloudErrorKind::BadRequest);
    assert!(rig.heat().stack_list(&StackList::default()).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_update_is_stamped_and_keeps_what_it_does_not_name() {
    let rig = Rig::new().await;
    let heat = rig.heat();
    let stack = living(&rig, 1, 1).await;
    scale(&heat, &stack, 2, &[], false).await.unwrap();
    let first = heat.stack_get(&stack, false).await.unwrap().unwrap();
    scale(&heat, &stack, 3, &[], false).await.unwrap();
    let second = heat.stack_get(&stack, false).await.unwrap().unwrap();
    assert!(first.updated_time.is_some() && second.updated_time > first.updated_time, "also within a second");
    assert_eq!(second.stack_status, "UPDATE_IN_PROGRESS");
    assert_eq!(second.parameters["cluster_uuid"], first.parameters["cluster_uuid"]);
    assert_eq!(second.tags.as_deref().unwrap_or_default(), ["magnum", "of-a-test"]);
    rig.ends_as(&stack, "UPDATE_COMPLETE").await;
    assert_eq!(rig.workers(&stack).await, [0, 1, 2]);

    let wanted: Map<String, Value> = stack_of(1, 1).parameters.into_iter().collect();
    let whole = StackUpdate { parameters: Some(&wanted), ..Default::default() };
    heat.stack_put(&stack, &whole).await.unwrap();
    rig.ends_as(&stack, "UPDATE_COMPLETE").await;
    assert_eq!(rig.workers(&stack).await, [0]);
    let few = json!({"number_of_nodes": 1}).as_object().unwrap().clone();
    let put = heat.stack_put(&stack, &StackUpdate { parameters: Some(&few), ..Default::default() }).await;
    assert!(put.unwrap_err().message.contains("was not provided"), "a put keeps nothing");
    let gone = StackRef { id: uuid::Uuid::from_u128(9).to_string(), ..stack };
    assert!(scale(&heat, &gone, 1, &[], false).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_deleted_stack_is_history() {
    let rig = Rig::new().await;
    let heat = rig.heat();
    let stack = living(&rig, 1, 1).await;
    rig.machine.refuse(Doing::NodeRemove, "", 3, busy);
    heat.stack_delete(&stack).await.unwrap();
    assert_eq!(heat.stack_get(&stack, false).await.unwrap().unwrap().stack_status, "DELETE_IN_PROGRESS");
    assert!(scale(&heat, &stack, 2, &[], false).await.unwrap_err().is_conflict());
    rig.ends_as(&stack, "DELETE_COMPLETE").await;
    assert!(heat.stack_find("c1").await.unwrap().is_none());
    heat.stack_delete(&stack).await.unwrap();
    let again = create(&heat, "c1", &stack_of(1, 0)).await.unwrap();
    let history = heat.stack_history("c1").await.unwrap();
    let ids: Vec<&str> = history.iter().map(|stack| stack.id.as_str()).collect();
    assert_eq!(ids.len(), 2);
    assert!(ids.contains(&again.id.as_str()) && ids.contains(&stack.id.as_str()));
    rig.restart().await;
    assert_eq!(rig.heat().stack_history("c1").await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_name_alone_is_answered_with_the_whole_address() {
    let rig = Rig::new().await;
    let stack = living(&rig, 1, 0).await;
    let project = rig.project("demo");
    let whole = format!("{}/orchestration/v1/{project}/stacks/c1/{}", rig.base_url, stack.id);
    for name in ["c1", stack.id.as_str()] {
        let path = format!("/orchestration/v1/{project}/stacks/{name}");
        let (status, location, _) = rig.raw("GET", &path, Some("demo"), Value::Null).await;
        assert_eq!((status, location.as_str()), (302, whole.as_str()));
        let other = format!("/orchestration/v1/{}/stacks/{name}", rig.project("other"));
        assert_eq!(rig.raw("GET", &other, Some("other"), Value::Null).await.0, 404);
    }
    let path = format!("/orchestration/v1/{project}/stacks/c1/{}/template", stack.id);
    let (status, _, document) = rig.raw("GET", &path, Some("demo"), Value::Null).await;
    assert_eq!((status, &document["magnum_local"]), (200, &json!(1)));
    assert!(!document.to_string().contains("join-secret"), "a template tells no secret");
    assert_eq!(rig.raw("GET", &path, None, Value::Null).await.0, 401);
}
