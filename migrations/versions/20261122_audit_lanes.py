"""Lanes of the audit trail, so that changes of one clinic do not wait for each other."""

from __future__ import annotations

from alembic import op

revision = "20261122_audit_lanes"
down_revision = "20261122_in_app"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The trail may be long: it is written to while the new index is built, and what is there becomes lane 0."""
    for table in ("audit_entry", "audit_chain"):
        op.execute(f"alter table {table} add column if not exists lane smallint not null default 0")
    with op.get_context().autocommit_block():
        op.execute("drop index concurrently if exists uq_audit_entry_place")
        op.execute("create unique index concurrently uq_audit_entry_place on audit_entry (clinic_id, lane, number)")
    op.execute(
        "alter table audit_entry drop constraint if exists uq_audit_entry_number, "
        "add constraint uq_audit_entry_place unique using index uq_audit_entry_place"
    )
    op.execute(
        "alter table audit_chain drop constraint if exists uq_audit_chain_clinic, "
        "add constraint uq_audit_chain_lane unique (clinic_id, lane)"
    )


def downgrade() -> None:
    """Refused by the unique numbers where a second lane was opened: entries cannot be sealed anew without the key."""
    op.execute("alter table audit_chain add constraint uq_audit_chain_clinic unique (clinic_id), drop column lane")
    op.execute(
        "alter table audit_entry add constraint uq_audit_entry_number unique (clinic_id, number), drop column lane"
    )
