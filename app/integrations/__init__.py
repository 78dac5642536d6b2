"""A clinic's own systems: they hear of its events through signed webhooks."""
