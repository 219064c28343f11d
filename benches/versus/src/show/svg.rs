//! Drawings as text. Colours come from the page's style, by class.

use std::fmt::Write;

pub struct Svg {
    width: f64,
    height: f64,
    body: String,
}

#[derive(Clone, Copy)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    pub fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new() }
    }

    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        self.body.write_fmt(element).expect("a string takes everything");
        self.body.push('\n');
    }

    pub fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.put(format_args!(
            r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#
        ));
    }

    /// A circle that says something when it is pointed at.
    pub fn dot(&mut self, class: &str, (x, y): (f64, f64), radius: f64, says: &str) {
        let says = escaped(says);
        self.put(format_args!(
            r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="{radius}"><title>{says}</title></circle>"#
        ));
    }

    pub fn bar(
        &mut self,
        class: &str,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        says: &str,
    ) {
        let says = escaped(says);
        self.put(format_args!(
            r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"><title>{says}</title></rect>"#
        ));
    }

    pub fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escaped(text);
        self.put(format_args!(
            r#"<text class="{class}" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#
        ));
    }

    /// A line through points.
    pub fn path(&mut self, class: &str, points: &[(f64, f64)]) {
        let steps: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let steps = steps.join(" ");
        self.put(format_args!(r#"<polyline class="{class}" points="{steps}"/>"#));
    }

    pub fn finish(self, label: &str) -> String {
        let Self { width, height, body } = self;
        let label = escaped(label);
        format!(
            "<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" \
             aria-label=\"{label}\">\n{body}</svg>\n"
        )
    }
}

/// As it may stand in a page.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A scale from values to places.
#[derive(Clone, Copy)]
pub struct Scale {
    logarithmic: bool,
    from: f64,
    to: f64,
    start: f64,
    end: f64,
}

impl Scale {
    /// Whole decades around the values, or from nought if they are not logarithmic.
    pub fn around(values: &[f64], logarithmic: bool, start: f64, end: f64) -> Self {
        let most = values.iter().copied().fold(0.0, f64::max).max(1e-9);
        let (from, to) = if logarithmic {
            let positive = values.iter().copied().filter(|value| *value > 0.0);
            let least = positive.fold(most, f64::min);
            let (low, high) = (least.log10().floor(), most.log10().ceil());
            (10_f64.powf(low), 10_f64.powf(high.max(low + 1.0)))
        } else {
            (0.0, most * 1.05)
        };
        Self { logarithmic, from, to, start, end }
    }

    pub fn place(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value.max(self.from) / self.from).log10() / (self.to / self.from).log10()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        self.start + share.clamp(0.0, 1.0) * (self.end - self.start)
    }

    /// Where labels stand: decades, or a few round numbers.
    pub fn ticks(&self) -> Vec<f64> {
        if self.logarithmic {
            let (low, high) = (self.from.log10().round() as i32, self.to.log10().round() as i32);
            let step = if high - low > 8 { 2 } else { 1 };
            return (low..=high).step_by(step).map(|power| 10_f64.powi(power)).collect();
        }
        let rough = self.to / 4.0;
        let decade = 10_f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * decade);
        let step = steps.into_iter().find(|step| *step >= rough).unwrap_or(rough);
        (0..).map(|count| f64::from(count) * step).take_while(|tick| *tick <= self.to).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Anchor, Scale, Svg, escaped};

    #[test]
    fn text_of_others_cannot_break_the_page() {
        assert_eq!(escaped("RwLock<\"&\">"), "RwLock&lt;&quot;&amp;&quot;&gt;");
        let mut svg = Svg::new(1.0, 1.0);
        svg.text("c", (0.0, 0.0), Anchor::End, "<script>");
        assert!(!svg.finish("<b>").contains("<script>"));
    }

    #[test]
    fn a_logarithmic_scale_goes_by_decades() {
        let scale = Scale::around(&[30.0, 4_000.0], true, 0.0, 300.0);
        assert_eq!(scale.ticks(), [10.0, 100.0, 1_000.0, 10_000.0]);
        assert!((scale.place(100.0) - 100.0).abs() < 1e-6);
        assert_eq!(scale.place(0.0), 0.0);
    }

    #[test]
    fn a_linear_scale_begins_at_nought() {
        let scale = Scale::around(&[100.0], false, 0.0, 105.0);
        assert_eq!(scale.ticks(), [0.0, 50.0, 100.0]);
        assert!((scale.place(100.0) - 100.0).abs() < 1e-6);
    }
}
