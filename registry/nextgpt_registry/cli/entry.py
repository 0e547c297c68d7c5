"""Where the command `nextgpt` begins: it may be interrupted from here on. Knows no command."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run `nextgpt COMMAND …`; always ends in `SystemExit`."""
    try:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _interrupted)
        from nextgpt_registry.cli.dispatch import main as run  # lazy: 0.2 s

        run(arguments)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


def _interrupted(number: int, frame: FrameType | None) -> None:
    """End at once where something is being imported, else as Python does.

    Libraries make other errors of it, or abort, and what they were half imported is not usable.
    """
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            os.write(2, b"nextgpt: interrupted\n")
            os._exit(_INTERRUPTED)
        frame = frame.f_back
    raise KeyboardInterrupt
