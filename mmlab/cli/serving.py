"""The command that serves the workbench as a page, for colleagues without Jupyter."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from tyro.conf import Positional

if TYPE_CHECKING:
    from traitlets.config import Config
    from voila.app import Voila

FEWEST_TOKEN_CHARACTERS = 8
CULL_SECONDS = 1800
"""A page that was closed without a word, such as by a lost line, gives its memory back then."""

FROM_HERE_ALONE = (
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; "
    "frame-ancestors 'self'; form-action 'self'; base-uri 'self'"
)
"""What the browser may load for the page; widgets are scripts that are made as they are needed."""

EXTENSIONS = [
    "@jupyter-widgets/jupyterlab-manager",
    "@voila-dashboards/widgets-manager8",
    "anywidget",
    "jupyterlab-plotly",
]
"""What the views need of JupyterLab; others that are installed may not fit Voilà."""


def serve(
    run: Positional[Path],
    port: int = 8866,
    host: str = "127.0.0.1",
    token: str = "",
    split: str | None = None,
    index: str | None = None,
    theme: Literal["light", "dark"] = "light",
) -> None:
    """Show the workbench as a web page to those who have its address with the token.

    Only this machine can reach it unless --host says otherwise. Visitors use the widgets; they
    see no code and cannot run any. Each visit loads the model anew, into memory of its own.

    Args:
        run: a trained model's folder.
        port: where to listen.
        host: the address to listen on; 0.0.0.0 lets the whole network in, without encryption.
        token: the word that visitors must bring; default: a new one, printed with the address.
        split: which clips; default: test if there is one, else all.
        index: the folder or milvus:URI that `mmlab index` wrote of these clips.
        theme: how the page looks; a visitor who adds theme=dark to the address sees it dark.
    """
    voila = _voila()
    token = _token(token)
    _refuse_taken(host, port)
    from mmlab.workbench.page import TEMPLATE, open_retriever, write_page

    run, index = run.resolve(), _absolute(index)
    retriever = open_retriever(run, split, index)  # what is wrong is said now, not to visitors
    if retriever.index is not None:
        retriever.index.close()
    if "MMLAB_DATA" in os.environ:  # the kernel works in another folder
        os.environ["MMLAB_DATA"] = str(Path(os.environ["MMLAB_DATA"]).expanduser().absolute())
    with tempfile.TemporaryDirectory(prefix="mmlab-page-") as folder, _shared(index) as shared:
        notebook = write_page(Path(folder), run, split, shared)
        app = voila.instance(config=page_settings(host, port, token, theme))
        app.initialize([str(notebook)])
        app.template_paths.insert(0, str(TEMPLATE))
        _tell(host, port, token)
        app.start()


def page_settings(host: str, port: int, token: str, theme: str) -> Config:
    """What Voilà is told: nothing is shown without the token, and sources never."""
    from traitlets.config import Config

    from mmlab.workbench.page_door import TokenOnly, error_pages, let_page_end_its_kernel

    settings = Config()
    settings.Voila.update(ip=host, port=port, token=token, open_browser=False, port_retries=0)
    settings.Voila.config_file_paths = []  # no other program's settings, here or in the home folder
    settings.Voila.identity_provider_class = TokenOnly
    settings.Voila.log_level = "ERROR"
    settings.Voila.tornado_settings = {
        "headers": {"Content-Security-Policy": FROM_HERE_ALONE, "Referrer-Policy": "no-referrer"},
        "jinja2_env": error_pages(),
    }
    settings.VoilaConfiguration.update(
        theme=theme,
        strip_sources=True,
        show_tracebacks=False,
        file_allowlist=[],
        extension_allowlist=EXTENSIONS,
        allow_template_override="NO",
        prelaunch_hook=let_page_end_its_kernel,
    )
    settings.VoilaExecutor.cell_error_instruction = "Whoever serves this page sees why."
    settings.MappingKernelManager.update(cull_idle_timeout=CULL_SECONDS, cull_interval=60)
    return settings


def _voila() -> type[Voila]:
    try:
        from voila.app import Voila
    except ImportError as error:
        raise ImportError(f"{error.name} is missing; run: pip install 'mmlab[serve]'") from error
    return Voila


def _token(given: str) -> str:
    if given and len(given) < FEWEST_TOKEN_CHARACTERS:
        fewest = FEWEST_TOKEN_CHARACTERS
        raise ValueError(
            f"--token needs {fewest} characters or more; leave it out to get a new one"
        )
    return given or secrets.token_urlsafe(24)


def _refuse_taken(host: str, port: int) -> None:
    """Voilà itself would quietly take another port."""
    try:
        with socket.create_server((host, port)):
            return
    except (OSError, OverflowError) as error:
        raise ValueError(f"--host {host} --port {port}: {error}; choose another") from error


def _absolute(index: str | None) -> str | None:
    """The place of an index, from whatever folder it is opened."""
    if index is None or "://" in index:
        return index
    kind, path = (
        ("milvus:", index.removeprefix("milvus:")) if index.startswith("milvus:") else ("", index)
    )
    return f"{kind}{Path(path).resolve()}"


@contextmanager
def _shared(index: str | None) -> Iterator[str | None]:
    """An index as every visit can open it.

    Milvus Lite lets only one process open its folder: that is this one, and the kernels of the
    visits ask it by its address.
    """
    if index is None or not index.startswith("milvus:") or "://" in index:
        yield index
        return
    from mmlab.index import milvus_lite

    folder = Path(index.removeprefix("milvus:"))
    address = milvus_lite.start(folder)
    try:
        yield f"milvus:{address}"
    finally:
        milvus_lite.stop(folder)


def _tell(host: str, port: int, token: str) -> None:
    """The address to give to colleagues."""
    print(f"mmlab: http://{_reached_as(host)}:{port}/?token={quote(token, safe='')}", flush=True)
    if host not in ("127.0.0.1", "localhost", "::1"):
        print(
            "mmlab: others on the network can reach it, and nothing is encrypted; "
            "put it behind https where that matters",
            file=sys.stderr,
        )
    print("mmlab: Ctrl-C ends it", file=sys.stderr)


def _reached_as(host: str) -> str:
    if host in ("", "0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
