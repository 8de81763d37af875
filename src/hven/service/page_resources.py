"""Scripts and style sheets of pages, gathered once for each kind of page.

Panel looks through all classes of components there are, and the files beside them, at each visit: a quarter of the
time that a page takes. What it finds depends on the classes in the page and the depth of its address alone; formulae,
which would need one script more, are on no page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

type Gather = Callable[[Any, Any], Any]


def gathered_once(gather: Gather, depth: Callable[[], str | None]) -> Gather:
    """Remember what `panel.io.resources.bundle_resources` gives.

    Parameters
    ----------
    gather
        That function.
    depth
        Way from the address that is being served to the root of the server.

    Examples
    --------
    >>> from collections import namedtuple
    >>> Where = namedtuple("Where", "mode root_url")
    >>> asked = []
    >>> once = gathered_once(lambda roots, resources: asked.append(resources) or "bundle", lambda: "..")
    >>> roots = [type("Root", (), {"references": lambda self: [1, "a"]})()]
    >>> once(roots, Where("server", "/")), once(roots, Where("server", "/")), len(asked)
    ('bundle', 'bundle', 1)
    """
    known: dict[object, Any] = {}

    def once(roots: Any, resources: Any) -> Any:
        classes = frozenset(type(model) for root in roots for model in root.references())
        key = (classes, depth(), resources.mode, resources.root_url)
        if key not in known:
            known[key] = gather(roots, resources)
        return known[key]

    return once
