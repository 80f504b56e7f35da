//! The chart of startup and warm event times, on a logarithmic scale.

use std::fmt::Write;

use crate::{
    error::Result,
    stats::{Figures, median},
};

const LABELS: f64 = 130.0;
const WIDTH: f64 = 420.0;
const ROW: f64 = 22.0;

/// Draws a bar chart as SVG.
pub fn draw(figures: &[Figures]) -> Result<String> {
    type Field = fn(&Figures) -> f64;
    let panels: [(&str, Field, f64, i32); 2] = [
        ("init + first event, ms", |figures| median(&figures.sum), 0.1, 4),
        ("warm event p50, µs", |figures| median(&figures.p50), 10.0, 3),
    ];
    let height = panels.len() as f64 * (figures.len() as f64 * ROW + 60.0) + 10.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"640\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"640\" height=\"{height}\" fill=\"white\"/>\n"
    );
    let mut top = 24.0;
    for (title, field, least, decades) in panels {
        writeln!(svg, "<text x=\"10\" y=\"{top}\" font-weight=\"bold\">{title}</text>")?;
        let bottom = top + 12.0 + figures.len() as f64 * ROW;
        for decade in 0..=decades {
            let x = LABELS + WIDTH * f64::from(decade) / f64::from(decades);
            let value = least * 10_f64.powi(decade);
            writeln!(svg, "<path d=\"M{x} {}V{bottom}\" stroke=\"#ccc\"/>", top + 8.0)?;
            writeln!(
                svg,
                "<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" fill=\"#666\">{value}</text>",
                bottom + 14.0
            )?;
        }
        for (row, figures) in figures.iter().enumerate() {
            let value = field(figures);
            let y = top + 12.0 + row as f64 * ROW;
            let length = (WIDTH * (value / least).log10() / f64::from(decades)).clamp(1.0, WIDTH);
            let colour = if figures.name.contains('_') { "#c2410c" } else { "#64748b" };
            let digits = if value < 100.0 { 2 } else { 0 };
            writeln!(svg, "<text x=\"10\" y=\"{}\">{}</text>", y + 13.0, figures.name)?;
            writeln!(svg, "<rect x=\"{LABELS}\" y=\"{y}\" width=\"{length:.1}\" height=\"16\" fill=\"{colour}\"/>")?;
            writeln!(svg, "<text x=\"{:.1}\" y=\"{}\">{value:.digits$}</text>", LABELS + length + 6.0, y + 13.0)?;
        }
        top = bottom + 48.0;
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}
