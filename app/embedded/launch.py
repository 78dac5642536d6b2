"""`make run`: everything in its order, then supervision until somebody stops it."""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.embedded import programs
from app.embedded.checks import (
    check_app_settings,
    check_database,
    check_ports,
    check_redis,
    database_url_for_sqlalchemy,
)
from app.embedded.console import Console
from app.embedded.database import has_demo_logins, has_no_clinic, is_current
from app.embedded.development_secrets import development_secrets, write_private_file
from app.embedded.errors import StartFailed
from app.embedded.leftovers import MARK, end_leftovers, mark
from app.embedded.places import DataDirectory
from app.embedded.postgres import forget_client_settings
from app.embedded.processes import Program
from app.embedded.server import EmbeddedServer
from app.embedded.servers import EmbeddedServers, open_servers
from app.embedded.settings import LaunchSettings, read_settings
from app.embedded.supervisor import StopRequested, Supervisor
from app.embedded.welcome import welcome

SERVER_SECONDS = 60.0
WEB_SECONDS = 120.0
READY_SECONDS = 20.0
ENVIRONMENT_FILE = "environment.json"
CONNECTED_FILE = "demo-ports"
PORTS = ("PORT", "SANDBOX_PORT", "SANDBOX_SMTP_PORT")


@dataclass
class Launch:
    """One run of the console."""

    settings: LaunchSettings
    console: Console
    servers: EmbeddedServers
    supervisor: Supervisor
    environment: dict[str, str]

    def start(self) -> None:
        """Raises StartFailed with words for the operator."""
        self._start_servers()
        self._prepare_database()
        self._start_sandbox()
        demo = not self.settings.production and has_demo_logins(self.environment["DATABASE_URL"])
        if demo:
            self._connect_demo()  # before anybody works: messages that find no account fail
        self._start_children()
        self.console.box(welcome(self.settings, self.servers.data.path, demo=demo))

    def stop(self) -> None:
        (self.servers.data.path / ENVIRONMENT_FILE).unlink(missing_ok=True)
        self.supervisor.stop()
        end_leftovers(self.servers.data)  # what a job forked and its worker did not end
        self.servers.release()

    def _start_servers(self) -> None:
        self._start_server("DATABASE_URL", self.servers.postgres, check_database)
        self._start_server("REDIS_URL", self.servers.redis, check_redis)
        self._publish_environment()

    def _publish_environment(self) -> None:
        """For `make flask` in another terminal."""
        new = {
            name: value
            for name, value in self.environment.items()
            if name in PORTS or os.environ.get(name) != value  # the other terminal does not know ours
        }
        new.pop(MARK)
        write_private_file(self.servers.data.path / ENVIRONMENT_FILE, json.dumps(new, indent=2))

    def _start_server(self, variable: str, server: EmbeddedServer, check: Callable[[str], None]) -> None:
        if self.environment.get(variable):
            with self.console.step(f"{server.title} of {variable}"):
                check(self.environment[variable])
            return
        with self.console.step(f"{server.title}, embedded"):
            child = self.supervisor.start(server.prepare())
            self.supervisor.wait_until(server.is_ready, SERVER_SECONDS, [child])
            server.make_usable()
        self.environment[variable] = server.url()

    def _prepare_database(self) -> None:
        url = self.environment["DATABASE_URL"]
        if not is_current(url):
            with self.console.step("Database brought up to date"):
                self.supervisor.run_once(programs.migration(self.environment))
        if self.settings.demo_data and not self.settings.production and has_no_clinic(url):
            with self.console.step("Demo data: two clinics, one year"):
                self.supervisor.run_once(programs.demo_data(self.environment))

    def _start_sandbox(self) -> None:
        if self.settings.production:
            return
        with self.console.step("Provider sandbox"):
            child = self.supervisor.start(programs.sandbox(self.environment))
            self.supervisor.wait_until(lambda: _accepts(self.settings.sandbox_port), WEB_SECONDS, [child])

    def _start_children(self) -> None:
        with self.console.step("Web, workers and scheduler"):
            children = [self.supervisor.start(program) for program in self._programs()]
            self.supervisor.wait_until(self._is_usable, WEB_SECONDS, children)
            ready = self.supervisor.wait_for(self._is_ready, READY_SECONDS, children)
        if not ready:
            self.console.warn(f"Some parts are not ready yet; {self.settings.address}/readyz says which")

    def _connect_demo(self) -> None:
        """Tell the demo clinics and the sandbox where to find each other: needed whenever a port changed."""
        ports = f"{self.settings.port} {self.settings.sandbox_port} {self.settings.sandbox_smtp_port}"
        known = self.servers.data.path / CONNECTED_FILE
        if known.exists() and known.read_text() == ports:
            return
        with self.console.step("Demo clinics connected to the sandbox"):
            self.supervisor.run_once(programs.demo_connection(self.environment))
        known.write_text(ports)

    def _programs(self) -> list[Program]:
        web = programs.web(self.settings, self.environment)
        return [web, *programs.workers(self.environment), programs.cron(self.environment)]

    def _is_usable(self) -> bool:
        return _answers(f"{self.settings.address}/healthz")

    def _is_ready(self) -> bool:
        """Workers too, so that whoever pays right after the start gets the invoice at once."""
        return _answers(f"{self.settings.address}/readyz")


