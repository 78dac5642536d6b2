"""API of payments and refunds, and the address of the gateways' webhooks."""
