"""One page and a small JSON API for models, on this machine: requests are checked here and answered by one worker."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import json
import os
import re
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nlpkit import __version__
from nlpkit.config import places
from nlpkit.config.explain import nearest
from nlpkit.errors import InputError, NlpkitError
from nlpkit.jobs.serve_models import ModelFault, Models, Question, read
from nlpkit.jobs.serve_queue import Dropped, Full, Worker

BODY = 1 << 20  # bytes
TEXTS = 256
CHARACTERS = 100_000  # of all texts of a request
SECONDS = 30.0
LOADING = 120.0
_READ = 64 * BODY  # of a body that is too large: most clients read the answer when they have sent it all
_CONNECTIONS = 256
_FILES = {"/": ("index.html", "text/html"), "/demo.js": ("demo.js", "text/javascript"),
          "/demo.css": ("demo.css", "text/css"), "/icon.svg": ("icon.svg", "image/svg+xml")}  # fmt: skip
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(:[0-9]+)?")
Asked = TypeVar("Asked", bound=Hashable)
Result = TypeVar("Result")


class Workers:
    """One thread that answers, and one that loads models meanwhile, so that nobody's time goes into another's model."""

    def __init__(self, models: Models) -> None:
        self.models = models
        self.answering = Worker(models.answer)
        self.loading = Worker(models.load)

    @property
    def alive(self) -> bool:
        return self.answering.alive and self.loading.alive

    @property
    def waiting(self) -> int:
        return self.answering.waiting + self.loading.waiting

    def close(self, seconds: float = 2.0) -> None:
        self.answering.close(seconds)
        self.loading.close(seconds)


class Refused(Exception):
    """A request that gets no answer but an error: its HTTP status, a code for programs, a message and a hint."""

    def __init__(self, status: int, code: str, message: str, hint: str = "", *, again: int = 0) -> None:
        super().__init__(message)
        self.status, self.again = status, again  # seconds after which it may be asked again
        self.body = {"error": {"code": code, "message": message, "hint": hint}}

    def response(self) -> Response:
        headers = {"retry-after": str(self.again)} if self.again else None
        return JSONResponse(self.body, self.status, headers)


# -- who may ask


@dataclass(frozen=True, slots=True)
class Hosts:
    """The names that requests may call this server by.

    Else a page elsewhere could point its own name at this machine and read the answers (DNS rebinding).
    """

    names: frozenset[str]
    addresses: bool = False  # any IP address, which is no name to be pointed

    @classmethod
    def of(cls, host: str) -> Hosts:
        """Those of a server bound to ``host``."""
        address = ipaddress.ip_address(host)
        if address.is_loopback:
            return cls(frozenset({"localhost", host}))
        return cls(frozenset({"localhost", host, socket.gethostname().lower()}), address.is_unspecified)

    def allow(self, header: str) -> bool:
        found = _HOST.fullmatch(header.lower())
        if not found:
            return False
        name = found[1].strip("[]")
        return name in self.names or (self.addresses and _address(name) is not None)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def bound(host: str, port: int, *, exposed: bool = False) -> socket.socket:
    """A socket that listens at ``host``, an IP address or localhost; port 0 is a free one. Raises InputError."""
    address = _address("127.0.0.1" if host == "localhost" else host)
    if address is None:
        raise InputError(f"`--host {host}` is no IP address", "for example: --host 127.0.0.1")
    if not address.is_loopback and not exposed:
        raise InputError(
            f"`--host {host}` lets other machines in: there is no password and no encryption, and whoever reaches the "
            "port can use the models and keep this machine busy",
            "add --expose if that is meant; else from there: ssh -L 8765:127.0.0.1:8765 THIS_MACHINE",
        )
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        return socket.create_server((str(address), port), family=family, backlog=_CONNECTIONS)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise InputError(f"port {port} is taken", "--port 0 picks a free one") from None
        if error.errno == errno.EACCES:
            raise InputError(f"port {port} is for administrators", "take one above 1023, or --port 0") from None
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            raise InputError(f"`{host}` is no address of this machine", "leave out --host") from None
        raise


# -- the app


def app(
    workers: Workers,
    hosts: Hosts,
    *,
    seconds: float = SECONDS,
    log: Callable[[str], None] | None = None,
) -> ASGIApp:
    """The ASGI application; a request is answered within ``seconds``, in whichever way, once its model is loaded."""
    models = workers.models

    async def ask(request: Request) -> Response:
        task = request.path_params["task"]
        _check_task(task, models.by_task)
        question, texts = _question(task, _parsed(await _body(request, seconds)))
        if not models.ready(task):
            await _answered(workers.loading, task, [""], LOADING)
        answers = await _answered(workers.answering, question, texts, seconds) if texts else []
        rows = [{**answer.row, "id": str(number)} for number, answer in enumerate(answers, 1)]
        notes = [{"id": str(number), "note": note} for number, answer in enumerate(answers, 1) for note in answer.notes]
        return JSONResponse({"task": task, "rows": rows, **({"notes": notes} if notes else {})})

    async def known(_: Request) -> Response:
        limits = {"bytes": BODY, "texts": TEXTS, "characters": CHARACTERS, "seconds": seconds}
        return JSONResponse({"models": models.facts(), "limits": limits, "nlpkit": __version__})

    async def health(_: Request) -> Response:
        data = {"status": "ok" if workers.alive else "stopped", "waiting": workers.waiting}
        return JSONResponse(data, 200 if workers.alive else 503)

    routes = [Route(path, _file(name, kind)) for path, (name, kind) in _FILES.items()]
    routes += [Route("/healthz", health), Route("/v1/models", known), Route("/v1/{task}", ask, methods=["POST"])]
    handlers: Mapping[Any, Any] = {Refused: _refused, HTTPException: _unknown}
    inside = Starlette(routes=routes, exception_handlers=handlers)
    inside.router.redirect_slashes = False
    return _guarded(inside, hosts, log)


def _file(name: str, kind: str) -> Callable[[Request], Any]:
    """A page that never changes while the server runs."""
    content = (places.PACKAGE / "assets" / "demo" / name).read_bytes()

    async def send(_: Request) -> Response:
        return Response(content, media_type=kind)

    return send


def _refused(_: Request, error: Refused) -> Response:
    return error.response()


def _unknown(request: Request, error: HTTPException) -> Response:
    hint = "the page is at /, the models are listed at /v1/models"
    if error.status_code == 405:
        wanted = (error.headers or {}).get("Allow", "POST")
        hint = f"{wanted} is wanted here"
    code = {404: "not_found", 405: "wrong_method"}.get(error.status_code, "refused")
    body = {
        "error": {"code": code, "message": f"{request.method} {request.url.path[:200]}: {error.detail}", "hint": hint}
    }
    return JSONResponse(body, error.status_code, error.headers)


def _guarded(inside: ASGIApp, hosts: Hosts, log: Callable[[str], None] | None) -> ASGIApp:
    """The app behind a check of the Host header, with the headers that every answer has, and a log of requests."""

    async def outside(scope: Scope, receive: Receive, send: Send) -> None:
        began, status = time.monotonic(), 0

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *own]}
            await send(message)

        if scope["type"] != "http":
            return
        given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(given) == 1 and hosts.allow(given[0]):
            try:
                await inside(scope, receive, sent)
            except Exception as error:
                if not status:
                    await _unexpected(error).response()(scope, receive, sent)
        else:
            hint = "names: " + ", ".join(sorted(hosts.names))
            refused = Refused(403, "wrong_host", "the Host header names another server", hint)
            await refused.response()(scope, receive, sent)
        if log:
            log(f"{scope['method']} {scope['path']} {status} {time.monotonic() - began:.3f} s")

    return outside


def _check_task(task: str, served: Mapping[str, str]) -> None:
    if task not in served:
        hint = f"served: {', '.join(served)}; another: nlpkit demo --model {task[:20]}=FOLDER"
        raise Refused(404, "unknown_task", f"no model is served for `{task[:60]}`{nearest(task[:60], served)}", hint)


async def _body(request: Request, seconds: float) -> bytes:
    """The body of a JSON request."""
    kind, _, rest = request.headers.get("content-type", "").partition(";")
    charset = rest.strip().lower().removeprefix("charset=").strip('"')
    if kind.strip().lower() != "application/json" or charset not in ("", "utf-8"):
        raise Refused(
            415, "not_json", "the content type is not application/json", "-H 'content-type: application/json'"
        )
    large = Refused(413, "too_large", f"the body is larger than {BODY} bytes", "send the texts in several requests")
    if int(request.headers.get("content-length", 0)) > _READ:
        raise large
    body, size = bytearray(), 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > _READ:
                    raise large
                if size <= BODY:
                    body += chunk
    except TimeoutError:
        raise Refused(408, "too_slow", f"the body did not come within {seconds:g} s") from None
    if size > BODY:
        raise large
    return bytes(body)


def _parsed(body: bytes) -> Any:
    def refuse(text: str) -> None:
        raise ValueError(f"{text} is no JSON")

    try:
        return json.loads(body.decode("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "not_json", f"the body is not JSON: {error}"[:200], 'write {"text": "..."}') from None


def _question(task: str, data: Any) -> tuple[Question, list[str]]:
    try:
        question, texts = read(task, data)
    except InputError as error:
        raise Refused(422, "wrong_request", error.message, error.hint) from None
    again = "send the texts in several requests"
    if len(texts) > TEXTS:
        raise Refused(413, "too_many_texts", f"{len(texts)} texts are more than {TEXTS}", again)
    if (size := sum(map(len, texts))) > CHARACTERS:
        raise Refused(413, "too_long", f"{size} characters are more than {CHARACTERS}", again)
    return question, texts


async def _answered(
    worker: Worker[Asked, Result], question: Asked, texts: Sequence[str], seconds: float
) -> list[Result]:
    """The worker's answers, or Refused."""
    try:
        future = worker.ask(question, texts, seconds)
    except Full:
        raise Refused(
            429, "busy", f"{worker.waiting} requests are waiting already", "ask again later", again=2
        ) from None
    except Dropped:
        raise _stopping() from None
    try:
        return await asyncio.wait_for(asyncio.wrap_future(future), seconds)
    except (TimeoutError, Dropped):
        if worker.closed:
            raise _stopping() from None
        if future.cancelled():
            hint = "ask again later; --time-limit lets requests wait longer"
            raise Refused(503, "busy", f"no turn came within {seconds:g} s", hint, again=5) from None
        hint = "fewer or shorter texts, a smaller beam; or --time-limit"
        raise Refused(504, "too_slow", f"there was no answer within {seconds:g} s", hint) from None
    except ModelFault as error:
        raise Refused(500, "model", error.message, error.hint) from None
    except InputError as error:
        raise Refused(422, "wrong_request", error.message, error.hint) from None
    except NlpkitError as error:
        raise Refused(500, "failed", error.message, error.hint) from None
    except MemoryError:
        raise Refused(503, "memory", "out of memory", "fewer or shorter texts, a smaller beam") from None
    except Exception as error:
        raise _unexpected(error) from None


