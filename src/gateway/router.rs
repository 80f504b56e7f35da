//! Routes paths to operations, as API Gateway's resources do.

use std::collections::BTreeMap;

use crate::operations::Operation;

/// The API's resources: path templates, each with its methods.
pub struct Router {
    resources: Vec<RestResource>,
}

/// A path template with the operations on it.
pub struct RestResource {
    segments: Vec<Segment>,
    /// One operation for each method.
    pub operations: Vec<Operation>,
}

enum Segment {
    Literal(String),
    Parameter(String),
}

/// The path parameters by name, not decoded, as in API Gateway.
pub type PathParameters = BTreeMap<String, String>;

impl Router {
    /// Returns a router of these operations.
    pub fn new(operations: Vec<Operation>) -> Self {
        let mut by_path: BTreeMap<String, Vec<Operation>> = BTreeMap::new();
        for operation in operations {
            by_path.entry(operation.path.clone()).or_default().push(operation);
        }
        let resource = |(path, operations): (String, _)| RestResource { segments: segments(&path), operations };
        Self { resources: by_path.into_iter().map(resource).collect() }
    }

    /// Returns the resource at a path. A path with a trailing slash is another path, which has no resource.
    pub fn find(&self, path: &str) -> Option<(&RestResource, PathParameters)> {
        self.resources.iter().find_map(|resource| Some((resource, resource.matches(path)?)))
    }
}

impl RestResource {
    /// Returns the operation of a method.
    pub fn operation(&self, method: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.method == method)
    }

    /// Returns the value of the header `Allow`.
    pub fn methods(&self) -> String {
        let methods = self.operations.iter().map(|operation| operation.method);
        methods.chain(["OPTIONS"]).collect::<Vec<_>>().join(", ")
    }

    fn matches(&self, path: &str) -> Option<PathParameters> {
        let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        if parts.len() != self.segments.len() {
            return None;
        }
        let mut parameters = PathParameters::new();
        for (segment, part) in self.segments.iter().zip(parts) {
            match segment {
                Segment::Literal(literal) if literal == part => {}
                Segment::Parameter(name) if !part.is_empty() => drop(parameters.insert(name.clone(), part.to_owned())),
                _ => return None,
            }
        }
        Some(parameters)
    }
}

fn segments(template: &str) -> Vec<Segment> {
    let parameter = |part: &str| part.strip_prefix('{')?.strip_suffix('}').map(str::to_owned);
    let segment = |part: &str| parameter(part).map_or_else(|| Segment::Literal(part.to_owned()), Segment::Parameter);
    template.trim_start_matches('/').split('/').map(segment).collect()
}
