"""Ordering an import or an export of patients."""

from __future__ import annotations

from typing import Any

from flask import redirect, request, url_for
from flask_appbuilder import expose

from app.core.errors import AppError
from app.core.transaction import unit_of_work
from app.core.views import ActionView
from app.people.patient_csv import OPTIONAL, REQUIRED
from app.people.patient_files import order_export, order_import


class PatientFilesView(ActionView):
    """The run that is ordered shows its progress."""

    class_permission_name = "patient"
    route_base = "/patient-files"

    @expose("/import", methods=["GET", "POST"])
    def upload(self) -> Any:
        self.require("import")
        problem = ""
        if request.method == "POST":
            file = request.files.get("file")
            try:
                with unit_of_work():
                    run = order_import(file.read() if file else b"")
                    run_id = run.id
                return redirect(url_for("JobRunView.show", pk=run_id))
            except AppError as error:
                problem = str(error.message)
        page = self.render("people/import.html", problem=problem, required=REQUIRED, optional=OPTIONAL)
        return (page, 422) if problem else page

    @expose("/export", methods=["POST"])
    def export(self) -> Any:
        self.require("export")
        with unit_of_work():
            run_id = order_export().id
        return redirect(url_for("JobRunView.show", pk=run_id))
