"""The look of everything: colours, type scale, spacing, light and dark."""

from __future__ import annotations

from typing import Any

SPACE = 8
"""All distances are multiples of this, in pixels."""

TEXT = {"page": 22, "section": 16, "body": 14, "small": 12}
"""Type scale, in pixels."""

BLACK = "#1B1F23"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
BLUE = "#0072B2"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#8A939C"
"""Okabe and Ito's colours, which people with any colour vision can tell apart, and a grey."""

SERIES = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, YELLOW)
"""Colours of categories (detectors, pixels), in the order in which they are given out."""

CONTOUR = "#FFFFFF"
"""Outline on a picture of the camera; readable on every colour of `INTENSITY` but the brightest."""

INTENSITY = "Viridis256"
COUNTS = "Cividis256"

BAR = "#0B3C5D"
"""The bar at the top, in either theme."""

MATERIAL: dict[str, Any] = {
    "light": {
        "chart_style": "standard",
        "palette": {
            "primary": {"main": "#0B3C5D"},
            "background": {"default": "#F4F6F8", "paper": "#FFFFFF"},
            "text": {"primary": "#16202A", "secondary": "#4A5763"},
        },
    },
    "dark": {
        "chart_style": "standard",
        "palette": {
            "primary": {"main": "#7CC0F0"},
            "background": {"default": "#0E1419", "paper": "#151D24"},
            "text": {"primary": "#E6ECF1", "secondary": "#A9B6C2"},
        },
    },
}
"""Material theme of all components; `shape`, fonts and spacing stay Material's own."""
for _mode in MATERIAL.values():
    _mode["typography"] = {"button": {"textTransform": "none"}, "fontSize": TEXT["body"]}
    _bar = {"backgroundColor": BAR, "backgroundImage": "none", "color": "#FFFFFF"}
    _mode["components"] = {"MuiAppBar": {"styleOverrides": {"root": _bar, "colorPrimary": _bar}}}
    _mode["shape"] = {"borderRadius": SPACE // 2}

CARD = {
    "border": "1px solid color-mix(in srgb, currentColor 18%, transparent)",
    "border-radius": "6px",
    "padding": f"{SPACE}px 12px",
}
"""Frame of a small figure."""

CSS = f"""
:host {{ --line: color-mix(in srgb, currentColor 18%, transparent);
         --soft: color-mix(in srgb, currentColor 7%, transparent);
         --quiet: color-mix(in srgb, currentColor 76%, transparent); font-size: {TEXT["body"]}px; line-height: 1.45; }}
* {{ box-sizing: border-box; }}
h1 {{ font-size: {TEXT["page"]}px; font-weight: 600; margin: 0; letter-spacing: -.01em; }}
h2 {{ font-size: {TEXT["section"]}px; font-weight: 600; margin: 0; }}
h3 {{ font-size: {TEXT["body"]}px; font-weight: 600; margin: {2 * SPACE}px 0 {SPACE // 2}px; }}
h2 + .empty, h2 + .scroll {{ margin-top: {SPACE}px; }}
p {{ margin: 0; }}
a {{ color: inherit; text-underline-offset: 2px; }}
a:focus-visible {{ outline: 2px solid {SKY}; outline-offset: 2px; }}
a.plain {{ text-decoration: none; }}
a.plain:hover .chip {{ background: var(--soft); }}
.quiet {{ color: var(--quiet); font-size: {TEXT["small"]}px; font-weight: 400; }}
.number {{ font-variant-numeric: tabular-nums; }}
code, pre {{ font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: {TEXT["small"]}px; }}
code {{ background: var(--soft); border-radius: 4px; padding: 2px 6px; }}
pre {{ background: var(--soft); border-radius: 4px; padding: {SPACE}px; margin: 0; overflow: auto;
       white-space: pre-wrap; user-select: all; }}
.chip {{ display: inline-flex; align-items: center; gap: 6px; border: 1px solid var(--line); border-radius: 12px;
         padding: 1px 9px 1px 6px; font-size: {TEXT["small"]}px; white-space: nowrap; line-height: 20px; }}
.chip svg, .legend svg {{ flex: none; }}
.banner {{ display: flex; gap: {2 * SPACE}px; align-items: center; border: 1px solid var(--line);
           border-left: 6px solid var(--state); border-radius: 6px; padding: {2 * SPACE}px; background: var(--soft); }}
.banner .word {{ display: inline-flex; align-items: center; gap: {SPACE}px; background: var(--state); color: var(--on);
                 font-weight: 700; font-size: 18px; border-radius: 4px; padding: {SPACE}px {2 * SPACE}px;
                 white-space: nowrap; letter-spacing: .04em; }}
.banner .cause {{ font-size: 16px; font-weight: 500; }}
.banner .next {{ margin-top: 4px; color: var(--quiet); overflow-wrap: anywhere; }}
.facts {{ display: flex; flex-wrap: wrap; gap: {SPACE}px {4 * SPACE}px; margin: 0; }}
.facts div {{ display: flex; flex-direction: column; }}
.facts dt {{ color: var(--quiet); font-size: {TEXT["small"]}px; }}
.facts dd {{ margin: 0; font-size: {TEXT["section"]}px; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }}
.facts.plain dd {{ font-size: {TEXT["body"]}px; }}
.empty {{ border: 1px dashed var(--line); border-radius: 6px; text-align: center;
          padding: {4 * SPACE}px {3 * SPACE}px; }}
.empty .what {{ font-size: {TEXT["section"]}px; font-weight: 600; margin-bottom: {SPACE // 2}px; }}
.empty p {{ color: var(--quiet); overflow-wrap: anywhere; }}
.empty code {{ color: initial; color: currentColor; }}
.said {{ border-left: 4px solid var(--state); padding: {SPACE // 2}px {SPACE}px; margin: {SPACE}px 0;
         overflow-wrap: anywhere; }}
.legend {{ display: flex; flex-wrap: wrap; gap: {SPACE // 2}px {2 * SPACE}px; font-size: {TEXT["small"]}px; }}
.legend span {{ display: inline-flex; gap: 6px; align-items: center; }}
.legend.lines {{ margin-bottom: {SPACE}px; }}
.legend i {{ width: 20px; height: 4px; border-radius: 2px; outline: 1px solid var(--line); }}
.between {{ display: flex; justify-content: space-between; align-items: baseline; gap: {2 * SPACE}px; }}
.cards {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: {2 * SPACE}px; }}
.card {{ border: 1px solid var(--line); border-radius: 6px; padding: {SPACE}px 12px; }}
.missing {{ border-left: 4px solid {GREY}; padding: 0 0 0 {SPACE}px; margin: {SPACE}px 0; }}
.missing ul {{ margin: {SPACE // 2}px 0; padding-left: {3 * SPACE}px; }}
.missing pre {{ margin-top: {SPACE // 2}px; }}
.paging {{ margin: {2 * SPACE}px 0 0; }}
.scroll {{ overflow-x: auto; }}
table.rows {{ border-collapse: collapse; min-width: 50%; font-size: {TEXT["body"]}px; }}
table.rows th {{ text-align: left; font-weight: 500; color: var(--quiet); font-size: {TEXT["small"]}px;
                 padding: 6px {3 * SPACE}px 6px 0; border-bottom: 1px solid var(--line); white-space: nowrap; }}
table.rows td {{ padding: 7px {3 * SPACE}px 7px 0; border-bottom: 1px solid var(--soft); vertical-align: top; }}
table.rows td.number, table.rows th.number {{ text-align: right; white-space: nowrap;
                                                  font-variant-numeric: tabular-nums; }}
table.rows tbody tr:hover {{ background: var(--soft); }}
table.rows td.wrap {{ overflow-wrap: anywhere; min-width: 180px; }}
table.rows td.name {{ white-space: nowrap; }}
table.rows.calendar {{ width: 100%; table-layout: fixed; }}
table.rows.calendar th, table.rows.calendar td {{ padding-right: 0; }}
details summary {{ cursor: pointer; color: var(--quiet); font-size: {TEXT["small"]}px; padding: 2px 0; }}
.bar {{ display: inline-block; width: 120px; height: 8px; border-radius: 4px; background: var(--line); overflow: hidden;
        vertical-align: middle; margin-right: {SPACE}px; }}
.bar i {{ display: block; height: 100%; background: {BLUE}; }}
.bar.shares i {{ float: left; }}
.stack .legend {{ margin-top: 2px; gap: 2px 12px; color: var(--quiet); }}
.steps {{ display: flex; flex-wrap: wrap; gap: 4px; }}
.steps div {{ border: 1px solid var(--line); padding: {SPACE}px {2 * SPACE}px; min-width: 132px; border-radius: 4px; }}
.steps b {{ display: block; font-size: 18px; font-weight: 600; font-variant-numeric: tabular-nums; }}
"""
"""Style of the pages' own words and tables; colours come from the Material theme through `currentColor`."""

NAVIGATION = f"""
nav {{ display: flex; gap: 2px; overflow-x: auto; scrollbar-width: none; }}
nav a {{ color: #fff; text-decoration: none; font-size: {TEXT["body"]}px; padding: {SPACE}px 12px; border-radius: 4px;
         white-space: nowrap; opacity: .86; }}
nav a:hover, nav a:focus-visible {{ background: rgb(255 255 255 / .14); opacity: 1; outline: none; }}
nav a[aria-current] {{ background: rgb(255 255 255 / .2); opacity: 1; font-weight: 600; }}
"""

TAKE = f"""
.take {{ display: flex; flex-wrap: wrap; gap: 4px {SPACE}px; font-size: {TEXT["small"]}px; align-items: center; }}
button, a {{ font: inherit; font-size: {TEXT["small"]}px; color: inherit; opacity: .8; background: none; border: 0;
             border-radius: 4px; padding: 2px 6px; cursor: pointer; text-decoration: underline; line-height: 20px;
             text-decoration-color: color-mix(in srgb, currentColor 35%, transparent); text-underline-offset: 2px; }}
button:hover, a:hover {{ opacity: 1; background: color-mix(in srgb, currentColor 8%, transparent); }}
button:focus-visible, a:focus-visible {{ outline: 2px solid {SKY}; opacity: 1; }}
pre {{ font: {TEXT["small"]}px/1.45 ui-monospace, "DejaVu Sans Mono", monospace; margin: 4px 0; padding: {SPACE}px;
       background: color-mix(in srgb, currentColor 7%, transparent); border-radius: 4px; white-space: pre-wrap;
       overflow-wrap: anywhere; user-select: all; }}
"""
"""Style of the row below a plot."""

LISTED = ".tabulator .tabulator-col .tabulator-col-title { text-transform: none !important; letter-spacing: 0; }"
"""Heads of long tables: units keep their case."""
