"""The state of a page is in its address, so that every view can be sent to a colleague."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import panel as pn


class Url:
    """Query parameters of the page that is shown.

    Parameters
    ----------
    location
        Panel's location of the session; None outside a browser, where values are only remembered.
    values
        Parameters at the start.
    """

    def __init__(self, location: Any = None, **values: str) -> None:
        self._location = location
        self._values = {k: str(v) for k, v in values.items()}

    @classmethod
    def of_session(cls) -> Url:
        """Address of the session that is being made."""
        given = {k: v[-1].decode() for k, v in (pn.state.session_args or {}).items()}
        return cls(pn.state.location, **given)

    def get(self, name: str, default: str = "") -> str:
        """Value of a parameter."""
        return self._values.get(name, default)

    def whole(self, name: str) -> int | None:
        """Value of a parameter as a whole number; None if it is none."""
        text = self.get(name)
        return int(text) if text.lstrip("-").isdigit() else None

    def set(self, **values: object) -> None:
        """Change parameters; an empty value removes one."""
        for name, value in values.items():
            self._values[name] = "" if value is None else str(value)
        if self._location is not None:
            kept = {k: v for k, v in self._values.items() if v}
            self._location.search = f"?{urlencode(kept)}" if kept else ""

    def follow(self, widget: Any, name: str) -> Any:
        """Write a widget's value into the address whenever it changes."""
        widget.param.watch(lambda event: self.set(**{name: event.new}), "value")
        return widget

    @staticmethod
    def to(page: str, **values: object) -> str:
        """Address of another page.

        Examples
        --------
        >>> Url.to("jobs", show="failed", by="")
        './jobs?show=failed'
        """
        query = {k: str(v) for k, v in values.items() if v not in (None, "")}
        return f"./{page}?{urlencode(query)}" if query else f"./{page}"
