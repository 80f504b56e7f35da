//! A third resource, added to a copy of the project as the README says, has all that the others have.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use serverless_crud::routes;

use crate::top;

const VERBS: [&str; 6] = ["create", "get", "list", "update", "delete", "history"];

/// A copy of the project under `target`, with orders in it.
struct Copy {
    folder: PathBuf,
    target: PathBuf,
    /// How many lines were written by hand: non-blank ones, comments included.
    lines: usize,
}

impl Copy {
    fn make() -> Self {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let target = scratch.parent().expect("it is in the target folder").to_owned();
        let mut copy = Self { folder: scratch.join("orders"), target, lines: 0 };
        let files = ["Cargo.toml", "Cargo.lock", "build.rs", "benches/instructions.rs", "benches/pump.rs"];
        for path in files.into_iter().chain(["migrations", "src"]) {
            copy.take(Path::new(path));
        }
        copy.prune(Path::new("src"));
        copy.add_orders();
        copy
    }

    /// Removes what the project no longer has, but for the orders of an earlier run.
    fn prune(&self, folder: &Path) {
        for entry in fs::read_dir(self.folder.join(folder)).expect("a folder can be read") {
            let path = folder.join(entry.expect("a folder can be read").file_name());
            if self.folder.join(&path).is_dir() {
                self.prune(&path);
            } else if !top().join(&path).exists() && !path.to_string_lossy().contains("order") {
                fs::remove_file(self.folder.join(path)).expect("a copy can be removed");
            }
        }
    }

    /// Copies a file or folder, leaving what is the same as it is, so that little is compiled again.
    fn take(&self, path: &Path) {
        let source = top().join(path);
        if source.is_dir() {
            for entry in fs::read_dir(source).expect("a folder can be read") {
                self.take(&path.join(entry.expect("a folder can be read").file_name()));
            }
        } else {
            let text = fs::read_to_string(source).expect("sources are text");
            let text = edits(path).iter().fold(text, |text, (old, new)| {
                assert!(text.contains(old), "{} has no `{old}`", path.display());
                text.replace(old, new)
            });
            self.write(path, &text);
        }
    }

    /// The steps of the guide, but for the lines `edits` adds to files that are there.
    fn add_orders(&mut self) {
        let resource = fs::read_to_string(top().join("tests/contract/orders/order.rs")).expect("the fixture");
        self.write(Path::new("src/resources/order.rs"), &resource);
        self.lines = count(&resource) + "mod order;\npub use\nreader.read".lines().count();
        for verb in VERBS {
            let bin = fs::read_to_string(top().join(format!("src/bin/items_{verb}.rs"))).expect("a neighbour");
            let bin = bin.replace("items", "orders").replace("Item", "Order");
            self.write(Path::new(&format!("src/bin/orders_{verb}.rs")), &bin);
            self.lines += count(&bin) + count(&entry(verb));
        }
    }

    fn write(&self, path: &Path, text: &str) {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder");
        if fs::read_to_string(&path).ok().as_deref() != Some(text) {
            fs::write(path, text).expect("a file");
        }
    }

    fn build(&self) {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([
            "build",
            "--quiet",
            "--offline",
            "--bin",
            "orders_contract",
            "--bin",
            "orders_local",
            "--target-dir",
        ]);
        // What cargo says about this test's own package would make dependencies compile anew.
        let about_us =
            |name: &String| ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|start| name.starts_with(start));
        for name in std::env::vars().map(|(name, _)| name).filter(about_us) {
            cargo.env_remove(name);
        }
        let built = cargo.arg(&self.target).current_dir(&self.folder).status().expect("cargo runs");
        assert!(built.success(), "the copy with orders compiles");
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.target.join("debug").join(name));
        command.current_dir(&self.folder);
        command
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_str(&fs::read_to_string(self.folder.join(path)).expect(path))
            .expect("generated files are JSON")
    }
}

fn count(text: &str) -> usize {
    text.lines().filter(|line| !line.trim().is_empty()).count()
}

fn entry(verb: &str) -> String {
    format!("[[bin]]\nname = \"orders_{verb}\"\nrequired-features = [\"lambda\"]\n\n")
}

