"""The public names and the error tree are pinned: a change here is a change for users."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from hven.core import errors

TREE = {
    "HvenError": "Exception",
    "ConfigurationError": "HvenError",
    "SettingsError": "ConfigurationError",
    "UnknownNameError": "ConfigurationError",
    "AmbiguousNameError": "ConfigurationError",
    "DataError": "HvenError",
    "FormatError": "DataError",
    "ChecksumError": "DataError",
    "SchemaError": "DataError",
    "ClockError": "DataError",
    "NotFoundError": "HvenError",
    "DatasetNotFoundError": "NotFoundError",
    "CalibrationMissingError": "NotFoundError",
    "JobNotFoundError": "NotFoundError",
    "GoneError": "NotFoundError",
    "ConflictError": "HvenError",
    "AccessDeniedError": "HvenError",
    "QuotaExceededError": "HvenError",
    "InfrastructureError": "HvenError",
    "WorkerLostError": "InfrastructureError",
    "OutOfMemoryError": "InfrastructureError",
    "CommunicationFailedError": "InfrastructureError",
    "ServiceUnavailableError": "InfrastructureError",
    "QuantumError": "HvenError",
    "CancelledError": "HvenError",
}


def test_error_tree_is_pinned():
    found = {
        name: thing.__bases__[0].__name__
        for name, thing in vars(errors).items()
        if isinstance(thing, type) and issubclass(thing, Exception)
    }

    assert found == TREE


def test_error_tree_is_drawn_in_full():
    assert all(name in errors.__doc__ for name in TREE)


@pytest.mark.parametrize(
    "error",
    [
        errors.HvenError("what", hint="do"),
        errors.FormatError(Path("a.pff"), "no marker", frame=3, offset=9),
        errors.UnknownNameError("task", "x", ["y"]),
    ],
)
def test_errors_travel_from_workers(error):
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_exit_codes_tell_errors_apart():
    codes = {c.exit_code for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.HvenError)}

    assert codes == {1, 2, 3, 4, 5, 6, 7, 8, 9, 130}
