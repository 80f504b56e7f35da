//! A renamed copy, and a project without the examples that grows by the recipes.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{copy::Copy, recipes::blocks, running::Running, top};

#[test]
fn renamed_copy_builds_under_its_name_everywhere() {
    let copy = Copy::make("renamed");
    for name in ["Shop", "shop_2", "-shop", "a-name-that-is-far-too-long", "serde", "test", "local", ""] {
        assert!(!copy.run(&format!("make rename NAME='{name}'")).status.success(), "{name} is refused");
    }
    copy.succeed("make rename NAME=shop");
    copy.succeed("make contract");
    assert_eq!(copy.json("openapi.json")["info"]["title"], "shop");
    assert!(copy.folder.join("postman/shop.postman_collection.json").exists());
    for old in ["serverless-crud", "serverless_crud"] {
        assert_eq!(copy.files_with(old), Vec::<std::path::PathBuf>::new(), "{old}");
    }
}

#[tokio::test]
async fn recipes_extend_a_project_without_the_examples() {
    let guide = fs::read_to_string(top().join("CONTRIBUTING.md")).unwrap();
    let copy = Copy::make("started");
    let apply = |section: &str| blocks(&guide, section).iter().for_each(|block| block.apply(&copy));
    let data = tempfile::tempdir().unwrap();

    apply("Start your own");
    for path in ["src/resources/item.rs", "src/bin/seed", "events/items_get.json", "docs/released"] {
        assert!(!copy.folder.join(path).exists(), "{path} has left");
    }
    let before = run(&copy, data.path()).await;
    let (status, old) = before.post("orders", &json!({ "name": "Cup" })).await;
    assert_eq!(status, 201, "{old}");
    drop(before);

    for section in ["Add a field", "Change existing records", "Add a filter", "Add an action", "Add a consumer"] {
        apply(section);
    }
    copy.succeed("cargo fmt --check");
    copy.succeed("make contract");
    let contract = copy.json("openapi.json");
    assert!(contract["paths"]["/v1/orders/{id}/ship"]["post"].is_object());
    assert!(contract["x-consumers"].as_array().unwrap().iter().any(|consumer| consumer["name"] == "orders_log"));
    assert!(copy.succeed("cargo run --bin contract -- --check").is_empty());

    let server = run(&copy, data.path()).await;
    let (_, page) = server.get("orders?name=CUP").await;
    assert_eq!((&page["data"][0]["id"], &page["data"][0]["status"]), (&old["id"], &json!("shipped")), "{page}");
    let (_, order) = server.post("orders", &json!({ "name": "Jug" })).await;
    assert_eq!(order["status"], "placed");
    let ship = format!("orders/{}/ship", order["id"].as_str().unwrap());
    assert_eq!(server.post(&ship, &Value::Null).await.1["status"], "shipped");
    assert_eq!(server.post(&ship, &Value::Null).await.0, 409);
    server.expect_line(&json!({ "order": order["id"] }).to_string().replace(['{', '}'], ""));
}

/// Runs the project's local server with the data in the folder.
async fn run(copy: &Copy, data: &Path) -> Running {
    copy.succeed("cargo build --bin local");
    let mut server = copy.program("local");
    server.arg("--data").arg(data);
    Running::start(server)
}
