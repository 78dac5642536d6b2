"""An address that a person types, as messages are written to it: what is spelt otherwise would never be met."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email
from flask_babel import gettext as _

from app.core.errors import Invalid
from app.core.search import InvalidPhone, parse_phone
from app.messaging.models import Channel
from app.tenancy.queries import settings_in_scope

# What has an address that a person can know: devices and people in the console are found by their ids.
TYPED = (Channel.EMAIL, Channel.WHATSAPP, Channel.SMS)


def read_address(channel: str, text: str) -> str:
    """An e-mail address as it is sent to, or a number of the clinic's region in E.164. Raises Invalid."""
    try:
        if channel == Channel.EMAIL:
            return validate_email(text.strip(), check_deliverability=False, test_environment=True).normalized
        return parse_phone(text, settings_in_scope().phone_region)
    except EmailNotValidError:
        raise Invalid(fields={"address": _("This is not an e-mail address.")}) from None
    except InvalidPhone:
        raise Invalid(fields={"address": _("This is not a telephone number that can be dialled.")}) from None
