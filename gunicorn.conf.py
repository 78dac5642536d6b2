"""Web server settings, for `make run` and for production alike."""

from __future__ import annotations

import gc
import os
from typing import Any

from gunicorn.errors import AppImportError

worker_class = "gevent"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
# Open sockets count: a thousand screens must leave room for requests.
worker_connections = 5000
timeout = 60
# A page or an answer may finish; sockets reconnect to the next process.
graceful_timeout = 5
keepalive = 5
# The application logs requests itself, structured and without personal data.
accesslog = None
errorlog = "-"
loglevel = "warning"
# It would lie in the home directory: who has none gets an error, who runs two consoles gets the other's.
control_socket_disable = True
# Behind a proxy the application decides whom to trust (PROXY_HOPS).
forwarded_allow_ips = "127.0.0.1"


def post_fork(server: object, worker: Any) -> None:
    """What the environment lacks is told in one line."""
    load = worker.load_wsgi

    def load_in_words() -> None:
        from config import MissingSetting  # not before: gevent patches the standard library first

        try:
            load()
        except MissingSetting as error:
            raise AppImportError(str(error)) from None

    worker.load_wsgi = load_in_words


def post_worker_init(worker: object) -> None:
    """What the application loaded stays: the collector need not look at it again, nor run a thousand times a second."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
