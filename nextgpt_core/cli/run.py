"""`nextgpt run`: one request. Files into a folder, text or JSON on stdout, the rest on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from nextgpt_core.answer import Text
from nextgpt_core.cli.options import UNTRAINED
from nextgpt_registry.cli.arguments import System
from nextgpt_registry.cli.tables import json_alone, print_json
from nextgpt_registry.errors import RequestError
from nextgpt_registry.messages import Message
from nextgpt_registry.outputs import check_folder
from nextgpt_registry.paths import shortened

if TYPE_CHECKING:
    from nextgpt_core.answer import Answer, Event
    from nextgpt_core.intake.reading import Reader
    from nextgpt_core.pipeline import Pipeline
    from nextgpt_registry.messages import Part

command = typer.Typer(
    help="Answer one request: text and media in, text and media out.", add_completion=False
)
_ORDER = "nextgpt.order"
_PARTS = ("text", "media")
_DIGITS = 9  # of a count


class InOrder(TyperCommand):
    """Remembers in which order `--text` and `--media` were given: that is the order of parts."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse once for the order, and once as ever."""
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        ctx.meta[_ORDER] = [option.name for option in order if option.name in _PARTS]
        rest: list[str] = super().parse_args(ctx, args)
        return rest


@command.command(cls=InOrder)
def run(
    context: typer.Context,
    system: System,
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Changes to the config.")
    ] = None,
    text: Annotated[list[str] | None, typer.Option(help="A text part; may be repeated.")] = None,
    media: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]PATH", help="A media part; NAME is a channel or modality."),
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=COUNT", help="At least so many media in the answer."),
    ] = None,
    batch: Annotated[
        Path | None,
        typer.Option(help="A request on each line (JSON); answers go to --out/answers.jsonl."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where media are written.")] = Path("out"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
    seed: Annotated[int | None, typer.Option(help="Default: that of the config.")] = None,
    untrained: Annotated[bool, typer.Option("--untrained", help=UNTRAINED)] = False,
) -> None:
    """Answer one request: text and media in, text and media out; or many, with --batch."""
    if batch is not None:
        from nextgpt_core.cli.batch import run_batch

        if text or media or require or as_json or seed is not None:
            what = "--text, --media, --require, --seed and --json are of one request"
            raise RequestError("--batch", what, "write them in its lines, or leave it out")
        run_batch(system, overrides or [], batch, out, untrained=untrained)
        return
    from nextgpt_core.cli.render import Gallery, answer_json

    counts = required_counts(require or [])
    values = {"text": iter(text or []), "media": iter(media or [])}
    given = [(kind, next(values[kind])) for kind in context.meta[_ORDER]]
    if not given:
        raise RequestError("run", "nothing is asked", "give --text, --media or --batch")
    check_folder(out)
    with json_alone(as_json):
        pipeline, parts = _prepare(system, overrides or [], given, counts, untrained=untrained)
        with pipeline:
            options: Any = {"require": counts} | ({} if seed is None else {"seed": seed})
            answer = _answer(pipeline, parts, options, quiet=as_json)
        shown = answer_json(pipeline.config.name, answer, Gallery(pipeline.reader, out))
    if as_json:
        print_json(shown)
        return
    sys.stdout.write("\n")
    for line in _media_lines(shown["parts"]):
        sys.stdout.write(line + "\n")


def required_counts(given: Sequence[str]) -> dict[str, int]:
    """`["image=2"]` -> `{"image": 2}`.

    Raises:
        RequestError: one of them reads otherwise.
    """
    counts = {}
    for one in given:
        name, _, count = one.partition("=")
        if not name or not count.isdecimal() or len(count) > _DIGITS:
            raise RequestError(
                f"--require {shortened(one)}",
                "cannot be read",
                "write NAME=COUNT, COUNT a whole number",
            )
        counts[name] = int(count)
    return counts


def read_part(reader: Reader, kind: str, value: str) -> Part:
    """One `--text` or `--media`."""
    return reader.part(Text(value)) if kind == "text" else reader.argument(value)


def _prepare(
    system: str,
    overrides: Sequence[str],
    given: Sequence[tuple[str, str]],
    required: Mapping[str, int],
    *,
    untrained: bool,
) -> tuple[Pipeline, list[Part]]:
    """Plan and read first, without torch: what is wrong is told before anything loads."""
    from nextgpt_core.assembly.readiness import Readiness
    from nextgpt_core.intake.reading import Reader
    from nextgpt_registry.plan import plan_system

    planned = plan_system(system, overrides)
    reader = Reader.of_plan(planned.plan, planned.catalog)
    parts = [read_part(reader, kind, value) for kind, value in given]
    Readiness.of_plan(planned.plan, ignored=untrained).check(
        given=[part.channel for part in parts if not isinstance(part, str)],
        required=[channel for channel, count in required.items() if count],
    )

    from nextgpt_core.cli.live import live  # lazy: torch

    return live(planned, untrained=untrained), parts


def _answer(pipeline: Pipeline, parts: Sequence[Part], options: Any, *, quiet: bool) -> Answer:
    from nextgpt_core.answer import finished

    def told() -> Iterator[Event]:
        spaced = Spaced()
        for event in pipeline.ask([Message("user", tuple(parts))], **options):
            _tell(event, spaced, quiet=quiet)
            yield event

    return finished(told())


class Spaced:
    """Text on standard output, where what stands after a medium begins a line of its own."""

    def __init__(self) -> None:
        self._last = ""  # what was written last
        self._apart = False

    def medium(self) -> None:
        """A medium stands here."""
        self._apart = True

    def text(self, text: str) -> None:
        """Write some more."""
        if self._apart and self._last:
            text = text.lstrip(" ")
            if text and not (self._last.endswith("\n") or text.startswith("\n")):
                text = "\n" + text
        if text:
            self._last, self._apart = text, False
            sys.stdout.write(text)
            sys.stdout.flush()


def _tell(event: Event, spaced: Spaced, *, quiet: bool) -> None:
    from nextgpt_core.answer import MediaFailed, MediaNoted, MediaStarted, TextDelta

    match event:
        case MediaNoted(channel, text):
            sys.stderr.write(f"[{channel}: {text}]\n")
        case TextDelta(text) if not quiet:
            spaced.text(text)
        case MediaStarted(_, channel, words):
            spaced.medium()
            sys.stderr.write(f"[{channel}: {words} …]\n" if words else f"[{channel} …]\n")
        case MediaFailed(_, channel, error):
            sys.stderr.write(f"[{channel} failed: {error}]\n")


def _media_lines(parts: Sequence[dict[str, Any]]) -> Iterator[str]:
    for part in parts:
        if "path" in part:
            yield f"{part['channel']}: {part['path']}  ({part['seconds']:.1f} s)"
            yield from (f"  {name}: {told}" for name, told in part.get("about", {}).items())
