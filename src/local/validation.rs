//! Checks request bodies against the models, and says what is wrong in the words the functions use.

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
/// The most violations one answer names.
const MAX_VIOLATIONS: usize = 50;
/// The longest field name and list of values an answer repeats.
const MAX_REPEATED: usize = 200;

/// The models, compiled, each under its operation.
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
            // Formats are the functions' to check: validators do not agree on them.
            let validator = jsonschema::options().should_validate_formats(false).build(&schema);
            let validator = validator.expect("a generated model is a schema");
            Some((operation.name.clone(), Model { media_types: body.media_types, validator, schema }))
        };
        Self(operations.iter().filter_map(model).collect())
    }

    /// No models: every body passes.
    pub fn none() -> Self {
        Self(HashMap::new())
    }

    /// Every violation in a body. One that is no JSON, or missing, has none: the function answers it, and
    /// says what is wrong better than a model can.
    pub fn check(&self, operation: &Operation, content_type: Option<&str>, body: &[u8]) -> Vec<Violation> {
        // API Gateway picks the model by content type, and takes a missing one for JSON. A type the operation
        // does not read has none: it is the function's to refuse.
        let essence = content_type.unwrap_or(JSON).split(';').next().unwrap_or_default().trim();
        let is_read = |model: &&Model| model.media_types.iter().any(|known| essence.eq_ignore_ascii_case(known));
        let model = self.0.get(&operation.name).filter(is_read);
        let (Some(model), Ok(body)) = (model, serde_json::from_slice::<Value>(body)) else { return Vec::new() };
        let errors: Vec<_> = model.validator.iter_errors(&body).take(MAX_VIOLATIONS).collect();
        let wrong_types: HashSet<_> = errors.iter().filter(|error| is_type(error)).map(pointer).collect();
        // Of a value of the wrong type there is nothing more to say.
        let counts = |error: &&ValidationError| is_type(error) || !wrong_types.contains(&pointer(error));
        let mut found: Vec<_> = errors.iter().filter(counts).flat_map(|error| model.describe(error)).collect();
        found.truncate(MAX_VIOLATIONS);
        found
    }
}

impl Model {
    fn describe(&self, error: &ValidationError) -> Vec<Violation> {
        let at = pointer(error);
        let one = |detail: String| vec![Violation::pointer(&at, detail)];
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                vec![Violation::pointer(format!("{at}/{}", escape(name)), "is required")]
            }
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                unexpected.iter().take(MAX_VIOLATIONS).map(|name| unknown_field(&at, name)).collect()
            }
            ValidationErrorKind::Type { kind } => one(describe_type(kind, &at)),
            ValidationErrorKind::Enum { options } => one(describe_options(options)),
            ValidationErrorKind::MinLength { .. } | ValidationErrorKind::MaxLength { .. } => {
                one(self.describe_bounds(error, "minLength", "maxLength", "have", " characters"))
            }
            ValidationErrorKind::MinItems { .. } | ValidationErrorKind::MaxItems { .. } => {
                one(self.describe_bounds(error, "minItems", "maxItems", "have", " elements"))
            }
            ValidationErrorKind::Minimum { .. } | ValidationErrorKind::Maximum { .. } => {
                one(self.describe_bounds(error, "minimum", "maximum", "be", ""))
            }
            ValidationErrorKind::UniqueItems => one("must not hold the same element twice".into()),
            ValidationErrorKind::Pattern { .. } => one("does not have the required form".into()),
            other => one(format!("breaks the rule `{}`", other.keyword())),
        }
    }

    /// Both bounds, as they stand side by side in the model.
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
        TypeKind::Single(one) => vec![*one],
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
