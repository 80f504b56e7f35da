//! The records that a resource refers to, which must be created first.

use super::{
    step::Step,
    values::{fresh_values, is_required, plain_body, variable},
};
use crate::operations::Collection;

/// Returns the requests that create and delete each record that the resource refers to.
pub fn referenced(resources: &[Collection], collection: &Collection) -> Vec<(Step, Step)> {
    let mut requests = Vec::new();
    for reference in collection.references {
        let Some(target) = resources.iter().find(|target| target.name == reference.collection) else { continue };
        requests.extend(required_references(resources, target));
        let (variable, suffix) = (variable(collection, "", reference.field), format!("_of_{}", collection.name));
        let path = format!("/v1/{}", target.name);
        let create = Step::new(format!("A {} for {}", target.singular, reference.field), "POST", &path, 201)
            .before(fresh_values(target, &suffix))
            .json(&plain_body(target, &suffix).into())
            .keep(&variable, "body.id");
        let delete =
            Step::new(format!("Delete the {}", target.singular), "DELETE", format!("{path}/{{{{{variable}}}}}"), 204);
        requests.push((create, delete));
    }
    requests
}

/// Returns the requests for the records that a referenced record refers to itself.
fn required_references(resources: &[Collection], target: &Collection) -> Vec<(Step, Step)> {
    let needs_any = target.references.iter().any(|reference| is_required(target, reference.field));
    if needs_any { referenced(resources, target) } else { Vec::new() }
}
