"""One conversation at a terminal: reads lines, shows events. Knows no modality.

What a line can be besides a message stands in `COMMANDS`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from nextgpt_core.answer import (
    Event,
    Finished,
    MediaDone,
    MediaFailed,
    MediaNoted,
    MediaProgress,
    MediaStarted,
    Text,
    TextDelta,
)
from nextgpt_core.cli.render import Gallery
from nextgpt_core.cli.talkfile import load_talk, save_talk
from nextgpt_core.pipeline import Pipeline
from nextgpt_registry.errors import NextGPTError, RequestError
from nextgpt_registry.messages import Message, Part
from nextgpt_registry.paths import local_path

COMMANDS = {
    "/media [NAME=]PATH": "attach a medium to the next message",
    "/save [FOLDER]": "write the conversation down",
    "/load [FOLDER]": "go on with one that was saved",
    "/reset": "forget everything",
    "/help": "show this",
    "/quit": "leave (or end of input)",
}
HELP = "   ".join(COMMANDS)


class Session:
    """Answers go on where the last one ended; Ctrl-C breaks one off and goes on."""

    def __init__(
        self, pipeline: Pipeline, console: Console, out: Path, *, seed: int | None = None
    ) -> None:
        self._pipeline = pipeline
        self._console = console
        self._out = out
        self._gallery = Gallery(pipeline.reader, out)
        self._options: Any = {} if seed is None else {"seed": seed}
        self._talk = pipeline.conversation()
        self._attached: list[Part] = []
        self._interactive = True

    def talk(self, *, interactive: bool) -> None:
        """Read lines until `/quit` or the end of input."""
        self._interactive = interactive
        if interactive:
            self._console.print(f"{self._pipeline.config.name}: {HELP}")
        for line in self._lines(interactive):
            try:
                if not self.take(line):
                    return
            except (NextGPTError, OSError) as error:  # the latter: of writing
                self._console.print(str(error), style="red")

    def take(self, line: str) -> bool:
        """Do what one line says; False to leave.

        Raises:
            NextGPTError: it cannot be done; the conversation is as before.
        """
        word, _, rest = line.strip().partition(" ")
        match word:
            case "":
                pass
            case "/quit" | "/exit":
                return False
            case "/reset":
                self._talk.reset()
                self._attached.clear()
            case "/media":
                part = self._pipeline.reader.argument(rest.strip())
                self._attached.append(part)
                self._console.print(f"[{part.channel} attached]")
            case "/save":
                path = save_talk(self._talk.messages, self._folder(rest), self._pipeline)
                self._console.print(f"[saved: {path}]")
            case "/load":
                self.load(self._folder(rest))
            case "/help":
                for command, does in COMMANDS.items():
                    self._console.print(f"{command:<20} {does}")
            case _ if word.startswith("/") and "/" not in word[1:]:
                raise RequestError(word, "is no command", HELP)
            case _:
                self._answer(line)
        return True

    def _folder(self, given: str) -> Path:
        return local_path(given.strip(), who="folder") if given.strip() else self._out

    def load(self, folder: Path) -> None:
        """Go on with a conversation that was saved, in place of this one.

        Raises:
            NextGPTError: it cannot be read; the conversation is as before.
        """
        system = self._pipeline.system
        self.go_on(load_talk(folder, system.plan, system.catalog), folder)

    def go_on(self, messages: Sequence[Message], folder: Path) -> None:
        """Have these messages, which were read from a folder, in place of the conversation."""
        self._talk = self._pipeline.conversation(history=messages)
        self._attached.clear()
        self._console.print(f"[loaded: {folder}, {len(messages)} messages]")

    def _answer(self, line: str) -> None:
        parts = [*self._attached, Text(line)]
        events = self._talk.stream(parts, **self._options)
        self._attached.clear()
        with closing(events), _Screen(self._console, self._gallery) as screen:  # type: ignore[type-var]
            try:
                for event in events:
                    screen.show(event)
            except KeyboardInterrupt:
                screen.say("[broken off]")
                if not self._interactive:
                    raise

    def _lines(self, interactive: bool) -> Iterator[str]:
        while True:
            try:
                line = self._console.input("> ") if interactive else sys.stdin.readline()
            except EOFError:
                return
            if not interactive and not line:
                return
            yield line.rstrip("\n")


class _Screen:
    """Text as it comes; a bar for each medium under way; a line for each that is done."""

    def __init__(self, console: Console, gallery: Gallery) -> None:
        self._console = console
        self._gallery = gallery
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            console=console,
            transient=True,
        )
        self._tasks: dict[int, TaskID] = {}
        self._line = ""  # text held back while bars are drawn: they need lines to be whole

    def __enter__(self) -> _Screen:
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def say(self, line: str, style: str | None = None) -> None:
        """A line of its own."""
        self._end_line()
        self._console.print(line, style=style, markup=False, soft_wrap=True)

    def show(self, event: Event) -> None:
        """Show one event."""
        match event:
            case MediaNoted(channel, text):
                self.say(f"[{channel}: {text}]", style="yellow")
            case TextDelta(text):
                self._text(text)
            case MediaStarted(index, channel, words):
                self._end_line()
                if words:
                    self.say(f"[{channel}: {words}]")
                if self._console.is_terminal:
                    self._progress.start()
                self._tasks[index] = self._progress.add_task(channel, total=None)
            case MediaProgress(index, done, total):
                self._progress.update(self._tasks[index], completed=done, total=total)
            case MediaDone(index, channel, media, seconds):
                self._done(index)
                self.say(f"[{channel}: {self._gallery.add(channel, media)}, {seconds:.1f} s]")
                for name, told in media.about.items():
                    self.say(f"  {name}: {told}")
            case MediaFailed(index, channel, error):
                self._done(index)
                self.say(f"[{channel} failed: {error}]", style="red")
            case Finished():
                self._end_line()

    def _text(self, text: str) -> None:
        if not self._progress.live.is_started:
            self._line = (self._line + text).rpartition("\n")[2]
            self._console.print(text, end="", markup=False, highlight=False, soft_wrap=True)
            return
        whole, newline, self._line = (self._line + text).rpartition("\n")
        if newline:
            self._console.print(whole, markup=False, highlight=False)

    def _end_line(self) -> None:
        if self._line:
            rest = self._line if self._progress.live.is_started else ""
            self._console.print(rest, markup=False, highlight=False)
        self._line = ""

    def _done(self, index: int) -> None:
        self._progress.remove_task(self._tasks.pop(index))
        if not self._tasks:
            self._end_line()
            self._progress.stop()
