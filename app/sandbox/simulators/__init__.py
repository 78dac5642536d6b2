"""The providers that are simulated; a new one is added to this tuple."""

from __future__ import annotations

from app.sandbox.simulator import Simulator
from app.sandbox.simulators.paypal import PayPal
from app.sandbox.simulators.phonepe import PhonePe
from app.sandbox.simulators.razorpay import Razorpay
from app.sandbox.simulators.smtp import Smtp
from app.sandbox.simulators.stripe import Stripe
from app.sandbox.simulators.whatsapp import WhatsApp

SIMULATORS: tuple[Simulator, ...] = (Razorpay(), PayPal(), PhonePe(), Stripe(), WhatsApp(), Smtp())
