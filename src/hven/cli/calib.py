"""`hven calib`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hven.cli.options import DayObs, Detector, Json, Level, Observation, Shared, Site, TypeArgument, Where, data_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hven.calibration.verify import Verdict
    from hven.model.collection import Certification

calib = typer.Typer(help="Make calibrations, and say which is valid when.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Calibration, as `hven calib known` lists them, e.g. panoseti/flat.")]
ProductId = Annotated[str, typer.Argument(help="Id of a product, as `hven find` lists it.")]
InCollection = Annotated[str, typer.Argument(help="CALIBRATION collection, e.g. panoseti/calib/gain.")]
Begin = Annotated[str, typer.Option(help="UTC, e.g. 2025-10-22T04:00:00.")]
End = Annotated[str, typer.Option(help="UTC, not included.")]
Why = Annotated[str, typer.Option(help="Kept with the change, for ever.")]
Supersede = Annotated[
    bool, typer.Option("--supersede", help="What is certified for that time loses it; the books keep that it had it.")
]


@calib.command()
def known(as_json: Json = False, site: Site = None) -> None:
    """List the calibrations that can be made."""
    import json

    from hven.observatory import connect

    with connect(site) as obs:
        found = obs.calib.declared()
    if as_json:
        print(json.dumps({name: c.model_dump(mode="json") for name, c in found.items()}, indent=1))
        return
    for name, calibration in found.items():
        print(f"{name}  {calibration.type}  {calibration.doc}")


@calib.command()
def take(
    name: Name,
    *,
    where: Where = "",
    day_obs: DayObs = None,
    observation: Observation = None,
    detector: Detector = None,
    begin: Annotated[str, typer.Option(help="UTC; default is the begin of the frames.")] = "",
    end: Annotated[str, typer.Option(help="UTC, not included; default is after the declared days.")] = "",
    supersede: Supersede = False,
    shared: Shared = False,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Prepare, choose, build, verify and certify; what is not good enough is not certified."""
    import json

    from hven.cli.progress import progress
    from hven.core.logging import configure
    from hven.observatory import connect

    configure(json=as_json, level="WARNING")
    chosen = data_id(day_obs, observation, detector)
    span: dict[str, Any] = {"begin": begin or None, "end": end or None, "supersede": supersede}
    with connect(site) as obs, progress(name) as show:
        taken = obs.calib.take(name, where=where, shared=shared, progress=show, **span, **chosen)
    certified = {validity.product_id: validity for validity in taken.certified}
    if as_json:
        rows = [{**_verdict(v), "certified": v.product.id in certified} for v in taken.verdicts]
        left_out = dict(taken.selection.left_out)
        print(json.dumps({"status": taken.status, "products": rows, "left_out": left_out}, indent=1))
    else:
        _print_verdicts(taken.verdicts)
        for reason in taken.selection.left_out.values():
            print(f"left out: {reason}")
        print(f"{taken.status}: {len(certified)} of {len(taken.verdicts)} certified in {taken.collection}")
    if len(certified) < len(taken.verdicts) or not certified:
        raise typer.Exit(1)


