"""Billing: invoices, credit notes, pay links; what a visit costs and how a payment settles it."""
