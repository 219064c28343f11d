//! The scene as SVG.

use std::fmt::Write as _;

use crate::testkit::check::{Kind, Verdict};
use crate::testkit::history::{End, History};
use crate::testkit::svg::escape;
use crate::testkit::timeline::scene::{Arrow, Bar, Row, Scene};

const LEFT: f64 = 190.0;
const RIGHT: f64 = 60.0;
const TOP: f64 = 44.0;
const BAR: f64 = 40.0;
const ROW: f64 = 30.0;
/// Between the bars and the keys.
const GAP: f64 = 56.0;

/// The time line of a history as a picture, self-contained. `verdict` says which circles are
/// drawn in red, and which transactions are shown if there are too many.
///
/// ```
/// use precedent::testkit::{History, check, timeline};
/// let history = History::parse(
///     r#"{"tx":1,"ops":[["r","","x",null],["w","","y",1]],"snapshot":0,"commit":1}
///        {"tx":2,"ops":[["r","","y",null],["w","","x",2]],"snapshot":0,"commit":2}"#,
/// )?;
/// let svg = timeline::svg(&history, &check(&history));
/// assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
/// # Ok::<(), precedent::testkit::ParseError>(())
/// ```
#[must_use]
pub fn svg(history: &History, verdict: &Verdict) -> String {
    draw(&Scene::of(history, verdict))
}

/// A scene and how wide its columns are.
struct Canvas<'s> {
    scene: &'s Scene,
    step: f64,
}

pub(super) fn draw(scene: &Scene) -> String {
    let columns = scene.columns.len().max(2) as f64;
    let canvas = Canvas { scene, step: (1_000.0 / columns).clamp(26.0, 190.0) };
    let width = LEFT + canvas.step * columns + RIGHT;
    let height = canvas.key_y(scene.rows.len()) + 12.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         width=\"{width:.0}\" height=\"{height:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<defs>\n"
    );
    for kind in [Kind::Ww, Kind::Wr, Kind::Rw, Kind::RealTime] {
        marker(&mut out, tip(kind), colour(kind));
    }
    marker(&mut out, "circle", CIRCLE);
    out.push_str("</defs>\n");
    canvas.grid(&mut out, height);
    for (place, bar) in scene.bars.iter().enumerate() {
        canvas.bar(&mut out, place, bar);
    }
    scene.arrows.iter().for_each(|arrow| canvas.arrow(&mut out, arrow));
    canvas.keys(&mut out, width);
    out + "</svg>\n"
}

const CIRCLE: &str = "#c4161c";

pub(super) fn colour(kind: Kind) -> &'static str {
    match kind {
        Kind::Ww => "#b35806",
        Kind::Wr => "#1b7837",
        Kind::Rw | Kind::RwRange => "#762a83",
        Kind::RealTime => "#525252",
    }
}

/// What stands beside an arrow.
fn id(kind: Kind) -> &'static str {
    match kind {
        Kind::Ww => "ww",
        Kind::Wr => "wr",
        Kind::Rw | Kind::RwRange => "rw",
        Kind::RealTime => "real time",
    }
}

fn tip(kind: Kind) -> &'static str {
    if kind == Kind::RealTime { "real" } else { id(kind) }
}

fn marker(out: &mut String, name: &str, colour: &str) {
    // Writing into a String cannot fail.
    let _ = writeln!(
        out,
        "<marker id=\"tip-{name}\" markerWidth=\"8\" markerHeight=\"8\" refX=\"7\" refY=\"4\" \
         orient=\"auto\" markerUnits=\"userSpaceOnUse\"><path d=\"M0,0.5 L8,4 L0,7.5 z\" \
         fill=\"{colour}\"/></marker>"
    );
}

/// A text that does not run over its place.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return escape(text);
    }
    let start: String = text.chars().take(most - 1).collect();
    escape(&(start + "…"))
}