def _unexpected(error: Exception) -> Refused:
    if os.environ.get("NLPKIT_DEBUG"):
        traceback.print_exception(error)
    message = f"unexpected {type(error).__name__}"
    return Refused(500, "failed", message, "NLPKIT_DEBUG=1 shows the traceback; please report it")


def _stopping() -> Refused:
    return Refused(503, "stopping", "the server is being stopped", "start it again: nlpkit demo")


# -- the server


class Server(uvicorn.Server):
    """A server that tells which signal ended it: SIGTERM once all is answered; SIGINT, or any second one, at once."""

    def __init__(self, config: uvicorn.Config, workers: Workers) -> None:
        super().__init__(config)
        self.workers = workers
        self.caught: int | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        watched = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
        before = {number: signal.signal(number, self.handle_exit) for number in watched}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True
        self.caught = sig

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.caught == signal.SIGINT:
            self.workers.close(0)
        await super().shutdown(sockets)


def address(listening: socket.socket) -> str:
    """What a browser is to open."""
    host, port = listening.getsockname()[:2]
    if _address(host) in (_address("0.0.0.0"), _address("::")):
        host = "127.0.0.1" if listening.family == socket.AF_INET else "::1"
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def server(
    workers: Workers,
    listening: socket.socket,
    *,
    seconds: float = SECONDS,
    log: Callable[[str], None] | None = None,
) -> Server:
    """A server for one socket; ``run(sockets=[listening])`` answers until a signal comes, or ``should_exit`` is set."""
    hosts = Hosts.of(listening.getsockname()[0])
    config = uvicorn.Config(
        app(workers, hosts, seconds=seconds, log=log), log_config=None, log_level="critical", access_log=False,
        lifespan="off", ws="none", http="h11", loop="asyncio", server_header=False, proxy_headers=False,
        limit_concurrency=_CONNECTIONS, timeout_keep_alive=5, timeout_graceful_shutdown=int(seconds + LOADING) + 2,
    )  # fmt: skip
    return Server(config, workers)


def serve(
    models: Models,
    listening: socket.socket,
    *,
    seconds: float = SECONDS,
    log: Callable[[str], None] | None = None,
) -> int | None:
    """Answer until a signal comes; it is returned. ``log`` is told of every request, never of a text."""
    workers = Workers(models)
    found = server(workers, listening, seconds=seconds, log=log)
    try:
        found.run(sockets=[listening])
    finally:
        workers.close()
    return found.caught
