"""A Chromium without a window, driven as by a person: real key presses, by the W3C's WebDriver protocol."""

from __future__ import annotations

import base64
import http.client
import json
import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CHROMIUM", "DRIVER", "QUIET", "Browser"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
#: WebDriver's characters for keys that write none.
KEYS = {
    "Tab": "\ue004", "Enter": "\ue007", "Shift": "\ue008", "Escape": "\ue00c", "Space": " ",
    "PageUp": "\ue00e", "PageDown": "\ue00f", "End": "\ue010", "Home": "\ue011",
    "Left": "\ue012", "Up": "\ue013", "Right": "\ue014", "Down": "\ue015",
}  # fmt: skip
_WAIT = 60.0


class Browser:
    """One window; ``with`` ends it and its driver."""

    def __init__(self, folder: Path) -> None:
        """Start it.

        Args:
            folder: where its profile and its downloads are.
        """
        self.downloads = folder / "downloads"
        self.downloads.mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = (folder / "driver.log").open("w", encoding="utf-8")
        self.driver = subprocess.Popen([str(DRIVER), f"--port={self.port}"], stdout=self.log, stderr=self.log)
        own = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}", *QUIET]
        options = {
            "binary": CHROMIUM,
            "args": own,
            "prefs": {"download.default_directory": str(self.downloads), "download.prompt_for_download": False},
        }
        wanted = {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}}
        self._await(lambda: self._ask("GET", "/status")["ready"], "the driver")
        self.session = f"/session/{self._ask('POST', '/session', wanted)['sessionId']}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._ask("DELETE", self.session)
        finally:
            self.driver.terminate()
            self.driver.wait(timeout=_WAIT)
            self.log.close()

    def _ask(self, method: str, path: str, content: object = None) -> Any:
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_WAIT)
        try:
            link.request(method, path, None if content is None else json.dumps(content))
            answer = link.getresponse()
            value = json.load(answer)["value"]
        finally:
            link.close()
        if answer.status != http.HTTPStatus.OK:
            raise RuntimeError(value["message"])
        return value

    def _await(self, done: Any, what: str) -> Any:
        end = time.monotonic() + _WAIT
        while time.monotonic() < end:
            try:
                if answer := done():
                    return answer
            except ConnectionError:
                pass
            time.sleep(0.05)
        raise TimeoutError(what)

    def command(self, name: str, **arguments: object) -> Any:
        """A command of Chromium's own protocol."""
        return self._ask("POST", f"{self.session}/goog/cdp/execute", {"cmd": name, "params": arguments})

    def look(self, width: int, height: int, colours: str = "light") -> None:
        """Size of the window, as of a telephone below 500 px, and what the reader prefers: ``light`` or ``dark``."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": colours}])

    def open(self, address: str) -> None:
        """Go there, and wait until the page says that it is ready."""
        self._ask("POST", f"{self.session}/url", {"url": "about:blank"})
        self._ask("POST", f"{self.session}/url", {"url": address})
        self._await(lambda: self.run("return document.body.dataset.ready"), "the page")

    def run(self, script: str) -> Any:
        """What a script returns."""
        return self._ask("POST", f"{self.session}/execute/sync", {"script": script, "args": []})

    def settled(self, script: str) -> Any:
        """What a script returns once two frames were drawn."""
        frames = "requestAnimationFrame(() => requestAnimationFrame(() => done((() => {" + script + "})())))"
        return self._ask(
            "POST", f"{self.session}/execute/async", {"script": f"const done = arguments[0]; {frames}", "args": []}
        )

    def press(self, *names: str) -> None:
        """Press and release keys, one after the other; ``Shift+Tab`` is both at once."""
        actions: list[dict[str, str]] = []
        for name in names:
            keys = [KEYS.get(part, part) for part in name.split("+")]
            actions += [{"type": "keyDown", "value": key} for key in keys]
            actions += [{"type": "keyUp", "value": key} for key in reversed(keys)]
        self._ask("POST", f"{self.session}/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def downloaded(self, name: str) -> str:
        """Text of a file that was saved."""
        path = self.downloads / name
        self._await(lambda: path.exists() and path.stat().st_size, name)
        return path.read_text(encoding="utf-8")

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """A PNG of what is seen, or of the whole page."""
        taken = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(taken["data"]))
