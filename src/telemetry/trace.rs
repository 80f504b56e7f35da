//! The trace context of a request, in the forms of X-Ray and of the W3C.

/// A position in a trace: the trace's id and the segment that the next one is a part of.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceContext {
    /// The id of the trace, as in `1-5759e988-bd862e3fe1be46a994272793`.
    pub trace_id: String,
    /// The id of the parent segment.
    pub parent: Option<u64>,
    /// True if the segments of this request are kept.
    pub is_sampled: bool,
}

impl TraceContext {
    /// Parses the trace header of an invocation: `Root=…;Parent=…;Sampled=1` (X-Ray developer guide, "Tracing header").
    pub fn parse(header: &str) -> Option<Self> {
        let value = |name: &str| {
            header
                .split(';')
                .find_map(|part| part.trim().split_once('=').filter(|(key, _)| *key == name))
                .map(|pair| pair.1)
        };
        let trace_id = value("Root").filter(|root| is_trace_id(root))?;
        let parent =
            value("Parent").filter(|text| text.len() == 16).and_then(|text| u64::from_str_radix(text, 16).ok());
        Some(Self { trace_id: trace_id.to_owned(), parent, is_sampled: value("Sampled") == Some("1") })
    }

    /// Creates the context of a new trace at this time, in epoch seconds.
    pub fn new(time: i64, is_sampled: bool) -> Self {
        let random = format!("{:016x}{:08x}", fastrand::u64(..), fastrand::u32(..));
        Self { trace_id: format!("1-{:08x}-{random}", time & 0xffff_ffff), parent: None, is_sampled }
    }

    /// Parses a `traceparent` (W3C Trace Context, "traceparent Header").
    ///
    /// ```
    /// use serverless_crud::telemetry::TraceContext;
    ///
    /// let text = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
    /// let context = TraceContext::from_traceparent(text).unwrap();
    /// assert_eq!(context.trace_id, "1-5759e988-bd862e3fe1be46a994272793");
    /// assert_eq!(context.traceparent().as_deref(), Some(text));
    /// assert_eq!(TraceContext::from_traceparent("00-5759e988-53995c3f42cd8ad8-01"), None);
    /// ```
    pub fn from_traceparent(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_valid = [(version, 2), (trace, 32), (parent, 16), (flags, 2)].iter().all(|(part, length)| {
            part.len() == *length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        });
        if !is_valid || version == "ff" {
            return None;
        }
        let parent = u64::from_str_radix(parent, 16).ok().filter(|parent| *parent != 0)?;
        let is_sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        Some(Self { trace_id: format!("1-{}-{}", &trace[..8], &trace[8..]), parent: Some(parent), is_sampled })
    }

    /// Returns the context as a `traceparent`, if it has a parent.
    pub fn traceparent(&self) -> Option<String> {
        let (epoch, rest) = self.trace_id.strip_prefix("1-")?.split_once('-')?;
        Some(format!("00-{epoch}{rest}-{:016x}-{:02x}", self.parent?, u8::from(self.is_sampled)))
    }
}

/// Returns true for an id in X-Ray's form (X-Ray developer guide, "Sending trace data to X-Ray", "trace IDs").
fn is_trace_id(text: &str) -> bool {
    let is_hex = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts = text.strip_prefix("1-").and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(epoch, random)| is_hex(epoch, 8) && is_hex(random, 24))
}

/// Returns a new id of a segment.
pub(super) fn new_id() -> u64 {
    fastrand::u64(1..)
}
