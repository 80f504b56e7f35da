//! The level of a line.

/// The level of a line.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub enum Level {
    /// The event succeeded, or failed because of the client.
    Info,
    /// The event failed because of the service.
    Error,
}

impl Level {
    /// Returns the name in the line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Error => "ERROR",
        }
    }
}
