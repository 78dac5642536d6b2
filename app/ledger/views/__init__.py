"""Screens of the books: accounts, journal, trial balance."""
