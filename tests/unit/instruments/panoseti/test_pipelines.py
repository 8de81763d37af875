"""The pipelines of PANOSETI bind to its dataset types."""

import pytest

from hven.calibration.declared import load_calibrations
from hven.instruments.panoseti import INSTRUMENT
from hven.pipeline.bind import bind
from hven.pipeline.load import choices, load_pipeline, pipeline_names


def test_all_pipelines_are_there():
    names = {"calibrate", "pulses", "showers", "coincidences", "nightly"}
    assert {f"panoseti/{n}" for n in names} <= set(pipeline_names(INSTRUMENT))


@pytest.mark.parametrize("name", choices(INSTRUMENT))
def test_every_step_of_what_can_be_run_binds(name):
    assert bind(load_pipeline(INSTRUMENT, name), INSTRUMENT)


def test_nightly_has_its_parts_as_subsets():
    parts = {name.partition("#")[2] for name in choices(INSTRUMENT) if name.startswith("panoseti/nightly#")}
    assert parts == {"pulses", "showers", "coincidences", "qc", "frames"}


def made_by(*pipelines):
    steps = (step for name in pipelines for step in bind(load_pipeline(INSTRUMENT, name), INSTRUMENT))
    return {t.type_name for step in steps for t in step.outputs.values()}


def test_every_product_is_made_every_night_or_is_a_calibration_or_the_nights_report():
    declared = {t.type_name for t in INSTRUMENT.dataset_types if t.level != "L0"}
    left = declared - made_by("nightly") - made_by("calibrations", "verify")
    assert {str(name) for name in left} == {"L2/panoseti.night_report"}


def test_calibrations_are_declared_with_pipelines_that_make_and_verify_them():
    for calibration in load_calibrations(INSTRUMENT).values():
        assert {str(t) for t in made_by(calibration.build)} == {calibration.type}
        assert {str(t) for t in made_by(calibration.verify)} == {calibration.table}
        assert calibration.inputs in {str(t) for t in made_by(calibration.prepare)}
        assert calibration.quality.type in {str(t) for t in made_by(calibration.prepare)}


def test_dataset_types_have_docs_and_row_dims_of_their_variables():
    for dataset_type in INSTRUMENT.dataset_types:
        assert dataset_type.doc.endswith(".")
        assert any(dataset_type.row_dim in v.dims for v in dataset_type.variables)
        assert {*dataset_type.coordinates, *dataset_type.overviews} <= {v.name for v in dataset_type.variables}
