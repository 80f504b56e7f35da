//! The Markdown report of the saved measurements.

use std::{fmt::Write, fs};

use serde::de::DeserializeOwned;

use crate::{
    chart,
    error::Result,
    goals::goals,
    load::{Load, Page},
    machine,
    options::Options,
    stats::{Figures, median, spread},
};

/// Writes `benches/RESULTS.md` and its chart.
pub fn write(options: &Options) -> Result<()> {
    let mut text = String::from(
        "# Results\n\nWritten by `make bench`. [docs/speed.md](../docs/speed.md) describes the measurements.\n",
    );
    writeln!(text, "\nMachine: {}.", machine::description())?;
    if let Some(figures) = read::<Figures>(options, "functions") {
        text.push_str("\n## Goals\n\n");
        text.push_str(&goals_table(&figures)?);
        text.push_str("\n## Functions\n\n![startup and warm event times of each program](results.svg)\n\n");
        let rounds = figures.first().map_or(0, |figures| figures.init.len());
        writeln!(
            text,
            "Median of {rounds} rounds (minimum–maximum), with the programs interleaved. Startup times in ms, warm events in µs, sizes in MB.\n"
        )?;
        text.push_str(&functions_table(&figures)?);
        fs::write(options.root.join("benches/results.svg"), chart::draw(&figures)?)?;
    }
    if let Some(figures) = read::<Figures>(options, "levers") {
        text.push_str("\n## Levers\n\n`items_get` with each lever switched off separately (`make bench ARGS=\"--parts levers\"`).\n\n");
        text.push_str(&functions_table(&figures)?);
    }
    if let Some(loads) = read::<Load>(options, "load") {
        text.push_str(
            "\n## The local server under load\n\nautocannon runs on the same machine and shares its cores.\n\n",
        );
        text.push_str("| server | request | connections | responses/s | p50 ms | p99 ms | failed |\n| --- | --- | ---: | ---: | ---: | ---: | ---: |\n");
        for Load { server, what, connections, rate, p50, p99, failed } in loads {
            writeln!(text, "| {server} | {what} | {connections} | {rate:.0} | {p50:.0} | {p99:.0} | {failed} |")?;
        }
    }
    if let Some(pages) = read::<Page>(options, "lists") {
        text.push_str(
            "\n## A page of 20\n\n| records | p50 ms | p99 ms | filled in s |\n| ---: | ---: | ---: | ---: |\n",
        );
        for Page { records, p50, p99, filled } in pages {
            writeln!(text, "| {records} | {p50:.2} | {p99:.2} | {filled:.0} |")?;
        }
    }
    println!("{text}");
    Ok(fs::write(options.root.join("benches/RESULTS.md"), text)?)
}

fn read<T: DeserializeOwned>(options: &Options, name: &str) -> Option<Vec<T>> {
    serde_json::from_slice(&fs::read(options.output_folder().join(format!("{name}.json"))).ok()?).ok()
}

fn goals_table(figures: &[Figures]) -> Result<String> {
    let mut text = String::from("| figure | goal, at most | measured | |\n| --- | ---: | ---: | --- |\n");
    for goal in goals(figures).unwrap_or_default() {
        let verdict = if goal.measured <= goal.limit { "met" } else { "**missed**" };
        writeln!(text, "| {} | {:.3} | {:.3} | {verdict} |", goal.figure, goal.limit, goal.measured)?;
    }
    Ok(text)
}

fn functions_table(figures: &[Figures]) -> Result<String> {
    let mut text = String::from("| | init | first event | p50 | p90 | p99 | CPU | memory | binary | zip |\n");
    text.push_str("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for figures in figures {
        let size = |size: Option<f64>| size.map_or("–".to_owned(), |size| format!("{size:.2}"));
        writeln!(
            text,
            "| {} | {} | {} | {} | {:.0} | {} | {} | {:.1} | {} | {} |",
            figures.name,
            spread(&figures.init, 2),
            spread(&figures.first, 2),
            spread(&figures.p50, 0),
            median(&figures.p90),
            spread(&figures.p99, 0),
            spread(&figures.cpu, 0),
            median(&figures.memory),
            size(figures.size),
            size(figures.zip),
        )?;
    }
    Ok(text)
}