impl Canvas<'_> {
    fn x(&self, column: usize) -> f64 {
        LEFT + self.step * (column as f64 + 0.5)
    }

    fn bar_y(&self, place: usize) -> f64 {
        TOP + BAR * place as f64
    }

    fn key_y(&self, place: usize) -> f64 {
        self.bar_y(self.scene.bars.len()) + GAP + ROW * place as f64
    }

    fn grid(&self, out: &mut String, height: f64) {
        for (column, name) in self.scene.columns.iter().enumerate() {
            let x = self.x(column);
            let _ = writeln!(
                out,
                "<line x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"#e8e8e8\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#888\" \
                 font-size=\"10\">{}</text>",
                TOP - 10.0,
                height - 12.0,
                TOP - 16.0,
                escape(name)
            );
        }
    }

    fn bar(&self, out: &mut String, place: usize, bar: &Bar) {
        let (from, to) = (self.x(bar.from), self.x(bar.to));
        let (x, width) = (from - 3.0, (to - from + 6.0).max(10.0));
        let (fill, stroke, dash) = match bar.end {
            End::Committed(_) => ("#d6e6f5", "#2166ac", ""),
            End::Certified => ("#e3f2e1", "#41945a", ""),
            End::Aborted(_) => ("#f4f4f4", "#999", "4 3"),
            End::Unknown => ("#fff7e0", "#b08d00", "2 3"),
        };
        let stroke = if bar.in_circle { CIRCLE } else { stroke };
        let thick = if bar.in_circle { 2.5 } else { 1.2 };
        let weight = if bar.in_circle { "bold" } else { "normal" };
        let y = self.bar_y(place);
        let _ = writeln!(
            out,
            "<g class=\"tx\" data-tx=\"{place}\"><title>{}</title>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" font-weight=\"{weight}\">{}</text>\
             <rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"16\" rx=\"4\" \
             fill=\"{fill}\" stroke=\"{stroke}\" stroke-width=\"{thick}\" \
             stroke-dasharray=\"{dash}\"/></g>",
            escape(&bar.story),
            LEFT - 12.0,
            y + 17.0,
            cut(&bar.name, 26),
            y + 5.0,
        );
    }

    /// From where the one saw or wrote, to where the other one did.
    fn arrow(&self, out: &mut String, arrow: &Arrow) {
        let (from, to) = (&self.scene.bars[arrow.from], &self.scene.bars[arrow.to]);
        let (x1, x2) = match arrow.kind {
            Kind::Ww => (self.x(from.to), self.x(to.to)),
            Kind::Wr | Kind::RealTime => (self.x(from.to), self.x(to.from)),
            Kind::Rw | Kind::RwRange => (self.x(from.from), self.x(to.to)),
        };
        let down = arrow.to > arrow.from;
        let edge = |place: usize, lower: bool| self.bar_y(place) + if lower { 22.0 } else { 4.0 };
        let (y1, y2) = (edge(arrow.from, down), edge(arrow.to, !down));
        // Bent to one side, so that an arrow and the one back lie apart.
        let bend = 14.0 + 3.0 * arrow.from.abs_diff(arrow.to) as f64;
        let (mx, my) = (f64::midpoint(x1, x2), f64::midpoint(y1, y2));
        let mx = if down { mx + bend } else { mx - bend };
        let colour = if arrow.in_circle { CIRCLE } else { colour(arrow.kind) };
        let (thick, opacity) = if arrow.in_circle { (2.2, 1.0) } else { (1.0, 0.45) };
        let tip = if arrow.in_circle { "circle" } else { tip(arrow.kind) };
        let dash = match arrow.kind {
            Kind::Rw | Kind::RwRange => "6 3",
            Kind::RealTime => "2 3",
            _ => "",
        };
        let label = [arrow.kind.word(), &arrow.what].join(" ");
        let _ = writeln!(
            out,
            "<path class=\"edge\" data-from=\"{}\" data-to=\"{}\" d=\"M{x1:.1},{y1:.1} \
             Q{mx:.1},{my:.1} {x2:.1},{y2:.1}\" fill=\"none\" stroke=\"{colour}\" \
             stroke-width=\"{thick}\" stroke-dasharray=\"{dash}\" opacity=\"{opacity}\" \
             marker-end=\"url(#tip-{tip})\"><title>{}</title></path>",
            arrow.from,
            arrow.to,
            escape(&format!("{} → {}: {}", from.name, to.name, label.trim())),
        );
        if arrow.in_circle {
            // Near the tip, on the side that is away from the bar, so that the labels of an
            // arrow and the one back do not meet.
            let along = |from: f64, by: f64, to: f64| 0.09 * from + 0.42 * by + 0.49 * to;
            let away = if down { -5.0 } else { 13.0 };
            let label = [id(arrow.kind), &arrow.what].join(" ");
            let _ = writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"{CIRCLE}\" \
                 stroke=\"white\" stroke-width=\"3\" paint-order=\"stroke\" font-size=\"11\">{}</text>",
                along(x1, mx, x2),
                along(y1, my, y2) + away,
                cut(label.trim(), 30),
            );
        }
    }

    fn keys(&self, out: &mut String, width: f64) {
        if self.scene.rows.is_empty() {
            return;
        }
        let y = self.key_y(0) - 22.0;
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{y:.1}\" text-anchor=\"end\" fill=\"#888\">versions</text>",
            LEFT - 12.0
        );
        for (place, row) in self.scene.rows.iter().enumerate() {
            self.key(out, place, row, width);
        }
    }

    fn key(&self, out: &mut String, place: usize, row: &Row, width: f64) {
        let y = self.key_y(place) + 6.0;
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"#ccc\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\"><title>{}</title>{}</text>",
            width - RIGHT / 2.0,
            LEFT - 12.0,
            y + 4.0,
            escape(&row.name),
            cut(&row.name, 26),
        );
        for (column, dot, who) in &row.looks {
            let x = self.x(*column);
            if let Some(dot) = dot {
                let from = self.x(row.dots[*dot].column);
                let _ = writeln!(
                    out,
                    "<path d=\"M{x:.1},{:.1} L{from:.1},{y:.1}\" stroke=\"#1b7837\" \
                     stroke-width=\"0.8\" opacity=\"0.6\"/>",
                    y + 10.0
                );
            }
            let saw = dot.map_or_else(
                || "nothing that is shown".to_owned(),
                |dot| format!("version {}", row.dots[dot].name),
            );
            let _ = writeln!(
                out,
                "<path d=\"M{:.1},{:.1} l4,-6 l4,6 z\" fill=\"#1b7837\" opacity=\"0.8\"><title>{}</title></path>",
                x - 4.0,
                y + 13.0,
                escape(&format!("{who} read {}: {saw}", row.name)),
            );
        }
        for dot in &row.dots {
            let x = self.x(dot.column);
            let fill = if dot.removal { "white" } else { "#2166ac" };
            let what = if dot.removal { "removed" } else { "wrote version" };
            let _ = writeln!(
                out,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\" fill=\"{fill}\" stroke=\"#2166ac\" \
                 stroke-width=\"1.5\"><title>{}</title></circle>",
                escape(&format!("{} {what} {}", dot.writer, dot.name)),
            );
        }
    }
}
