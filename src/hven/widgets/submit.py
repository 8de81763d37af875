"""The form that submits processing."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets as iw

from hven.core.errors import HvenError
from hven.model.data_id import Level
from hven.observatory import Observatory
from hven.widgets.data_query import DataQueryFields
from hven.widgets.job_view import JobView
from hven.widgets.look import problem, size
from hven.widgets.options import Options


class SubmitForm(iw.VBox):
    """Choose a pipeline, data and options, see what it would take, submit, follow.

    Parameters
    ----------
    obs
        Observatory.
    pipeline
        Chosen at first.

    Examples
    --------
    In a notebook::

        SubmitForm(hven.connect())
    """

    def __init__(self, obs: Observatory, pipeline: str = "") -> None:
        self._obs = obs
        self._pipelines = obs.pipelines()
        self.pipeline = iw.Dropdown(options=sorted(self._pipelines), description="Pipeline")
        self.doc = iw.HTML()
        raw = obs.query(level=Level.L0)
        self.query = DataQueryFields(sorted({p.ref.data_id for p in raw}), self._on_query)
        self.count = iw.HTML()
        self.options: dict[str, Options] = {}
        self.option_tabs = iw.Accordion()
        self.job_class = iw.Dropdown(options=["interactive", "batch"], description="Class")
        self.estimate = iw.HTML()
        self.submit = iw.Button(description="Submit", icon="play", button_style="primary")
        self.jobs = iw.VBox()
        self.views: list[JobView] = []
        self.pipeline.observe(self._on_pipeline, names="value")
        self.submit.on_click(self._on_submit)
        if pipeline:
            self.pipeline.value = pipeline
        self._on_pipeline(None)
        rows = [self.pipeline, self.doc, self.query.box, self.count, self.option_tabs, self.job_class, self.estimate]
        super().__init__([*rows, self.submit, self.jobs])

    @property
    def config(self) -> dict[str, dict[str, Any]]:
        """By step: options that differ from what the pipeline sets."""
        return {step: changed for step, options in self.options.items() if (changed := options.changed)}

    def _on_pipeline(self, _change: object) -> None:
        chosen = self._pipelines[self.pipeline.value]
        self.doc.value = f"<em>{escape(chosen.doc)}</em>"
        self.options = {
            name: Options(self._obs.task_of(step).config.model_json_schema(), step.config)
            for name, step in chosen.steps.items()
        }
        self.option_tabs.children = [options.box for options in self.options.values()]
        self.option_tabs.titles = list(self.options)
        self._on_query()

    def _on_query(self) -> None:
        try:
            found = self._obs.estimate(self.pipeline.value, config=self.config, **self.query.values)
        except HvenError as error:
            self.count.value = problem(error)
            self.estimate.value = ""
            self.submit.disabled = True
            return
        self.count.value = f"→ <b>{found.quanta}</b> quanta, {found.done} done already, <b>{found.to_do}</b> to do"
        self.estimate.value = f"Estimate: {_estimate(found)}"
        self.submit.disabled = not found.quanta

    def _on_submit(self, _button: iw.Button) -> None:
        try:
            handle = self._obs.submit(
                self.pipeline.value, config=self.config, job_class=self.job_class.value, **self.query.values
            )
            view = JobView(handle, self._open_result)
        except HvenError as error:
            self.estimate.value = problem(error)
            return
        self.views.append(view)
        self.jobs.children = [view.box, *self.jobs.children]
        view.follow()

    def _open_result(self, handle: Any) -> tuple[str, Any]:
        product = self._obs.product(handle.result().products[-1])
        keys = ", ".join(f"{k}={v!r}" for k, v in product.ref.data_id.items() if k != "instrument")
        line = f"obs.open({product.ref.type.name!r}, level={str(product.ref.type.level)!r}, {keys})"
        return line, self._obs.open_product(product)


def _estimate(found: Any) -> str:
    if found.unknown:
        return f"no history yet of {', '.join(found.unknown)}; {found.ahead} jobs ahead"
    minutes = "unknown" if found.core_minutes is None else f"{found.core_minutes:.2g} core-min"
    wall = "" if found.wall_minutes is None else f" · about {max(found.wall_minutes, 0.1):.2g} min"
    peak, output = size(found.peak_bytes), size(found.output_bytes)
    return f"{minutes} · peak {peak} · output {output}{wall} ({found.ahead} jobs ahead)"
