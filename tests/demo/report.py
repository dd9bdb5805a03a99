"""The demo's report: one page of HTML with the plots inline, nothing to load from elsewhere."""

from __future__ import annotations

import html
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.demo.story import Act

_WIDTH, _LEFT, _RIGHT = 960, 64, 16
_PLOT_TOP, _PLOT_BOTTOM = 84, 236
_LOST_Y, _LANE_Y = 262, 288
_HEIGHT = 348
_RTT_LOW, _RTT_HIGH = 0.02, 20.0  # ms, ends of the logarithmic axis
_MARK = 11  # radius of an event's number

_STYLE = """
:root { --ink:#1c2430; --soft:#5b6675; --line:#dfe4ea; --card:#ffffff; --page:#f4f6f8;
  --good:#1f8a5b; --bad:#d1383d; --shade:#d1383d14; --a:#3367c7; --b:#b86e0c; }
@media (prefers-color-scheme: dark) { :root { --ink:#e8ecf1; --soft:#9aa6b4; --line:#303946;
  --card:#1a212b; --page:#11161d; --good:#4cc38a; --bad:#ff6b6f; --shade:#ff6b6f1f;
  --a:#7ba4f0; --b:#e5a347; } }
* { box-sizing: border-box; }
body { margin:0; background:var(--page); color:var(--ink);
  font:16px/1.5 system-ui,"Segoe UI","DejaVu Sans",sans-serif; }
main { max-width:1040px; margin:0 auto; padding:40px 20px 48px; }
h1 { font-size:30px; line-height:1.2; margin:0 0 8px; letter-spacing:-.01em; }
h2 { font-size:20px; margin:0 0 4px; }
p { margin:0 0 12px; color:var(--soft); }
.cards { display:grid; grid-template-columns:repeat(auto-fit,minmax(200px,1fr)); gap:12px;
  margin:24px 0; }
.card, section { background:var(--card); border:1px solid var(--line); border-radius:12px; }
.card { padding:16px 20px; }
.card b { display:block; font-size:30px; line-height:1.2; font-variant-numeric:tabular-nums; }
.card span { color:var(--soft); font-size:14px; }
section { padding:24px; margin:0 0 20px; }
svg { width:100%; height:auto; display:block; margin:8px 0 4px; }
svg text { fill:var(--soft); font-size:13px; font-family:inherit; }
ol { list-style:none; margin:12px 0 0; padding:0; }
li { display:grid; grid-template-columns:28px 84px 1fr; gap:8px; padding:6px 0;
  border-top:1px solid var(--line); align-items:baseline; }
li i { font-style:normal; font-size:13px; font-weight:600; width:22px; height:22px;
  line-height:22px; text-align:center; border-radius:50%; background:var(--ink);
  color:var(--card); }
li time { font-variant-numeric:tabular-nums; text-align:right; color:var(--soft); }
pre { margin:8px 0 0; white-space:pre-wrap; font-size:14px; color:var(--ink); }
.key { display:flex; flex-wrap:wrap; gap:4px 20px; font-size:14px; color:var(--soft); }
.key i { display:inline-block; width:10px; height:10px; border-radius:50%; margin-right:6px; }
"""


@dataclass(frozen=True)
class Setting:
    """What the demo ran: for the foot of the report."""

    address: str
    agent: str
    installed: str
    versions: Sequence[str]
    configuration: str


def _color(node: str, nodes: Sequence[str]) -> str:
    return "var(--a)" if node == nodes[0] else "var(--b)"


