//! Expressions as migration files write them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;

/// A DynamoDB expression with the names and values of its placeholders.
#[derive(Clone, Debug, Default)]
pub struct RawExpression {
    /// The text of the expression.
    pub text: String,
    /// The attribute names of `#name` placeholders.
    pub names: HashMap<String, String>,
    /// The values of `:value` placeholders.
    pub values: HashMap<String, Value>,
}

impl RawExpression {
    /// Returns the values as DynamoDB attributes.
    pub(super) fn attribute_values(&self) -> HashMap<String, AttributeValue> {
        let convert =
            |value: &Value| serde_dynamo::to_attribute_value(value).expect("JSON values convert to attributes");
        self.values.iter().map(|(name, value)| (name.clone(), convert(value))).collect()
    }
}
