"""The page for colleagues: what Voilà is told, and who is let in. The page itself is looked at in
tests/browser/test_serve_live.py."""

import ast
import asyncio
import json
import logging
import re
import socket
import sys
import urllib.error
import urllib.request
from pathlib import Path
from unittest import mock

import ipywidgets
import nbformat
import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from mmlab.cli import serving
from mmlab.cli.serving import page_settings, serve
from mmlab.index import build_index, open_index
from mmlab.workbench import page as page_module
from mmlab.workbench.page import CLOSED, Page, page, write_page
from tests.serving_page import TOKEN, free_port, serving_page


def ask(address):
    """The status, the text and the headers of an answer, and where it was found in the end."""
    try:
        answer = urllib.request.urlopen(address, timeout=60)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.read().decode(), answer.headers, answer.url


@pytest.fixture(scope="module")
def served(tiny_run, tmp_path_factory):
    with serving_page(tiny_run, tmp_path_factory.mktemp("served")) as served:
        yield served


@pytest.fixture(scope="module")
def visited(served):
    """The page as a visitor with the token gets it: status, text, headers, address."""
    return ask(served.page)


@pytest.mark.slow
def test_the_address_with_the_token_is_printed(served):
    assert served.told == f"mmlab: {served.page}\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "query", ["", "?token=", "?token=wrong", "?token=a%20long%20enough%20toke"]
)
def test_without_the_token_nothing_is_shown_and_nothing_starts(served, query):
    before = served.kernels()
    status, text, _, found = ask(f"{served.address}/{query}")
    assert (status, found) == (403, f"{served.address}/login?next=%2F{urllib.request.quote(query)}")
    assert "<title>The token is missing or wrong</title>" in text
    assert "<form" not in text
    assert served.kernels() == before


@pytest.mark.parametrize(
    "path",
    [
        "api/kernels/12345678-1234-1234-1234-123456789012",
        "api/kernels/12345678-1234-1234-1234-123456789012/channels",
        "voila/files/page.ipynb",
        "voila/files/../page.ipynb",
        "voila/files/page.png",
        "files/page.ipynb",
        "page.ipynb",
        "api/contents/page.ipynb",
        "voila/api/contents/page.ipynb",
    ],
)
@pytest.mark.slow
@pytest.mark.parametrize("query", ["", "?token=a%20long%20enough%20token"])
def test_neither_kernels_nor_files_are_given_away(served, path, query):
    before = served.kernels()
    status, text, *_ = ask(f"{served.address}/{path}{query}")
    assert status >= 400
    assert "mmlab.workbench" not in text
    assert served.kernels() == before


@pytest.mark.slow
def test_a_stranger_at_a_kernel_fills_no_terminal(served):
    before = len(served.said.read_text())
    path = "api/kernels/12345678-1234-1234-1234-123456789012/channels"
    with pytest.raises(HTTPClientError, match="403"):
        asyncio.run(to_kernel(f"ws{served.address[4:]}/{path}"))
    said = served.said.read_text()[before:].splitlines()
    assert [line for line in said if not re.match(r"\d{3} GET /", line)] == []


async def to_kernel(line):
    return await websocket_connect(line)


@pytest.mark.slow
def test_only_this_machine_can_reach_it(served):
    listening = [one for one in served.process.net_connections() if one.status == "LISTEN"]
    assert {one.laddr.ip for one in listening} == {"127.0.0.1"}
    assert int(served.address.rpartition(":")[2]) in {one.laddr.port for one in listening}


@pytest.mark.slow
def test_the_browser_is_told_to_load_nothing_from_elsewhere(visited):
    _, _, headers, _ = visited
    assert headers["Referrer-Policy"] == "no-referrer"  # the address holds the token
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "http" not in headers["Content-Security-Policy"]


