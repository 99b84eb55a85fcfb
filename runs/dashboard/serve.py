"""Where is the dashboard served: on this machine only, asking for nothing outside it?"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from nobid.runs.errors import InputError

ADDRESS: Final = "127.0.0.1"
PORTS: Final = (1024, 65535)
PAGE: Final = Path(__file__).with_name("page.py")
OPTIONS: Final[Mapping[str, str]] = {
    "server.address": ADDRESS,
    "server.enableCORS": "true",  # its protection, that is
    "server.enableXsrfProtection": "true",
    "server.maxUploadSize": "1",
    "server.fileWatcherType": "none",
    "server.runOnSave": "false",
    "server.showEmailPrompt": "false",
    "browser.serverAddress": ADDRESS,
    "browser.gatherUsageStats": "false",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "client.toolbarMode": "minimal",
    "runner.magicEnabled": "false",
    "logger.level": "error",
    "theme.base": "light",
    "theme.primaryColor": "#0072B2",
    "theme.backgroundColor": "#FFFFFF",
    "theme.secondaryBackgroundColor": "#F3F5F7",
    "theme.textColor": "#222222",
    "theme.linkColor": "#005A91",
    "theme.borderColor": "#D5D9DD",
    "theme.baseRadius": "small",
    "theme.showWidgetBorder": "true",
}
HOSTS: Final = (ADDRESS, "localhost")  # against a foreign name that is made to point here


def serve(folder: Path, port: int, *, browser: bool) -> None:
    """The dashboard was served until it was stopped by hand.

    Errors: InputError where Streamlit is missing, the folder is none, the port is taken.
    """
    words = command(folder, port, browser=browser)
    for name in [one for one in os.environ if one.startswith("STREAMLIT_")]:
        del os.environ[name]  # only the options given here hold
    from streamlit.web.cli import main

    main(words, prog_name="nobid app", standalone_mode=False)


def command(folder: Path, port: int, *, browser: bool) -> list[str]:
    """What Streamlit is told; InputError where it cannot be."""
    if find_spec("streamlit") is None:
        raise InputError("nobid app needs Streamlit: pip install 'nobid[app]'.")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is not a folder: name the one in which runs lie, or shall lie.")
    if not PORTS[0] <= port <= PORTS[1]:
        raise InputError(f"--port {port}: must be a whole number between {PORTS[0]} and {PORTS[1]}.")
    if not _free(port):
        raise InputError(f"--port {port}: is in use on this machine: choose another --port.")
    options = {**OPTIONS, "server.port": str(port), "server.headless": "false" if browser else "true"}
    words = [f"--{name}={value}" for name, value in options.items()]
    words += [f"--server.allowedHosts={host}" for host in HOSTS]
    return ["run", str(PAGE), *words, "--", str(folder)]


def _free(port: int) -> bool:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
    return True
