//! The HTTP behaviour of all CRUD operations, for every resource.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    samples::{header, problem, read, samples, send},
    support::TestServer,
};

#[tokio::test]
async fn create_returns_201_with_location_etag_and_record() {
    let server = TestServer::start().await;
    for sample in samples() {
        let body = (sample.body)();
        let response = send(&server, Method::POST, &sample.path(), &body).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        assert_eq!(header(&response, "etag"), "\"1\"");
        assert_eq!(header(&response, "content-type"), "application/json");
        let location = header(&response, "location").to_owned();
        let record: Value = response.json().await.unwrap();
        assert!(location.ends_with(&sample.path_of(&record)), "{location}");
        for (field, value) in body.as_object().unwrap() {
            assert_eq!(&record[field], value);
        }
        let (field, default) = sample.defaulted;
        assert_eq!(record[field], default);
        assert_eq!(read(&server, &sample.path_of(&record)).await, Some(record));
    }
}

#[tokio::test]
async fn new_record_has_uuidv7_version_1_and_utc_times() {
    let server = TestServer::start().await;
    for sample in samples() {
        let record = sample.created(&server).await;
        let id: Uuid = record["id"].as_str().unwrap().parse().unwrap();
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(record["version"], 1);
        assert_eq!(record["createdAt"], record["updatedAt"]);
        let created = record["createdAt"].as_str().unwrap();
        assert!(created.ends_with('Z') && chrono::DateTime::parse_from_rfc3339(created).is_ok(), "{created}");
    }
}

#[tokio::test]
async fn get_returns_200_with_etag() {
    let server = TestServer::start().await;
    for sample in samples() {
        let record = sample.created(&server).await;
        let response = server.request(Method::GET, &sample.path_of(&record)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, "etag"), "\"1\"");
        assert_eq!(response.json::<Value>().await.unwrap(), record);
    }
}

#[tokio::test]
async fn get_of_unknown_id_returns_404() {
    let server = TestServer::start().await;
    for sample in samples() {
        let path = format!("{}/{}", sample.path(), Uuid::now_v7());
        problem(server.request(Method::GET, &path).send().await.unwrap(), 404).await;
    }
}

#[tokio::test]
async fn get_with_current_etag_returns_304_without_body() {
    let server = TestServer::start().await;
    for sample in samples() {
        let record = sample.created(&server).await;
        for held in ["\"1\"", "W/\"1\"", "\"7\", \"1\"", "*"] {
            let request = server.request(Method::GET, &sample.path_of(&record)).header("If-None-Match", held);
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{held}");
            assert_eq!(header(&response, "etag"), "\"1\"");
            assert!(response.bytes().await.unwrap().is_empty());
        }
        let request = server.request(Method::GET, &sample.path_of(&record)).header("If-None-Match", "\"2\"");
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn put_replaces_every_field_and_raises_the_version() {
    let server = TestServer::start().await;
    for sample in samples() {
        let mut body = (sample.body)();
        let (optional, value) = sample.optional;
        body[optional] = value.into();
        let record = crate::samples::create(&server, sample.collection, &body).await;
        body.as_object_mut().unwrap().remove(optional);
        let (field, value) = sample.change;
        body[field] = value.into();
        let response = send(&server, Method::PUT, &sample.path_of(&record), &body).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, "etag"), "\"2\"");
        let replaced: Value = response.json().await.unwrap();
        assert_eq!(replaced["version"], 2);
        assert_eq!(replaced[field], value);
        assert!(replaced.get(optional).is_none(), "a field left out is removed");
        assert_eq!(replaced["id"], record["id"]);
        assert_eq!(replaced["createdAt"], record["createdAt"]);
        assert!(replaced["updatedAt"].as_str() >= record["updatedAt"].as_str());
        assert_eq!(read(&server, &sample.path_of(&record)).await, Some(replaced));
    }
}

#[tokio::test]
async fn put_never_creates() {
    let server = TestServer::start().await;
    for sample in samples() {
        let path = format!("{}/{}", sample.path(), Uuid::now_v7());
        problem(send(&server, Method::PUT, &path, &(sample.body)()).await, 404).await;
        assert_eq!(read(&server, &path).await, None);
    }
}

#[tokio::test]
async fn patch_changes_only_named_fields() {
    let server = TestServer::start().await;
    for sample in samples() {
        let record = sample.created(&server).await;
        let (field, value) = sample.change;
        let response = send(&server, Method::PATCH, &sample.path_of(&record), &json!({ field: value })).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, "etag"), "\"2\"");
        let patched: Value = response.json().await.unwrap();
        let mut expected = record.clone();
        expected[field] = value.into();
        expected["version"] = 2.into();
        expected["updatedAt"] = patched["updatedAt"].clone();
        assert_eq!(patched, expected);
        assert_eq!(read(&server, &sample.path_of(&record)).await, Some(patched));
    }
}