@pytest.mark.slow
def test_with_the_token_the_page_comes_without_its_source(served, visited):
    status, text, *_ = visited
    assert status == 200
    assert '"application/vnd.jupyter.widget-view+json"' in text
    assert "mmlab.workbench" not in text
    assert "cdn" not in text.lower()
    assert len(served.kernels()) == 1


@pytest.mark.slow
def test_a_visitor_cannot_run_code(served, visited, tmp_path):
    """Voilà lets nothing through to a kernel but what widgets say."""
    _, text, *_ = visited
    kernel = re.search(r'"kernelId": "([^"]+)"', text)[1]
    line = f"ws{served.address[4:]}/api/kernels/{kernel}/channels"
    code = f"open({str(tmp_path / 'ran')!r}, 'w').close()"
    answers = asyncio.run(say_to_kernel(line, {"code": code, "silent": False}))
    assert "kernel_info_reply" in answers
    assert "execute_reply" not in answers
    assert not (tmp_path / "ran").exists()


async def say_to_kernel(line, wanted):
    """Ask a kernel to execute something, then who it is; the kinds of its answers until then."""
    request = HTTPRequest(line, headers={"Authorization": f"token {TOKEN}"})
    connection = await websocket_connect(request)
    for kind, content in (("execute_request", wanted), ("kernel_info_request", {})):
        header = {"msg_id": kind, "msg_type": kind, "username": "", "session": "", "version": "5.3"}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        await connection.write_message(json.dumps({**message, "channel": "shell"}))
    kinds = []
    while "kernel_info_reply" not in kinds:
        message = await asyncio.wait_for(connection.read_message(), 30)
        kinds.append(json.loads(message)["header"]["msg_type"])
    return kinds


@pytest.mark.slow
def test_every_visit_asks_the_one_milvus_lite_and_is_told_nothing_of_its_end(
    tiny_run, tiny_retriever, tmp_path
):
    pytest.importorskip("pymilvus")
    pytest.importorskip("milvus_lite")
    target = f"milvus:{tmp_path / 'clips.db'}"
    build_index(tiny_retriever, target).close()
    with serving_page(tiny_run, tmp_path, "milvus:clips.db") as served:
        for _ in range(2):
            _, text, *_ = ask(served.page)
            assert "Page(children=" in text
        assert len(served.kernels()) == 2
        (tiny_run / "model.safetensors").rename(tmp_path / "away")
        try:
            _, text, *_ = ask(served.page)
        finally:
            (tmp_path / "away").rename(tiny_run / "model.safetensors")
        assert "Page(children=" not in text
        assert str(tiny_run) not in text
    assert f"{tiny_run}" in (tmp_path / "said.txt").read_text()
    open_index(target).close()  # nobody holds it any more


def test_an_index_that_is_tried_is_let_go_of(tiny_run, tiny_retriever, tmp_path, monkeypatch):
    pytest.importorskip("pymilvus")
    milvus_lite = pytest.importorskip("mmlab.index.milvus_lite")
    pytest.importorskip("milvus_lite")
    target, seen = f"milvus:{tmp_path / 'clips.db'}", []
    build_index(tiny_retriever, target).close()

    def written(folder, run, split, index):
        (running,) = milvus_lite._RUNNING.values()
        seen.append((index, running.users))
        raise KeyboardInterrupt

    monkeypatch.setattr(page_module, "write_page", written)
    with pytest.raises(KeyboardInterrupt):
        serve(tiny_run, port=free_port(), split="all", index=target)
    ((index, users),) = seen
    assert index.startswith("milvus:http://127.0.0.1:")
    assert users == 1
    assert not milvus_lite._RUNNING


def test_settings_never_show_sources_nor_go_without_a_token():
    settings = page_settings("127.0.0.1", 8866, TOKEN, "dark")
    assert settings.Voila.token == TOKEN
    assert settings.Voila.ip == "127.0.0.1"
    assert settings.VoilaConfiguration.strip_sources is True
    assert settings.VoilaConfiguration.show_tracebacks is False
    assert settings.VoilaConfiguration.file_allowlist == []


