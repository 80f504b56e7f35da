//! Decoding of resources from JSON. Reports all violations at once.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use serde_path_to_error::Segment;
use validator::{Validate, ValidationError, ValidationErrors, ValidationErrorsKind};

use crate::{
    error::{Location, Violation},
    record::{Filter, MAX_KEY_BYTES, Reference, Resource, to_object},
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
    let keys = Keys { filters: R::FILTERS, references: R::REFERENCES, has_tenants: R::TENANT };
    decode_with(value, &R::example(), &keys)
}

/// Decodes a value of a type that is no resource. `example` has every field of it.
///
/// # Errors
/// Returns the same errors as [`decode`].
pub fn decode_as<T: Serialize + DeserializeOwned + Validate>(value: Value, example: &T) -> Result<T, Vec<Violation>> {
    decode_with(value, example, &Keys::default())
}

fn decode_with<T>(value: Value, example: &T, keys: &Keys) -> Result<T, Vec<Violation>>
where
    T: Serialize + DeserializeOwned + Validate,
{
    let mut decoded = None;
    check(value, &Value::Object(to_object(example)), keys, &mut |value| {
        let input: &T = decoded.insert(serde_path_to_error::deserialize(value)?);
        Ok((Value::Object(to_object(input)), input.validate().err()))
    })?;
    Ok(decoded.expect("a value without violations was read"))
}

/// Reads a value as a type. Returns the result as JSON, and its violated constraints.
type Read<'a> = dyn FnMut(&Value) -> Result<(Value, Option<ValidationErrors>), TypeError> + 'a;
type TypeError = serde_path_to_error::Error<serde_json::Error>;

/// The fields of a resource that become keys of tables or indexes.
#[derive(Default)]
struct Keys {
    filters: &'static [Filter],
    references: &'static [Reference],
    has_tenants: bool,
}

/// Returns the violations of a value. It is compiled once for all types.
fn check(mut value: Value, example: &Value, keys: &Keys, read: &mut Read) -> Result<(), Vec<Violation>> {
    if !value.is_object() {
        return Err(vec![Violation::pointer("", "must be a JSON object")]);
    }
    let mut faults = remove_unknown_fields(&mut value, example);
    while faults.len() < MAX_VIOLATIONS {
        match read(&value) {
            Ok((input, errors)) => {
                shape_faults(&value, &input, example, "", &mut faults);
                faults.extend(constraint_faults(errors.as_ref(), &faults));
                faults.extend(key_faults(&input, keys));
                faults.truncate(MAX_VIOLATIONS);
                return if faults.is_empty() { Ok(()) } else { Err(faults) };
            }
            Err(error) => {
                let fault = TypeFault::from(&error);
                fault.repair(&mut value, example);
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

fn constraint_faults(errors: Option<&ValidationErrors>, known: &[Violation]) -> Vec<Violation> {
    let mut found = Vec::new();
    if let Some(errors) = errors {
        flatten(errors, "", &mut found);
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
fn key_faults(resource: &Value, keys: &Keys) -> Vec<Violation> {
    let text = |field: &str| resource.get(field).and_then(Value::as_str);
    let filters = keys.filters.iter().filter_map(|filter| {
        let max = filter.max_bytes(keys.has_tenants);
        let is_too_long = filter.normalization.apply(text(filter.field)?).len() > max;
        is_too_long.then(|| Violation::field(filter.field, format!("must have at most {max} bytes")))
    });
    let references = keys.references.iter().filter_map(|reference| {
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

impl From<&TypeError> for TypeFault {
    fn from(error: &TypeError) -> Self {
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
