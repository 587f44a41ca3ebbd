//! The formats, and columns.

use crate::house::House;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_shown_in_every_format() {
    let house = House::new().await;
    assert_eq!(house.run(&["cluster", "list"]).await.ok(), "");
    assert_eq!(house.run(&["cluster", "list", "-f", "json"]).await.json(), json!([]));
    house.app.cluster("c1").await;
    house.app.cluster("c2").await;
    let columns = ["-c", "name", "-c", "node_count", "-c", "keypair"];
    let list =
        async |format: &str| house.run(&[&["cluster", "list", "-f", format], &columns[..]].concat()).await;
    let table = "+------+------------+---------+\n| name | node_count | keypair |\n+------+------------+---------+\n\
                 | c1   | 2          | None    |\n| c2   | 2          | None    |\n+------+------------+---------+\n";
    assert_eq!(list("table").await.ok(), table);
    assert_eq!(list("value").await.ok(), "c1 2 None\nc2 2 None\n");
    assert_eq!(
        list("json").await.json(),
        json!([{"name": "c1", "node_count": 2, "keypair": null}, {"name": "c2", "node_count": 2, "keypair": null}])
    );
    assert_eq!(
        list("yaml").await.ok(),
        "- name: c1\n  node_count: 2\n  keypair: null\n- name: c2\n  node_count: 2\n  keypair: null\n"
    );
    let unknown = house.run(&["cluster", "list", "-c", "colour"]).await.failed(2);
    assert!(unknown.contains("colour") && unknown.contains("health_status"), "{unknown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_object_is_shown_in_every_format() {
    let house = House::new().await;
    let cluster = house.app.cluster("c1").await.to_string();
    let table = house.run(&["cluster", "show", "c1"]).await.ok();
    for line in ["| Field ", "| labels ", "| status ", "| uuid "] {
        assert!(table.contains(line), "{line}: {table}");
    }
    assert!(!table.contains("| links "), "{table}");
    assert_eq!(house.run(&["cluster", "show", &cluster, "-f", "json"]).await.json()["name"], "c1");
    let value =
        house.run(&["cluster", "show", "c1", "-f", "value", "-c", "status", "-c", "node_count"]).await.ok();
    assert_eq!(value, "CREATE_IN_PROGRESS\n2\n");
    let yaml = house.run(&["cluster", "show", "c1", "-f", "yaml", "-c", "labels", "-c", "uuid"]).await.ok();
    assert!(yaml.contains("labels: {}") && yaml.contains(&cluster), "{yaml}");
    let described = house.run(&["api", "describe"]).await.json();
    assert_eq!(described["openapi"], "3.1.0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_lists_are_read_to_their_end_unless_limited() {
    let app = crate::app::App::with(
        |settings| {
            settings.max_limit = 2;
            settings.max_clusters_per_project = 100;
        },
        magnum_policy::PolicySettings::default(),
    )
    .await;
    let house = House::with(app).await;
    for name in ["a", "b", "c", "d", "e"] {
        house.app.cluster(name).await;
    }
    let names = ["cluster", "list", "-f", "value", "-c", "name"];
    assert_eq!(house.run(&names).await.ok(), "a\nb\nc\nd\ne\n");
    assert_eq!(house.run(&[&names[..], &["--limit", "3"]].concat()).await.ok(), "a\nb\nc\n");
    let sorted = [&names[..], &["--sort-key", "name", "--sort-dir", "desc", "--limit", "1"]].concat();
    assert_eq!(house.run(&sorted).await.ok(), "e\n");
    assert_eq!(house.run(&[&names[..], &["--name", "d"]].concat()).await.ok(), "d\n");
    house.run(&[&names[..], &["--limit", "0"]].concat()).await.failed(2);
}