def test_a_token_is_made_each_time_and_a_weak_one_refused():
    made = {serving._token("") for _ in range(5)}
    assert len(made) == 5
    assert all(len(token) >= 32 for token in made)
    assert serving._token("12345678") == "12345678"
    with pytest.raises(ValueError, match="--token needs 8 characters or more; leave it out"):
        serving._token("1234567")


def test_a_taken_port_is_a_sentence(tiny_run):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ValueError, match=f"--port {port}: .*in use.*; choose another"):
            serve(tiny_run, port=port)


@pytest.mark.parametrize(("host", "port"), [("no such host", 8866), ("127.0.0.1", 70_000)])
def test_an_impossible_address_is_a_sentence(tiny_run, host, port):
    with pytest.raises(ValueError, match=f"--host {host} --port {port}: .*; choose another"):
        serve(tiny_run, port=port, host=host)


def test_what_is_wrong_with_the_run_is_said_before_anything_is_served(tiny_run, tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no trained model"):
        serve(tmp_path, port=free_port())
    with pytest.raises(ValueError, match="no clips of the split 'nope'"):
        serve(tiny_run, port=free_port(), split="nope")


def test_a_missing_voila_names_the_extra(tiny_run, monkeypatch):
    monkeypatch.setitem(sys.modules, "voila.app", None)
    with pytest.raises(
        ImportError, match=r"voila.app is missing; run: pip install 'mmlab\[serve\]'"
    ):
        serve(tiny_run)


def test_other_hosts_are_warned_about(capsys):
    serving._tell("127.0.0.1", 1, TOKEN)
    assert "network" not in capsys.readouterr().err
    serving._tell("0.0.0.0", 1, "a/b c")
    told = capsys.readouterr()
    assert "others on the network can reach it, and nothing is encrypted" in told.err
    assert told.out == f"mmlab: http://{socket.gethostname()}:1/?token=a%2Fb%20c\n"
    serving._tell("::1", 1, TOKEN)
    assert "http://[::1]:1/" in capsys.readouterr().out


def test_an_index_is_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert serving._absolute(None) is None
    assert serving._absolute("index") == str(tmp_path / "index")
    assert serving._absolute("milvus:clips.db") == f"milvus:{tmp_path / 'clips.db'}"
    assert serving._absolute("milvus:http://host:19530") == "milvus:http://host:19530"


def test_the_notebook_holds_the_run_as_text(tmp_path):
    run = Path('it\'s "mine"\n')
    book = nbformat.read(write_page(tmp_path, run, "test", None), 4)
    nbformat.validate(book)
    call = ast.parse(book.cells[0].source).body[-1].value
    assert [argument.value for argument in call.args] == [str(run), "test", None]
    assert json.loads((tmp_path / "page.ipynb").read_text())["cells"][0]["outputs"] == []


def test_what_cannot_be_opened_is_told_to_whoever_serves_and_not_to_visitors(tmp_path, caplog):
    logger = logging.getLogger("traitlets")
    with mock.patch.object(page_module, "get_logger", return_value=logger):
        shown = page(tmp_path / "<b>")
    assert isinstance(shown, ipywidgets.HTML)
    assert shown.value == f"<p role='alert'>{CLOSED}</p>"
    assert not any(word in CLOSED for word in ("mmlab", "/", "`"))
    assert f"{tmp_path}/<b> holds no trained model" in caplog.text


def test_the_second_part_is_made_once_it_is_asked_for(tiny_retriever):
    shown = Page(tiny_retriever)
    (clips,) = shown._place.children
    shown.parts.value = shown.parts.options[1]
    (moments,) = shown._place.children
    assert type(moments).__name__ == "MomentFinder"
    shown.parts.value = shown.parts.options[0]
    assert shown._place.children == (clips,)
    shown.parts.value = shown.parts.options[1]
    assert shown._place.children == (moments,)
