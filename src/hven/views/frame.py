"""The frame around every page: navigation, clock, theme, and what is shown when something fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from html import escape
from typing import Any

import panel as pn

from hven.core.logging import get_logger
from hven.observatory import Observatory, connect
from hven.views import markup, theme
from hven.views.url import Url

PAGES = {
    "tonight": "Tonight",
    "observations": "Observations",
    "trends": "QC trends",
    "jobs": "Jobs",
    "system": "System",
}
"""Pages of the navigation, in order; an observation's page is reached from the others."""

OBSERVATORY = "observatory"
"""Key in Panel's cache under which the server keeps what the pages show."""

JOB_ACTIONS = "job actions"
"""Key in Panel's cache under which the server keeps what changes jobs: a callable of user, verb and job number."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Content:
    """What a page is made of: its title, controls above the line, and sections below it."""

    title: str
    sections: Sequence[Any]
    controls: Sequence[Any] = field(default_factory=tuple)


class Clock(pn.custom.JSComponent):
    """Clock that runs in the browser: UTC, and local time on hover."""

    _esm = """
    export function render({el}) {
      el.style.cssText = 'color:#fff;font-size:14px;font-variant-numeric:tabular-nums;white-space:nowrap;opacity:.9'
      const tick = () => {
        const now = new Date()
        el.textContent = 'UTC ' + now.toISOString().slice(11, 19)
        el.title = 'here ' + now.toLocaleString()
      }
      tick(); setInterval(tick, 1000)
    }"""


def serve(name: str, make: Callable[[Observatory, Url], Content]) -> None:
    """Show a page in the session that is being made; called by each file of `dashboards/`."""
    if OBSERVATORY not in pn.state.cache:
        pn.state.cache[OBSERVATORY] = connect()
    page(name, make, pn.state.cache[OBSERVATORY], Url.of_session()).servable()


def job_actions() -> Callable[[str, int], Any] | None:
    """What changes jobs in the visitor's name, called with a verb and a job's number; None where nothing can."""
    act, user = pn.state.cache.get(JOB_ACTIONS), pn.state.user
    return partial(act, user) if act and user else None


def page(name: str, make: Callable[[Observatory, Url], Content], observatory: Observatory, url: Url) -> pn.ui.Page:
    """Put a page's content into the frame."""
    content = _content(name, make, observatory, url)
    navigation = pn.pane.HTML(_links(name, url), stylesheets=[theme.NAVIGATION], margin=(0, 0, 0, 2 * theme.SPACE))
    shown = pn.ui.Page(
        title="hven", site_url=url.to("tonight"), meta_title=f"{content.title} · hven", busy_indicator="linear",
        dark_theme=url.get("theme") == "dark", theme_config=theme.MATERIAL, main_width=1600,
        header=[navigation, pn.HSpacer(), _place(observatory), Clock(margin=(0, 8), align="center")],
        main=[_body(content)], favicon=_FAVICON,
    )  # fmt: skip

    def remember(event: Any) -> None:
        url.set(theme="dark" if event.new else "")
        navigation.object = _links(name, url)

    shown.param.watch(remember, "dark_theme")
    return shown


def section(title: str, *content: Any, note: str = "", line: str = "") -> pn.Column:
    """Part of a page: a title, what belongs to it, and the line that opens it in a notebook."""
    below = [markup.html(markup.notebook(line))] if line else []
    parts = [pn.panel(c, sizing_mode="stretch_width") if isinstance(c, str) else c for c in content]
    return pn.Column(
        markup.html(markup.heading(title, note)), pn.Spacer(height=theme.SPACE), *parts, *below,
        sizing_mode="stretch_width", margin=(0, 0, 3 * theme.SPACE, 0),
    )  # fmt: skip


def guarded(make: Callable[[], Any]) -> Any:
    """Make a part of a page; where that fails, say so in its place and let the rest stand."""
    try:
        return make()
    except Exception as error:
        log.exception("part of a page failed", part=getattr(make, "__qualname__", str(make)))
        return markup.html(markup.problem(error))


def _content(name: str, make: Callable[..., Content], observatory: Observatory, url: Url) -> Content:
    try:
        return make(observatory, url)
    except Exception as error:
        log.exception("page failed", page=name)
        return Content(PAGES.get(name, name.title()), [markup.html(markup.problem(error))])


def _body(content: Content) -> pn.Column:
    title = pn.pane.HTML(f"<h1>{escape(content.title)}</h1>", stylesheets=[theme.CSS], margin=(0, theme.SPACE, 0, 0))
    head = pn.FlexBox(title, *content.controls, align_items="center", gap=f"{2 * theme.SPACE}px",
                      sizing_mode="stretch_width", margin=(0, 0, 2 * theme.SPACE, 0))  # fmt: skip
    return pn.Column(
        head, *content.sections,
        sizing_mode="stretch_width", margin=(2 * theme.SPACE, 2 * theme.SPACE),
    )  # fmt: skip


def _links(active: str, url: Url) -> str:
    kept = {"night": url.get("night")}
    items = "".join(
        f'<a href="{escape(url.to(page, **kept))}"{" aria-current=page" if page == active else ""}>{title}</a>'
        for page, title in PAGES.items()
    )
    return f'<nav aria-label="Pages">{items}</nav>'


def _place(observatory: Observatory) -> pn.pane.HTML:
    name = escape(observatory.settings.observatory.name)
    return pn.pane.HTML(
        f'<span style="color:#fff;opacity:.9;font-size:14px">{name}</span>', margin=(0, 8), align="center"
    )


_FAVICON = (
    "data:image/svg+xml;utf8,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>"
    "<circle cx='8' cy='8' r='7' fill='%230B3C5D'/><circle cx='8' cy='8' r='2.5' fill='%23E69F00'/></svg>"
)
