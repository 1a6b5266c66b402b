"""The page of the demo in a browser: driven as a person would, by keys, with an eye on every request it makes."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nlpkit.jobs import serve
from nlpkit.jobs.serve_models import Models, chosen

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
HOSTILE = "<img src=x onerror=alert(1)> \u202eAmina\u202c moved 🙂 to Kisumu"
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


class Browser:
    """Headless Chromium, told what to do through a pipe (the DevTools protocol)."""

    def __init__(self, folder: Path) -> None:
        to_read, self._out = os.pipe()
        self._in, to_write = os.pipe()
        os.set_inheritable(to_read, True)
        os.set_inheritable(to_write, True)
        command = f"exec 3<&{to_read} 4>&{to_write}; exec {CHROMIUM} --headless --no-sandbox --disable-gpu " + (
            "--remote-debugging-pipe --disable-background-networking --no-first-run --disable-component-update "
            f"--disable-dev-shm-usage --user-data-dir={folder} about:blank"
        )
        self._process = subprocess.Popen(
            ["bash", "-c", command], close_fds=True, pass_fds=[to_read, to_write], stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, env={**os.environ, "HOME": str(folder)},
        )  # fmt: skip
        os.close(to_read)
        os.close(to_write)
        self.events: list[dict[str, Any]] = []
        self._answers: dict[int, dict[str, Any]] = {}
        self._count = 0
        self._session: str | None = None
        threading.Thread(target=self._listen, daemon=True).start()
        target = self("Target.createTarget", url="about:blank")["targetId"]
        self._session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self(f"{domain}.enable")

    def _listen(self) -> None:
        held = b""
        while data := os.read(self._in, 1 << 16):
            *whole, held = (held + data).split(b"\0")
            for message in map(json.loads, whole):
                if "id" in message:
                    self._answers[message["id"]] = message
                else:
                    self.events.append(message)

    def __call__(self, method: str, **params: Any) -> dict[str, Any]:
        self._count += 1
        number = self._count
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        wait(lambda: number in self._answers)
        answer = self._answers.pop(number)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def eval(self, code: str) -> Any:
        found = self("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def type(self, text: str) -> None:
        self("Input.insertText", text=text)

    def press(self, key: str, code: int, modifiers: int = 0, text: str = "") -> None:
        for kind in ("keyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            self("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, modifiers=modifiers, **more)

    def picture(self, path: Path, width: int, *, dark: bool = False) -> None:
        """The whole page as a PNG."""
        self("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self("Emulation.setEmulatedMedia", features=scheme)
        data = self("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))

    def named(self, name: str) -> list[dict[str, Any]]:
        return [event["params"] for event in list(self.events) if event["method"] == name]

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        os.close(self._out)


def wait(done: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return found


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    models, listening = Models(chosen([], None)), serve.bound("127.0.0.1", 0)
    workers = serve.Workers(models)
    server = serve.server(workers, listening)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield serve.address(listening)
    server.should_exit = True
    thread.join(20)
    workers.close()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    found = Browser(tmp_path_factory.mktemp("chromium"))
    yield found
    found.close()


@pytest.fixture
def browser(chromium: Browser) -> Browser:
    chromium("Page.navigate", url="about:blank")
    chromium.events.clear()
    return chromium


def ready(browser: Browser, address: str) -> None:
    browser("Page.navigate", url=address)
    wait(lambda: browser.eval("document.querySelectorAll('#tasks input').length") == 4)


def ran(browser: Browser) -> str:
    """What the page says when all is answered."""
    wait(lambda: " line" in (browser.eval("document.getElementById('status').textContent") or ""))
    return str(browser.eval("document.getElementById('lines').innerText"))


@pytest.mark.slow
def test_text_typed_by_keys_alone_is_answered_and_stays_text(browser: Browser, address: str) -> None:
    ready(browser, address)
    browser.press("Tab", 9)
    assert browser.eval("document.activeElement.id") == "text"
    browser.type(HOSTILE + "\n\nانتقلت ليلى إلى القاهرة\n")
    browser.press("Enter", 13, modifiers=2)
    shown = ran(browser)
    assert "<img src=x onerror=alert(1)>" in shown
    assert "Kisumu" in shown
    assert browser.eval("document.querySelectorAll('article').length") == 3
    assert browser.eval("document.querySelector('main img')") is None
    marks = "[...document.querySelectorAll('mark bdi')].map((mark) => mark.textContent)"
    assert "Kisumu" in browser.eval(marks), "offsets behind a character of two UTF-16 units"
    right = "getComputedStyle([...document.querySelectorAll('article')].at(-1).querySelector('.said')).direction"
    assert browser.eval(right) == "rtl"
    assert browser.eval("[...document.querySelectorAll('ul.words')].at(-1).dir") == "rtl"
    assert browser.named("Page.javascriptDialogOpening") == []
    assert browser.named("Runtime.exceptionThrown") == []
    assert [entry["entry"]["text"] for entry in browser.named("Log.entryAdded")] == []  # the policy refused nothing
    asked = {event["request"]["url"] for event in browser.named("Network.requestWillBeSent")}
    assert asked == {address + path for path in (
        "", "demo.css", "demo.js", "icon.svg", "v1/models", "v1/langid", "v1/pos", "v1/ner", "v1/translate",
    )} - ({address + "icon.svg"} - asked)  # fmt: skip


def test_errors_of_the_api_are_shown_as_they_are(browser: Browser, address: str) -> None:
    ready(browser, address)
    browser.eval("document.getElementById('text').value = 'a\\n'.repeat(300)")
    browser.eval("document.getElementById('task-translate').click()")
    browser.eval("document.getElementById('run').click()")
    ran(browser)
    said = browser.eval("document.getElementById('errors').innerText")
    assert said.count("300 texts are more than 256") == 3
    assert "hint: send the texts in several requests" in said
    assert browser.eval("document.querySelectorAll('article').length") == 0
    bad = "document.getElementById('option-beam').value = 1; document.getElementById('text').value = 'One'"
    browser.eval(bad + "; document.getElementById('task-translate').click(); document.getElementById('run').click()")
    wait(lambda: "beam" in browser.eval("document.getElementById('errors').innerText"))


def test_everything_has_a_name_for_a_screen_reader(browser: Browser, address: str) -> None:
    ready(browser, address)
    browser.eval("document.querySelector('#examples button').click(); document.getElementById('run').click()")
    ran(browser)
    browser("Accessibility.enable")
    nodes = browser("Accessibility.getFullAXTree")["nodes"]
    named = {"button", "textbox", "checkbox", "spinbutton", "combobox", "meter", "article", "region", "listbox"}
    unnamed = [
        node["role"]["value"] for node in nodes
        if not node["ignored"] and node["role"]["value"] in named and not node.get("name", {}).get("value")
    ]  # fmt: skip
    assert unnamed == []
    assert {"status", "alert", "meter", "article"} <= {node["role"]["value"] for node in nodes}


@pytest.mark.parametrize("width", [1280, 400, 320])
def test_nothing_is_wider_than_the_window(browser: Browser, address: str, width: int) -> None:
    ready(browser, address)
    browser("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    browser.eval(f"document.getElementById('text').value = 'Amina moved to Kisumu. ' + 'x'.repeat(400) + {HOSTILE!r}")
    browser.eval("document.getElementById('options').open = true; document.getElementById('run').click()")
    ran(browser)
    assert browser.eval("document.documentElement.scrollWidth") <= width
