//! The first steps of a new project, in a copy of this one: a third resource, added as the README describes, with nested
//! objects and filters of every type; another filter and another migration for a table with records.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use crate::{project_copy::Copy, running::Running, support::service, top};

#[tokio::test]
async fn one_file_and_one_line_add_a_resource() {
    if service().resources().iter().any(|collection| collection.name == "orders") {
        println!("Skipped: the project has orders of its own.");
        return;
    }
    let copy = Copy::make();
    copy.build();
    assert!(copy.program("orders_contract").status().expect("it runs").success());
    assert!(copy.program("orders_contract").arg("--check").status().expect("it runs").success());

    let document = copy.json("openapi.json");
    let operations =
        ["create", "list", "get", "update", "patch", "delete", "history"].map(|verb| format!("orders_{verb}"));
    let paths = document["paths"]
        .as_object()
        .expect("paths")
        .values()
        .flat_map(|path| path.as_object().expect("methods").values());
    let found: Vec<_> = paths.filter_map(|operation| operation["operationId"].as_str()).collect();
    assert!(operations.iter().all(|operation| found.contains(&operation.as_str())), "{found:?}");
    assert!(
        ["Order", "OrderPage", "OrdersCreate"].iter().all(|name| document["components"]["schemas"][name].is_object())
    );
    for name in ["orders", "gadgets"] {
        assert!(document["x-tables"].as_array().expect("tables").iter().any(|table| table["name"] == name), "{name}");
    }
    assert!(found.contains(&"gadgets_create"), "make resource registers its resource: {found:?}");
    for operation in &operations {
        assert_eq!(copy.json(&format!("events/{operation}.json"))["requestContext"]["resourceId"], **operation);
    }
    for model in ["OrdersCreate", "OrdersUpdate", "OrdersPatch"] {
        let model = copy.json(&format!("schemas/{model}.json"));
        assert_eq!(model["properties"]["lines"]["type"], "array");
        let nested = [&model["properties"]["lines"]["items"], &model["properties"]["address"]];
        assert!(nested.iter().all(|nested| nested["additionalProperties"] == false), "{model}");
    }
    let postman = copy.json("postman/orders-crud.postman_collection.json");
    assert!(postman["item"].as_array().expect("folders").iter().any(|folder| folder["name"] == "orders"));

    let guide = fs::read_to_string(top().join("docs/contract.md")).expect("the guide");
    let lines = copy.lines;
    assert!(guide.contains(&format!("{lines} lines")), "docs/contract.md must say that it takes {lines} lines");
    let folder = tempfile::tempdir().expect("a folder");
    let items = records_from_before(folder.path()).await;
    let mut server = copy.program("orders_local");
    server.arg("--data").arg(folder.path());
    let server = Running::start(server);
    assert_records_from_before(&server, &items).await;
    place_orders(&server).await;
    run_postman(&copy, &server);
}

/// Creates items with the original project, which stores them in the folder.
async fn records_from_before(folder: &Path) -> Vec<Value> {
    let mut server = Command::new(env!("CARGO_BIN_EXE_local"));
    server.arg("--data").arg(folder);
    let server = Running::start(server);
    let mut items = Vec::new();
    for price in [1250, 300] {
        let body = json!({ "name": "Cup", "priceCents": price, "currency": "EUR" });
        let (status, item) = server.post("items", &body).await;
        assert_eq!(status, 201);
        items.push(item);
    }
    items
}

/// Asserts that the fourth migration changed the items, and that the new numeric filter lists them.
async fn assert_records_from_before(server: &Running, items: &[Value]) {
    for item in items {
        let (status, page) = server.get(&format!("items?priceCents={}", item["priceCents"])).await;
        assert_eq!((status, page["data"].as_array().expect("a list").len()), (200, 1), "{page}");
        let found = &page["data"][0];
        assert_eq!((&found["id"], &found["description"]), (&item["id"], &json!("As it was before.")));
    }
    assert_eq!(server.get("items?priceCents=1").await.1["data"], json!([]));
}

/// Creates an order, finds it by each filter, and checks that unknown fields are rejected.
async fn place_orders(server: &Running) {
    let (_, user) = server.post("users", &json!({ "name": "Ada", "email": "ada@example.com" })).await;
    let line = json!({ "itemId": user["id"], "quantity": 2 });
    let (status, plain) = server.post("orders", &json!({ "userId": user["id"], "lines": [line] })).await;
    assert_eq!((status, &plain["status"], &plain["lines"]), (201, &json!("placed"), &json!([line])));
    let body = json!({
        "userId": user["id"], "lines": [line], "status": "paid", "weightGrams": 1250, "discount": 0.5, "gift": true,
        "dueAt": "2025-11-24T16:00:00Z", "note": "For Ada", "address": { "street": "Main Street 1" },
    });
    let (status, order) = server.post("orders", &body).await;
    assert_eq!((status, &order["address"]), (201, &body["address"]));
    let both = json!([order, plain]);
    for (query, expected) in [
        (format!("userId={}", user["id"].as_str().expect("an id")), &both),
        ("status=paid".into(), &json!([order])),
        ("weightGrams=1250".into(), &json!([order])),
        ("discount=0.5".into(), &json!([order])),
        ("gift=true".into(), &json!([order])),
        ("gift=false".into(), &json!([plain])),
        ("dueAt=2025-11-24T16:00:00Z".into(), &json!([order])),
        ("note=for%20ada".into(), &json!([order])),
        ("weightGrams=1".into(), &json!([])),
    ] {
        assert_eq!(
            server.get(&format!("orders?{query}")).await,
            (200, json!({ "data": expected, "nextCursor": null }))
        );
    }
    let fault = |(status, problem): (u16, Value)| (status, problem["errors"].clone());
    let unknown = json!({ "userId": user["id"], "lines": [{ "itemId": user["id"], "quantity": 1, "colour": "red" }] });
    let expected = json!([{ "pointer": "/lines/0/colour", "detail": "is not a known field" }]);
    assert_eq!(fault(server.post("orders", &unknown).await), (400, expected));
    let expected = json!([{ "parameter": "weightGrams", "detail": "must be an integer" }]);
    assert_eq!(fault(server.get("orders?weightGrams=null").await), (400, expected));
    let (status, problem) = server.post("orders", &json!({ "userId": order["id"], "lines": [line] })).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (409, &json!("/userId")));
    let body = json!({ "userId": user["id"], "lines": [{ "itemId": 1, "quantity": 0 }] });
    let (status, problem) = server.post("orders", &body).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (400, &json!("/lines/0/itemId")));
}

/// Runs the copy's Postman collection, if newman is installed.
fn run_postman(copy: &Copy, server: &Running) {
    let newman = top().join("tools/node_modules/.bin/newman");
    if !newman.exists() {
        println!("SKIPPED: the Postman collection is not run: `make setup` installs newman");
        assert!(std::env::var_os("REQUIRE_ALL").is_none());
        return;
    }
    let mut command = Command::new(newman);
    command.args(["run", "postman/orders-crud.postman_collection.json", "--color", "off"]);
    command.args(["--environment", "postman/local.postman_environment.json", "--reporter-cli-no-success-assertions"]);
    command.args(["--env-var", &format!("baseUrl={}", server.url), "--env-var", &format!("apiKey={}", server.key)]);
    let output = command.current_dir(&copy.folder).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