def run(environment: Mapping[str, str]) -> int:
    """The exit code: 0 after a stop that was asked for, 1 when it could not start."""
    console = Console()
    try:
        launch = prepare(environment, console)
    except StartFailed as failure:
        console.fail(str(failure))
        return 1
    try:
        launch.start()
        launch.supervisor.run()
    except StopRequested:
        console.say("\nStopping ...")
        return 0
    except StartFailed as failure:
        console.fail(str(failure))
        return 1
    finally:
        launch.stop()
        console.say("Everything has stopped.")


def prepare(environment: Mapping[str, str], console: Console) -> Launch:
    """Checks what can be checked before anything starts. Raises StartFailed."""
    settings = read_settings(environment)
    if not settings.database_url:
        forget_client_settings()
    complete = {**_child_environment(environment, settings), **_given_urls(settings)}
    check_app_settings(complete)
    servers = open_servers(settings.data_dir)
    try:
        check_ports(settings)
        complete |= {**_secrets(settings, servers.data), "DATA_DIR": str(servers.data.path), **mark(servers.data)}
        return Launch(settings, console, servers, Supervisor(console, servers.data.folder("logs")), complete)
    except BaseException:
        servers.release()
        raise


def _child_environment(environment: Mapping[str, str], settings: LaunchSettings) -> dict[str, str]:
    own = {
        "HOST": settings.host,
        "PORT": str(settings.port),
        "SANDBOX_PORT": str(settings.sandbox_port),
        "SANDBOX_SMTP_PORT": str(settings.sandbox_smtp_port),
        "APP_ENV": settings.app_env,
        "FLASK_APP": "app",
        "PYTHONUNBUFFERED": "1",
    }
    demo = {} if settings.production else {"DEMO_DATA": str(int(settings.demo_data))}
    return {**environment, **own, **demo}


def _given_urls(settings: LaunchSettings) -> dict[str, str]:
    urls = {"REDIS_URL": settings.redis_url}
    if settings.database_url:
        urls["DATABASE_URL"] = database_url_for_sqlalchemy(settings.database_url)
    return {name: url for name, url in urls.items() if url}


def _secrets(settings: LaunchSettings, data: DataDirectory) -> dict[str, str]:
    """Made for development, unless the environment has its own; production must bring them."""
    if settings.production:
        return {}
    made = development_secrets(data.path / "secrets.json")
    return {name: os.environ.get(name) or value for name, value in made.items()}


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _answers(address: str) -> bool:
    """Whether the page says 200."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        with closing(connection):
            connection.request("GET", parts.path)
            return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