/// What changes in a file of the project. The tools get names of their own, to leave the project's be.
fn edits(path: &Path) -> Vec<(String, String)> {
    let edit = |old: &str, new: &str| (old.to_owned(), new.to_owned());
    match path.to_str().expect("paths are text") {
        "Cargo.toml" => {
            let entries: String = VERBS.map(entry).concat();
            let own = |tool: &str| {
                let old = format!("name = \"{tool}\"\nrequired");
                (old, format!("name = \"orders_{tool}\"\npath = \"src/bin/{tool}.rs\"\nrequired"))
            };
            vec![
                // In one target folder, packages of the same name would be taken for each other.
                edit(
                    "[package]\nname = \"serverless-crud\"",
                    "[lib]\nname = \"serverless_crud\"\n\n[package]\nname = \"orders-crud\"",
                ),
                edit("default-run = \"local\"", "default-run = \"orders_local\""),
                own("local"),
                own("contract"),
                edit("[profile.dev]", &format!("{entries}[profile.dev]")),
            ]
        }
        "Cargo.lock" => vec![edit("name = \"serverless-crud\"", "name = \"orders-crud\"")],
        "src/resources/mod.rs" => vec![
            edit("mod item;\n", "mod item;\nmod order;\n"),
            edit("pub use user::", "pub use order::{Line, Order, OrderStatus};\npub use user::"),
        ],
        "src/routes.rs" => vec![
            edit("    reader.read::<Item>();\n", "    reader.read::<Item>();\n    reader.read::<Order>();\n"),
            edit("resources::{Item, ", "resources::{Item, Order, "),
        ],
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn orders_are_served_and_documented_by_one_file_and_one_line() {
    if routes::resources().iter().any(|collection| collection.name == "orders") {
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
    assert!(document["x-tables"].as_array().expect("tables").iter().any(|table| table["name"] == "orders"));
    for operation in &operations {
        assert_eq!(copy.json(&format!("events/{operation}.json"))["requestContext"]["resourceId"], **operation);
    }
    for model in ["OrdersCreate", "OrdersUpdate", "OrdersPatch"] {
        assert_eq!(copy.json(&format!("schemas/{model}.json"))["properties"]["lines"]["type"], "array");
    }
    let postman = copy.json("postman/orders-crud.postman_collection.json");
    assert!(postman["item"].as_array().expect("folders").iter().any(|folder| folder["name"] == "orders"));

    let guide = fs::read_to_string(top().join("docs/contract.md")).expect("the guide");
    let lines = copy.lines;
    assert!(guide.contains(&format!("{lines} lines")), "docs/contract.md must say that it takes {lines} lines");
    walk(&copy).await;
}

/// Serves the copy, and places an order in it.
async fn walk(copy: &Copy) {
    let mut server = copy.program("orders_local");
    server.args(["--memory", "--port", "0", "--dynamodb-port", "0"]).stdout(Stdio::piped());
    let mut server = Running(server.spawn().expect("it runs"));
    let mut lines = BufReader::new(server.0.stdout.take().expect("it is piped")).lines();
    let mut after = |mark: &str| {
        let found = lines.find_map(|line| Some(line.ok()?.trim().strip_prefix(mark)?.to_owned()));
        found.unwrap_or_else(|| panic!("the server prints `{mark}`"))
    };
    let (url, key) = (after("The API listens on "), after("x-api-key: "));

    let client = reqwest::Client::new();
    let post = async |collection: &str, body: Value| {
        let request = client.post(format!("{url}/v1/{collection}")).header("x-api-key", &key).json(&body);
        let answer = request.send().await.expect("the server answers");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("answers are JSON"))
    };
    let (_, user) = post("users", json!({ "name": "Ada", "email": "ada@example.com" })).await;
    let line = json!({ "itemId": user["id"], "quantity": 2 });
    let (status, order) = post("orders", json!({ "userId": user["id"], "lines": [line] })).await;
    assert_eq!((status, &order["status"], &order["lines"]), (201, &json!("placed"), &json!([line])));
    let (status, problem) = post("orders", json!({ "userId": order["id"], "lines": [line] })).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (409, &json!("/userId")));
    let (status, problem) =
        post("orders", json!({ "userId": user["id"], "lines": [{ "itemId": 1, "quantity": 0 }] })).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (400, &json!("/lines/0/itemId")));
}

/// A server that ends with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
