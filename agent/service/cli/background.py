"""Commands about the daemon: run, start, stop."""

from __future__ import annotations

import os

import typer

from agent.service.cli import show
from agent.service.cli.client import Client, service_command, service_environment, start_daemon
from agent.service.cli.program import app

daemon_app = typer.Typer(no_args_is_help=True, help="The background process that keeps everything current and warm.")
app.add_typer(daemon_app, name="daemon")


@daemon_app.command("run")
def daemon_run() -> None:
    """Run the daemon here, in the foreground (for launchd and systemd)."""
    command = service_command("daemon", "foreground")
    os.execve(command[0], command, service_environment(os.environ))  # noqa: S606 - signals must reach the daemon itself


@daemon_app.command("start")
def daemon_start() -> None:
    """Start the daemon in the background, and unlock it."""
    client = Client(os.environ)
    running = client.daemon_pid()
    pid = running or start_daemon(client.places, os.environ)
    show.out.print(f"The daemon {'is running already' if running else 'runs'} (pid {pid}).")
    state = client.request("GET", "/status") if client.daemon_pid() else {}
    if state.get("set_up") and state.get("locked"):
        client.request("POST", "/unlock", {"passphrase": client.passphrase(confirm=False)})
    client.close()


@daemon_app.command("stop")
def daemon_stop() -> None:
    """Stop the daemon; it seals its index and wipes its RAM folder first."""
    client = Client(os.environ)
    if client.daemon_pid() is None:
        show.out.print("No daemon is running.")
        return
    client.request("POST", "/stop")
    client.close()
    client.wait_until_gone()
    show.out.print("Stopped.")
