//! The error of an invalid setting.

use std::fmt;

/// An invalid environment variable, which prevents the start.
#[derive(Debug, PartialEq)]
pub struct ConfigError {
    /// The name.
    pub name: &'static str,
    /// A description of the problem.
    pub problem: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "the environment variable {} {}", self.name, self.problem)
    }
}

impl std::error::Error for ConfigError {}
