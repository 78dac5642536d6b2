"""Demo data: two clinics with a year behind them. Never loaded in production."""
