"""The form that submits processing."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as iw

from hven.core.errors import HvenError
from hven.model.data_id import Level
from hven.model.pipeline import Step
from hven.observatory import Observatory
from hven.views.formats import duration, size
from hven.widgets.campaigns import CampaignChooser
from hven.widgets.data_query import DataQueryFields
from hven.widgets.job_view import JobView
from hven.widgets.look import LABEL, problem, quiet, show
from hven.widgets.notify import Notifier
from hven.widgets.options import Options, StepOptions

if TYPE_CHECKING:
    from hven.batch.model import Estimate, Job

_CLASSES = ("data-access", "calibration", "data-release", "ocs-driven", "offline", "prompt")
_WHOSE = (("my own", False), ("for everybody", True))
_NO_DATA = HvenError("There are no raw data yet.", hint="`hven ingest FOLDER` takes them in; then run this cell again.")


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
        wide = iw.Layout(width="420px")
        self.pipeline = iw.Dropdown(options=sorted(self._pipelines), description="Pipeline", style=LABEL, layout=wide)
        self.doc = iw.HTML()
        self._raw = obs.query(level=Level.L0)
        self.query = DataQueryFields(sorted({p.ref.data_id for p in self._raw}), self.refresh)
        self.count = iw.HTML()
        self.options = StepOptions(self.refresh)
        self.job_class = iw.Dropdown(options=_CLASSES, description="Class", style=LABEL)
        self.shared = iw.Dropdown(options=_WHOSE, description="Products", style=LABEL)
        self.estimate = iw.HTML()
        self.submit = iw.Button(description="Submit", icon="play", button_style="primary")
        self.notify = iw.Checkbox(description="Notify me when it has ended", indent=False)
        self.notifier = Notifier()
        self.jobs = iw.VBox()
        self.views: list[JobView] = []
        if pipeline:
            self.pipeline.value = pipeline
        self._on_pipeline(None)
        self.pipeline.observe(self._on_pipeline, names="value")
        self.job_class.observe(lambda _change: self.refresh(), names="value")
        self.shared.observe(lambda _change: self.refresh(), names="value")
        self.submit.on_click(self._on_submit)
        class_row = iw.HBox([self.job_class, iw.HTML(quiet("whose turn comes first; people's own is data-access"))])
        show(class_row, visible=obs.jobs.operator)
        shared_row = iw.HBox([self.shared, iw.HTML(quiet("what is for everybody is found by default"))])
        show(shared_row, visible=obs.jobs.operator)
        above = [
            iw.HBox([self.pipeline, self.doc]),
            self.query.box,
            self.count,
            self.options.box,
            class_row,
            shared_row,
        ]
        below = [self.estimate, iw.HBox([self.submit, self.notify]), self.notifier.box, self.jobs]
        self.campaigns = CampaignChooser(obs) if obs.jobs.operator else None
        super().__init__([*above, *below, *([self.campaigns.box] if self.campaigns else [])])

    @property
    def config(self) -> dict[str, dict[str, Any]]:
        """By step: options that differ from what the pipeline sets."""
        return self.options.config

    def refresh(self) -> None:
        """Count and estimate again."""
        if not self._raw:
            self._refuse(_NO_DATA)
            return
        try:
            found = self._obs.estimate(**self._chosen())
        except HvenError as error:
            self._refuse(error)
            return
        self.count.value = f"→ <b>{found.quanta}</b> quanta, {found.done} done already, <b>{found.to_do}</b> to do"
        self.estimate.value = _estimate(found)
        self.submit.disabled = not found.to_do

    def _chosen(self) -> dict[str, Any]:
        how = {"config": self.config, "job_class": self.job_class.value, "shared": self.shared.value}
        return {"pipeline": self.pipeline.value, **how, **self.query.values}

    def _refuse(self, error: HvenError) -> None:
        self.count.value = problem(error)
        self.estimate.value = ""
        self.submit.disabled = True

    def _on_pipeline(self, _change: object) -> None:
        chosen = self._pipelines[self.pipeline.value]
        self.doc.value = quiet(chosen.doc)
        self.options.fill(
            {
                name: Options(self._obs.task_of(step).config.model_json_schema(), step.config)
                for name, step in chosen.steps.items()
                if self._has_data(step)
            }
        )
        self.refresh()

    def _has_data(self, step: Step) -> bool:
        """Whether every raw dataset type that a step reads exists here: others' options would change nothing."""
        here = {str(p.ref.type) for p in self._raw}
        return all(name in here for name in step.inputs.values() if isinstance(name, str) and name.startswith("L0/"))

    def _on_submit(self, _button: iw.Button) -> None:
        self.submit.disabled = True  # until something is changed: one press, one job
        try:
            handle = self._obs.submit(**self._chosen())
            view = JobView(self._obs, handle, self._on_end(notify=self.notify.value))
        except HvenError as error:
            self._refuse(error)
            return
        self.estimate.value = quiet("Submitted. Change something to submit again.")
        self.views.append(view)
        self.jobs.children = [view.box, *self.jobs.children]
        view.follow()

    def _on_end(self, *, notify: bool) -> Callable[[Job], None]:
        """What happens when a job has ended that is submitted now."""
        if not notify:
            return lambda _job: None
        self.notifier.prepare()
        return self.notifier.tell


def _estimate(found: Estimate) -> str:
    ahead = f"{found.ahead} jobs ahead" if found.ahead else "no job ahead"
    if not found.quanta:
        return "No data fit this pipeline and choice."
    if not found.to_do:
        return "Nothing to do: all of it is there already. Change an option to make it differently."
    if found.unknown:
        return f"Estimate: not known, {escape(', '.join(found.unknown))} has not run here yet ({ahead})"
    parts = [f"{found.to_do} {'quantum' if found.to_do == 1 else 'quanta'}"]
    if found.core_minutes is not None and found.wall_minutes is not None:
        parts += [f"{duration(found.core_minutes * 60)} of one core"]
    if found.peak_bytes is not None and found.output_bytes is not None:
        parts += [f"peak {size(found.peak_bytes)}", f"output {size(found.output_bytes)}"]
    if found.wall_minutes is not None:
        wall = f"about {duration(found.wall_minutes * 60)}" if found.wall_minutes > 1 else "less than a minute"
        if found.wall_minutes_high is not None and found.wall_minutes_high > 1:
            wall += f", seldom more than {duration(found.wall_minutes_high * 60)}"
        parts += [f"{wall} ({ahead})"]
    return f"Estimate: {' · '.join(parts)}"
