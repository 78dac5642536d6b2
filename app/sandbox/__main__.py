"""`python -m app.sandbox`: runs in the foreground until Ctrl-C or SIGTERM."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading

from app.sandbox.errors import CannotStart
from app.sandbox.server import SandboxServer
from app.sandbox.settings import HOST, read_settings

REFUSED = 2


def main() -> int:
    try:
        server = SandboxServer(read_settings(os.environ))
    except CannotStart as error:
        print(error, file=sys.stderr)
        return REFUSED
    # aiosmtpd warns at every log-in about a field of its own that nobody here reads.
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    server.start()
    print(f"Provider sandbox on http://{HOST}:{server.port}/ and mail on {HOST}:{server.smtp_port}", flush=True)
    stop.wait()
    server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
