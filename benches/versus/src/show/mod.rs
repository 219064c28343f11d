//! The same results in several dresses.

mod csv;
mod html;
mod page;
mod plot;
mod rules;
mod svg;
mod table;

pub use csv::csv;
pub use html::html;
pub use rules::refusals;
pub use table::{curves, markdown, table};

use crate::results::Curve;

/// A number with a unit of thousands: `1.23 M`.
pub fn thousands(number: f64) -> String {
    let (scaled, unit) = match number.abs() {
        size if size >= 1e9 => (number / 1e9, " G"),
        size if size >= 1e6 => (number / 1e6, " M"),
        size if size >= 1e3 => (number / 1e3, " k"),
        _ => (number, ""),
    };
    format!("{}{unit}", three_digits(scaled))
}

/// Nanoseconds in the unit that fits; of what was not done once, that it never was.
pub fn time(nanoseconds: f64) -> String {
    if nanoseconds >= NEVER {
        return "never".to_owned();
    }
    let (scaled, unit) = match nanoseconds {
        size if size >= 1e9 => (nanoseconds / 1e9, "s"),
        size if size >= 1e6 => (nanoseconds / 1e6, "ms"),
        size if size >= 1e3 => (nanoseconds / 1e3, "µs"),
        _ => (nanoseconds, "ns"),
    };
    format!("{} {unit}", three_digits(scaled))
}

/// A value of a curve, in the unit of its axis.
fn on_axis(curve: &Curve, value: f64) -> String {
    if curve.y.contains("time") { time(value) } else { thousands(value) }
}

/// Nanoseconds that no run takes: a rate of zero, upside down.
const NEVER: f64 = 1e15;

/// As many decimals as make three digits. A ratio to what was never done is infinite.
pub fn three_digits(number: f64) -> String {
    match number.abs() {
        0.0 => "0".to_owned(),
        size if size >= NEVER / 1e6 => "∞".to_owned(),
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{thousands, three_digits, time};

    #[test]
    fn numbers_are_shown_with_three_digits() {
        let shown: Vec<_> = [0.0, 0.5, 12.34, 999.0, 1_234.0, 45_600_000.0].map(thousands).into();
        assert_eq!(shown, ["0", "0.50", "12.3", "999", "1.23 k", "45.6 M"]);
        assert_eq!(time(1_500.0), "1.50 µs");
        assert_eq!(time(2e9), "2.00 s");
        assert_eq!((time(2e18), three_digits(6e14)), ("never".to_owned(), "∞".to_owned()));
    }
}
