//! Decoding of resources from JSON. Reports all violations at once.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use serde_path_to_error::Segment;
use validator::{Validate, ValidationError, ValidationErrors, ValidationErrorsKind};

use crate::{
    error::{Location, Violation},
    record::{MAX_KEY_BYTES, Resource, to_object},
};

/// The maximum number of violations in a response.
const MAX_VIOLATIONS: usize = 50;
/// The maximum length of a list of allowed values in a message.
const MAX_REPEATED: usize = 200;

/// Decodes a resource from a JSON value.
///
/// serde stops at the first type error. Each one is repaired with the example's value to find the next. Then the
/// constraints of the fields with correct types are checked.
///
/// # Errors
/// Returns all violations, at most [`MAX_VIOLATIONS`].
pub fn decode<R: Resource>(value: Value) -> Result<R, Vec<Violation>> {
    decode_as(value, &R::example(), key_faults)
}

/// Decodes a value of a type of which `example` has every field. `further_faults` finds violations beyond the constraints
/// of the fields.
///
/// # Errors
/// Returns the same errors as [`decode`].
pub fn decode_as<T: Serialize + DeserializeOwned + Validate>(
    mut value: Value,
    example: &T,
    further_faults: impl Fn(&T) -> Vec<Violation>,
) -> Result<T, Vec<Violation>> {
    if !value.is_object() {
        return Err(vec![Violation::pointer("", "must be a JSON object")]);
    }
    let example = to_json(example);
    let mut faults = remove_unknown_fields(&mut value, &example);
    while faults.len() < MAX_VIOLATIONS {
        match serde_path_to_error::deserialize::<_, T>(&value) {
            Ok(decoded) => {
                let read = to_json(&decoded);
                shape_faults(&value, &read, &example, "", &mut faults);
                faults.extend(constraint_faults(&decoded, &faults));
                faults.extend(further_faults(&decoded));
                faults.truncate(MAX_VIOLATIONS);
                return if faults.is_empty() { Ok(decoded) } else { Err(faults) };
            }
            Err(error) => {
                let fault = TypeFault::from(&error);
                fault.repair(&mut value, &example);
                let repeated = faults.contains(&fault.violation);
                faults.push(fault.violation);
                if repeated {
                    break;
                }
            }
        }
    }
    faults.dedup();
    Err(faults)
}

fn to_json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("bodies are structs of JSON values")
}

fn remove_unknown_fields(value: &mut Value, example: &Value) -> Vec<Violation> {
    let members = value.as_object_mut().expect("the caller checked that it is an object");
    let unknown: Vec<String> = members.keys().filter(|name| example.get(name).is_none()).cloned().collect();
    for name in &unknown {
        members.remove(name);
    }
    let name_fault = |name: &String| Violation::pointer(format!("/{}", escape(name)), "is not a known field");
    unknown.iter().take(MAX_VIOLATIONS).map(name_fault).collect()
}

/// Finds violations of the contract that serde accepts: unknown members of nested objects, even without
/// `deny_unknown_fields`, and values of another JSON type than the field, such as an object for an enum or an array for
/// a struct.
fn shape_faults(sent: &Value, read: &Value, example: &Value, pointer: &str, faults: &mut Vec<Violation>) {
    match (sent, read) {
        (Value::Object(sent), Value::Object(read)) => {
            for (name, sent) in sent {
                let pointer = format!("{pointer}/{}", escape(name));
                match (read.get(name), example.get(name)) {
                    (Some(read), example) => {
                        shape_faults(sent, read, example.unwrap_or(&Value::Null), &pointer, faults);
                    }
                    // A null that equals an absent field, or an empty value that is not serialized.
                    (None, Some(_)) => {}
                    (None, None) => faults.push(Violation::pointer(pointer, "is not a known field")),
                }
            }
        }
        (Value::Array(sent), Value::Array(read)) => {
            let example = example.get(0).unwrap_or(&Value::Null);
            for (index, (sent, read)) in sent.iter().zip(read).enumerate() {
                shape_faults(sent, read, example, &format!("{pointer}/{index}"), faults);
            }
        }
        (Value::Object(_) | Value::Array(_), Value::String(_)) => {
            faults.push(Violation::pointer(pointer, "must be a string"));
        }
        (Value::Array(_), Value::Object(_)) => faults.push(Violation::pointer(pointer, "must be an object")),
        _ => {}
    }
}

