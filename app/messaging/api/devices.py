"""The devices that a person gets push messages on."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import StringConstraints
from sqlalchemy import select

from app.core.api import Api, Body, endpoint
from app.core.errors import NotFound
from app.core.principal import current_principal, own_patient_id
from app.core.tenant import db
from app.messaging.devices import register_device, unregister_device
from app.messaging.models import DevicePlatform, DeviceToken, TokenKind


class DeviceBody(Body):
    """`token`: Firebase's registration token (or installation id, with kind FID), or Apple's device token."""

    token: Annotated[str, StringConstraints(min_length=16, max_length=4096, pattern=r"^[\w:./+=-]+$")]
    platform: DevicePlatform
    kind: TokenKind = TokenKind.TOKEN


class DeviceApi(Api):
    """An app registers at every start and after every log-in; it unregisters when its person logs out."""

    openapi_tag = "Notifications"

    @endpoint("GET", "/devices", resource="device", action="read")
    def devices(self) -> dict[str, Any]:
        """My devices, the one seen last first."""
        mine = select(DeviceToken).where(DeviceToken.user_id == current_principal().user_id)
        found = db.session.scalars(mine.order_by(DeviceToken.seen_at.desc(), DeviceToken.id))
        return {"items": [_show(device) for device in found], "nextCursor": None}

    @endpoint("POST", "/devices", resource="device", action="create", body=DeviceBody, status=201)
    def register(self, body: DeviceBody) -> dict[str, Any]:
        """Register a device, or tell that it is still used; the token is never shown again."""
        device = register_device(
            user_id=current_principal().user_id,
            patient_id=own_patient_id(),
            platform=body.platform,
            token=body.token,
            kind=body.kind,
        )
        return _show(device)

    @endpoint("DELETE", "/devices/<id:device_id>", resource="device", action="delete", status=204)
    def unregister(self, device_id: str) -> None:
        """Send no push messages to the device any more."""
        device = db.session.get(DeviceToken, device_id)
        if device is None or device.user_id != current_principal().user_id:
            raise NotFound
        unregister_device(device)


def _show(device: DeviceToken) -> dict[str, Any]:
    return {
        "id": device.id,
        "platform": device.platform,
        "kind": device.kind,
        "seenAt": device.seen_at.isoformat(),
    }
