"""Long work with its live progress, what was left out, and its result."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from app.audit.services import record
from app.core.errors import NotFound
from app.core.principal import require
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.core.views import ActionView, Chart, ReadOnlyView, row_action
from app.jobs.kinds import KINDS, kind_title
from app.jobs.models import JobProblem, JobRun
from app.jobs.services import cancel_run, get_run


class JobProblemView(ReadOnlyView):
    """Rows that were left out."""

    model = JobProblem
    class_permission_name = "job_run"
    list_title = lazy_gettext("Rows that were left out")
    base_order = ("row", "asc")
    list_columns = ["row", "text"]
    show_columns = ["run", "row", "text"]
    search_columns = ["row", "text"]
    label_columns = {"row": lazy_gettext("Row"), "text": lazy_gettext("Why"), "run": lazy_gettext("Run")}


class JobRunView(ReadOnlyView):
    """Runs, and how far each got."""

    model = JobRun
    class_permission_name = "job_run"
    menu = ("Set-up", lazy_gettext("Imports and exports"))
    menu_order = 85
    list_title = lazy_gettext("Imports and exports")
    base_order = ("created_at", "desc")
    list_columns = ["created_at", "kind", "status", "total_count", "done_count", "failed_count", "finished_at"]
    show_columns = [
        "kind", "status", "error", "total_count", "done_count", "failed_count", "created_at", "started_at",
        "finished_at",
    ]  # fmt: skip
    search_columns = ["kind", "status", "created_at"]
    order_columns = ["created_at", "status"]
    label_columns = {
        "kind": lazy_gettext("What"),
        "total_count": lazy_gettext("Rows"),
        "done_count": lazy_gettext("Done"),
        "failed_count": lazy_gettext("Left out"),
        "created_at": lazy_gettext("Ordered"),
        "started_at": lazy_gettext("Started"),
        "finished_at": lazy_gettext("Finished"),
        "error": lazy_gettext("Failure"),
    }
    formatters_columns = {"kind": kind_title}
    list_template = "jobs/run_list.html"
    show_template = "jobs/run_show.html"
    related_views = [JobProblemView]
    charts = (
        Chart("kind", lazy_gettext("Runs by kind"), lambda: JobRun.kind, kind="bar-flat", words=kind_title),
        Chart("status", lazy_gettext("Runs by status"), lambda: JobRun.status, kind="doughnut"),
    )

    @row_action(
        "cancel",
        lazy_gettext("Stop"),
        confirm=lazy_gettext("Stop? What is done stays."),
        multiple=False,
        when=lambda run: not run.over,
    )
    def cancel(self, run: JobRun) -> Any:
        cancel_run(run.id)
        return _("It stops after the rows under way.")


class JobResultView(ActionView):
    """The file that a run made."""

    class_permission_name = "job_run"
    route_base = "/jobs"

    @expose("/<id:job_run_id>/result")
    def result(self, job_run_id: str) -> Response:
        """With an entry in the trail, for who may have what is in it."""
        self.require()
        run = get_run(job_run_id)
        if run.result_file is None or run.kind not in KINDS:
            raise NotFound
        require(*KINDS[run.kind].download)
        with unit_of_work():
            record("exported", f"result of {run.kind}", run.id)
        file = db.session.merge(run.result_file)
        answer = Response(file.content, mimetype=file.mime_type)
        answer.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
        answer.headers["Cache-Control"] = "no-store"
        return answer