fn constraint_faults(decoded: &impl Validate, known: &[Violation]) -> Vec<Violation> {
    let mut found = Vec::new();
    if let Err(errors) = decoded.validate() {
        flatten(&errors, "", &mut found);
    }
    found.sort_by(|a, b| pointer(a).cmp(pointer(b)));
    let is_at_or_in = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let is_repaired = |fault: &Violation| known.iter().any(|known| is_at_or_in(pointer(known), pointer(fault)));
    found.retain(|fault| !is_repaired(fault));
    found
}

/// Returns the values that do not fit into a key of a table or an index.
fn key_faults<R: Resource>(resource: &R) -> Vec<Violation> {
    let object = to_object(resource);
    let text = |field: &str| object.get(field).and_then(Value::as_str);
    let filters = R::FILTERS.iter().filter_map(|filter| {
        let is_too_long = filter.normalization.apply(text(filter.field)?).len() > filter.max_bytes();
        is_too_long.then(|| Violation::field(filter.field, format!("must have at most {} bytes", filter.max_bytes())))
    });
    let references = R::REFERENCES.iter().filter_map(|reference| {
        let is_key = (1..=MAX_KEY_BYTES).contains(&text(reference.field)?.len());
        let detail = || format!("names no record of {}", reference.collection);
        (!is_key).then(|| Violation::field(reference.field, detail()))
    });
    filters.chain(references).collect()
}

fn pointer(violation: &Violation) -> &str {
    match &violation.at {
        Location::Pointer(pointer) => pointer,
        _ => "",
    }
}

/// A value of the wrong type, a missing field or an unknown field, as serde reports it.
struct TypeFault {
    violation: Violation,
    unknown: bool,
}

impl From<&serde_path_to_error::Error<serde_json::Error>> for TypeFault {
    fn from(error: &serde_path_to_error::Error<serde_json::Error>) -> Self {
        let message = error.inner().to_string();
        let mut pointer = error.path().iter().filter_map(pointer_segment).collect::<String>();
        let named = |prefix: &str| message.strip_prefix(prefix)?.split('`').next().map(escape);
        if let Some(field) = named("missing field `") {
            return Self { violation: Violation::pointer(format!("{pointer}/{field}"), "is required"), unknown: false };
        }
        if let Some(field) = named("unknown field `") {
            let member = format!("/{field}");
            if !pointer.ends_with(&member) {
                pointer.push_str(&member);
            }
            return Self { violation: Violation::pointer(pointer, "is not a known field"), unknown: true };
        }
        Self { violation: Violation::pointer(pointer, describe_type_error(&message)), unknown: false }
    }
}

impl TypeFault {
    /// Replaces the faulty value with the example's, or removes the unknown member.
    fn repair(&self, value: &mut Value, example: &Value) {
        let (parent, last) = pointer(&self.violation).rsplit_once('/').unwrap_or_default();
        let name = last.replace("~1", "/").replace("~0", "~");
        let sample = sample_at(example, pointer(&self.violation));
        match value.pointer_mut(parent) {
            Some(Value::Object(members)) if self.unknown => drop(members.remove(&name)),
            Some(Value::Object(members)) => drop(members.insert(name, sample)),
            Some(Value::Array(elements)) => {
                if let Some(element) = name.parse().ok().and_then(|index: usize| elements.get_mut(index)) {
                    *element = sample;
                }
            }
            _ => {}
        }
    }
}

