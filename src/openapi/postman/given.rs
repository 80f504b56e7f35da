//! The records a resource refers to, which must be there before one of its own can be.

use super::{
    step::Step,
    values::{fresh_values, is_required, plain_body, variable},
};
use crate::operations::Collection;

/// The records a resource refers to: the request that makes each, and the one that removes it again.
pub fn referenced(resources: &[Collection], collection: &Collection) -> Vec<(Step, Step)> {
    let mut made = Vec::new();
    for reference in collection.references {
        let Some(target) = resources.iter().find(|target| target.name == reference.collection) else { continue };
        made.extend(required_references(resources, target));
        let (variable, who) = (variable(collection, "", reference.field), format!("_of_{}", collection.name));
        let path = format!("/v1/{}", target.name);
        let create = Step::new(format!("A {} for {}", target.singular, reference.field), "POST", &path, 201)
            .before(fresh_values(target, &who))
            .json(&plain_body(target, &who).into())
            .keep(&variable, "body.id");
        let delete =
            Step::new(format!("Delete the {}", target.singular), "DELETE", format!("{path}/{{{{{variable}}}}}"), 204);
        made.push((create, delete));
    }
    made
}

/// What a record needs in its turn before it can be made.
fn required_references(resources: &[Collection], target: &Collection) -> Vec<(Step, Step)> {
    let needs_any = target.references.iter().any(|reference| is_required(target, reference.field));
    if needs_any { referenced(resources, target) } else { Vec::new() }
}
