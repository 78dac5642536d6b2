"""The providers that are simulated; a new one is added to this tuple."""

from __future__ import annotations

from app.sandbox.simulator import Simulator
from app.sandbox.simulators.aws.ses import Ses
from app.sandbox.simulators.aws.sns import Sns
from app.sandbox.simulators.fcm import Fcm
from app.sandbox.simulators.paypal import PayPal
from app.sandbox.simulators.phonepe import PhonePe
from app.sandbox.simulators.razorpay import Razorpay
from app.sandbox.simulators.smtp import Smtp
from app.sandbox.simulators.stripe import Stripe
from app.sandbox.simulators.twilio import Twilio
from app.sandbox.simulators.whatsapp import WhatsApp
from app.sandbox.simulators.zeptomail import ZeptoMail

GATEWAYS: tuple[Simulator, ...] = (Razorpay(), PayPal(), PhonePe(), Stripe())
CHANNELS: tuple[Simulator, ...] = (ZeptoMail(), Ses(), Smtp(), WhatsApp(), Twilio(), Fcm(), Sns())
SIMULATORS: tuple[Simulator, ...] = (*GATEWAYS, *CHANNELS)
