"""The demo's server over real sockets: what is refused and how, what waits, what is answered."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from nlpkit.errors import InputError
from nlpkit.jobs import serve
from nlpkit.jobs.serve_models import Answer, ModelFault, Models, Question, chosen, read
from nlpkit.jobs.serve_queue import Dropped, Full, Poll, Worker

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "\u202e\u2066",
    "a\0b",
    "\u2028\u0085",
    "😀" * 300,
    " ",
    "",
    "\r\n\t",
    "ﷺ" * 99,
]
KEYS = {"content-security-policy", "x-content-type-options", "referrer-policy", "cache-control"}


class Fake:
    """Models that answer at a word of their maker."""

    def __init__(self, answer: Callable[[Question, Sequence[str], Poll], list[Answer]] | None = None) -> None:
        self.by_task = {"ner": "a", "translate": "b"}
        self.loads: list[str] = []
        self.asked: list[list[str]] = []
        self._answer = answer or self.echo

    @staticmethod
    def echo(question: Question, texts: Sequence[str], poll: Poll) -> list[Answer]:
        return [Answer({"id": "", "text": text, "task": question.task}) for text in texts]

    def facts(self) -> list[dict[str, Any]]:
        return []

    def ready(self, task: str) -> bool:
        return task in self.loads

    def load(self, task: str, texts: Sequence[str], poll: Poll) -> list[None]:
        self.loads.append(task)
        return [None] * len(texts)

    def answer(self, question: Question, texts: Sequence[str], poll: Poll) -> list[Answer]:
        self.asked.append(list(texts))
        return self._answer(question, texts, poll)


@contextmanager
def served(models: Any, seconds: float = 20, waiting: int = 64) -> Iterator[httpx.Client]:
    listening = serve.bound("127.0.0.1", 0)
    workers = serve.Workers(models)
    workers.answering._most = waiting
    server = serve.server(workers, listening, seconds=seconds)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        with httpx.Client(base_url=serve.address(listening), trust_env=False, timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        workers.close()
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def echo() -> Iterator[httpx.Client]:
    with served(Fake()) as client:
        yield client


@pytest.fixture(scope="module")
def real() -> Iterator[httpx.Client]:
    with served(Models(chosen([], None)), seconds=120) as client:
        yield client


def error(answer: httpx.Response) -> tuple[int, str, str, str]:
    """(status, code, message, hint) of a refusal, which is JSON of one shape."""
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.headers) >= KEYS
    found = answer.json()
    assert set(found) == {"error"}
    return answer.status_code, found["error"]["code"], found["error"]["message"], found["error"]["hint"]


# -- what is refused


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "not JSON"), (b"{", 400, "not JSON"), (b"\xff\xfe{}", 400, "not JSON"),
        (b"\xef\xbb\xbf{}", 400, "not JSON"), (b"[" * 100_000, 400, "not JSON"),
        (b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "not JSON"),
        (b'{"text": "x", "beam": NaN}', 400, "NaN is no JSON"), (b'{"text": ' + b"9" * 5000 + b"}", 400, "not JSON"),
        (b"[]", 422, "a JSON object is wanted"), (b'"text"', 422, "a JSON object is wanted"),
        (b"null", 422, "a JSON object is wanted"), (b"{}", 422, "one of `text` and `texts`"),
        (b'{"text": "a", "texts": []}', 422, "one of `text` and `texts`"),
        (b'{"text": 3}', 422, "`text`: input should be a valid string"),
        (b'{"text": ["a"]}', 422, "`text`: input should be a valid string"),
        (b'{"texts": "a"}', 422, "`texts`: input should be a valid list"),
        (b'{"texts": ["a", null]}', 422, "`texts.1`: input should be a valid string"),
        (b'{"text": "a", "baem": 2}', 422, "`baem`: unknown key; did you mean `beam`?"),
        (b'{"text": "a", "beam": "2"}', 422, "`beam`: input should be a valid integer"),
        (b'{"text": "a", "beam": true}', 422, "`beam`: input should be a valid integer"),
        (b'{"text": "a", "beam": 0}', 422, "`beam`: input should be greater than or equal to 1"),
        (b'{"text": "a", "nbest": 65}', 422, "`nbest`: input should be less than or equal to 64"),
        (b'{"text": "\\ud800"}', 422, "half of a surrogate pair"),
        (b'{"text": "a", "target_lang": "\\udfff"}', 422, "half of a surrogate pair"),
        (json.dumps({"text": "a", "k" * 5000: 1}).encode(), 422, "`" + "k" * 60 + "...`: unknown key"),
        (json.dumps({str(key): 1 for key in range(9)}).encode(), 422, "and 4 more problems"),
        (json.dumps({"texts": ["a"] * 257}).encode(), 413, "257 texts are more than 256"),
        (json.dumps({"text": "a" * 200_000}).encode(), 413, "200000 characters are more than 100000"),
        (json.dumps({"texts": ["é" * 50_001] * 2}).encode(), 413, "100002 characters are more than 100000"),
        (b'{"text": "' + b"a" * 2_000_000 + b'"}', 413, "larger than 1048576 bytes"),
    ],
)  # fmt: skip
def test_a_bad_body_is_refused_by_name(echo: httpx.Client, body: bytes, status: int, said: str) -> None:
    found = echo.post("v1/translate", content=body, headers={"content-type": "application/json"})
    code, _, message, hint = error(found)
    assert code == status
    assert said in message
    assert hint
    assert len(found.content) < 1000
    assert echo.post("v1/ner", json={"text": "a"}).status_code == 200


def test_other_paths_methods_and_content_types_are_refused(echo: httpx.Client) -> None:
    assert error(echo.post("v1/nre", json={"text": "a"}))[:3] == (
        404, "unknown_task", "no model is served for `nre`; did you mean `ner`?",
    )  # fmt: skip
    assert "--model pos=FOLDER" in error(echo.post("v1/pos", json={"text": "a"}))[3]
    assert error(echo.get("v1/ner"))[:2] == (405, "wrong_method")
    assert error(echo.post("v1/models", json={}))[:2] == (404, "unknown_task")
    assert error(echo.request("OPTIONS", "v1/ner"))[:2] == (405, "wrong_method")
    for path in ("nothing", "v1", "v1/ner/", "demo.js/../../serve.py", "%2e%2e/demo.css", "<b>", "index.html"):
        assert error(echo.get(path))[:2] == (404, "not_found")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "", "application/json; charset=latin-1"):
        answer = echo.post("v1/ner", content=b'{"text": "a"}', headers={"content-type": kind})
        assert error(answer)[:2] == (415, "not_json")
    good = echo.post("v1/ner", content=b'{"text": "a"}', headers={"content-type": "application/json; charset=UTF-8"})
    assert good.status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1", 200), ("localhost", 200), ("LOCALHOST:1", 200), ("127.0.0.1:9", 200), ("evil.example", 403),
     ("127.0.0.1.evil.example", 403), ("localhost:x", 403), ("127.0.0.2", 403), ("[::1]", 403), ("", 403),
     ("user@localhost", 403), ("localhost.", 403), ("0.0.0.0", 403), ("localhost/", 403)],
)  # fmt: skip
def test_only_its_own_names_are_answered(echo: httpx.Client, host: str, status: int) -> None:
    for path in ("", "healthz", "v1/models", "v1/ner"):
        answer = echo.get(path, headers={"host": host})
        if status == 403:
            assert error(answer)[:2] == (403, "wrong_host")
        else:
            assert answer.status_code == (405 if path == "v1/ner" else 200)


def test_which_hosts_are_its_own() -> None:
    every = serve.Hosts.of("0.0.0.0")
    assert every.allow("192.168.1.5:8765")
    assert every.allow("[fe80::1]:8765")
    assert every.allow(socket.gethostname())
    assert not every.allow("evil.example")
    assert serve.Hosts.of("::1").allow("[::1]:80")
    assert not serve.Hosts.of("192.168.1.5").allow("192.168.1.6")


def test_every_answer_has_the_headers_and_none_allows_other_origins(echo: httpx.Client) -> None:
    for path in ("", "demo.js", "demo.css", "icon.svg", "healthz", "v1/models"):
        answer = echo.get(path, headers={"origin": "http://evil.example"})
        assert answer.status_code == 200
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert "server" not in answer.headers
    assert "<script>" not in echo.get("").text
    assert " style=" not in echo.get("").text


def test_a_body_that_is_sent_without_end_or_never_is_given_up() -> None:
    with served(Fake(), seconds=1) as client:
        host, port = client.base_url.host, client.base_url.port
        head = b"POST /v1/ner HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        with socket.create_connection((host, port or 0)) as stalled:
            stalled.sendall(head + b"content-length: 100\r\n\r\n{")
            assert stalled.recv(100).startswith(b"HTTP/1.1 408 ")
        with socket.create_connection((host, port or 0)) as huge:
            huge.sendall(head + b"content-length: 999999999999\r\n\r\n")
            assert huge.recv(100).startswith(b"HTTP/1.1 413 ")
        assert client.get("healthz").json() == {"status": "ok", "waiting": 0}


# -- who waits


def test_more_requests_than_may_wait_are_told_to_come_again() -> None:
    go = threading.Event()

    def slow(question: Question, texts: Sequence[str], poll: Poll) -> list[Answer]:
        go.wait(20)
        return Fake.echo(question, texts, poll)

    models = Fake(slow)
    with served(models, waiting=4) as client, ThreadPoolExecutor(12) as pool:
        first = pool.submit(client.post, "v1/ner", json={"text": "first"})
        wait(lambda: models.asked)
        others = [pool.submit(client.post, "v1/ner", json={"text": str(number)}) for number in range(8)]
        wait(lambda: sum(other.done() for other in others) == 4)
        assert client.get("healthz").json()["waiting"] == 4, "it still answers what needs no model"
        go.set()
        assert first.result().json()["rows"][0]["text"] == "first"
        answers = [other.result() for other in others]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert [error(answer)[:2] for answer in refused] == [(429, "busy")] * 4
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    assert all(
        answer.json()["rows"] == [{"id": "1", "text": str(number), "task": "ner"}]
        for number, answer in enumerate(answers) if answer.status_code == 200
    )  # fmt: skip
    assert [len(texts) for texts in models.asked] == [1, 4], "those that waited were answered together"


def test_a_request_that_takes_too_long_is_given_up_and_the_next_one_is_answered() -> None:
    left: list[str] = []

    def slow(question: Question, texts: Sequence[str], poll: Poll) -> list[Answer]:
        try:
            while "slow" in texts:
                poll()
                time.sleep(0.01)
        except Dropped:
            left.extend(texts)
            raise
        return Fake.echo(question, texts, poll)

    with served(Fake(slow), seconds=0.5) as client, ThreadPoolExecutor(2) as pool:
        one = pool.submit(client.post, "v1/ner", json={"text": "slow"})
        assert error(one.result())[:3] == (504, "too_slow", "there was no answer within 0.5 s")
        assert client.post("v1/ner", json={"text": "quick"}).status_code == 200
    assert left == ["slow"]


def test_a_request_whose_turn_does_not_come_is_told_so() -> None:
    go, began = threading.Event(), threading.Event()

    def deaf(question: Question, texts: Sequence[str], poll: Poll) -> list[Answer]:
        began.set()
        go.wait(20)  # as foreign code that never polls
        return Fake.echo(question, texts, poll)

    models = Fake(deaf)
    with served(models, seconds=0.5) as client, ThreadPoolExecutor(2) as pool:
        one = pool.submit(client.post, "v1/ner", json={"text": "one"})
        began.wait(20)
        other = pool.submit(client.post, "v1/translate", json={"text": "other"})
        assert error(one.result())[:2] == (504, "too_slow")
        assert error(other.result())[:2] == (503, "busy")
        assert int(other.result().headers["retry-after"]) > 0
        go.set()
        assert client.post("v1/ner", json={"text": "three"}).json()["rows"][0]["text"] == "three"
    assert ["other"] not in models.asked, "what nobody waits for is not computed"


def test_the_fault_of_one_is_not_that_of_those_it_waited_with() -> None:
    go = threading.Event()

    def picky(question: Question, texts: Sequence[str], poll: Poll) -> list[Answer]:
        go.wait(20)
        if "bad" in texts:
            raise InputError("a bad text", "another one")
        if "bug" in texts:
            raise RuntimeError("the secret of a path")
        return Fake.echo(question, texts, poll)

    models = Fake(picky)
    with served(models) as client, ThreadPoolExecutor(5) as pool:
        first = pool.submit(client.post, "v1/ner", json={"text": "first"})
        wait(lambda: models.asked)
        others = {text: pool.submit(client.post, "v1/ner", json={"text": text}) for text in ("bad", "good", "bug")}
        wait(lambda: client.get("healthz").json()["waiting"] == 3)
        go.set()
        assert first.result().status_code == others["good"].result().status_code == 200
        assert error(others["bad"].result()) == (422, "wrong_request", "a bad text", "another one")
        assert error(others["bug"].result())[:3] == (500, "failed", "unexpected RuntimeError")
        assert "secret" not in others["bug"].result().text


def test_a_model_that_does_not_load_is_an_error_of_its_own_and_is_tried_again() -> None:
    class Broken(Fake):
        def load(self, task: str, texts: Sequence[str], poll: Poll) -> list[None]:
            if not self.asked:
                self.asked.append([])
                raise ModelFault("`a` is damaged", "copy it again")
            return super().load(task, texts, poll)

    with served(Broken()) as client:
        assert error(client.post("v1/ner", json={"text": "a"})) == (500, "model", "`a` is damaged", "copy it again")
        assert client.post("v1/ner", json={"text": "a"}).status_code == 200


def test_others_are_answered_while_a_model_loads() -> None:
    go = threading.Event()

    class Slow(Fake):
        def load(self, task: str, texts: Sequence[str], poll: Poll) -> list[None]:
            if task == "translate":
                go.wait(20)
            return super().load(task, texts, poll)

    models = Slow()
    with served(models, seconds=5) as client, ThreadPoolExecutor(3) as pool:
        assert client.post("v1/ner", json={"text": "a"}).status_code == 200
        slow = [pool.submit(client.post, "v1/translate", json={"text": "a"}) for _ in range(2)]
        assert client.post("v1/ner", json={"text": "b"}).status_code == 200
        go.set()
        assert [one.result().status_code for one in slow] == [200, 200]


def test_a_worker_that_is_closed_says_so_to_all_who_wait() -> None:
    began, go = threading.Event(), threading.Event()

    def slow(question: str, texts: Sequence[str], poll: Poll) -> list[str]:
        began.set()
        go.wait(20)
        return list(texts)

    worker = Worker(slow, waiting=1)
    running = worker.ask("a", ["x"], 20)
    began.wait(20)
    waiting = worker.ask("b", ["y"], 20)
    with pytest.raises(Full):
        worker.ask("c", ["z"], 20)
    worker.close(0)
    go.set()
    for future in (running, waiting):
        with pytest.raises(Dropped):
            future.result(20)
    with pytest.raises(Dropped):
        worker.ask("a", ["x"], 20)
    wait(lambda: not worker.alive)


def test_requests_with_other_questions_or_too_many_texts_are_not_answered_together() -> None:
    began, go = threading.Event(), threading.Event()
    asked: list[tuple[str, list[str]]] = []

    def slow(question: str, texts: Sequence[str], poll: Poll) -> list[str]:
        asked.append((question, list(texts)))
        began.set()
        go.wait(20)
        return [f"{question}{text}" for text in texts]

    worker = Worker(slow, together=3)
    futures = [worker.ask("a", ["0"], 20)]
    began.wait(20)
    wanted = [("a", ["1", "2"]), ("b", ["3"]), ("a", ["4", "5"]), ("a", ["6"]), ("b", []), ("b", ["7"])]
    futures += [worker.ask(question, texts, 20) for question, texts in wanted]
    go.set()
    found = [future.result(20) for future in futures]
    worker.close()
    assert found == [["a0"], ["a1", "a2"], ["b3"], ["a4", "a5"], ["a6"], [], ["b7"]]
    assert asked == [("a", ["0"]), ("a", ["1", "2", "6"]), ("b", ["3", "7"]), ("a", ["4", "5"])]


# -- what is asked


def test_what_can_be_asked_of_a_task() -> None:
    assert read("translate", {"text": "a", "beam": 2, "nbest": 2, "lang": "eng", "target_lang": "fra"}) == (
        Question("translate", "eng", "fra", 2, 2), ["a"],
    )  # fmt: skip
    assert read("ner", {"texts": ["a", "b"], "lang": "sw"}) == (Question("ner", "swh_Latn"), ["a", "b"])
    assert read("langid", {"text": "a", "top": 3}) == (Question("langid", top=3), ["a"])
    for task, key in (("ner", "beam"), ("langid", "lang"), ("g2p", "target_lang"), ("classify", "nbest")):
        with pytest.raises(InputError, match=f"`{key}`: unknown key"):
            read(task, {"text": "a", key: "x"})
    with pytest.raises(InputError, match="nothing is known of the language `eng_Abcd`"):
        read("pos", {"text": "a", "lang": "eng_Abcd"})
    with pytest.raises(InputError, match="is no language code"):
        read("pos", {"text": "a", "lang": "x" * 9})


def test_which_models_are_served(tmp_path: Path) -> None:
    assert list(chosen([], None)) == ["langid", "pos", "ner", "translate"]
    assert chosen([f"ner={tmp_path}", "g2p=some/where"], ["g2p", "ner"]) == {"ner": str(tmp_path), "g2p": "some/where"}
    shipped = chosen([], None)["pos"]
    assert chosen([shipped], ["pos"]) == {"pos": shipped}
    for given, only, said in (
        ([f"ner={shipped}"], None, "is a model for pos, not for ner"), (["nre=x"], None, "did you mean `ner`"),
        (["x"], None, "does not say for which task"), (["ner="], None, "names no model"),
        ([], ["nre"], "did you mean `ner`"), ([], ["classify"], "no model for classify ships"),
        ([], [""], "no task is called"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=said):
            chosen(given, only)


def test_where_it_may_listen() -> None:
    taken = serve.bound("127.0.0.1", 0)
    port = taken.getsockname()[1]
    assert serve.address(taken) == f"http://127.0.0.1:{port}/"
    for host, number, said in (
        ("127.0.0.1", port, f"port {port} is taken"), ("example.org", 0, "is no IP address"),
        ("0.0.0.0", 0, "there is no password"), ("::", 0, "there is no password"),
        ("192.0.2.1", 0, "there is no password"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=said):
            serve.bound(host, number)
    with pytest.raises(InputError, match="is no address of this machine"):
        serve.bound("192.0.2.1", 0, exposed=True)
    taken.close()
    with serve.bound("localhost", 0) as found:
        assert found.getsockname()[0] == "127.0.0.1"
    with serve.bound("0.0.0.0", 0, exposed=True) as found:
        assert serve.address(found).startswith("http://127.0.0.1:")


# -- the models that ship


@pytest.mark.slow
def test_hostile_texts_come_back_as_they_were(real: httpx.Client) -> None:
    for task in ("langid", "pos", "ner", "translate"):
        answer = real.post(f"v1/{task}", json={"texts": HOSTILE})
        assert answer.status_code == 200
        rows = answer.json()["rows"]
        assert [row["id"] for row in rows] == [str(number) for number in range(1, len(HOSTILE) + 1)]
        assert [row["src" if task == "translate" else "text"] for row in rows] == HOSTILE
        for row in rows:
            offsets = row.get("offsets", [])
            assert [row["text"][start:end] for start, end in offsets] == row.get("tokens", [])
        assert real.post(f"v1/{task}", json={"texts": []}).json()["rows"] == []


def test_options_hold_for_their_request_only(real: httpx.Client) -> None:
    text = "Set an alarm for 7 am tomorrow"
    plain = real.post("v1/translate", json={"text": text}).json()
    many = real.post("v1/translate", json={"text": text, "beam": 6, "nbest": 5}).json()
    assert len(many["rows"][0]["nbest"]) == 5
    assert real.post("v1/translate", json={"text": text}).json() == plain
    assert "nbest" not in plain["rows"][0]
    assert len(real.post("v1/langid", json={"text": text, "top": 4}).json()["rows"][0]["top"]) == 4
    assert "top" not in real.post("v1/langid", json={"text": text}).json()["rows"][0]
    refused = real.post("v1/translate", json={"text": text, "beam": 2, "nbest": 3})
    assert error(refused)[:3] == (422, "wrong_request", "nbest (3) is more than beam (2)")
    refused = real.post("v1/translate", json={"text": text, "target_lang": "fra"})
    assert error(refused)[2] == "the model writes hin-eng, not fra"
    noted = real.post("v1/translate", json={"texts": [text, "नमस्ते"]}).json()
    assert noted["notes"] == [{"id": "2", "note": "the text holds characters that the model has never seen"}]


def test_the_models_are_listed(real: httpx.Client) -> None:
    found = real.get("v1/models").json()
    assert [(model["task"], model["model"]) for model in found["models"]] == [
        ("langid", "shipped"), ("pos", "shipped"), ("ner", "shipped"), ("translate", "shipped"),
    ]  # fmt: skip
    assert found["models"][3]["target_languages"] == ["hin-eng"]
    assert found["models"][3]["keys"] == ["text", "texts", "beam", "nbest", "lang", "target_lang"]
    assert found["limits"]["texts"] == serve.TEXTS


def test_requests_at_once_are_answered_as_each_would_be_alone(real: httpx.Client) -> None:
    texts = [f"Amina moved to Kisumu in {1990 + number}." for number in range(12)]
    alone = [real.post("v1/ner", json={"text": text}).json() for text in texts]
    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(lambda text: real.post("v1/ner", json={"text": text}).json(), texts)) == alone


@pytest.mark.slow
def test_a_classifier_is_served(tmp_path: Path) -> None:
    from toy import write_texts

    from nlpkit.jobs.prepare import load_recipe
    from nlpkit.jobs.train import train

    for name, rows in (("train", 120), ("dev", 20)):
        write_texts(tmp_path / f"{name}.tsv", rows)
    own = [f"data.train={tmp_path / 'train.tsv'}", f"data.dev={tmp_path / 'dev.tsv'}"]
    model = train(load_recipe("classify", own), tmp_path / "run")
    with served(Models(chosen([f"classify={model}"], ["classify"])), seconds=60) as client:
        answer = client.post("v1/classify", json={"texts": ["sweet mango", "loud horn", ""], "top": 2}).json()
        first, second, empty = answer["rows"]
        assert (first["label"], second["label"]) == ("liked", "not liked")
        assert [one["label"] for one in first["top"]] == ["liked", "not liked"]
        assert "label" not in empty
        assert "top" not in client.post("v1/classify", json={"text": "sweet mango"}).json()["rows"][0]


def wait(done: Callable[[], Any], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_a_question_is_a_key() -> None:
    assert len({Question("ner"), replace(Question("pos"), task="ner")}) == 1
