//! Invalid input: a 4xx response with all violations, never a 5xx or a write.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    samples::{Sample, email, get, places, problem, read, samples, send},
    support::TestServer,
};

async fn count(server: &TestServer, sample: &Sample) -> usize {
    let page: Value = get(server, &format!("{}?limit=100", sample.path())).await.json().await.unwrap();
    page["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn invalid_json_returns_400() {
    let server = TestServer::start().await;
    for sample in samples() {
        let deep = format!("{}1{}", "[".repeat(1000), "]".repeat(1000));
        let deep_member = format!(r#"{{"name":{deep}}}"#);
        let record = sample.created(&server).await;
        for body in [
            "",
            " ",
            "{",
            "}",
            "nul",
            "{\"name\":}",
            "{'name':'x'}",
            "{\"name\":\"x\",}",
            "\u{feff}{}",
            "NaN",
            "{\"name\":\"\\ud800\"}",
            "{\"name\":\"\\udc00\\ud800\"}",
            "{\"name\":\"a\",\"name\":\"b\"}",
            "{\"a\":{\"b\":1,\"b\":2}}",
            "{\"name\":\"\u{1}\"}",
            "[]",
            "null",
            "\"text\"",
            "1",
            "true",
            &deep,
            &deep_member,
            "{} {}",
        ] {
            for (method, path) in [
                (Method::POST, sample.path()),
                (Method::PUT, sample.path_of(&record)),
                (Method::PATCH, sample.path_of(&record)),
            ] {
                let request = server.request(method, &path).header("Content-Type", "application/json");
                let problem = problem(request.body(body.to_owned()).send().await.unwrap(), 400).await;
                assert!(!places(&problem).is_empty(), "{body}");
            }
        }
        assert_eq!(read(&server, &sample.path_of(&record)).await, Some(record));
        assert_eq!(count(&server, &sample).await, 1);
    }
}

#[tokio::test]
async fn body_with_invalid_utf8_returns_400() {
    let server = TestServer::start().await;
    let request = server.request(Method::POST, "/v1/items").header("Content-Type", "application/json");
    problem(request.body(b"{\"name\":\"\xff\xfe\"}".to_vec()).send().await.unwrap(), 400).await;
}

#[tokio::test]
async fn all_violations_are_reported_at_once() {
    let server = TestServer::start().await;
    let body = json!({
        "name": "", "priceCents": "free", "currency": "ABC", "status": 7, "tags": ["a", 5, "a"], "ownerId": "me",
        "colour": "red",
    });
    let mut found = places(&problem(send(&server, Method::POST, "/v1/items", &body).await, 400).await);
    found.retain(|place| place != "/tags");
    found.sort();
    found.dedup();
    assert_eq!(found, ["/colour", "/currency", "/name", "/ownerId", "/priceCents", "/status", "/tags/1"]);

    let found = places(&problem(send(&server, Method::POST, "/v1/users", &json!({})).await, 400).await);
    assert_eq!(found, ["/name", "/email"]);
}

#[tokio::test]
async fn constraints_hold_at_their_bounds_in_the_gateway() {
    let server = TestServer::start().await;
    assert_constraints_hold_at_their_bounds(&server).await;
}

#[tokio::test]
async fn constraints_hold_at_their_bounds_in_the_function() {
    let server = TestServer::start_with(|options| options.no_validation = true).await;
    assert_constraints_hold_at_their_bounds(&server).await;
}

/// Sends values at the bounds of all constraints, and values just beyond.
async fn assert_constraints_hold_at_their_bounds(server: &TestServer) {
    let tags = |count: usize| (0..count).map(|tag| format!("tag {tag}")).collect::<Vec<_>>();
    let long = |length: usize| "é".repeat(length);
    let cases: Vec<(&str, &str, Vec<Value>, Vec<Value>)> = vec![
        (
            "items",
            "name",
            vec![json!("x"), json!(long(120)), json!("\u{0}")],
            vec![json!(""), json!(long(121)), json!(null), json!(5), json!([]), json!({}), json!("x".repeat(300_000))],
        ),
        (
            "items",
            "description",
            vec![json!(""), json!(long(2000)), json!(null)],
            vec![json!(long(2001)), json!(5), json!([])],
        ),
        (
            "items",
            "priceCents",
            vec![json!(0), json!(9_007_199_254_740_991_i64)],
            vec![
                json!(-1),
                json!(9_007_199_254_740_992_i64),
                json!(1.5),
                json!("1"),
                json!(u64::MAX),
                json!(1e300),
                json!(i64::MIN),
                json!(null),
                json!(true),
            ],
        ),
        (
            "items",
            "currency",
            vec![json!("EUR"), json!("JPY")],
            vec![json!("eur"), json!("EURO"), json!("EU"), json!("AAA"), json!(""), json!(978), json!(null)],
        ),
        (
            "items",
            "status",
            vec![json!("draft"), json!("active"), json!("archived")],
            vec![json!({ "draft": null }), json!("Draft"), json!("sold"), json!(""), json!(0), json!(["draft"])],
        ),
        (
            "items",
            "tags",
            vec![json!([]), json!(tags(20)), json!([long(40)])],
            vec![
                json!(tags(21)),
                json!([long(41)]),
                json!([""]),
                json!(["a", "a"]),
                json!("a"),
                json!([1]),
                json!([null]),
            ],
        ),
        (
            "items",
            "ownerId",
            vec![json!(null)],
            vec![
                json!(""),
                json!("me"),
                json!("018f0000000070008000000000000000"),
                json!("{018f0000-0000-7000-8000-000000000000}"),
                json!(1),
            ],
        ),
        ("users", "name", vec![json!("x"), json!(long(120))], vec![json!(""), json!(long(121)), json!(null)]),
        (
            "users",
            "email",
            vec![json!(email()), json!(format!("a+b@{}", email().replace('@', ".")))],
            vec![
                json!(""),
                json!("ada"),
                json!("ada@"),
                json!("@example.com"),
                json!("a b@example.com"),
                json!(format!("{}@example.com", "a".repeat(250))),
                json!(null),
                json!(1),
            ],
        ),
        ("users", "role", vec![json!("member"), json!("admin")], vec![json!("root"), json!("ADMIN"), json!(1)]),
        (
            "users",
            "phone",
            vec![json!("+12"), json!("+123456789012345"), json!(null)],
            vec![
                json!("+1"),
                json!("+0123456"),
                json!("12345"),
                json!("+1234567890123456"),
                json!("+12 34"),
                json!("+12\n"),
                json!(""),
                json!(1),
            ],
        ),
    ];
    for (collection, field, valid, invalid) in cases {
        let sample = samples().into_iter().find(|sample| sample.collection == collection).unwrap();
        let record = sample.created(server).await;
        let bodies = |value: &Value| {
            let with_value = || {
                let mut body = (sample.body)();
                body[field] = value.clone();
                body
            };
            [
                (Method::PUT, sample.path_of(&record), with_value()),
                (Method::PATCH, sample.path_of(&record), json!({ field: value })),
                (Method::POST, sample.path(), with_value()),
            ]
        };
        for value in &valid {
            for (method, path, body) in bodies(value) {
                let deletes_first = method == Method::POST && field == "email";
                if deletes_first {
                    send(server, Method::PATCH, &sample.path_of(&record), &json!({ "email": email() })).await;
                }
                let status = send(server, method.clone(), &path, &body).await.status();
                assert!(status.is_success(), "{method} {field} {value} answered {status}");
            }
        }
        let before = (read(server, &sample.path_of(&record)).await, count(server, &sample).await);
        for value in &invalid {
            for (method, path, body) in bodies(value) {
                let problem = problem(send(server, method, &path, &body).await, 400).await;
                let found = places(&problem);
                let expected = format!("/{field}");
                assert!(
                    found.iter().all(|place| place == &expected || place.starts_with(&format!("{expected}/"))),
                    "{field} {value} {found:?}"
                );
                assert!(!found.is_empty());
            }
        }
        assert_eq!(before, (read(server, &sample.path_of(&record)).await, count(server, &sample).await), "{field}");
    }
}

#[tokio::test]
async fn system_fields_cannot_be_written() {
    let server = TestServer::start().await;
    for sample in samples() {
        let record = sample.created(&server).await;
        for field in ["id", "version", "createdAt", "updatedAt", "writeId", "listShard"] {
            for (media_type, value) in [("application/json", json!("1")), ("application/merge-patch+json", Value::Null)]
            {
                let request =
                    server.request(Method::PATCH, &sample.path_of(&record)).header("Content-Type", media_type);
                let response = request.body(json!({ field: value }).to_string()).send().await.unwrap();
                assert_eq!(places(&problem(response, 400).await), [format!("/{field}")]);
            }
        }
    }
}

#[tokio::test]
async fn body_over_400_kb_returns_413() {
    let server = TestServer::start().await;
    for sample in samples() {
        let record = sample.created(&server).await;
        let padded = format!("{}{}", " ".repeat(400 * 1024), (sample.body)());
        for (method, path) in [
            (Method::POST, sample.path()),
            (Method::PUT, sample.path_of(&record)),
            (Method::PATCH, sample.path_of(&record)),
        ] {
            let request = server.request(method, &path).header("Content-Type", "application/json");
            problem(request.body(padded.clone()).send().await.unwrap(), 413).await;
        }
        assert_eq!(count(&server, &sample).await, 1);
    }
}

#[tokio::test]
async fn invalid_id_returns_400() {
    let server = TestServer::start().await;
    for sample in samples() {
        for id in [
            "1",
            "me",
            "018f0000000070008000000000000000",
            "018f0000-0000-7000-8000-00000000000g",
            "%00",
            "..%2f..",
            "%E0%A4%A",
            "%ff",
            "018f0000-0000-7000-8000-000000000000%20",
            "urn:uuid:018f0000-0000-7000-8000-000000000000",
        ] {
            let path = format!("{}/{id}", sample.path());
            for method in [Method::GET, Method::DELETE] {
                let problem = problem(server.request(method, &path).send().await.unwrap(), 400).await;
                assert_eq!(places(&problem), ["id"], "{id}");
            }
            problem(send(&server, Method::PATCH, &path, &json!({})).await, 400).await;
        }
    }
}

#[tokio::test]
async fn ids_are_case_insensitive_and_percent_decoded() {
    let server = TestServer::start().await;
    for sample in samples() {
        let record = sample.created(&server).await;
        let id = record["id"].as_str().unwrap();
        let encoded: String = id.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for id in [id.to_uppercase(), encoded] {
            assert_eq!(read(&server, &format!("{}/{id}", sample.path())).await.as_ref(), Some(&record));
        }
    }
}

#[tokio::test]
async fn malformed_condition_returns_400_with_the_header() {
    let server = TestServer::start().await;
    for sample in samples() {
        let record = sample.created(&server).await;
        let path = sample.path_of(&record);
        let many = vec!["\"1\""; 21].join(",");
        for value in ["1", "\"1", "1\"", "", "\"1\" \"2\"", ",", "*, \"1\"", "w/\"1\"", &many] {
            let request = server.request(Method::DELETE, &path).header("If-Match", value);
            assert_eq!(places(&problem(request.send().await.unwrap(), 400).await), ["If-Match"], "{value}");
            let request = server.request(Method::GET, &path).header("If-None-Match", value);
            assert_eq!(places(&problem(request.send().await.unwrap(), 400).await), ["If-None-Match"], "{value}");
        }
        assert_eq!(read(&server, &path).await, Some(record));
    }
}

#[tokio::test]
async fn malformed_idempotency_key_returns_400_with_the_header() {
    let server = TestServer::start().await;
    for sample in samples() {
        let long = "k".repeat(256);
        for key in ["", "\"\"", "a b", "é", &long] {
            let request = server.request(Method::POST, &sample.path()).header("Idempotency-Key", key);
            let response = request.json(&(sample.body)()).send().await.unwrap();
            assert_eq!(places(&problem(response, 400).await), ["Idempotency-Key"], "{key}");
        }
        assert_eq!(count(&server, &sample).await, 0);
    }
}

#[tokio::test]
async fn violations_in_path_headers_and_body_are_reported_at_once() {
    let server = TestServer::start_with(|options| options.no_validation = true).await;
    for sample in samples() {
        let path = format!("{}/me", sample.path());
        let request = server.request(Method::PUT, &path).header("If-Match", "1").json(&json!({ "colour": "red" }));
        let found = places(&problem(request.send().await.unwrap(), 400).await);
        assert_eq!(found[..3], ["id", "If-Match", "/colour"]);
        assert!(found.contains(&"/name".to_owned()), "{found:?}");
    }
}

#[tokio::test]
async fn if_none_match_on_a_write_returns_400_and_changes_nothing() {
    let server = TestServer::start().await;
    for sample in samples() {
        let record = sample.created(&server).await;
        let path = sample.path_of(&record);
        for (method, body) in [(Method::PUT, Some((sample.body)())), (Method::DELETE, None)] {
            let request = server.request(method, &path).header("If-None-Match", "*");
            let request = body.iter().fold(request, |request, body| request.json(body));
            assert_eq!(places(&problem(request.send().await.unwrap(), 400).await), ["If-None-Match"]);
        }
        assert_eq!(read(&server, &path).await, Some(record));
    }
}

#[tokio::test]
async fn violation_in_a_body_with_idempotency_key_is_reported_once() {
    let server = TestServer::start().await;
    for sample in samples() {
        let request = server.request(Method::POST, &sample.path()).header("Idempotency-Key", "key");
        let request = request.header("Content-Type", "application/json").body("{");
        assert_eq!(places(&problem(request.send().await.unwrap(), 400).await), [""]);
    }
}
