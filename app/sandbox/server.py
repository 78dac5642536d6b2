"""One process: the HTTP server, the mail server, and the thread that sends webhooks."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

from werkzeug.serving import WSGIRequestHandler, make_server

from app.sandbox.application import create_sandbox
from app.sandbox.dispatcher import Dispatcher
from app.sandbox.errors import CannotStart
from app.sandbox.sandbox import Sandbox
from app.sandbox.settings import HOST, SandboxSettings
from app.sandbox.simulators import SIMULATORS
from app.sandbox.simulators.smtp.server import MailServer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

BACKLOG = 512
POLL_SECONDS = 0.1


class QuietHandler(WSGIRequestHandler):
    """Says nothing per request, the call log has them; a dropped connection is closed at once."""

    def connection_dropped(self, error: BaseException, environ: WSGIEnvironment | None = None) -> None:
        """Both ends of the socket object are let go, or the keep-alive loop would wait for another request."""
        self.close_connection = True
        self.rfile.close()
        self.connection.close()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


class SandboxServer:
    """A thread per connection: calls that hang on purpose never starve the others."""

    def __init__(self, settings: SandboxSettings) -> None:
        """Raises CannotStart when a port is taken or the state cannot be written."""
        http, mail = _listen(settings.port, "SANDBOX_PORT"), _listen(settings.smtp_port, "SANDBOX_SMTP_PORT")
        self.sandbox = Sandbox(settings, SIMULATORS)
        self.port: int = http.getsockname()[1]
        self.sandbox.origin = f"http://{HOST}:{self.port}"
        self.smtp_port: int = mail.getsockname()[1]
        self._dispatcher = Dispatcher(
            self.sandbox.webhooks, self.sandbox.timers, self.sandbox.run_timer, settings.webhook_timeout
        )
        self._mail = MailServer(self.sandbox, mail)
        self.application = create_sandbox(self.sandbox)
        self._http = make_server(
            HOST, self.port, self.application, threaded=True, request_handler=QuietHandler, fd=http.fileno()
        )
        http.close()
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(POLL_SECONDS,), name="sandbox-http", daemon=True
        )

    def start(self) -> None:
        self._dispatcher.start()
        self._mail.start()
        self._thread.start()

    def stop(self) -> None:
        """Unsent webhooks stay in the state for the next start."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        self._mail.stop()
        self._dispatcher.stop()
        self.sandbox.store.close()


def _listen(port: int, setting: str) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        listening.close()
        raise CannotStart(f"Port {port} cannot be used ({error.strerror}): set {setting} to a free one.") from None
    listening.listen(BACKLOG)
    return listening
