"""`hven explain`."""

from __future__ import annotations

from hven.cli.options import DayObs, Detector, Json, Level, Observation, Site, TypeArgument, data_id


def explain(
    dataset_type: TypeArgument,
    *,
    level: Level = None,
    day_obs: DayObs = None,
    observation: Observation = None,
    detector: Detector = None,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Say why a product is not there: the first broken link back to the raw files."""
    import json
    from dataclasses import asdict

    from hven.observatory import connect

    with connect(site) as obs:
        found = obs.explain(dataset_type, level, **data_id(day_obs, observation, detector))
    if as_json:
        broken = asdict(found.broken) if found.broken else None
        print(json.dumps({"asked": found.asked, "broken": broken, "links": [asdict(x) for x in found.links]}, indent=1))
    else:
        print(found)
