//! Random principals, records and operations, judged by Cedar too, with policies generated from the same rules. They run
//! through the functions with events of API Gateway, and an embedded DynamoDB.

#![allow(clippy::unwrap_used, reason = "tests may panic")]
#![allow(dead_code, reason = "the modules belong to other tests, which use all of them")]

#[path = "../access/callers.rs"]
mod callers;
#[path = "../access/gateway.rs"]
mod gateway;
#[path = "../access/samples.rs"]
mod samples;
#[path = "../support/mod.rs"]
mod support;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    str::FromStr,
};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request, RestrictedExpression,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use serverless_crud::{
    access::{ADMIN, Access, IDENTIFIED, OWNER_OR_ADMIN, Owner, Rule},
    record::{Filter, Normalization, Resource, Shards, optional_id},
};
use uuid::Uuid;
use validator::{Validate, ValidationErrors};

use callers::Caller;
use gateway::Gateway;

const OPEN: Rule = Rule::Field { name: "state", value: "open" };
const RED: Rule = Rule::Field { name: "color", value: "red" };

/// The rules of a table, whether it has tenants, and the place of the owner.
const TABLES: [(Access, bool, Owner); 8] = [
    (Access::ADMIN, false, Owner::Field("ownerId")),
    (all(OWNER_OR_ADMIN), false, Owner::Field("ownerId")),
    (all(OWNER_OR_ADMIN), true, Owner::Field("ownerId")),
    (
        Access {
            read: Rule::Any(&[Rule::All(&[IDENTIFIED, OPEN]), Rule::Owner, ADMIN]),
            create: Rule::Any(&[Rule::Owner, ADMIN, Rule::Service]),
            update: Rule::All(&[Rule::Owner, OPEN]),
            delete: Rule::Any(&[ADMIN, Rule::All(&[Rule::Owner, RED])]),
            history: ADMIN,
        },
        false,
        Owner::Field("ownerId"),
    ),
    (
        Access {
            read: Rule::Public,
            create: Rule::All(&[Rule::SignedIn, Rule::Scope("write")]),
            update: Rule::Any(&[Rule::Role("editor"), Rule::All(&[Rule::Owner, Rule::Scope("write")])]),
            delete: Rule::Nobody,
            history: Rule::Nobody,
        },
        false,
        Owner::Field("ownerId"),
    ),
    (
        Access {
            read: Rule::Any(&[Rule::All(&[OPEN, RED]), Rule::All(&[Rule::Role("editor"), RED]), Rule::Owner]),
            create: Rule::Any(&[Rule::Application, Rule::SignedIn]),
            update: Rule::Any(&[Rule::All(&[OPEN, RED]), Rule::All(&[OPEN, Rule::Owner])]),
            delete: Rule::All(&[Rule::Any(&[OPEN, Rule::Owner]), Rule::Any(&[RED, ADMIN])]),
            history: ADMIN,
        },
        true,
        Owner::Field("ownerId"),
    ),
    (all(OWNER_OR_ADMIN), false, Owner::None),
    (
        Access {
            read: Rule::All(&[
                Rule::Any(&[OPEN, Rule::Owner]),
                Rule::Any(&[RED, Rule::Field { name: "color", value: "blue" }, Rule::Scope("write")]),
            ]),
            create: Rule::Public,
            update: Rule::Application,
            delete: Rule::SignedIn,
            history: ADMIN,
        },
        false,
        Owner::Field("ownerId"),
    ),
];

const fn all(rule: Rule) -> Access {
    Access { create: rule, read: rule, update: rule, delete: rule, history: rule }
}

const NAMES: [&str; 8] = ["t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7"];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Thing<const N: usize> {
    state: String,
    color: String,
    #[serde(default)]
    touched: u32,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_id")]
    owner_id: Option<Uuid>,
}

impl<const N: usize> Validate for Thing<N> {
    fn validate(&self) -> Result<(), ValidationErrors> {
        Ok(())
    }
}

