"""Who is let in to the page: those who bring its token. Others read one sentence, no form."""

from __future__ import annotations

from typing import Any

from jinja2 import DictLoader, Environment
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.auth.identity import IdentityProvider
from jupyter_server.base.handlers import JupyterHandler

REFUSAL = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>The token is missing or wrong</title>
<style>
  :root { color-scheme: light dark; }
  body { max-width: 32em; margin: 20vh auto; padding: 0 1em; font: 16px/1.5 system-ui, sans-serif; }
</style>
<main>
  <h1>The token is missing or wrong</h1>
  <p>Open the whole address that <code>mmlab serve</code> printed; it ends with
  <code>?token=…</code>. Whoever serves this page can give it to you.</p>
</main>
</html>
"""

ERROR = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>{{ status_code }} {{ status_message }}</title>
<h1>{{ status_code }} {{ status_message }}</h1>
</html>
"""


class TokenOnly(IdentityProvider):
    """Jupyter's own would also offer to set a password for all servers of whoever serves."""

    def get_handlers(self) -> list[tuple[str, object]]:
        """Where those without the token are sent."""
        return [("/login", Refusal)]


class Refusal(JupyterHandler):
    """Says what is missing."""

    @allow_unauthenticated
    def get(self) -> None:
        """Answer every request alike."""
        self.set_status(403)
        self.finish(REFUSAL)


def let_page_end_its_kernel(handler: JupyterHandler, **page: Any) -> None:
    """Called before a page is made: give it the cookie without which its last word is refused."""
    _ = handler.xsrf_token  # asking for it sets the cookie; Voilà does so in its login form only


def error_pages() -> Environment:
    """What is shown of an error; Jupyter's own fails for want of a folder that Voilà does not set.

    It failed at length on the terminal of whoever serves, as often as a stranger liked.
    """
    return Environment(loader=DictLoader({"error.html": ERROR}), autoescape=True)
