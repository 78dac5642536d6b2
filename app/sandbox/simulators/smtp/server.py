"""The mail server's own thread and event loop."""

from __future__ import annotations

import asyncio
import socket
import threading

from aiosmtpd.smtp import SMTP

from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.smtp.session import MailHandler

LARGEST_MAIL = 25 * 1024 * 1024
HOST_NAME = "mail.sandbox.test"


class MailServer:
    """Listens on a socket that is bound already, so that a taken port is known before anything starts."""

    def __init__(self, sandbox: Sandbox, listening: socket.socket) -> None:
        self._handler = MailHandler(sandbox)
        self._socket = listening
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox-smtp", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(self._loop.create_server(self._session, sock=self._socket))
        self._ready.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(self._end_sessions())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    async def _end_sessions(self) -> None:
        sessions = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in sessions:
            task.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)

    def _session(self) -> SMTP:
        return SMTP(
            self._handler, hostname=HOST_NAME, ident="sandbox", data_size_limit=LARGEST_MAIL, enable_SMTPUTF8=True,
            auth_require_tls=False, authenticator=self._handler.authenticate, loop=self._loop,
        )  # fmt: skip
