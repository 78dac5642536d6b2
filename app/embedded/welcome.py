"""The box at the end of the start: addresses and demo log-ins."""

from __future__ import annotations

from pathlib import Path

from app.embedded.settings import LaunchSettings

DEMO_PASSWORD = "Demo-pass-2026"  # noqa: S105 - published in the README; such log-ins never exist in production
DEMO_CLINICS = ("Sunrise Clinic", "Lakeside Clinic")
DEMO_ROLES = (
    "receptionist",
    "doctor",
    "finance-billing",
    "patient",
    "clinic-admin",
    "nurse",
    "location-head",
    "accountant",
    "pharmacist",
    "lab-technician",
    "inventory-manager",
    "system-auditor",
)
ROLES_PER_LINE = 2


def welcome(settings: LaunchSettings, data: Path, *, demo: bool) -> list[str]:
    lines = ["Clinic Console is ready", "", f"Console    {settings.address}", f"API        {settings.address}/api/docs"]
    if not settings.production:
        lines.append(f"Sandbox    {settings.sandbox_address}  (stands in for all providers)")
    lines += [f"Data       {data}", ""]
    if demo:
        lines += _demo_logins()
    return [*lines, "Ctrl-C stops everything."]


def _demo_logins() -> list[str]:
    rows = [DEMO_ROLES[start : start + ROLES_PER_LINE] for start in range(0, len(DEMO_ROLES), ROLES_PER_LINE)]
    return [
        f"Demo log-ins of {DEMO_CLINICS[0]}; password of all:  {DEMO_PASSWORD}",
        "",
        *("   " + "".join(f"{role}@sunrise.demo".ljust(33) for role in row).rstrip() for row in rows),
        "",
        f"{DEMO_CLINICS[1]}: the same @lakeside.demo. Both clinics: super-admin@demo",
        "",
    ]
