"""A mail server that takes everything and keeps nothing: `python -m bench.mail_sink <port>`."""

from __future__ import annotations

import asyncio
import sys
from asyncio import StreamReader, StreamWriter

ANSWERS = {b"EHLO": b"250 sink", b"HELO": b"250 sink", b"MAIL": b"250 ok", b"RCPT": b"250 ok", b"DATA": b"354 go on"}


async def _serve(reader: StreamReader, writer: StreamWriter) -> None:
    writer.write(b"220 sink\r\n")
    while line := await reader.readline():
        verb = line[:4].upper()
        if verb == b"QUIT":
            writer.write(b"221 bye\r\n")
            break
        writer.write(ANSWERS.get(verb, b"250 ok") + b"\r\n")
        if verb == b"DATA":
            await writer.drain()
            await reader.readuntil(b"\r\n.\r\n")
            writer.write(b"250 taken\r\n")
    writer.close()


async def main(port: int) -> None:
    async with await asyncio.start_server(_serve, "127.0.0.1", port, limit=2**20, backlog=500) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
