"""What the workers of long work do with patients."""

from __future__ import annotations

from app.people import patient_files

__all__ = ["patient_files"]
