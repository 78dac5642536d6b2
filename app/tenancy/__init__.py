"""Tenancy: clinics, their locations, rooms and settings, and their accounts at providers."""
