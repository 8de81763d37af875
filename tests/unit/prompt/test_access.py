"""What is being taken is for those who may see the raw data that it becomes."""

from __future__ import annotations

import pytest
from drop_series import OBSERVATION

from hven.model.access import Viewer
from hven.model.collection import AccessClass, Collection, CollectionKind, raw_run
from hven.model.query import DataQuery
from hven.prompt.access import may_look
from hven.prompt.source import Replay
from hven.registry.direct import DirectRegistry

ADA = Viewer("ada", frozenset({AccessClass.PUBLIC, AccessClass.COLLABORATION}))
OLGA = Viewer("olga", frozenset(AccessClass))


@pytest.mark.parametrize("access", ["", AccessClass.OPERATORS, AccessClass.PUBLIC], ids=str)
def test_products_and_rows_of_live_processing_have_the_class_of_the_raw_data(ready, settings, files, access):
    if access:
        with DirectRegistry(settings.registry_url, settings.root) as registry:
            registry.define(Collection(raw_run("magis"), CollectionKind.RUN, access))
    with ready() as processing:
        processing.run(Replay(iter([[item] for item in files.items()]), 1000.0))
        seen = {
            viewer.name: (len(by.find(None, DataQuery.of(observation=OBSERVATION))) > 0, may_look(by, "magis"))
            for viewer in (ADA, OLGA)
            for by in (processing.registry.seen_by(viewer),)
        }

    for_ada = access != AccessClass.OPERATORS
    assert seen == {"ada": (for_ada, for_ada), "olga": (True, True)}
