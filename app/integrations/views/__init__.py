"""Screens of webhook endpoints."""
