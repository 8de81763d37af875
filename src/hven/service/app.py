"""The API: finds products, says what there is, and takes jobs."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import urlparse

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from hven.batch.jobs import Jobs
from hven.core.errors import AccessDeniedError, ConfigurationError, HvenError, describe
from hven.core.logging import get_logger
from hven.observatory import Observatory
from hven.service.auth import Auths, Caller
from hven.service.handlers import (
    alarms,
    annotation,
    campaigns,
    collections,
    commands,
    gateway,
    identity,
    jobs,
    ledger,
    lookup,
    pipelines,
    products,
    quanta,
    retention,
    runner,
    schedules,
    status,
    telemetry,
    triage,
    types,
)
from hven.service.limits import LimitBody

_HANDLERS = (
    identity, products, lookup, collections, quanta, types, pipelines, jobs, campaigns, schedules, triage, runner,
    status, retention, gateway, commands, ledger, alarms, annotation, telemetry,
)  # fmt: skip
Next = Callable[[Request], Awaitable[Response]]

_log = get_logger(__name__)


def create_app(
    observatory: Observatory, jobs_of: Callable[[Caller], Jobs], auths: Auths, *, prefix: str = ""
) -> FastAPI:
    """Make the API.

    Parameters
    ----------
    observatory
        What it serves.
    jobs_of
        Jobs in the name of a caller.
    auths
        Say who is calling, by scheme of the `Authorization` header.
    prefix
        Path below which the hub's proxy hands requests on, e.g. ``/services/api``.
    """
    app = FastAPI(title="hven", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.observatory = observatory
    app.state.jobs_of = jobs_of
    app.state.auths = auths
    for handler in _HANDLERS:
        app.include_router(handler.router, prefix=prefix.rstrip("/"))
    app.add_middleware(LimitBody)
    app.middleware("http")(_guard)
    app.exception_handler(HvenError)(_answer_error)
    app.exception_handler(HTTPException)(_answer_http_error)
    app.exception_handler(RequestValidationError)(_answer_invalid)
    return app


async def _guard(request: Request, call_next: Next) -> Response:
    """Refuse pages of other sites; log every request without its query, where secrets might be."""
    began = time.monotonic()
    if _is_foreign(request):
        refusal = AccessDeniedError("requests from pages of another site are refused")
        answer: Response = JSONResponse(describe(refusal), refusal.status_code)
    else:
        answer = await _answered(request, call_next)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    caller: Caller | None = getattr(request.state, "caller", None)
    _log.info(
        "request",
        method=request.method,
        path=request.url.path,
        status=answer.status_code,
        user=caller.name if caller else "",
        ms=round(1000 * (time.monotonic() - began)),
    )
    return answer


async def _answered(request: Request, call_next: Next) -> Response:
    try:
        return await call_next(request)
    except Exception:  # noqa: BLE001 - the caller learns nothing of our insides
        _log.exception("request failed", path=request.url.path)
        error = HvenError("the API failed", hint="Its log says why.")
        return JSONResponse(describe(error), HTTPStatus.INTERNAL_SERVER_ERROR)


def _is_foreign(request: Request) -> bool:
    origin = request.headers.get("origin")
    if origin is not None and urlparse(origin).netloc != request.headers.get("host"):
        return True
    return request.headers.get("sec-fetch-site") in {"cross-site", "same-site"}


async def _answer_error(_request: Request, error: Exception) -> JSONResponse:
    known = error if isinstance(error, HvenError) else HvenError(str(error))
    return JSONResponse(describe(known), known.status_code)


async def _answer_http_error(_request: Request, error: Exception) -> JSONResponse:
    status_code, detail = getattr(error, "status_code", 500), getattr(error, "detail", "")
    described = detail if isinstance(detail, dict) else describe(HvenError(str(detail)))
    return JSONResponse(described, status_code, headers=getattr(error, "headers", None))


async def _answer_invalid(_request: Request, error: Exception) -> JSONResponse:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in found)
    return JSONResponse(describe(ConfigurationError(problems)), ConfigurationError.status_code)
