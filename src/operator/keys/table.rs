//! The keys as a table.

use super::key::CustomerKey;

/// Returns the rows of the keys, below a heading; empty without keys.
pub fn of(keys: &[CustomerKey]) -> String {
    let heading = ["ID", "CUSTOMER", "TIER", "CREATED", "STATE"].map(str::to_owned);
    let rows = keys.iter().map(|key| {
        let created = key.created.format("%Y-%m-%d").to_string();
        [key.id.clone(), key.customer.clone(), key.tier.clone(), created, key.state.to_string()]
    });
    let rows: Vec<_> = [heading].into_iter().chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or_default();
    let widths = [0, 1, 2, 3, 4].map(width);
    let line = |row: &[String; 5]| {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    if keys.is_empty() { String::new() } else { rows.iter().map(line).collect::<Vec<_>>().join("\n") }
}
