"""Screens of long work, queues and workers."""