impl<const N: usize> Resource for Thing<N> {
    const NAME: &'static str = NAMES[N];
    const COLLECTION: &'static str = NAMES[N];
    const FILTERS: &'static [Filter] = &[
        Filter { field: "ownerId", normalization: Normalization::Lowercase, shards: Shards::new(1) },
        Filter { field: "state", normalization: Normalization::None, shards: Shards::new(3) },
        Filter { field: "color", normalization: Normalization::Lowercase, shards: Shards::new(2) },
    ];
    const ACCESS: Access = TABLES[N].0;
    const TENANT: bool = TABLES[N].1;
    const OWNER: Owner = TABLES[N].2;

    fn example() -> Self {
        Self { state: "open".into(), color: "red".into(), touched: 1, owner_id: Some(Uuid::from_u128(1)) }
    }
}

/// The rules of a table as a Cedar policy for each action.
fn policies(access: &Access, has_tenants: bool, owner: Owner) -> PolicySet {
    let actions =
        [("create", access.create), ("read", access.read), ("update", access.update), ("delete", access.delete)];
    let tenant = if has_tenants {
        "principal has tenant && resource has tenant && principal.tenant == resource.tenant"
    } else {
        "true"
    };
    let texts = actions.map(|(action, rule)| {
        let condition = expression(&rule, owner);
        format!(r#"permit(principal, action == Action::"{action}", resource) when {{ ({condition}) && ({tenant}) }};"#)
    });
    PolicySet::from_str(&texts.join("\n")).unwrap()
}

fn expression(rule: &Rule, owner: Owner) -> String {
    let joined = |rules: &[Rule], operator: &str, empty: &str| {
        let parts: Vec<_> = rules.iter().map(|rule| format!("({})", expression(rule, owner))).collect();
        if parts.is_empty() { empty.to_owned() } else { parts.join(operator) }
    };
    match rule {
        Rule::Public => "true".into(),
        Rule::SignedIn => r#"principal.kind == "user""#.into(),
        Rule::Application => r#"principal.kind == "application""#.into(),
        Rule::Service => r#"principal.kind == "service""#.into(),
        Rule::Owner if owner == Owner::None => "false".into(),
        Rule::Owner => r#"principal.kind == "user" && resource has ownerId && resource.ownerId == principal.id"#.into(),
        Rule::Role(role) => format!(r#"principal.roles.contains("{role}")"#),
        Rule::Scope(scope) => format!(r#"principal.scopes.contains("{scope}")"#),
        Rule::Field { name, value } => format!(r#"resource has {name} && resource.{name} == "{value}""#),
        Rule::Any(rules) => joined(rules, " || ", "false"),
        Rule::All(rules) => joined(rules, " && ", "true"),
        Rule::Nobody => "false".into(),
    }
}

/// A principal, for the service and for Cedar.
struct Subject {
    caller: Caller,
    kind: &'static str,
    id: Option<Uuid>,
    tenant: Option<&'static str>,
    entity: Entity,
}

fn subject(random: &mut fastrand::Rng, users: &[Uuid]) -> Subject {
    let kind = ["user", "user", "user", "user", "application", "service", "anonymous"][random.usize(..7)];
    let id = users[random.usize(..users.len())];
    let roles = ["", "", "admin", "editor", "editor admin"][random.usize(..5)];
    let scopes = ["", "read", "read write"][random.usize(..3)];
    let tenant = [None, Some("a"), Some("b")][random.usize(..3)];
    let mut caller = Caller::user(id).of_kind(kind).with_roles(roles).with_scopes(scopes);
    if let Some(tenant) = tenant {
        caller = caller.of_tenant(tenant);
    }
    let (mut roles, mut scopes, mut tenant) = (roles, scopes, tenant);
    if kind == "anonymous" {
        (caller, roles, scopes, tenant) = (Caller::anonymous(), "", "", None);
    }
    let text = |value: &str| RestrictedExpression::new_string(value.to_owned());
    let set = |words: &str| RestrictedExpression::new_set(words.split_whitespace().map(text));
    let mut attributes = HashMap::from([
        ("kind".to_owned(), text(kind)),
        ("id".to_owned(), text(&id.to_string())),
        ("roles".to_owned(), set(roles)),
        ("scopes".to_owned(), set(scopes)),
    ]);
    attributes.extend(tenant.map(|tenant| ("tenant".to_owned(), text(tenant))));
    let entity = Entity::new(uid("Principal", "p"), attributes, Default::default()).unwrap();
    Subject { caller, kind, id: (kind == "user").then_some(id), tenant, entity }
}

/// A record, for the service and for Cedar.
#[derive(Clone)]
struct Model {
    body: Value,
    tenant: Option<&'static str>,
}

impl Model {
    fn entity(&self) -> Entity {
        let text = |value: &str| RestrictedExpression::new_string(value.to_owned());
        let fields = ["state", "color", "ownerId"].into_iter();
        let fields = fields.filter_map(|name| Some((name.to_owned(), text(self.body[name].as_str()?))));
        let tenant = self.tenant.map(|tenant| ("tenant".to_owned(), text(tenant)));
        Entity::new(uid("Record", "r"), fields.chain(tenant).collect(), Default::default()).unwrap()
    }
}

fn uid(kind: &str, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.parse().unwrap(), cedar_policy::EntityId::new(id))
}

/// Returns Cedar's verdict.
fn permits(policies: &PolicySet, subject: &Subject, action: &str, record: &Model) -> bool {
    let entities = Entities::from_entities([subject.entity.clone(), record.entity()], None).unwrap();
    let request =
        Request::new(uid("Principal", "p"), uid("Action", action), uid("Record", "r"), Context::empty(), None).unwrap();
    let response = Authorizer::new().is_authorized(&request, policies, &entities);
    assert_eq!(response.diagnostics().errors().count(), 0);
    response.decision() == Decision::Allow
}

/// The state of one table's test.
struct Run<'a> {
    gateway: &'a Gateway,
    path: String,
    policies: PolicySet,
    has_tenants: bool,
    owner: Owner,
    records: BTreeMap<String, Model>,
    verdicts: usize,
}

impl Run<'_> {
    fn permits(&mut self, subject: &Subject, action: &str, record: &Model) -> bool {
        self.verdicts += 1;
        permits(&self.policies, subject, action, record)
    }

    async fn create(&mut self, random: &mut fastrand::Rng, subject: &Subject, users: &[Uuid]) {
        let mut body =
            json!({ "state": pick(random, &["open", "closed"]), "color": pick(random, &["red", "RED", "blue"]) });
        if random.bool() {
            body["ownerId"] = json!(users[random.usize(..users.len())]);
        }
        let answer = self.gateway.post(&subject.caller, &self.path, body.clone()).await;
        let takes_owner = self.owner != Owner::None && body["ownerId"].is_null();
        if let (true, Some(id)) = (takes_owner, subject.id) {
            body["ownerId"] = json!(id);
        }
        let record = Model { body, tenant: subject.tenant.filter(|_| self.has_tenants) };
        let is_permitted = self.permits(subject, "create", &record);
        assert_eq!(answer.status == 201, is_permitted, "create {} by {:?}: {answer:?}", record.body, subject.caller);
        if is_permitted {
            self.records.insert(answer.id(), record);
        } else {
            assert_eq!(answer.status, if subject.kind == "anonymous" { 401 } else { 403 });
        }
    }

    /// Sends a request for one record and compares the response with Cedar's verdict.
    async fn access(&mut self, subject: &Subject, method: &str, id: &str) {
        let record = self.records[id].clone();
        let (action, body) = match method {
            "GET" => ("read", None),
            "DELETE" => ("delete", None),
            _ => ("update", Some(json!({ "touched": 7 }))),
        };
        let path = format!("{}/{id}", self.path);
        let answer = self.gateway.call(&subject.caller, method, &path, &[], body).await;
        let (is_permitted, may_read) = (self.permits(subject, action, &record), self.permits(subject, "read", &record));
        let context = format!("{method} {} by {:?}: {answer:?}", record.body, subject.caller);
        assert_eq!([200, 204].contains(&answer.status), is_permitted, "{context}");
        let refusal = if subject.kind == "anonymous" { 401 } else { 403 };
        if !is_permitted {
            // The rule may refuse the principal whatever the record. That reveals nothing.
            let is_hidden = answer.status == 404 && !may_read;
            assert!(is_hidden || answer.status == refusal, "{context}");
            let missing = format!("{}/{}", self.path, Uuid::now_v7());
            let body = (action == "update").then(|| json!({ "touched": 7 }));
            let missing = self.gateway.call(&subject.caller, method, &missing, &[], body).await;
            assert!(
                may_read || missing.text() == answer.text(),
                "an unreadable record is like a missing one: {context}"
            );
        }
        if is_permitted && method == "DELETE" {
            self.records.remove(id);
        }
    }

    async fn list(&mut self, random: &mut fastrand::Rng, subject: &Subject, users: &[Uuid]) {
        let owner = users[random.usize(..users.len())].to_string();
        let filter = match random.usize(..6) {
            0 => Some(("state", pick(random, &["open", "closed"]).to_owned())),
            1 => Some(("color", pick(random, &["red", "blue"]).to_owned())),
            2 => Some(("ownerId", owner)),
            _ => None,
        };
        let matches = |record: &Model| {
            filter
                .as_ref()
                .is_none_or(|(name, value)| record.body[*name].as_str().is_some_and(|own| own.to_lowercase() == *value))
        };
        let (ascending, limit) = (random.bool(), pick(random, &["1", "3", "10", "100"]));
        let mut path = format!("{}?limit={limit}&order={}", self.path, if ascending { "asc" } else { "desc" });
        path.extend(filter.iter().map(|(name, value)| format!("&{name}={value}")));
        let records = self.records.clone();
        let readable = records.iter().filter(|(_, record)| self.permits(subject, "read", record));
        let mut expected: Vec<_> = readable.filter(|(_, record)| matches(record)).map(|(id, _)| id.clone()).collect();
        let first = self.gateway.get(&subject.caller, &path).await;
        if [401, 403].contains(&first.status) {
            assert_eq!(expected, [] as [String; 0], "{path} by {:?}", subject.caller);
            return;
        }
        if !ascending {
            expected.reverse();
        }
        let found = self.gateway.list_all(&subject.caller, &path).await;
        assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), found.len(), "no record comes twice");
        assert_eq!(found, expected, "{path} by {:?}", subject.caller);
    }
}

