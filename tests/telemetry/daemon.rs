//! A receiver of segments, in place of the X-Ray daemon.

use std::{collections::BTreeSet, net::UdpSocket, sync::Arc};

use serde_json::Value;
use serverless_crud::telemetry::{Invocation, Sink, TraceContext};

use crate::schemas;

/// The trace of the requests of the tests.
pub const TRACE: &str = "1-5759e988-bd862e3fe1be46a994272793";
/// The segment of Lambda.
pub const PARENT: &str = "53995c3f42cd8ad8";

/// A receiver of datagrams.
pub struct Daemon(UdpSocket);

impl Daemon {
    pub fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        Self(socket)
    }

    pub fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    /// Returns an invocation whose segments are sent to this daemon, if the request is sampled.
    pub fn invocation(&self, is_sampled: bool) -> Invocation {
        let header = format!("Root={TRACE};Parent={PARENT};Sampled={}", u8::from(is_sampled));
        Invocation {
            request_id: Some("invocation-1".into()),
            trace: TraceContext::parse(&header),
            sink: Some(Arc::new(Sink::daemon(self.0.local_addr().unwrap()).unwrap())),
        }
    }

    /// Returns the documents that were sent. A datagram on the loopback interface arrives before it is sent.
    pub fn documents(&self) -> Vec<Value> {
        let mut buffer = vec![0; 65_536];
        std::iter::from_fn(|| {
            let length = self.0.recv(&mut buffer).ok()?;
            let text = std::str::from_utf8(&buffer[..length]).unwrap();
            let (header, document) = text.split_once('\n').unwrap();
            assert_eq!(header, r#"{"format": "json", "version": 1}"#);
            Some(serde_json::from_str(document).unwrap())
        })
        .collect()
    }

    /// Returns the one document that was sent, after checks of its form and of its tree.
    pub fn document(&self) -> Value {
        let mut documents = self.documents();
        assert_eq!(documents.len(), 1, "{documents:?}");
        let document = documents.remove(0);
        schemas::check_segment(&document);
        assert_eq!((&document["trace_id"], &document["parent_id"]), (&TRACE.into(), &PARENT.into()));
        let mut ids = BTreeSet::new();
        check_tree(&document, &mut ids);
        document
    }
}

/// Checks that ids are unique, and that parts lie within their parent.
fn check_tree(segment: &Value, ids: &mut BTreeSet<String>) {
    assert!(ids.insert(segment["id"].as_str().unwrap().to_owned()), "an id is unique: {segment}");
    let time = |segment: &Value, name: &str| segment[name].as_f64().unwrap();
    assert!(time(segment, "start_time") <= time(segment, "end_time"));
    for part in calls(segment) {
        assert!(time(part, "start_time") >= time(segment, "start_time"), "{segment}");
        assert!(time(part, "end_time") <= time(segment, "end_time"), "{segment}");
        check_tree(part, ids);
    }
}

/// Returns the calls in a segment.
pub fn calls(segment: &Value) -> &[Value] {
    segment["subsegments"].as_array().map_or(&[], Vec::as_slice)
}
