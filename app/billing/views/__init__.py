"""Screens of billing, documents to print, and the public page of a pay link."""
