"""The frame around every page: navigation, clock, theme, and what is shown when something fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from html import escape
from typing import Any

import panel as pn
import param

from hven.core.logging import get_logger
from hven.hub.announcement import read_announcement
from hven.hub.mode import mode_of
from hven.observatory import Observatory, connect
from hven.views import markup, theme
from hven.views.actions import Ask
from hven.views.url import Url

PAGES = {
    "tonight": "Tonight",
    "nights": "Nights",
    "live": "Live",
    "observations": "Observations",
    "trends": "QC trends",
    "alarms": "Alarms",
    "telemetry": "Telemetry",
    "jobs": "Jobs",
    "campaigns": "Campaigns",
    "schedules": "Schedules",
    "calibrations": "Calibrations",
    "ledger": "Ledger",
    "storage": "Storage",
    "system": "System",
}
"""Pages of the navigation, in order; an observation's page is reached from the others."""

ABOVE = {"observation": "observations", "triage": "jobs"}
"""Page under which the navigation shows one that it does not name."""

EXTENSIONS = {"observation": ("tabulator",)}
"""What browsers load for a page besides what all pages need."""

OBSERVATORY = "observatory"
"""Key in Panel's cache under which the server keeps what the pages show."""

SEEN_BY = "seen by"
"""Key in Panel's cache under which the server keeps what gives the observatory as a visitor sees it."""

ACTIONS = "actions"
"""Key in Panel's cache under which the server keeps what asks the API: a callable of user, path and body."""

HUB_USERS = "hub users"
"""Key in Panel's cache under which the server keeps what tells of the hub's users; nothing where there is no hub."""

THEME = "hven-theme"
"""Cookie with the theme that somebody chose."""

DARK = "dark"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Content:
    """What a page is made of: its title, controls above the line, and sections below it.

    `about` is what the page shows, for the title of the browser's tab.
    """

    title: str
    sections: Sequence[Any]
    controls: Sequence[Any] = field(default_factory=tuple)
    about: str = ""

    @property
    def tab(self) -> str:
        """Title of the browser's tab: the most particular first, as tabs are cut at their end."""
        return " · ".join(filter(None, (self.about, self.title, "hven")))


Maker = Callable[[Observatory, Url], Content]
"""Makes the content of a page from what it shows and from its address."""


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


class Remember(pn.custom.JSComponent):
    """Keeps the theme that somebody chose in a cookie, so that the next page has it from its first moment."""

    dark = param.Boolean()
    cookie = param.String()

    _esm = """
    export function render({model, el}) {
      const keep = () => {
        const folder = location.pathname.replace(/[^/]*$/, '')
        const theme = model.dark ? 'dark' : 'light'
        document.cookie = `${model.cookie}=${theme};path=${folder};max-age=31536000;samesite=lax`
      }
      keep(); model.on('dark', keep)
      el.style.display = 'none'
    }"""


def serve(name: str, maker: Maker) -> None:
    """Show a page in the session that is being made; called by each file of `dashboards/`."""
    if OBSERVATORY not in pn.state.cache:
        pn.state.cache[OBSERVATORY] = connect()
    pn.extension(*EXTENSIONS.get(name, ()))
    url = Url.of_session()
    observatory = _seen()
    content = _content(name, maker, observatory, url)
    dark = (url.get("theme") or pn.state.cookies.get(THEME)) == DARK
    _framed(name, content, observatory, url, dark=dark).servable(title=content.tab)


def _seen() -> Observatory:
    """The observatory as the visitor may see it."""
    whole: Observatory = pn.state.cache[OBSERVATORY]
    seen_by: Callable[[str], Observatory] | None = pn.state.cache.get(SEEN_BY)
    return seen_by(pn.state.user or "") if seen_by else whole


def entitle(about: str, title: str) -> None:
    """Change the title of the browser's tab, when the page shows something else."""
    if pn.state.curdoc:
        pn.state.curdoc.title = Content(title, (), about=about).tab


def asking() -> Ask | None:
    """What asks the API in the visitor's name; None where there is no API, and then pages have no buttons."""
    act, user = pn.state.cache.get(ACTIONS), pn.state.user
    return partial(act, user) if act and user else None


def page(name: str, maker: Maker, observatory: Observatory, url: Url) -> pn.ui.Page:
    """Make a page with the theme that its address asks for."""
    content = _content(name, maker, observatory, url)
    return _framed(name, content, observatory, url, dark=url.get("theme") == DARK)


def _framed(name: str, content: Content, observatory: Observatory, url: Url, *, dark: bool) -> pn.ui.Page:
    """Put a page's content into the frame."""
    navigation = pn.pane.HTML(_links(name, url), stylesheets=[theme.NAVIGATION], margin=(0, 0, 0, 2 * theme.SPACE))
    remember = Remember(dark=dark, cookie=THEME, width=0, height=0, margin=0)
    shown = pn.ui.Page(
        title="hven", site_url=url.to("tonight"), meta_title=content.tab, busy_indicator="linear",
        dark_theme=dark, theme_config=theme.MATERIAL, main_width=1600,
        header=[navigation, pn.HSpacer(), _place(observatory), Clock(margin=(0, 8), align="center"), remember],
        main=[*_announced(observatory), _body(content)], favicon=_FAVICON,
    )  # fmt: skip

    def changed(event: Any) -> None:
        remember.dark = event.new
        url.set(theme="")

    shown.param.watch(changed, "dark_theme")
    return shown


def section(title: str, *content: Any, note: str = "") -> pn.Column:
    """Part of a page: a title and what belongs to it."""
    parts = [pn.panel(c, sizing_mode="stretch_width") if isinstance(c, str) else c for c in content]
    return pn.Column(
        markup.html(markup.heading(title, note)), pn.Spacer(height=theme.SPACE), *parts,
        sizing_mode="stretch_width", margin=(0, 0, 3 * theme.SPACE, 0),
    )  # fmt: skip


def guarded(make: Callable[[], Any]) -> Any:
    """Make a part of a page; where that fails, say so in its place and let the rest stand."""
    try:
        return make()
    except Exception as error:
        log.exception("part of a page failed", part=getattr(make, "__qualname__", str(make)))
        return markup.html(markup.problem(error))


def _content(name: str, maker: Maker, observatory: Observatory, url: Url) -> Content:
    try:
        return maker(observatory, url)
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


def _announced(observatory: Observatory) -> list[pn.pane.HTML]:
    """What operators announce, above the page."""
    text = read_announcement(mode_of(observatory.settings).announcement)
    style = f"background:{theme.YELLOW};color:{theme.BLACK};padding:{theme.SPACE}px {2 * theme.SPACE}px"
    shown = f'<div role="status" style="{style}">{escape(text)}</div>'
    return [pn.pane.HTML(shown, sizing_mode="stretch_width", margin=0)] if text else []


def _links(active: str, url: Url) -> str:
    kept = {"night": url.get("night")}
    shown = ABOVE.get(active, active)
    items = "".join(
        f'<a href="{escape(url.to(page, **kept))}"{" aria-current=page" if page == shown else ""}>{title}</a>'
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
