"""What may be cached, for how long, and how (SPEC OPS-2)."""

from __future__ import annotations

from dataclasses import dataclass

SHORTEST, LONGEST = 300, 1800
FRESH_SHARE = 0.8


@dataclass(frozen=True)
class Region:
    """A named kind of value. `ttl` is its life in Redis in seconds, 300 to 1800.

    For the last fifth of its life an entry is stale: still served, while one reader loads it anew. Raise `version` when
    the shape of the values changes, so that old and new processes of a rolling deployment do not read each other's.
    Without `copies` no process keeps copies of its own: every read is exact, and costs a round trip to Redis.
    """

    name: str
    ttl: int
    encrypted: bool = False
    version: int = 1
    copies: bool = True

    def __post_init__(self) -> None:
        if not SHORTEST <= self.ttl <= LONGEST:
            raise ValueError(f"the region {self.name} must live {SHORTEST} to {LONGEST} seconds")

    @property
    def fresh_seconds(self) -> float:
        return self.ttl * FRESH_SHARE


BILLING_PLANS = Region("billing_plans", ttl=1800)
USER = Region("user", ttl=1800, encrypted=True, copies=False)
USER_SUBSCRIPTIONS = Region("user_subscriptions", ttl=900, copies=False)
USER_PAYMENTS = Region("user_payments", ttl=900, encrypted=True, copies=False)
USER_INVOICES = Region("user_invoices", ttl=900, encrypted=True, copies=False)
CLINIC_USERS = Region("clinic:users", ttl=900, encrypted=True, copies=False)
CLINIC_SETTINGS = Region("clinic:settings", ttl=1800)
DOCTORS = Region("doctors", ttl=900, copies=False)
PROVIDER_ACCOUNTS = Region("provider_accounts", ttl=900, encrypted=True, copies=False)
PROVIDER_ACCOUNT_COPIES = Region("provider_accounts:copies", ttl=900, encrypted=True)  # half a second old at most
WEBHOOK_ENDPOINTS = Region("webhook_endpoints", ttl=900)
EHR_COMPREHENSIVE = Region("ehr:comprehensive", ttl=1800, encrypted=True)
EHR_MEDICAL_HISTORY = Region("ehr:medical_history", ttl=1800, encrypted=True)
EHR_ANALYTICS = Region("ehr_analytics", ttl=1800)
CRITICAL_ALERTS = Region("critical_alerts", ttl=300)
CHARTS = Region("charts", ttl=300)