class _Plot:
    """The plot of one act: pings over seconds since the failure, events, who had the address."""

    def __init__(self, act: Act, nodes: Sequence[str]) -> None:
        self._act = act
        self._nodes = nodes
        self._zero = act.failover.failed_at
        self._first = act.pings[0].sent - self._zero
        self._last = act.pings[-1].sent - self._zero
        self._parts: list[str] = []

    def svg(self) -> str:
        """Return the plot as an svg element."""
        self._shade_outage()
        self._axes()
        self._pings()
        self._reigns()
        self._events()
        done = self._act.failover
        label = f"Pings to the address; {done.victim} fails at 0, outage {done.gap.seconds:.1f} s"
        return (
            f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{html.escape(label)}">'
            + "".join(self._parts)
            + "</svg>"
        )

    def _x(self, at: float) -> float:
        """Return the position of a time.monotonic()."""
        share = (at - self._zero - self._first) / (self._last - self._first)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    @staticmethod
    def _y(milliseconds: float) -> float:
        clamped = min(max(milliseconds, _RTT_LOW), _RTT_HIGH)
        share = math.log(clamped / _RTT_LOW) / math.log(_RTT_HIGH / _RTT_LOW)
        return _PLOT_BOTTOM - share * (_PLOT_BOTTOM - _PLOT_TOP)

    def _line(self, x1: float, y1: float, x2: float, y2: float, style: str) -> None:
        self._parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {style}/>'
        )

    def _text(self, x: float, y: float, text: str, style: str = "") -> None:
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" {style}>{html.escape(text)}</text>')

    def _shade_outage(self) -> None:
        gap = self._act.failover.gap
        left, right = self._x(gap.start), self._x(gap.end)
        self._parts.append(
            f'<rect x="{left:.1f}" y="{_PLOT_TOP}" width="{right - left:.1f}" '
            f'height="{_LOST_Y + 10 - _PLOT_TOP}" fill="var(--shade)"/>'
        )
        middle, y = (left + right) / 2, (_PLOT_TOP + _PLOT_BOTTOM) / 2
        look = "fill:var(--bad);font-weight:600;font-size:15px;paint-order:stroke"
        style = f'text-anchor="middle" style="{look};stroke:var(--card);stroke-width:5px"'
        self._text(middle, y, f"{gap.seconds:.1f} s without a reply", style)

    def _axes(self) -> None:
        grid = 'stroke="var(--line)"'
        for milliseconds in (0.1, 1.0, 10.0):
            y = self._y(milliseconds)
            self._line(_LEFT, y, _WIDTH - _RIGHT, y, grid)
            self._text(_LEFT - 8, y + 4, f"{milliseconds:g} ms", 'text-anchor="end"')
        self._text(_LEFT - 8, _LOST_Y + 4, "lost", 'text-anchor="end"')
        self._text(_LEFT - 8, _LANE_Y + 13, "address", 'text-anchor="end"')
        second = math.ceil(self._first)
        while second <= self._last:
            x = self._x(self._zero + second)
            self._line(x, _LANE_Y + 22, x, _LANE_Y + 27, 'stroke="var(--soft)"')
            unit = " s" if second == 0 else ""
            self._text(x, _LANE_Y + 42, f"{second}{unit}", 'text-anchor="middle"')
            second += 1

    def _pings(self) -> None:
        for ping in self._act.pings:
            x = self._x(ping.sent)
            if ping.answered is None:
                self._line(x, _LOST_Y - 7, x, _LOST_Y + 7, 'stroke="var(--bad)" stroke-width="2"')
            else:
                y = self._y((ping.answered - ping.sent) * 1000)
                self._parts.append(
                    f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="var(--good)"/>'
                )

    def _reigns(self) -> None:
        for reign in self._act.reigns:
            left, right = self._x(reign.start), self._x(reign.end)
            self._parts.append(
                f'<rect x="{left:.1f}" y="{_LANE_Y}" width="{max(right - left, 2):.1f}" '
                f'height="18" rx="4" fill="{_color(reign.node, self._nodes)}"/>'
            )
            style = 'style="fill:var(--card);font-weight:600"'
            self._text(left + 8, _LANE_Y + 14, reign.node, style)

    def _events(self) -> None:
        rows: list[float] = []  # where the last mark of each row ends
        for number, event in enumerate(self._act.events, 1):
            x = self._x(event.time)
            row = next((i for i, end in enumerate(rows) if x - _MARK > end), len(rows))
            rows[row : row + 1] = [x + _MARK + 2]
            y = _PLOT_TOP - 14 - row * (2 * _MARK + 2)
            dashed = 'stroke="var(--soft)" stroke-dasharray="2 3"'
            self._line(x, y + _MARK, x, _LANE_Y + 22, dashed)
            self._parts.append(f'<circle cx="{x:.1f}" cy="{y}" r="{_MARK}" fill="var(--ink)"/>')
            style = 'text-anchor="middle" style="fill:var(--card);font-weight:600"'
            self._text(x, y + 4.5, str(number), style)


def _section(number: int, act: Act, nodes: Sequence[str]) -> str:
    done = act.failover
    items = "".join(
        f"<li><i>{i}</i><time>{event.time - done.failed_at:+.2f} s</time>"
        f"<span>{html.escape(event.text)}</span></li>"
        for i, event in enumerate(act.events, 1)
    )
    return (
        f"<section><h2>Failover {number}: {done.victim} dies, {done.successor} takes over</h2>"
        f"<p>{done.lost} pings lost, sent 20 a second; fenced: "
        f"{', '.join(entry.node for entry in done.fencings)}.</p>"
        f"{_Plot(act, nodes).svg()}"
        '<div class="key"><span><i style="background:var(--good)"></i>reply, by its round trip'
        '</span><span><i style="background:var(--bad)"></i>no reply</span>'
        "<span>seconds since the power went</span></div>"
        f"<ol>{items}</ol></section>"
    )


def page(acts: Sequence[Act], nodes: Sequence[str], setting: Setting) -> str:
    """Return the report as one HTML page."""
    gaps = [act.failover.gap.seconds for act in acts]
    lost = sum(act.failover.lost for act in acts)
    fenced = sum(len(act.failover.fencings) for act in acts)
    cards = [
        (" / ".join(f"{gap:.1f} s" for gap in gaps), "without the address, per failover"),
        (str(lost), "pings lost in all"),
        (f"{fenced} of {len(acts)}", "failed nodes fenced, and no other"),
    ]
    shown = "".join(
        f'<div class="card"><b>{value}</b><span>{text}</span></div>' for value, text in cards
    )
    sections = "".join(_section(i, act, nodes) for i, act in enumerate(acts, 1))
    foot = "\n".join([setting.installed, *setting.versions])
    made = time.strftime("%Y-%m-%d %H:%M")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>moodle-ha: failover of {setting.address}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{setting.address} outlived both of its nodes</h1>"
        f"<p>Two Pacemaker nodes, {' and '.join(nodes)}, with {setting.agent} and fencing. "
        f"Each lost its power once while it had the address. {made}</p>"
        f'<div class="cards">{shown}</div>{sections}'
        "<section><h2>What ran</h2>"
        f"<pre>{html.escape(foot)}</pre><pre>{html.escape(setting.configuration)}</pre></section>"
        "</main></body></html>\n"
    )
