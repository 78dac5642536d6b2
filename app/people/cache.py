"""What of people the cache keeps: the API's list of doctors."""

from __future__ import annotations

from app.core.cache.regions import DOCTORS
from app.core.cache.rows import hangs_on
from app.people.models import Doctor, DoctorLocation, DoctorSpeciality, Speciality

for model in (Doctor, DoctorLocation, DoctorSpeciality, Speciality):
    hangs_on(DOCTORS, model)
