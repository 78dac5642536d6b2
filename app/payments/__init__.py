"""Payments: money at gateways and at the desk, refunds, the operations asked of gateways, the webhook inbox."""
