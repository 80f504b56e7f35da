//! The service: its resources, actions, consumers and migrations. Everything else is derived from this list.

#[allow(unused_imports, reason = "a new project has no actions and no consumers")]
use crate::{actions, consumers, functions::Service, migrations, resources};

/// Returns the service that this project builds and deploys.
pub fn service() -> Service {
    Service::new()
        .resource::<resources::Item>()
        .resource::<resources::User>()
        .action(actions::publish::operation)
        .action(actions::describe::operation)
        .action(actions::paraphrase::operation)
        .consumer(consumers::users_cascade::definition)
        // The files of `migrations/`.
        .migrations(migrations::FILES, migrations::TRANSFORMS)
}
