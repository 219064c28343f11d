//! A circle as a picture.

use std::f64::consts::TAU;
use std::fmt::Write as _;

use crate::testkit::check::cycle::Cycle;
use crate::testkit::svg::escape;

const RADIUS: f64 = 150.0;
const MARGIN: f64 = 140.0;

impl Cycle {
    /// The circle as a picture, self-contained.
    ///
    /// ```
    /// # use precedent::testkit::{History, check};
    /// # let history = History::parse(
    /// #     r#"{"type":"ok","process":0,"value":[["r","x",[]],["append","y",1]]}
    /// #        {"type":"ok","process":1,"value":[["r","y",[]],["append","x",1]]}"#,
    /// # )?;
    /// let verdict = check(&history);
    /// let svg = verdict.anomalies()[0].cycle().unwrap().svg();
    /// assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
    /// # Ok::<(), precedent::testkit::ParseError>(())
    /// ```
    #[must_use]
    pub fn svg(&self) -> String {
        ring(self)
    }
}

/// The transactions on a ring, an arrow from each to the next.
fn ring(cycle: &Cycle) -> String {
    let side = 2.0 * (RADIUS + MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" width=\"{side}\" \
         height=\"{side}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <defs><marker id=\"tip\" markerWidth=\"9\" markerHeight=\"8\" refX=\"8\" refY=\"4\" \
         orient=\"auto\"><path d=\"M0,0 L9,4 L0,8 z\" fill=\"#b2182b\"/></marker></defs>\n"
    );
    let count = cycle.len() as f64;
    let place = |turn: f64, radius: f64| {
        let angle = TAU * turn / count - TAU / 4.0;
        (side / 2.0 + radius * angle.cos(), side / 2.0 + radius * angle.sin())
    };
    for (number, step) in cycle.steps.iter().enumerate() {
        let turn = number as f64;
        // Two transactions would have their arrows upon one another.
        let bend = if cycle.len() == 2 { 0.62 * RADIUS } else { 1.15 * RADIUS };
        // Room for the names, as a share of the way to the next one.
        let room = (0.3 * count / TAU).min(0.3);
        let (from, to) = (place(turn + room, RADIUS), place(turn + 1.0 - room, RADIUS));
        let (by, label) = (place(turn + 0.5, bend), place(turn + 0.5, bend * 0.9));
        let text = escape(format!("{} {}", step.kind.word(), step.what).trim());
        // Writing into a String cannot fail.
        let _ = writeln!(
            out,
            "<path d=\"M{:.1},{:.1} Q{:.1},{:.1} {:.1},{:.1}\" fill=\"none\" stroke=\"#b2182b\" \
             stroke-width=\"2\" marker-end=\"url(#tip)\"><title>{}</title></path>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#b2182b\" stroke=\"white\" \
             stroke-width=\"4\" paint-order=\"stroke\">{text}</text>",
            from.0,
            from.1,
            by.0,
            by.1,
            to.0,
            to.1,
            escape(&step.story),
            label.0,
            label.1,
        );
    }
    for (number, step) in cycle.steps.iter().enumerate() {
        let (x, y) = place(number as f64, RADIUS);
        let width = 16.0 + 8.0 * step.name.chars().count() as f64;
        let name = escape(&step.name);
        let _ = writeln!(
            out,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"26\" rx=\"13\" \
             fill=\"#eef3fa\" stroke=\"#2166ac\"/>\n\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{name}</text>",
            x - width / 2.0,
            y - 13.0,
            y + 5.0,
        );
    }
    out + "</svg>\n"
}
