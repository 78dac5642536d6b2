"""Screens of the machinery: events and their deliveries, queues and workers."""
