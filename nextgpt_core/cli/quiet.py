"""What the libraries beneath a command must not do: chatter, and spin. Knows no command."""

from __future__ import annotations

import os


def quiet() -> None:
    """Neither bars nor warnings of transformers and tokenizers; imports no torch."""
    from transformers.utils import logging  # lazy: 1 s, and after `yield_cores`

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def yield_cores() -> None:
    """Threads that have nothing to do sleep; to be called before torch is imported.

    A thread that waits for work by spinning takes the core from one that has some, where anything
    else is running: several times slower on two cores.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
