"""Every adapter that accounts can be made for: this slice is the lowest that sees both gateways and channels."""

from __future__ import annotations

from typing import Any

from app.core.providers import Provider
from app.messaging.channels import CHANNELS
from app.payments.gateways import GATEWAYS

REGISTRY: tuple[type[Provider[Any]], ...] = (*GATEWAYS, *CHANNELS)
