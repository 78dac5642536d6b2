"""Screens of payments, refunds and the machinery behind them; the payer's pages."""
