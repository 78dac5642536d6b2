"""Availability, slots, and the life of a visit from booking to completion."""
