//! Why migrations stop, by what one can do about it.

use std::fmt;

use crate::{error::Error, store::LockRow};

/// What stops a run.
#[derive(Debug)]
pub enum Failure {
    /// The files are not in order, or not what the ledger remembers: each fault with what to do.
    Refused(Vec<String>),
    /// Another run holds the lock.
    Held(LockRow),
    /// The lock was lost: the lease ran out, or someone released it.
    Fenced,
    /// It was asked to stop, or its time was over.
    Stopped,
    /// DynamoDB refused, or did not answer.
    Store(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Refused(faults) => formatter.write_str(&faults.join("\n")),
            Self::Held(lock) => {
                let (who, since) = (lock.who.as_deref().unwrap_or("someone"), lock.since.as_deref().unwrap_or("?"));
                write!(
                    formatter,
                    "{who} has been migrating since {since}: wait (--wait 600), or if that run is dead, its lease of \
                     {} s runs out by itself",
                    lock.lease_ms / 1000
                )
            }
            Self::Fenced => formatter.write_str(
                "the lease ran out, or another run took the lock: nothing was sent since; `migrate status` shows where \
                 it stands",
            ),
            Self::Stopped => formatter.write_str("stopped before the end: `migrate up` goes on there"),
            Self::Store(error) => {
                formatter.write_str(&error.cause().unwrap_or_else(|| "DynamoDB refused the request".into()))
            }
        }
    }
}

impl std::error::Error for Failure {}
