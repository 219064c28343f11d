//! The frame of the page: its style, and nothing from elsewhere.

use super::svg::escaped;

const STYLE: &str = "
:root{--ink:#1c1f24;--soft:#626b78;--paper:#fff;--band:#f4f6f9;--rule:#dfe3ea;--accent:#b3420e;
--ours:#fdf1e7;--t0:#8aa6c8;--t1:#1f5d99;--t2:#0b2f57;--t3:#7a3b8f;--good:46,125,50;--bad:198,40,40}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#9aa4b2;--paper:#14171b;--band:#1c2127;
--rule:#333b45;--accent:#ff9a5c;--ours:#2b2119;--t0:#4d6c93;--t1:#7db4ee;--t2:#cfe3fb;--t3:#d59be8;
--good:102,187,106;--bad:239,83,80}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1340px;padding:28px 24px 80px;color:var(--ink);background:var(--paper);
font:15px/1.5 system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif}
h1{font-size:26px;margin:0 0 4px}h2{font-size:20px;margin:44px 0 6px;border-bottom:1px solid var(--rule);
padding-bottom:4px}h3{font-size:16px;margin:26px 0 0}p{margin:4px 0 10px}
.soft,.about{color:var(--soft)}.about{font-size:13.5px;margin:0 0 6px}
code{font-size:13px;background:var(--band);padding:1px 5px;border-radius:4px;overflow-wrap:anywhere}
.wide{overflow-x:auto}svg{max-width:100%;height:auto;display:block}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums;white-space:nowrap}
th,td{padding:3px 8px;border-bottom:1px solid var(--rule);text-align:right}
th{font-weight:600;vertical-align:bottom}th:first-child,td:first-child{text-align:left}td.threads{text-align:right!important}td[rowspan]{vertical-align:top}
td.left,th.left{text-align:left}td.no{color:var(--soft)}td.first{font-weight:600}
.heat{font-size:11.5px;width:100%}.heat td,.heat th{padding:3px 5px}.heat th{white-space:normal}.heat td small{color:var(--soft);margin-left:5px}.wrong{color:rgb(var(--bad));font-weight:700}
nav a{color:var(--accent);margin-right:14px;text-decoration:none}
summary{cursor:pointer;color:var(--accent);margin:10px 0}
.key{font-size:13px;color:var(--soft);margin:2px 0 10px}.key i{display:inline-block;width:11px;
height:11px;border-radius:50%;margin:0 5px 0 14px;vertical-align:-1px}
.curves{display:flex;flex-wrap:wrap;gap:8px 24px}.curves div{max-width:100%}
text{font:12px system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;fill:var(--ink)}
.tick,.lacks,.value{fill:var(--soft);font-size:11px}.title{fill:var(--soft);font-size:12px}
.name.first{font-weight:700;fill:var(--accent)}.ours{fill:var(--ours)}.grid{stroke:var(--rule)}
.whisker{stroke-width:2}.thin{stroke-width:1;opacity:.6}
.t0{fill:var(--t0);stroke:var(--t0)}.t1{fill:var(--t1);stroke:var(--t1)}
.t2{fill:var(--t2);stroke:var(--t2)}.t3{fill:var(--t3);stroke:var(--t3)}.dot{stroke:none}
.pale{opacity:.32}
.m0{fill:var(--t1)}.m1{fill:var(--t0)}.m2{fill:var(--t3)}
.label{font-size:11.5px}.curve{stroke-width:2}
.r0,.c0,.label.l0{fill:#b3420e}.curve.c0{stroke:#b3420e}
.r1,.c1,.label.l1{fill:#1f77b4}.curve.c1{stroke:#1f77b4}
.r2,.c2,.label.l2{fill:#7f7f7f}.curve.c2{stroke:#7f7f7f}
.r3,.c3,.label.l3{fill:#2ca02c}.curve.c3{stroke:#2ca02c}
.r4,.c4,.label.l4{fill:#9467bd}.curve.c4{stroke:#9467bd}
.r5,.c5,.label.l5{fill:#8c564b}.curve.c5{stroke:#8c564b}
.r6,.c6,.label.l6{fill:#e377c2}.curve.c6{stroke:#e377c2}
.r7,.c7,.label.l7{fill:#17a2b8}.curve.c7{stroke:#17a2b8}
.r8,.c8,.label.l8{fill:#bcbd22}.curve.c8{stroke:#bcbd22}
.r9,.c9,.label.l9{fill:#555b66}.curve.c9{stroke:#555b66}
polyline.curve{fill:none}
";

/// A whole page around a body.
pub fn page(title: &str, body: &str) -> String {
    let title = escaped(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}
