//! The command-line options.

use clap::{ArgGroup, Args, Parser, Subcommand};
use clap_complete::Shell;

/// Operates a deployed stage, with your AWS credentials.
///
/// Exit codes: 0 success; 1 AWS refused a request or did not answer; 2 invalid options; 3 there is no such stage, customer
/// or key; 4 the customer has a key already; 5 no credentials, or they do not permit a request.
#[derive(Parser)]
#[command(name = "crud", version)]
pub struct Options {
    #[command(subcommand)]
    pub command: Command,
    /// The stage.
    #[arg(long, global = true, env = "STAGE", value_parser = stage_name)]
    pub stage: Option<String>,
    /// The profile of your AWS configuration to use.
    #[arg(long, global = true)]
    pub profile: Option<String>,
    /// The AWS region.
    #[arg(long, global = true)]
    pub region: Option<String>,
    /// An endpoint other than AWS.
    #[arg(long, global = true, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// Write JSON to standard output, errors too.
    #[arg(long, global = true)]
    pub json: bool,
    /// Make the changes that are only shown without it.
    #[arg(long, global = true)]
    pub yes: bool,
}

#[derive(Subcommand)]
pub enum Command {
    /// Manage the API keys of customers.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Print the completions of a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Subcommand)]
pub enum KeysCommand {
    /// Create the key of a customer, bound to the usage plan of a tier, and print its value once.
    Create {
        /// The customer.
        #[arg(long, value_parser = customer_name)]
        customer: String,
        /// The tier: basic or premium.
        #[arg(long)]
        tier: String,
    },
    /// List the keys of the stage, without their values.
    List {
        /// Only the keys of this customer.
        #[arg(long, value_parser = customer_name)]
        customer: Option<String>,
    },
    /// Create a new key for a customer and print its value once. The old key stays valid for a while.
    Rotate {
        /// The customer.
        #[arg(long, value_parser = customer_name)]
        customer: String,
        /// The hours until `keys revoke --expired` may delete the old key.
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(0..=8760))]
        overlap_hours: u32,
    },
    /// Delete keys, which the API then refuses. Without --yes it only shows them.
    Revoke(Selection),
}

/// The keys to revoke.
#[derive(Args)]
#[command(group = ArgGroup::new("selection").required(true))]
pub struct Selection {
    /// All keys of this customer.
    #[arg(long, group = "selection", value_parser = customer_name)]
    pub customer: Option<String>,
    /// The key with this id.
    #[arg(long, group = "selection")]
    pub id: Option<String>,
    /// The keys that were replaced, and whose overlap is over.
    #[arg(long, group = "selection")]
    pub expired: bool,
}

/// Parses a stage as cdk/lib/stages.ts defines its name.
fn stage_name(text: &str) -> Result<String, String> {
    named(text, 20).ok_or_else(|| "must be up to 20 lower-case letters, digits and hyphens".into())
}

fn customer_name(text: &str) -> Result<String, String> {
    named(text, 60).ok_or_else(|| "must be up to 60 lower-case letters, digits and hyphens".into())
}

fn named(text: &str, length: usize) -> Option<String> {
    let is_valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_name = !text.is_empty() && text.len() <= length && text.bytes().all(is_valid) && !text.starts_with('-');
    is_name.then(|| text.to_owned())
}
