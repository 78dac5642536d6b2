"""An entry as Redis holds it: when it turns stale, which versions of its tags it saw, and the packed value."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from app.core.cache.place import Place
from app.core.crypto import CryptoError, Keyring

COMPRESS_FROM_BYTES = 1024
COMPRESSION_LEVEL = 3
_HEADER = struct.Struct(">BHBd16s")  # format, region version, flags, stale from, digest of the tag versions
_FORMAT = 1
_COMPRESSED = 1
_LIMIT_BYTES = 64 * 1024 * 1024  # what an entry may inflate to: nothing of ours comes near


class UnusableEntry(Exception):
    """Not ours, of another version, altered, or sealed under a key that is gone."""


@dataclass(frozen=True)
class Entry:
    """`payload` is JSON text in UTF-8; `stale_from` in seconds since the epoch."""

    payload: bytes
    stale_from: float
    versions: bytes


def digest(versions: Sequence[bytes | None]) -> bytes | None:
    """One value for the versions of all tags; None if a tag has none, which matches no entry."""
    if any(version is None for version in versions):
        return None
    return hashlib.blake2b(b"\0".join(version or b"" for version in versions), digest_size=16).digest()


def pack(place: Place, entry: Entry, keyring: Keyring | None) -> bytes:
    """Compressed where it pays, sealed to key and header where the region says so."""
    body, flags = entry.payload, 0
    if len(body) >= COMPRESS_FROM_BYTES:
        body, flags = zlib.compress(body, COMPRESSION_LEVEL), _COMPRESSED
    header = _HEADER.pack(_FORMAT, place.region.version, flags, entry.stale_from, entry.versions)
    if place.region.encrypted:
        body = _required(keyring).encrypt(body, context=_context(place, header))
    return header + body


def unpack(place: Place, octets: bytes, keyring: Keyring | None) -> Entry:
    """Raises UnusableEntry."""
    if len(octets) < _HEADER.size:
        raise UnusableEntry("too short")
    header, body = octets[: _HEADER.size], octets[_HEADER.size :]
    form, version, flags, stale_from, versions = _HEADER.unpack(header)
    if (form, version) != (_FORMAT, place.region.version):
        raise UnusableEntry("another version")
    try:
        if place.region.encrypted:
            body = _required(keyring).decrypt(body, context=_context(place, header))
        payload = _inflate(body) if flags & _COMPRESSED else body
    except (CryptoError, zlib.error) as error:
        raise UnusableEntry(type(error).__name__) from error
    return Entry(payload, stale_from, versions)


def _inflate(body: bytes) -> bytes:
    inflater = zlib.decompressobj()
    payload = inflater.decompress(body, _LIMIT_BYTES)
    if not inflater.eof:
        raise UnusableEntry("cut or too large")
    return payload


def _context(place: Place, header: bytes) -> str:
    return f"cache:{place.key}:{header.hex()}"


def _required(keyring: Keyring | None) -> Keyring:
    if keyring is None:
        raise ValueError("an encrypted region needs a keyring")
    return keyring
