//! A property test: for any sequence of requests, the service responds like an in-memory model.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use reqwest::Method;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::support::TestServer;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Item,
    User,
}

/// A request. Targets are indexes into the list of assigned ids.
#[derive(Clone, Debug)]
enum Step {
    Create { kind: Kind, fields: Fields, key: Option<u8> },
    Replace { kind: Kind, target: usize, fields: Fields, if_match: Option<u8> },
    Patch { kind: Kind, target: usize, fields: Fields, only: u8, if_match: Option<u8> },
    Delete { kind: Kind, target: usize, if_match: Option<u8> },
    Get { kind: Kind, target: usize },
    List { kind: Kind, filter: u8 },
}

/// The values of a body. There are few of each, so that they collide.
#[derive(Clone, Debug)]
struct Fields {
    name: u8,
    email: u8,
    is_upper: bool,
    has_optional: bool,
    owner: Option<usize>,
    status: Option<u8>,
}

const STATUSES: [&str; 3] = ["draft", "active", "archived"];

fn fields() -> impl Strategy<Value = Fields> {
    (0..4_u8, 0..4_u8, any::<bool>(), any::<bool>(), prop::option::of(0..6_usize), prop::option::of(0..3_u8)).prop_map(
        |(name, email, is_upper, has_optional, owner, status)| Fields {
            name,
            email,
            is_upper,
            has_optional,
            owner,
            status,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![Just(Kind::Item), Just(Kind::User)];
    let target = 0..6_usize;
    let if_match = prop::option::weighted(0.3, 1..4_u8);
    prop_oneof![
        4 => (kind.clone(), fields(), prop::option::weighted(0.3, 0..3_u8)).prop_map(|(kind, fields, key)| Step::Create { kind, fields, key }),
        2 => (kind.clone(), target.clone(), fields(), if_match.clone()).prop_map(|(kind, target, fields, if_match)| Step::Replace { kind, target, fields, if_match }),
        3 => (kind.clone(), target.clone(), fields(), any::<u8>(), if_match.clone()).prop_map(|(kind, target, fields, only, if_match)| Step::Patch { kind, target, fields, only, if_match }),
        2 => (kind.clone(), target.clone(), if_match).prop_map(|(kind, target, if_match)| Step::Delete { kind, target, if_match }),
        1 => (kind.clone(), target).prop_map(|(kind, target)| Step::Get { kind, target }),
        1 => (kind, 0..4_u8).prop_map(|(kind, filter)| Step::List { kind, filter }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn service_responds_like_the_model(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let server = TestServer::start().await;
            let mut model = Model::default();
            for step in &steps {
                model.check(&server, step).await;
            }
            model.check_all(&server).await;
        });
    }
}

#[derive(Default)]
struct Model {
    items: BTreeMap<String, Value>,
    users: BTreeMap<String, Value>,
    /// The ids of each kind in the order of assignment, including deleted ones.
    handed_out: [Vec<String>; 2],
    /// The bodies and responses of idempotency keys.
    keys: HashMap<(&'static str, u8), (Value, Value)>,
}

impl Model {
    async fn check(&mut self, server: &TestServer, step: &Step) {
        match step {
            Step::Create { kind, fields, key } => self.create(server, *kind, fields, *key).await,
            Step::Replace { kind, target, fields, if_match } => {
                let body = self.body(*kind, fields);
                self.write(server, Method::PUT, *kind, *target, body, *if_match).await;
            }
            Step::Patch { kind, target, fields, only, if_match } => {
                let patch = self.patch(*kind, fields, *only);
                self.write(server, Method::PATCH, *kind, *target, patch, *if_match).await;
            }
            Step::Delete { kind, target, if_match } => self.delete(server, *kind, *target, *if_match).await,
            Step::Get { kind, target } => {
                let id = self.id(*kind, *target);
                let (status, body) = exchange(server, Method::GET, &format!("{}/{id}", path(*kind)), None, &[]).await;
                match self.records(*kind).get(&id) {
                    Some(record) => assert_eq!((status, &body), (200, record)),
                    None => assert_eq!(status, 404),
                }
            }
            Step::List { kind, filter } => self.list(server, *kind, *filter).await,
        }
    }

    async fn create(&mut self, server: &TestServer, kind: Kind, fields: &Fields, key: Option<u8>) {
        let body = self.body(kind, fields);
        let header = key.map(|key| ("Idempotency-Key", format!("key-{key}")));
        let (status, answer) = exchange(server, Method::POST, path(kind), Some(&body), header.as_slice()).await;
        let remembered = key.and_then(|key| self.keys.get(&(path(kind), key)));
        if let Some((first, record)) = remembered {
            if *first == body {
                assert_eq!((status, &answer), (201, record), "the key replays");
            } else {
                assert_eq!(status, 422);
            }
            return;
        }
        if self.conflicts(kind, None, &body) {
            assert_eq!(status, 409);
            return;
        }
        assert_eq!(status, 201);
        let id = answer["id"].as_str().unwrap().to_owned();
        assert_eq!(answer, expected_record(kind, &body, &answer, &id, 1, &answer["createdAt"]));
        if let Some(key) = key {
            self.keys.insert((path(kind), key), (body, answer.clone()));
        }
        self.handed_out[kind as usize].push(id.clone());
        self.records_mut(kind).insert(id, answer);
    }

    async fn write(
        &mut self,
        server: &TestServer,
        method: Method,
        kind: Kind,
        target: usize,
        body: Value,
        if_match: Option<u8>,
    ) {
        let id = self.id(kind, target);
        let header = if_match.map(|version| ("If-Match", format!("\"{version}\"")));
        let path = format!("{}/{id}", path(kind));
        let (status, answer) = exchange(server, method.clone(), &path, Some(&body), header.as_slice()).await;
        let Some(current) = self.records(kind).get(&id).cloned() else {
            assert_eq!(status, 404);
            return;
        };
        let version = current["version"].as_u64().unwrap();
        if if_match.is_some_and(|expected| u64::from(expected) != version) {
            assert_eq!(status, 412);
            return;
        }
        let mut next = if method == Method::PUT { json!({}) } else { resource_of(&current) };
        for (field, value) in body.as_object().unwrap() {
            if value.is_null() {
                next.as_object_mut().unwrap().remove(field);
            } else {
                next[field] = value.clone();
            }
        }
        let moved = changed_fields(&current, &next);
        if self.conflicts(kind, Some((&id, &moved)), &next) {
            assert_eq!(status, 409);
            return;
        }
        assert_eq!(status, 200);
        assert_eq!(answer, expected_record(kind, &next, &answer, &id, version + 1, &current["createdAt"]));
        self.records_mut(kind).insert(id, answer);
    }

    async fn delete(&mut self, server: &TestServer, kind: Kind, target: usize, if_match: Option<u8>) {
        let id = self.id(kind, target);
        let header = if_match.map(|version| ("If-Match", format!("\"{version}\"")));
        let (status, _) =
            exchange(server, Method::DELETE, &format!("{}/{id}", path(kind)), None, header.as_slice()).await;
        let Some(version) = self.records(kind).get(&id).map(|record| record["version"].as_u64().unwrap()) else {
            assert_eq!(status, 404);
            return;
        };
        if if_match.is_some_and(|expected| u64::from(expected) != version) {
            assert_eq!(status, 412);
            return;
        }
        assert_eq!(status, 204);
        self.records_mut(kind).remove(&id);
    }

    async fn list(&self, server: &TestServer, kind: Kind, filter: u8) {
        let (query, field, value) = match (kind, filter) {
            (_, 3) => (String::new(), "", Value::Null),
            (Kind::Item, status) => {
                let status = STATUSES[usize::from(status)];
                (format!("&status={status}"), "status", json!(status))
            }
            (Kind::User, email) => {
                (format!("&email=u{email}@example.com"), "email", json!(format!("u{email}@example.com")))
            }
        };
        let (status, page) =
            exchange(server, Method::GET, &format!("{}?limit=100{query}", path(kind)), None, &[]).await;
        assert_eq!(status, 200);
        let matches = |record: &&Value| field.is_empty() || folded(&record[field]) == value;
        let expected: Vec<_> = self.records(kind).values().rev().filter(matches).cloned().collect();
        assert_eq!(page, json!({ "data": expected, "nextCursor": null }));
    }

    async fn check_all(&self, server: &TestServer) {
        for kind in [Kind::Item, Kind::User] {
            self.list(server, kind, 3).await;
            for id in &self.handed_out[kind as usize] {
                let (status, body) = exchange(server, Method::GET, &format!("{}/{id}", path(kind)), None, &[]).await;
                assert_eq!(self.records(kind).get(id), (status == 200).then_some(&body));
            }
        }
    }

    /// Returns true if a body has an e-mail of another user or a missing owner.
    fn conflicts(&self, kind: Kind, edited: Option<(&str, &[String])>, body: &Value) -> bool {
        match kind {
            Kind::User => {
                let is_other = |id: &String| edited.is_none_or(|(edited, _)| edited != id);
                self.users.iter().any(|(id, user)| is_other(id) && folded(&user["email"]) == folded(&body["email"]))
            }
            Kind::Item => {
                // An unchanged owner is not checked again.
                let is_checked = edited.is_none_or(|(_, moved)| moved.iter().any(|field| field == "ownerId"));
                is_checked && body["ownerId"].as_str().is_some_and(|owner| !self.users.contains_key(owner))
            }
        }
    }

    fn body(&self, kind: Kind, fields: &Fields) -> Value {
        let name = format!("Name {}", fields.name);
        match kind {
            Kind::User => {
                let email = format!("u{}@example.com", fields.email);
                let email = if fields.is_upper { email.to_uppercase() } else { email };
                let mut body = json!({ "name": name, "email": email });
                if fields.has_optional {
                    body["phone"] = "+442071838750".into();
                }
                body
            }
            Kind::Item => {
                let mut body = json!({ "name": name, "priceCents": fields.email, "currency": "EUR" });
                if fields.has_optional {
                    body["description"] = "d".into();
                }
                if let Some(owner) = fields.owner {
                    body["ownerId"] = self.id(Kind::User, owner).into();
                }
                if let Some(status) = fields.status {
                    body["status"] = STATUSES[usize::from(status)].into();
                }
                body
            }
        }
    }

    /// Returns some fields of a body, and null for absent optional ones.
    fn patch(&self, kind: Kind, fields: &Fields, only: u8) -> Value {
        let body = self.body(kind, fields);
        let names: &[&str] = match kind {
            Kind::User => &["name", "email", "phone"],
            Kind::Item => &["name", "description", "ownerId", "status"],
        };
        let chosen = names.iter().enumerate().filter(|(place, _)| (only >> place) & 1 == 1);
        chosen.map(|(_, name)| ((*name).to_owned(), body[*name].clone())).collect::<Map<_, _>>().into()
    }

    fn id(&self, kind: Kind, target: usize) -> String {
        let ids = &self.handed_out[kind as usize];
        if ids.is_empty() { Uuid::now_v7().to_string() } else { ids[target % ids.len()].clone() }
    }

    fn records(&self, kind: Kind) -> &BTreeMap<String, Value> {
        match kind {
            Kind::Item => &self.items,
            Kind::User => &self.users,
        }
    }

    fn records_mut(&mut self, kind: Kind) -> &mut BTreeMap<String, Value> {
        match kind {
            Kind::Item => &mut self.items,
            Kind::User => &mut self.users,
        }
    }
}

fn path(kind: Kind) -> &'static str {
    match kind {
        Kind::Item => "/v1/items",
        Kind::User => "/v1/users",
    }
}

fn folded(value: &Value) -> Value {
    value.as_str().map(str::to_lowercase).into()
}

/// Returns a record without its system fields.
fn resource_of(record: &Value) -> Value {
    let mut resource = record.clone();
    for field in ["id", "version", "createdAt", "updatedAt"] {
        resource.as_object_mut().unwrap().remove(field);
    }
    resource
}

fn changed_fields(current: &Value, next: &Value) -> Vec<String> {
    next.as_object()
        .unwrap()
        .iter()
        .filter(|(field, value)| current.get(field.as_str()) != Some(value))
        .map(|(field, _)| field.clone())
        .collect()
}

/// Returns the expected record of a resource, with defaults and the write time from the response.
fn expected_record(kind: Kind, resource: &Value, answer: &Value, id: &str, version: u64, created_at: &Value) -> Value {
    let mut record = match kind {
        Kind::Item => json!({ "status": "draft", "tags": [] }),
        Kind::User => json!({ "role": "member" }),
    };
    record.as_object_mut().unwrap().extend(resource.as_object().unwrap().clone());
    record["id"] = id.into();
    record["version"] = version.into();
    record["createdAt"] = created_at.clone();
    record["updatedAt"] = answer["updatedAt"].clone();
    assert!(answer["updatedAt"].as_str() >= created_at.as_str());
    record
}

async fn exchange(
    server: &TestServer,
    method: Method,
    path: &str,
    body: Option<&Value>,
    headers: &[(&str, String)],
) -> (u16, Value) {
    let request =
        headers.iter().fold(server.request(method, path), |request, (name, value)| request.header(*name, value));
    let request = body.iter().fold(request, |request, body| request.json(body));
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or_default())
}
