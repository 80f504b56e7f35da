//! The errors of the local server's start, one line each.

use std::{error::Error, fmt, io, path::PathBuf};

use crate::{app::ConfigError, error};

/// SQLite's message for `SQLITE_CORRUPT` (<https://www.sqlite.org/rescode.html>).
pub(super) const MALFORMED: &str = "database disk image is malformed";

/// An error that prevents the start.
#[derive(Debug)]
pub enum StartError {
    /// Another program listens on the port.
    PortInUse {
        /// The port.
        port: u16,
        /// The option that chooses another.
        option: &'static str,
    },
    /// The address cannot be listened on.
    Address {
        /// The host and port.
        address: String,
        /// The cause.
        cause: io::Error,
    },
    /// The data folder cannot be used.
    Folder {
        /// The folder, or the file in it.
        path: PathBuf,
        /// The cause.
        cause: io::Error,
    },
    /// The data folder has no key of an issuer.
    NoIssuer(PathBuf),
    /// Another server uses the data folder.
    FolderInUse(PathBuf),
    /// The folder holds no data of a local server.
    NoData(PathBuf),
    /// The database file cannot be read.
    Database {
        /// The file.
        path: PathBuf,
        /// The cause.
        cause: String,
    },
    /// The DynamoDB endpoint does not answer.
    Endpoint {
        /// The URL of the endpoint.
        url: String,
        /// The cause.
        cause: String,
    },
    /// The DynamoDB endpoint lacks a feature that the store relies on.
    Engine {
        /// The URL of the endpoint.
        url: String,
        /// The feature it lacks.
        feature: &'static str,
    },
    /// The tables cannot be created.
    Tables(String),
    /// A table does not match the contract, and the local server must not change it.
    Table {
        /// Its name, with the prefix.
        table: String,
        /// The difference, and how to resolve it.
        fault: String,
    },
    /// The pending migrations cannot be applied.
    Migrations(String),
    /// The settings of the issuer are not valid.
    Issuer(ConfigError),
    /// The settings of the upstream API cannot be used.
    Upstream(String),
}

impl StartError {
    /// Converts the error of a request that creates or checks the tables.
    pub(super) fn refused(error: error::Error) -> Self {
        Self::Tables(error.cause().unwrap_or_else(|| "DynamoDB refused".into()))
    }

    /// Returns [`StartError::Database`] if the cause is a damaged database file, otherwise the error itself.
    pub(super) fn of_database(self, path: PathBuf) -> Self {
        match self {
            Self::Tables(cause) | Self::Migrations(cause) if cause.contains(MALFORMED) => {
                Self::Database { path, cause: MALFORMED.into() }
            }
            other => other,
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::PortInUse { port, option } => {
                write!(formatter, "port {port} is in use: stop what listens there, or choose another with {option}")
            }
            Self::Address { address, cause } => write!(formatter, "cannot listen on {address}: {cause}"),
            Self::Folder { path, cause } => {
                write!(formatter, "cannot write to {}: {cause}; choose another folder with --data", path.display())
            }
            Self::NoIssuer(path) => {
                write!(
                    formatter,
                    "{} has no key to sign tokens with: start the server with this folder once",
                    path.display()
                )
            }
            Self::FolderInUse(path) => {
                let path = path.display();
                write!(formatter, "another local server uses {path}: stop it, or choose another folder with --data")
            }
            Self::NoData(path) => write!(formatter, "{} holds no data of a local server", path.display()),
            Self::Database { path, cause } => {
                let path = path.display();
                write!(formatter, "cannot read the database {path}: {cause}; move it away to start with an empty one")
            }
            Self::Endpoint { url, cause } => write!(formatter, "no DynamoDB answers at {url}: {cause}"),
            Self::Engine { url, feature } => write!(
                formatter,
                "the DynamoDB at {url} lacks {feature}, which conditional writes rely on: use a newer or another one"
            ),
            Self::Tables(cause) => write!(formatter, "cannot create the tables: {cause}"),
            Self::Table { table, fault } => write!(formatter, "the table {table} {fault}"),
            Self::Issuer(cause) => write!(formatter, "cannot use the issuer: {cause}"),
            Self::Upstream(cause) => write!(formatter, "cannot use the upstream API: {cause}"),
            Self::Migrations(cause) => {
                write!(formatter, "cannot apply the migrations: {cause}; --no-migrations starts without them")
            }
        }
    }
}

impl Error for StartError {}
