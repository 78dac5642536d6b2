"""API of billing: invoices, paying for visits, payment accounts."""