/// Returns the example's value at a pointer. The first element of an array stands for all.
fn sample_at(example: &Value, pointer: &str) -> Value {
    let step = |value: &Value, name: &str| match value {
        Value::Array(elements) => elements.first().cloned(),
        _ => value.get(name.replace("~1", "/").replace("~0", "~")).cloned(),
    };
    pointer.split('/').skip(1).try_fold(example.clone(), |value, name| step(&value, name)).unwrap_or_default()
}

fn pointer_segment(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Seq { index } => Some(format!("/{index}")),
        Segment::Map { key } => Some(format!("/{}", escape(key))),
        Segment::Enum { .. } | Segment::Unknown => None,
    }
}

/// Escapes a member name for a JSON Pointer (RFC 6901 §3).
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Rewrites a message of serde without Rust type names and without the value that the client sent.
fn describe_type_error(message: &str) -> String {
    let Some((_, expected)) = message.rsplit_once("expected ") else {
        // The messages of chrono for an invalid time do not name the expected format.
        let is_time = ["input ", "premature end of input", "trailing input", "no possible date"];
        let is_time = is_time.iter().any(|start| message.starts_with(start));
        return if is_time { "must be an RFC 3339 date and time".into() } else { message.into() };
    };
    if message.starts_with("unknown variant ") {
        let names: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        let list = names.join(", ");
        let is_long = list.len() > MAX_REPEATED;
        return if is_long { "is not one of the allowed values".into() } else { format!("must be one of {list}") };
    }
    let of_numbers = ["invalid type: integer", "invalid type: floating point", "invalid value"];
    let is_number = of_numbers.iter().any(|start| message.starts_with(start));
    match expected {
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" | "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => {
            if is_number {
                "must be an integer in range".into()
            } else {
                "must be an integer".into()
            }
        }
        "f32" | "f64" => "must be a number".into(),
        "a map" => "must be an object".into(),
        // The message of serde for an enum.
        "string or map" => "must be a string".into(),
        "a sequence" => "must be an array".into(),
        "an RFC 3339 formatted date and time string" => "must be a string".into(),
        _ if expected.starts_with("struct ") => "must be an object".into(),
        _ => format!("must be {}", expected.replace('`', "")),
    }
}

/// Converts the nested errors of the validator to a list of violations.
fn flatten(errors: &ValidationErrors, parent: &str, found: &mut Vec<Violation>) {
    for (field, kind) in errors.errors() {
        let pointer = format!("{parent}/{}", camel_case(field));
        match kind {
            ValidationErrorsKind::Field(faults) => {
                found.extend(faults.iter().map(|fault| Violation::pointer(&pointer, describe(fault))));
            }
            ValidationErrorsKind::Struct(nested) => flatten(nested, &pointer, found),
            ValidationErrorsKind::List(elements) => {
                for (index, nested) in elements {
                    flatten(nested, &format!("{pointer}/{index}"), found);
                }
            }
        }
    }
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, word| {
        let mut letters = word.chars();
        let initial = letters.next().map(|letter| letter.to_ascii_uppercase());
        text + &initial.into_iter().chain(letters).collect::<String>()
    })
}

fn describe(fault: &ValidationError) -> String {
    if let Some(message) = &fault.message {
        return message.to_string();
    }
    let bound = |name: &str| fault.params.get(name).map(Value::to_string);
    let unit = match (fault.code.as_ref(), fault.params.get("value")) {
        ("length", Some(Value::Array(_))) => " elements",
        ("length", _) => " characters",
        _ => "",
    };
    let verb = if unit.is_empty() { "be" } else { "have" };
    match (fault.code.as_ref(), bound("min"), bound("max")) {
        ("email", ..) => "must be an e-mail address".into(),
        ("regex", ..) => "does not have the required form".into(),
        (_, Some(min), Some(max)) => format!("must {verb} {min} to {max}{unit}"),
        (_, Some(min), None) => format!("must {verb} at least {min}{unit}"),
        (_, None, Some(max)) => format!("must {verb} at most {max}{unit}"),
        (code, ..) => format!("breaks the rule `{code}`"),
    }
}
