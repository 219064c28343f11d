//! The picture in a page: with the verdict, a legend, and arrows that stand out when the
//! mouse is on a transaction.

use crate::testkit::check::{Kind, Verdict};
use crate::testkit::history::History;
use crate::testkit::svg::escape;
use crate::testkit::timeline::picture::{colour, draw};
use crate::testkit::timeline::scene::Scene;

const STYLE: &str = "\
body { font: 14px/1.45 sans-serif; margin: 1.5em auto; max-width: 1300px; padding: 0 1em; color: #222; }
h1 { font-size: 1.3em; } pre { background: #f6f6f6; padding: .8em; overflow: auto; }
.picture { overflow: auto; border: 1px solid #ddd; }
.legend span { margin-right: 1.4em; white-space: nowrap; }
.legend i { display: inline-block; width: 26px; border-top: 3px solid; vertical-align: middle; margin-right: .4em; }
.tx { cursor: default; }
.asked .edge { opacity: .06; } .asked .edge.near { opacity: 1; stroke-width: 2.2; }
.asked .tx { opacity: .35; } .asked .tx.near { opacity: 1; }
";

const SCRIPT: &str = "\
const svg = document.querySelector('svg');
const edges = [...svg.querySelectorAll('.edge')], bars = [...svg.querySelectorAll('.tx')];
for (const bar of bars) {
  bar.addEventListener('mouseenter', () => {
    const near = new Set([bar.dataset.tx]);
    for (const edge of edges) {
      const { from, to } = edge.dataset, mine = from === bar.dataset.tx || to === bar.dataset.tx;
      edge.classList.toggle('near', mine);
      if (mine) { near.add(from); near.add(to); }
    }
    for (const other of bars) other.classList.toggle('near', near.has(other.dataset.tx));
    svg.classList.add('asked');
  });
  bar.addEventListener('mouseleave', () => svg.classList.remove('asked'));
}
";

/// The time line of a history as a page of its own, which loads nothing from elsewhere: the
/// picture of [`svg`](super::svg()), what each transaction did when the mouse is on it, and
/// the verdict in words.
///
/// ```
/// use precedent::testkit::{History, check, timeline};
/// let history = History::parse(
///     r#"{"tx":1,"ops":[["r","","x",null],["w","","y",1]],"snapshot":0,"commit":1}
///        {"tx":2,"ops":[["r","","y",null],["w","","x",2]],"snapshot":0,"commit":2}"#,
/// )?;
/// let page = timeline::html(&history, &check(&history));
/// assert!(page.starts_with("<!doctype html>") && page.contains("write skew"));
/// # Ok::<(), precedent::testkit::ParseError>(())
/// ```
#[must_use]
pub fn html(history: &History, verdict: &Verdict) -> String {
    let scene = Scene::of(history, verdict);
    let kinds = [
        (Kind::Wr, "wr: read what the other one wrote"),
        (Kind::Ww, "ww: wrote over it"),
        (Kind::Rw, "rw: read before the other one wrote"),
        (Kind::RealTime, "real time: had ended before the other one began"),
    ];
    let legend: String = kinds
        .iter()
        .map(|(kind, text)| {
            format!("<span><i style=\"color:{}\"></i>{}</span>", colour(*kind), escape(text))
        })
        .collect();
    let hidden = match scene.hidden {
        0 => String::new(),
        hidden => format!("<p>{hidden} more transactions are not shown.</p>\n"),
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>A history</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>{}</h1>\n<div class=\"picture\">\n{}</div>\n\
         <p class=\"legend\">{legend}<span><i style=\"color:#c4161c\"></i>in a circle</span></p>\n\
         <p>Bars go from the snapshot to the commit. Blue ones committed, green ones only read, \
         dashed ones did not take effect. Below, each dot is a version, hollow if it is a removal, \
         and each triangle a read, led to the version that it saw.</p>\n\
         {hidden}<pre>{}</pre>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        escape(&title(verdict)),
        draw(&scene),
        escape(&verdict.to_string()),
    )
}

fn title(verdict: &Verdict) -> String {
    match (verdict.anomalies().first(), verdict.strongest()) {
        (None, _) => "A history without anomaly: it is strictly serializable".to_owned(),
        (Some(anomaly), None) => format!("{}: this history keeps no level", anomaly.kind()),
        (Some(anomaly), Some(level)) => {
            let name = anomaly.textbook().unwrap_or(anomaly.kind());
            format!("{name}: this history keeps no more than {level}")
        }
    }
}