#[tokio::test]
async fn patch_accepts_the_merge_patch_media_type() {
    let server = TestServer::start().await;
    for sample in samples() {
        let record = sample.created(&server).await;
        let (field, value) = sample.change;
        let request = server.request(Method::PATCH, &sample.path_of(&record));
        let request = request.header("Content-Type", "application/merge-patch+json; charset=utf-8");
        let response = request.body(json!({ field: value }).to_string()).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn patch_with_null_removes_an_optional_field_and_resets_a_defaulted_one() {
    let server = TestServer::start().await;
    for sample in samples() {
        let (optional, value) = sample.optional;
        let (defaulted, default) = sample.defaulted;
        let mut body = (sample.body)();
        body[optional] = value.into();
        let record = crate::samples::create(&server, sample.collection, &body).await;
        let patch = json!({ optional: null, defaulted: null });
        let response = send(&server, Method::PATCH, &sample.path_of(&record), &patch).await;
        assert_eq!(response.status(), StatusCode::OK);
        let patched: Value = response.json().await.unwrap();
        assert!(patched.get(optional).is_none());
        assert_eq!(patched[defaulted], default);
        assert_eq!(read(&server, &sample.path_of(&record)).await, Some(patched));
    }
}

#[tokio::test]
async fn patch_with_null_for_a_required_field_is_refused() {
    let server = TestServer::start().await;
    for sample in samples() {
        let record = sample.created(&server).await;
        let (field, _) = sample.change;
        let response = send(&server, Method::PATCH, &sample.path_of(&record), &json!({ field: null })).await;
        let problem = problem(response, 400).await;
        assert_eq!(crate::samples::places(&problem), [format!("/{field}")]);
        assert_eq!(read(&server, &sample.path_of(&record)).await, Some(record));
    }
}

#[tokio::test]
async fn empty_patch_raises_the_version() {
    let server = TestServer::start().await;
    for sample in samples() {
        let record = sample.created(&server).await;
        let response = send(&server, Method::PATCH, &sample.path_of(&record), &json!({})).await;
        assert_eq!(response.json::<Value>().await.unwrap()["version"], 2);
    }
}

#[tokio::test]
async fn delete_returns_204_and_then_404() {
    let server = TestServer::start().await;
    for sample in samples() {
        let record = sample.created(&server).await;
        let path = sample.path_of(&record);
        let response = server.request(Method::DELETE, &path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert!(response.bytes().await.unwrap().is_empty());
        assert_eq!(read(&server, &path).await, None);
        problem(server.request(Method::DELETE, &path).send().await.unwrap(), 404).await;
    }
}

#[tokio::test]
async fn stale_if_match_returns_412_and_changes_nothing() {
    let server = TestServer::start().await;
    for sample in samples() {
        let record = sample.created(&server).await;
        let path = sample.path_of(&record);
        let (field, value) = sample.change;
        for (method, body) in
            [(Method::PUT, (sample.body)()), (Method::PATCH, json!({ field: value })), (Method::DELETE, Value::Null)]
        {
            for stale in ["\"é\"", "\"1,2\"", "\"2\"", "W/\"1\"", "\"abc\"", "\"01\"", "\"2\", \"3\""] {
                let request = server.request(method.clone(), &path).header("If-Match", stale);
                let request = if body.is_null() { request } else { request.json(&body) };
                problem(request.send().await.unwrap(), 412).await;
            }
        }
        assert_eq!(read(&server, &path).await, Some(record));
    }
}

#[tokio::test]
async fn current_if_match_allows_the_write() {
    let server = TestServer::start().await;
    for sample in samples() {
        let mut record = sample.created(&server).await;
        let path = sample.path_of(&record);
        let (field, value) = sample.change;
        for (version, condition) in ["\"1\"", "\"9\",, \"2\" ,", "*"].into_iter().enumerate() {
            let request = server.request(Method::PATCH, &path).header("If-Match", condition);
            let response = request.json(&json!({ field: value })).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{condition}");
            record = response.json().await.unwrap();
            assert_eq!(record["version"], version + 2);
        }
        let mut body = record.clone();
        for name in ["id", "version", "createdAt", "updatedAt"] {
            body.as_object_mut().unwrap().remove(name);
        }
        let request = server.request(Method::PUT, &path).header("If-Match", "\"4\"").json(&body);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
        let request = server.request(Method::DELETE, &path).header("If-Match", "\"5\"");
        assert_eq!(request.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn if_match_on_missing_record_returns_404() {
    let server = TestServer::start().await;
    for sample in samples() {
        let path = format!("{}/{}", sample.path(), Uuid::now_v7());
        for (method, body) in [(Method::PUT, Some((sample.body)())), (Method::DELETE, None)] {
            let request = server.request(method, &path).header("If-Match", "\"1\"");
            let request = body.iter().fold(request, |request, body| request.json(body));
            problem(request.send().await.unwrap(), 404).await;
        }
    }
}

#[tokio::test]
async fn repeated_idempotency_key_returns_the_first_response() {
    let server = TestServer::start().await;
    for sample in samples() {
        let body = (sample.body)();
        let key = Uuid::new_v4().to_string();
        let post = || server.request(Method::POST, &sample.path()).header("Idempotency-Key", &key).json(&body).send();
        let first = post().await.unwrap();
        assert_eq!(first.status(), StatusCode::CREATED);
        let (location, first): (_, Value) = (header(&first, "location").to_owned(), first.json().await.unwrap());

        // A change of the record in between does not affect the response.
        let (field, value) = sample.change;
        send(&server, Method::PATCH, &sample.path_of(&first), &json!({ field: value })).await;
        let second = post().await.unwrap();
        assert_eq!(second.status(), StatusCode::CREATED);
        assert_eq!(header(&second, "location"), location);
        assert_eq!(header(&second, "etag"), "\"1\"");
        assert_eq!(second.json::<Value>().await.unwrap(), first);
    }
}

#[tokio::test]
async fn idempotency_key_with_another_body_returns_422() {
    let server = TestServer::start().await;
    for sample in samples() {
        let key = Uuid::new_v4().to_string();
        let post = |body: Value| {
            server.request(Method::POST, &sample.path()).header("Idempotency-Key", &key).json(&body).send()
        };
        assert_eq!(post((sample.body)()).await.unwrap().status(), StatusCode::CREATED);
        let mut other = (sample.body)();
        let (field, value) = sample.change;
        other[field] = value.into();
        problem(post(other).await.unwrap(), 422).await;
    }
}

#[tokio::test]
async fn idempotency_key_ignores_quotes_and_body_layout() {
    let server = TestServer::start().await;
    let post = |key: &str, body: &'static str| {
        let request = server.request(Method::POST, "/v1/items").header("Idempotency-Key", key);
        request.header("Content-Type", "application/json").body(body).send()
    };
    let first = post("abc", r#"{"name":"Cup","priceCents":1,"currency":"EUR"}"#).await.unwrap();
    let second = post("\"abc\"", r#"{ "currency": "EUR", "name": "Cup", "priceCents": 1 }"#).await.unwrap();
    assert_eq!(first.json::<Value>().await.unwrap(), second.json::<Value>().await.unwrap());
}

#[tokio::test]
async fn idempotency_keys_are_scoped_to_the_caller() {
    let server = TestServer::start().await;
    for sample in samples() {
        let mut ids = Vec::new();
        for key in [&server.key, "local-premium-key-0123456789"] {
            let request = server.anonymous(Method::POST, &sample.path()).header("x-api-key", key);
            let response = request.header("Idempotency-Key", "shared").json(&(sample.body)()).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::CREATED);
            ids.push(response.json::<Value>().await.unwrap()["id"].clone());
        }
        assert_ne!(ids[0], ids[1]);
    }
}

#[tokio::test]
async fn idempotency_keys_are_scoped_to_the_collection() {
    let server = TestServer::start().await;
    for sample in samples() {
        let request = server.request(Method::POST, &sample.path()).header("Idempotency-Key", "shared");
        assert_eq!(request.json(&(sample.body)()).send().await.unwrap().status(), StatusCode::CREATED);
    }
}

#[tokio::test]
async fn failed_create_leaves_its_idempotency_key_unused() {
    let server = TestServer::start().await;
    for sample in samples() {
        let post = |body: Value| {
            server.request(Method::POST, &sample.path()).header("Idempotency-Key", "retry").json(&body).send()
        };
        problem(post(json!({})).await.unwrap(), 400).await;
        assert_eq!(post((sample.body)()).await.unwrap().status(), StatusCode::CREATED);
    }
}

#[tokio::test]
async fn wrong_content_type_returns_415() {
    let server = TestServer::start().await;
    for sample in samples() {
        let record = sample.created(&server).await;
        for (method, path) in [
            (Method::POST, sample.path()),
            (Method::PUT, sample.path_of(&record)),
            (Method::PATCH, sample.path_of(&record)),
        ] {
            for media_type in ["text/plain", "application/xml", "application/x-www-form-urlencoded", "json"] {
                let request = server.request(method.clone(), &path).header("Content-Type", media_type);
                let problem = problem(request.body((sample.body)().to_string()).send().await.unwrap(), 415).await;
                let types = match method {
                    Method::PATCH => "application/merge-patch+json or application/json",
                    _ => "application/json",
                };
                assert_eq!(problem["detail"], format!("The body must be of the type {types}."));
            }
        }
        let request = server.request(Method::PUT, &sample.path_of(&record));
        let request = request.header("Content-Type", "application/merge-patch+json");
        problem(request.body((sample.body)().to_string()).send().await.unwrap(), 415).await;
    }
}
