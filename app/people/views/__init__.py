"""Screens of patients, doctors and specialities."""
