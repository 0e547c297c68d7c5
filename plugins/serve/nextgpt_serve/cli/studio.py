"""`nextgpt studio`: a page for browsers, with the server that it needs."""

from __future__ import annotations

from functools import wraps
from inspect import signature
from typing import Any

from nextgpt_serve.cli import serve


@wraps(serve.command)
def command(**given: Any) -> None:
    """Talk to a system in the browser; with the options, and all routes, of `nextgpt serve`."""
    serve.command(**given, studio=True)


_SAME = signature(serve.command, eval_str=True)
command.__signature__ = _SAME.replace(  # type: ignore[attr-defined]
    parameters=[one for name, one in _SAME.parameters.items() if name != "studio"]
)
command.__doc__ = "Talk to a system in the browser; a server with the options of `nextgpt serve`."
