//! Calls of an event to other services.

use super::{
    Outcome, Target,
    scope::{epoch, with},
    span::Span,
    trace::new_id,
};

/// A call in progress. One that is dropped without an outcome was cancelled.
#[derive(Debug)]
pub struct Call {
    is_dynamodb: bool,
    /// The id of the span, if the request is sampled.
    span: Option<u64>,
    has_ended: bool,
}

impl Call {
    /// Starts a call of an operation. `describe` returns its name and target, and is called only for sampled requests.
    pub fn start(is_dynamodb: bool, describe: impl FnOnce() -> (&'static str, Target)) -> Self {
        let span = with(|event| {
            if is_dynamodb {
                event.totals.start();
            }
            event.trace.is_some().then(|| {
                let (id, (operation, target)) = (new_id(), describe());
                event.spans.push(Span {
                    id,
                    operation,
                    target,
                    start: epoch(),
                    end: None,
                    outcome: Outcome::default(),
                });
                id
            })
        });
        Self { is_dynamodb, span: span.flatten(), has_ended: false }
    }

    /// Starts a call to a service other than DynamoDB.
    pub fn to(target: Target, operation: &'static str) -> Self {
        Self::start(false, || (operation, target))
    }

    /// Ends the call.
    pub fn end(&mut self, outcome: Outcome) {
        self.has_ended = true;
        with(|event| {
            if self.is_dynamodb {
                event.totals.end();
                event.totals.retries += outcome.attempts.saturating_sub(1);
                event.totals.throttles += outcome.throttles;
                for (table, units) in &outcome.units {
                    event.totals.add_units(table, *units);
                }
            }
            // The future of a call can continue in another event than the one that started it.
            if let Some(span) = event.spans.iter_mut().rfind(|span| Some(span.id) == self.span) {
                (span.end, span.outcome) = (Some(epoch()), outcome);
            }
        });
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.has_ended && self.is_dynamodb {
            with(|event| event.totals.end());
        }
    }
}
