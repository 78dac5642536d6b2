"""Encryption at rest, message authentication, signed links. Keys are arguments, never read from the environment."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
KEY_VERSION_LIMIT = 2**32 - 1
SALT_BYTES = 16
NONCE_BYTES = 12
TAG_BYTES = 16
LINK_MAC_BYTES = 18  # 144 bits: far beyond guessing, and 24 characters in a link

# Format number and key version, then salt, nonce, ciphertext and tag.
_HEADER = struct.Struct(">BI")
_FORMAT = 1
_OVERHEAD = _HEADER.size + SALT_BYTES + NONCE_BYTES + TAG_BYTES


class CryptoError(Exception):
    """Something about keys or sealed data is wrong; the text never holds a secret."""


class BadKeyring(CryptoError):
    """ENCRYPTION_KEYS is malformed."""


class UnknownKeyVersion(CryptoError):
    """The data was sealed under a key that is not configured (any more)."""


class Tampered(CryptoError):
    """The sealed data was altered, cut, or belongs to another row or purpose."""


class LinkInvalid(CryptoError):
    """The token was not signed by us for this purpose."""


class LinkExpired(CryptoError):
    """The token was ours, but its time is over."""


def same(left: bytes | str, right: bytes | str) -> bool:
    """Compare secrets in constant time; text is compared as UTF-8."""
    return hmac.compare_digest(_octets(left), _octets(right))


def derive_key(secret: bytes, purpose: str, *, salt: bytes = b"", length: int = KEY_BYTES) -> bytes:
    """A key of its own for each purpose, so that one leak or misuse does not reach another (HKDF, RFC 5869)."""
    return HKDF(hashes.SHA256(), length, salt or None, purpose.encode()).derive(secret)


@dataclass(frozen=True, repr=False)
class Keyring:
    """Versioned AES-256 keys; the first one configured seals, all of them open.

    Each message has its own key, derived with a random salt: the limit of 2**32 random nonces per key (NIST SP 800-38D,
    8.3) is therefore out of reach however much is sealed before a rotation.
    """

    keys: Mapping[int, bytes]
    current: int

    @classmethod
    def parse(cls, text: str) -> Keyring:
        """From `2:<base64>,1:<base64>`. Raises BadKeyring, naming the entry by its place only."""
        keys: dict[int, bytes] = {}
        for place, entry in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
            version, key = _parse_entry(entry, place)
            if version in keys:
                raise BadKeyring(f"key version {version} is given twice")
            keys[version] = key
        if not keys:
            raise BadKeyring("no encryption key is configured")
        return cls(keys, next(iter(keys)))

    def encrypt(self, plaintext: bytes, *, context: str) -> bytes:
        """Seal under the current key. `context` names row and purpose; opening needs the same one."""
        header = _HEADER.pack(_FORMAT, self.current)
        salt, nonce = os.urandom(SALT_BYTES), os.urandom(NONCE_BYTES)
        cipher = self._cipher(self.current, salt)
        return header + salt + nonce + cipher.encrypt(nonce, plaintext, _bound(header, context))

    def decrypt(self, sealed: bytes, *, context: str) -> bytes:
        """Open what `encrypt` sealed. Raises UnknownKeyVersion or Tampered."""
        version = key_version(sealed)
        header, rest = sealed[: _HEADER.size], sealed[_HEADER.size :]
        salt, nonce, body = rest[:SALT_BYTES], rest[SALT_BYTES:][:NONCE_BYTES], rest[SALT_BYTES + NONCE_BYTES :]
        try:
            return self._cipher(version, salt).decrypt(nonce, body, _bound(header, context))
        except InvalidTag:
            raise Tampered("the sealed data does not belong here or was altered") from None

    def encrypt_text(self, plaintext: str, *, context: str) -> str:
        """`encrypt` for a text column: URL-safe base64."""
        return base64.urlsafe_b64encode(self.encrypt(plaintext.encode(), context=context)).decode()

    def decrypt_text(self, sealed: str, *, context: str) -> str:
        return self.decrypt(_sealed_octets(sealed), context=context).decode()

    def needs_rotation(self, sealed: bytes | str) -> bool:
        """Whether it was sealed under another key than the current one."""
        return key_version(sealed) != self.current

    def _cipher(self, version: int, salt: bytes) -> AESGCM:
        try:
            key = self.keys[version]
        except KeyError:
            raise UnknownKeyVersion(f"encryption key version {version} is not configured") from None
        return AESGCM(derive_key(key, "aes-256-gcm", salt=salt))


def key_version(sealed: bytes | str) -> int:
    """Which key sealed it, read without opening it. Raises Tampered on anything that `encrypt` cannot have made."""
    octets = _sealed_octets(sealed) if isinstance(sealed, str) else sealed
    if len(octets) < _OVERHEAD:
        raise Tampered("the sealed data is too short")
    form, version = _HEADER.unpack_from(octets)
    if form != _FORMAT:
        raise Tampered(f"sealed format {form} is unknown")
    return int(version)


class Signer:
    """Keyed MACs and signed links. The first secret signs, all verify: a secret can be replaced without a break."""

    def __init__(self, secret: bytes, *previous: bytes) -> None:
        self._secrets: Sequence[bytes] = (secret, *previous)
        if not all(self._secrets):
            raise BadKeyring("a signing secret is empty")

    def mac(self, purpose: str, message: bytes | str) -> bytes:
        """HMAC-SHA-256 under a key derived for this purpose alone."""
        return _mac(self._secrets[0], purpose, message)

    def verify_mac(self, purpose: str, message: bytes | str, mac: bytes) -> bool:
        return any(same(_mac(secret, purpose, message), mac) for secret in self._secrets)

    def sign_link(self, purpose: str, subject_id: str, expires_at: datetime) -> str:
        """A token for a URL that names `subject_id` until `expires_at` (aware), rounded up to whole seconds."""
        body = f"{_encode(subject_id.encode())}.{_seconds(expires_at):x}"
        return f"{body}.{_encode(self.mac(f'link:{purpose}', body)[:LINK_MAC_BYTES])}"

    def verify_link(self, purpose: str, token: str, *, now: datetime) -> str:
        """The id that the token names. Raises LinkInvalid or, for a genuine one whose time is over, LinkExpired."""
        body, _, signature = token.rpartition(".")
        macs = [_encode(_mac(secret, f"link:{purpose}", body)[:LINK_MAC_BYTES]) for secret in self._secrets]
        if not any(same(mac, signature) for mac in macs):
            raise LinkInvalid("the link is not valid")
        subject, _, expiry = body.partition(".")
        if int(expiry, 16) < now.timestamp():
            raise LinkExpired("the link has expired")
        return base64.urlsafe_b64decode(_padded(subject)).decode()


def _parse_entry(entry: str, place: int) -> tuple[int, bytes]:
    version, colon, encoded = entry.partition(":")
    if not colon or not version.isascii() or not version.isdigit() or int(version) > KEY_VERSION_LIMIT:
        raise BadKeyring(f"encryption key number {place} is not <version>:<base64>")
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise BadKeyring(f"encryption key version {version} is not base64") from None
    if len(key) != KEY_BYTES:
        raise BadKeyring(f"encryption key version {version} has {len(key)} bytes instead of {KEY_BYTES}")
    return int(version), key


def _bound(header: bytes, context: str) -> bytes:
    if not context:
        raise ValueError("sealed data must be bound to a context")
    return header + context.encode()


def _mac(secret: bytes, purpose: str, message: bytes | str) -> bytes:
    return hmac.digest(derive_key(secret, f"mac:{purpose}"), _octets(message), sha256)


def _seconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError("an expiry needs a time zone")
    return -int(-moment.astimezone(UTC).timestamp() // 1)


def _octets(value: bytes | str) -> bytes:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


def _sealed_octets(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Tampered("the sealed text is not base64") from None


def _encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)
