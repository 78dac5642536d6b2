"""One order of long work: how far it got, what went wrong, and where it goes on after a worker died."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import Boolean, CheckConstraint, Index, Integer, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.files import StoredFile
from app.core.formatting import moment, plain
from app.core.models import AwareTime, TenantModel, id_column, one_of, tenant_reference, tenant_relationship
from app.core.state import Stateful


class JobStatus(StrEnum):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


UNFINISHED = (JobStatus.QUEUED, JobStatus.RUNNING)


class JobRun(Stateful, TenantModel):
    """`done_count` rows are done, `failed_count` have failed, each noted in the transaction that did it: the next row
    is that after both, whoever goes on.
    """

    __tablename__ = "job_run"
    __table_args__ = (
        one_of("status", JobStatus, "ck_job_run_status"),
        CheckConstraint(
            "0 <= done_count and 0 <= failed_count and done_count + failed_count <= total_count",
            name="ck_job_run_counts",
        ),
        Index("ix_job_run_status", "clinic_id", "status", "created_at"),
        Index("ix_job_run_unfinished", "created_at", postgresql_where="status in ('QUEUED', 'RUNNING')"),
    )

    TRANSITIONS: ClassVar[Mapping[Any, frozenset[Any]]] = {
        JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.CANCELLED, JobStatus.DONE, JobStatus.FAILED}),
        JobStatus.RUNNING: frozenset({JobStatus.DONE, JobStatus.CANCELLED, JobStatus.FAILED}),
    }

    kind: Mapped[str] = mapped_column(String(40), nullable=False)
    status: Mapped[str] = mapped_column(String(10), nullable=False, default=JobStatus.QUEUED)
    # Ids and plain values only.
    options: Mapped[dict[str, Any]] = mapped_column(JSONB, nullable=False, default=dict)
    total_count: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    done_count: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    failed_count: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    cancel_wanted: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    requested_by_id: Mapped[str | None] = id_column()
    started_at: Mapped[datetime | None] = mapped_column(AwareTime)
    finished_at: Mapped[datetime | None] = mapped_column(AwareTime)
    # When a worker last finished a batch: one that is silent for long has died.
    beat_at: Mapped[datetime | None] = mapped_column(AwareTime)
    error: Mapped[str] = mapped_column(String(300), nullable=False, default="")
    input_file_id: Mapped[str | None] = tenant_reference("stored_file", nullable=True)
    result_file_id: Mapped[str | None] = tenant_reference("stored_file", nullable=True)

    result_file: Mapped[StoredFile | None] = tenant_relationship("StoredFile", "JobRun.result_file_id", viewonly=True)

    @property
    def position(self) -> int:
        """How many rows were looked at."""
        return self.done_count + self.failed_count

    @property
    def progress(self) -> int:
        """Per cent of the rows that were looked at."""
        return self.position * 100 // self.total_count if self.total_count else 100

    @property
    def over(self) -> bool:
        return self.status not in UNFINISHED

    def __str__(self) -> str:
        from app.jobs.kinds import kind_title

        return f"{kind_title(self.kind)}, {plain(moment(self.created_at))}"


class JobProblem(TenantModel):
    """A row that was left out, and why. Names fields, never what stands in them."""

    __tablename__ = "job_problem"
    __table_args__ = (Index("ix_job_problem_run", "clinic_id", "run_id", "row"),)
    __audited__ = False  # the run is in the trail

    run_id: Mapped[str] = tenant_reference("job_run")
    row: Mapped[int] = mapped_column(Integer, nullable=False)
    text: Mapped[str] = mapped_column(String(300), nullable=False)

    run: Mapped[JobRun] = tenant_relationship("JobRun", "JobProblem.run_id", viewonly=True)

    def __str__(self) -> str:
        return str(self.row)
