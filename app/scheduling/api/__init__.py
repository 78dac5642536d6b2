"""The schedule's JSON API (SPEC 7, 20)."""
