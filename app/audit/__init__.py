"""Audit: a hash-chained trail of every change, log-in, export and read of a clinical record."""
