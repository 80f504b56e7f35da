//! Validates request bodies against the models, with the same messages as the functions.

use std::collections::{HashMap, HashSet};

use jsonschema::{
    JsonType, ValidationError, Validator,
    error::{TypeKind, ValidationErrorKind},
};
use serde_json::Value;

use crate::{
    error::{Location, Violation},
    openapi::model,
    operations::Operation,
};

const JSON: &str = "application/json";
/// The maximum number of violations in one response.
const MAX_VIOLATIONS: usize = 50;
/// The maximum length of a field name or a list of values in a response.
const MAX_REPEATED: usize = 200;

/// The compiled models, by the name of their operation.
pub struct Models(HashMap<String, Model>);

struct Model {
    media_types: &'static [&'static str],
    schema: Value,
    validator: Validator,
}

impl Models {
    /// Compiles the models of these operations.
    pub fn new(operations: &[Operation]) -> Self {
        let model = |operation: &Operation| {
            let body = operation.contract().body?;
            let schema = model(&body);
            // Only the functions check formats, because validators differ in them.
            let validator = jsonschema::options().should_validate_formats(false).build(&schema);
            let validator = validator.expect("a generated model is a schema");
            Some((operation.name.clone(), Model { media_types: body.media_types, validator, schema }))
        };
        Self(operations.iter().filter_map(model).collect())
    }

    /// Returns an empty set of models, which accepts every body.
    pub fn none() -> Self {
        Self(HashMap::new())
    }

    /// Returns every violation in a body. A body that is missing or not JSON has none: the function rejects it, with a
    /// better message than a model allows.
    pub fn check(&self, operation: &Operation, content_type: Option<&str>, body: &[u8]) -> Vec<Violation> {
        // API Gateway selects the model by content type, and treats a missing one as JSON. A content type that the
        // operation does not support has no model: the function rejects it.
        let essence = content_type.unwrap_or(JSON).split(';').next().unwrap_or_default().trim();
        let is_read = |model: &&Model| model.media_types.iter().any(|known| essence.eq_ignore_ascii_case(known));
        let model = self.0.get(&operation.name).filter(is_read);
        let (Some(model), Ok(body)) = (model, serde_json::from_slice::<Value>(body)) else { return Vec::new() };
        let errors: Vec<_> = model.validator.iter_errors(&body).take(MAX_VIOLATIONS).collect();
        let wrong_types: HashSet<_> = errors.iter().filter(|error| is_type(error)).map(pointer).collect();
        // For a value of the wrong type, other violations would be noise.
        let is_relevant = |error: &&ValidationError| is_type(error) || !wrong_types.contains(&pointer(error));
        let mut found: Vec<_> = errors.iter().filter(is_relevant).flat_map(|error| model.describe(error)).collect();
        found.truncate(MAX_VIOLATIONS);
        found
    }
}

impl Model {
    fn describe(&self, error: &ValidationError) -> Vec<Violation> {
        let at = pointer(error);
        let violation = |detail: String| vec![Violation::pointer(&at, detail)];
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                vec![Violation::pointer(format!("{at}/{}", escape(name)), "is required")]
            }
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                unexpected.iter().take(MAX_VIOLATIONS).map(|name| unknown_field(&at, name)).collect()
            }
            ValidationErrorKind::Type { kind } => violation(describe_type(kind, &at)),
            ValidationErrorKind::Enum { options } => violation(describe_options(options)),
            ValidationErrorKind::MinLength { .. } | ValidationErrorKind::MaxLength { .. } => {
                violation(self.describe_bounds(error, "minLength", "maxLength", "have", " characters"))
            }
            ValidationErrorKind::MinItems { .. } | ValidationErrorKind::MaxItems { .. } => {
                violation(self.describe_bounds(error, "minItems", "maxItems", "have", " elements"))
            }
            ValidationErrorKind::Minimum { .. } | ValidationErrorKind::Maximum { .. } => {
                violation(self.describe_bounds(error, "minimum", "maximum", "be", ""))
            }
            ValidationErrorKind::UniqueItems => violation("must not hold the same element twice".into()),
            ValidationErrorKind::Pattern { .. } => violation("does not have the required form".into()),
            other => violation(format!("breaks the rule `{}`", other.keyword())),
        }
    }

    /// Describes a violated bound by both bounds of the model.
    fn describe_bounds(&self, error: &ValidationError, min: &str, max: &str, verb: &str, unit: &str) -> String {
        let path = error.schema_path().as_str();
        let parent = path.rsplit_once('/').and_then(|(parent, _)| self.schema.pointer(parent));
        let bound = |name| parent.and_then(|schema| schema.get(name));
        match (bound(min), bound(max)) {
            (Some(min), Some(max)) => format!("must {verb} {min} to {max}{unit}"),
            (Some(min), None) => format!("must {verb} at least {min}{unit}"),
            (None, Some(max)) => format!("must {verb} at most {max}{unit}"),
            (None, None) => "is out of range".into(),
        }
    }
}

fn is_type(error: &ValidationError) -> bool {
    matches!(error.kind(), ValidationErrorKind::Type { .. })
}

fn pointer(error: &ValidationError) -> String {
    error.instance_path().as_str().to_owned()
}

fn unknown_field(parent: &str, name: &str) -> Violation {
    if name.len() > MAX_REPEATED {
        return Violation::pointer(parent, "has a field that is not known, with a long name");
    }
    Violation { at: Location::Pointer(format!("{parent}/{}", escape(name))), detail: "is not a known field".into() }
}

fn describe_type(kind: &TypeKind, at: &str) -> String {
    let types: Vec<JsonType> = match kind {
        TypeKind::Single(kind) => vec![*kind],
        TypeKind::Multiple(set) => set.iter().filter(|kind| *kind != JsonType::Null).collect(),
    };
    let names = types.iter().map(|kind| match kind {
        JsonType::Object if at.is_empty() => "a JSON object",
        JsonType::Object => "an object",
        JsonType::Array => "an array",
        JsonType::Integer => "an integer",
        JsonType::Number => "a number",
        JsonType::String => "a string",
        JsonType::Boolean => "a boolean",
        JsonType::Null => "null",
    });
    format!("must be {}", names.collect::<Vec<_>>().join(" or "))
}

fn describe_options(options: &Value) -> String {
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    let names = options.iter().map(|option| option.as_str().map_or_else(|| option.to_string(), str::to_owned));
    let list = names.collect::<Vec<_>>().join(", ");
    if list.len() > MAX_REPEATED { "is not one of the allowed values".into() } else { format!("must be one of {list}") }
}

/// Escapes a member name for a JSON Pointer (RFC 6901 §3).
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