@calib.command()
def build(
    name: Name,
    *,
    where: Where = "",
    day_obs: DayObs = None,
    observation: Observation = None,
    detector: Detector = None,
    shared: Shared = False,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Make calibrations from good frames, of which one observation of four is held out."""
    import json

    from hven.cli.progress import progress
    from hven.core.logging import configure
    from hven.observatory import connect

    configure(json=as_json, level="WARNING")
    chosen = data_id(day_obs, observation, detector)
    with connect(site) as obs, progress(name) as show:
        made = obs.calib.build(name, where=where, shared=shared, progress=show, **chosen)
    if as_json:
        print(json.dumps([{"id": p.id, "dataset": str(p.ref), "path": str(p.path)} for p in made], indent=1))
        return
    for product in made:
        print(f"{product.id}  {product.ref}")
    print(f"{len(made)} made; `hven calib verify {name} ID...` compares them with frames that were held out")


@calib.command()
def verify(
    name: Name,
    product_ids: Annotated[list[str], typer.Argument(help="Ids of what `hven calib build` made.")],
    *,
    where: Where = "",
    day_obs: DayObs = None,
    observation: Observation = None,
    detector: Detector = None,
    shared: Shared = False,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Compare calibrations with frames that they were not made from; exits with 1 when one is not good."""
    import json

    from hven.cli.progress import progress
    from hven.core.logging import configure
    from hven.observatory import connect

    configure(json=as_json, level="WARNING")
    chosen = data_id(day_obs, observation, detector)
    with connect(site) as obs, progress(name) as show:
        verdicts = obs.calib.verify(name, product_ids, where=where, shared=shared, progress=show, **chosen)
    if as_json:
        print(json.dumps([_verdict(v) for v in verdicts], indent=1))
    else:
        _print_verdicts(verdicts)
    if not all(v.accepted for v in verdicts):
        raise typer.Exit(1)


def _verdict(verdict: Verdict) -> dict[str, Any]:
    table = verdict.table.id if verdict.table else ""
    return {
        "id": verdict.product.id, "dataset": str(verdict.product.ref), "status": verdict.status, "why": verdict.why,
        "table": table,
    }  # fmt: skip


def _print_verdicts(verdicts: Sequence[Verdict]) -> None:
    for verdict in verdicts:
        print(f"{verdict.product.id}  {verdict.product.ref}  {verdict.status}: {verdict.why}")


@calib.command()
def certify(
    product_id: ProductId,
    collection: InCollection,
    begin: Begin,
    end: End,
    *,
    why: Why = "",
    supersede: Supersede = False,
    site: Site = None,
) -> None:
    """Make a product the calibration for data taken in [begin, end)."""
    from hven.observatory import connect

    with connect(site) as obs:
        obs.calib.certify(product_id, begin, end, collection, why=why, supersede=supersede)
    print(f"{product_id} is valid from {begin} to {end} in {collection}")


@calib.command()
def decertify(
    product_id: ProductId, collection: InCollection, begin: Begin, end: End, *, why: Why = "", site: Site = None
) -> None:
    """Let a product be the calibration for data taken in [begin, end) no longer; the books keep that it was."""
    from hven.observatory import connect

    with connect(site) as obs:
        obs.calib.decertify(product_id, begin, end, collection, why=why)
    print(f"{product_id} is valid no longer from {begin} to {end} in {collection}")


@calib.command(name="list")
def listed(
    collection: Annotated[str, typer.Option(help="CALIBRATION collection; default is all.")] = "",
    *,
    history: Annotated[bool, typer.Option("--history", help="Every change there was, oldest first.")] = False,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """List what is certified: product, time, by whom and why."""
    import json
    from dataclasses import asdict

    from hven.observatory import connect

    with connect(site) as obs:
        found = obs.calib.certifications(collection=collection, history=history)
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=1))
        return
    for one in found:
        print(_line(one, edit=f"{one.edit}  " if history else ""))


def _line(one: Certification, *, edit: str) -> str:
    from hven.core.clock import format_utc

    begin, end, at = map(format_utc, (one.validity.begin_ns, one.validity.end_ns, one.at_ns))
    what = f"{one.dataset_type} ({one.scope})  [{begin}, {end})  {one.validity.product_id}"
    return f"{edit}{one.collection}  {what}  {one.who} {at} {one.why}".rstrip()


@calib.command()
def stale(
    *,
    own: Annotated[bool, typer.Option("--own", help="Your own products, not the observatory's.")] = False,
    redo: Annotated[bool, typer.Option("--redo", help="Submit jobs that make them again.")] = False,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """List products that would be made otherwise today: calibrations or marks have changed since, or their inputs."""
    import json

    from hven.observatory import connect

    with connect(site) as obs:
        found = obs.calib.stale(own=own)
        by_hand = [s for s in found if obs.calib.is_calibration(s.product)]
        jobs = obs.calib.redo(found) if redo else []
    if as_json:
        rows = [{"id": s.product.id, "dataset": str(s.product.ref), "why": s.why} for s in found]
        print(json.dumps({"stale": rows, "jobs": [job.id for job in jobs]}, indent=1))
        return
    for one in found:
        print(f"{one.product.id}  {one.product.ref}  {one.why}")
    print(f"{len(found)} products; {len(by_hand)} of them are calibrations, which `hven calib take` makes again")
    for job in jobs:
        print(f"job {job.id} makes them again: {job.request.pipeline}")


@calib.command()
def lookup(
    dataset_type: TypeArgument,
    *,
    at: Begin,
    detector: Annotated[int | None, typer.Option(help="Detector.")] = None,
    level: Level = None,
    collection: Annotated[str, typer.Option(help="CALIBRATION or CHAINED collection; default is all.")] = "",
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Say which calibration is valid at a time."""
    import json

    from hven.observatory import connect

    given = {} if detector is None else {"detector": detector}
    with connect(site) as obs:
        found = obs.calibration(dataset_type, at, level, collection=collection, **given)
    if as_json:
        print(json.dumps({"id": found.id, "dataset": str(found.ref), "path": str(found.path)}, indent=1))
    else:
        print(f"{found.id}  {found.ref}")
