"""Ledger: the chart of accounts and a double-entry journal that the database keeps balanced and unchanged."""