fn pick<'a>(random: &mut fastrand::Rng, texts: &[&'a str]) -> &'a str {
    texts[random.usize(..texts.len())]
}

async fn judge<const N: usize>(seed: u64) -> usize {
    let gateway = Gateway::start().await.with::<Thing<N>>().await;
    let mut random = fastrand::Rng::with_seed(seed);
    let users: Vec<Uuid> = (0..3).map(|_| Uuid::now_v7()).collect();
    let (access, has_tenants, owner) = TABLES[N];
    let mut run = Run {
        gateway: &gateway,
        path: format!("/v1/{}", NAMES[N]),
        policies: policies(&access, has_tenants, owner),
        has_tenants,
        owner,
        records: BTreeMap::new(),
        verdicts: 0,
    };
    for _ in 0..60 {
        let subject = subject(&mut random, &users);
        run.create(&mut random, &subject, &users).await;
        for method in ["GET", "PATCH", "GET", "PATCH", "DELETE"] {
            let ids: Vec<String> = run.records.keys().cloned().collect();
            if !ids.is_empty() && (method != "DELETE" || random.u8(..3) == 0) {
                let id = &ids[random.usize(..ids.len())];
                let subject = self::subject(&mut random, &users);
                run.access(&subject, method, id).await;
            }
        }
        let reader = self::subject(&mut random, &users);
        run.list(&mut random, &reader, &users).await;
    }
    run.verdicts
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_equal_those_of_cedar() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    let tables = [
        tokio::spawn(judge::<0>(seed)),
        tokio::spawn(judge::<1>(seed)),
        tokio::spawn(judge::<2>(seed)),
        tokio::spawn(judge::<3>(seed)),
        tokio::spawn(judge::<4>(seed)),
        tokio::spawn(judge::<5>(seed)),
        tokio::spawn(judge::<6>(seed)),
        tokio::spawn(judge::<7>(seed)),
    ];
    let mut verdicts = 0;
    for table in tables {
        verdicts += table.await.unwrap();
    }
    assert!(verdicts > 5_000, "only {verdicts} verdicts were compared");
}
