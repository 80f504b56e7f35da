//! Reasons that stop a run.

use std::fmt;

use crate::{error::Error, store::LockRow};

/// A reason that stops a run.
#[derive(Debug)]
pub enum Failure {
    /// The files are invalid or do not match the ledger. Each entry is a fault with its remedy.
    Refused(Vec<String>),
    /// Another run holds the lock.
    Held(LockRow),
    /// The lock was lost: the lease expired, or the lock was released by someone else.
    Fenced,
    /// A stop was requested, or the time limit was reached.
    Stopped,
    /// DynamoDB refused a request or did not answer.
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
                    "{who} has been migrating since {since}: wait (--wait 600); if that run is dead, its lease of {} s \
                     expires by itself",
                    lock.lease_ms / 1000
                )
            }
            Self::Fenced => formatter.write_str(
                "the lease expired, or another run took the lock: no write was sent after that; `migrate status` shows \
                 the progress",
            ),
            Self::Stopped => formatter.write_str("stopped before the end: `migrate up` continues from there"),
            Self::Store(error) => {
                formatter.write_str(&error.cause().unwrap_or_else(|| "DynamoDB refused the request".into()))
            }
        }
    }
}

impl std::error::Error for Failure {}
