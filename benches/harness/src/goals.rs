//! The performance goals, most of them ratios within one run.

use crate::stats::{Figures, median};

/// A goal and its measured value.
pub struct Goal {
    /// The measured figure.
    pub figure: &'static str,
    /// The maximum value.
    pub limit: f64,
    /// The measured value.
    pub measured: f64,
}

/// Returns the goals, in order of importance.
pub fn goals(figures: &[Figures]) -> Option<Vec<Goal>> {
    let find = |name: &str| figures.iter().find(|figures| figures.name == name);
    let (ours, hello, floor) = (find("items_get")?, find("hyper hello")?, find("DB floor")?);
    let (default, node) = (find("default Rust")?, find("Node 20")?);
    let ratio = |field: fn(&Figures) -> &[f64], other: &Figures| median(field(ours)) / median(field(other));
    let goal = |figure, limit, measured| Goal { figure, limit, measured };
    let greatest = figures.iter().filter(|figures| figures.name.contains('_'));
    let greatest = |field: fn(&Figures) -> f64| greatest.clone().map(field).fold(0.0, f64::max);
    Some(vec![
        goal("init, of the hyper hello's", 3.5, ratio(|f| &f.init, hello)),
        goal("init, of Node's", 1.0 / 30.0, ratio(|f| &f.init, node)),
        goal("first event, of the DB floor's", 0.5, ratio(|f| &f.first, floor)),
        goal("first event, of the default Rust function's", 1.0 / 40.0, ratio(|f| &f.first, default)),
        goal("init + first event, of the DB floor's", 1.4, ratio(|f| &f.sum, floor)),
        goal("init + first event, of the default Rust function's", 1.0 / 6.0, ratio(|f| &f.sum, default)),
        goal("warm GET p50, of the DB floor's", 2.0, ratio(|f| &f.p50, floor)),
        goal("warm GET p99, of the DB floor's", 2.0, ratio(|f| &f.p99, floor)),
        goal("warm GET p50, of the default Rust function's", 0.65, ratio(|f| &f.p50, default)),
        goal("CPU of a warm GET, of the DB floor's", 2.8, ratio(|f| &f.cpu, floor)),
        goal("CPU of a warm GET, of the default Rust function's", 0.55, ratio(|f| &f.cpu, default)),
        goal("peak memory of the largest function, MB", 8.0, greatest(|f| median(&f.memory))),
        goal("zip of the largest function, MB", 2.8, greatest(|f| f.zip.unwrap_or_default())),
    ])
}
