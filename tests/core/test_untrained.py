"""What is untrained is refused and never chosen, says so, and stays untrained when it is saved."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from nextgpt_core import Pipeline
from nextgpt_core.assembly.assemble import assemble
from nextgpt_core.assembly.readiness import Readiness
from nextgpt_core.evaluation.asking import Asker
from nextgpt_core.model import PARTS
from nextgpt_core.testing import SystemKit, ToyPlugin, glyph
from nextgpt_core.training.start import TrainingResult, train
from nextgpt_registry import Catalog, PlanError, RequestError, SourceError
from nextgpt_registry.configfile import load_config
from nextgpt_registry.messages import MediaPart, Message
from nextgpt_registry.plan import make_plan, resolve
from nextgpt_registry.suites import Expected, Prompt

CATALOG = Catalog.of({"toy": ToyPlugin()})
OFTEN: Any = {"temperature": 1.0, "max_tokens": 8}
QUICK = {"steps": 2, "batch": 2, "window": 2, "samples": 0, "validate_on": 0}
RULES = [  # what is trained, the route; may a glyph be given, required, chosen
    ((), "embedding", (False, False, False)),
    (("input",), "embedding", (True, False, False)),
    (("output",), "embedding", (False, False, False)),
    (("signals",), "embedding", (False, False, False)),
    (("written",), "embedding", (False, False, False)),
    (("lora",), "embedding", (False, False, False)),
    (("output", "signals"), "embedding", (False, True, True)),
    (("output", "written"), "embedding", (False, True, True)),
    (PARTS, "embedding", (True, True, True)),
    ((), "caption", (False, True, False)),
    (("output",), "caption", (False, True, False)),
    (("signals",), "caption", (False, True, True)),
]


class Glyphs:
    """Glyphs to be named and drawn."""

    def __getitem__(self, number: int) -> tuple[Message, ...]:
        picture = glyph(Random(number).randrange(4))
        if number % 2:
            return Message("user", (MediaPart("glyph", picture),)), Message("assistant", ("a cat",))
        made = MediaPart("glyph", None, caption="a cat")
        return Message("user", ("Draw a cat.",)), Message("assistant", ("Here: ", made))


Train = Callable[..., TrainingResult]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Trains a stage of the kit's system, from the run `start` if it is given."""
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))

    def run(stage: str, start: Path | None = None, **given: Any) -> TrainingResult:
        kit = SystemKit(tmp_path)
        data = {"target": f"{__name__}:Glyphs", "run": {**QUICK, **given}}
        config = kit.builder.set(training={stage: data}).config()
        out = tmp_path / stage
        return train(load_config(config), kit.builder.catalog, stage, out=out, start=start)

    return run


@pytest.fixture
def untrained(kit: SystemKit) -> Iterator[Pipeline]:
    with kit.builder.build() as pipeline:
        yield pipeline


def talkative(pipeline: Pipeline) -> None:
    """Make signals far more likely than any text, in about half of all states."""
    rows_SD = pipeline.system.model.rows.output
    drawn_SD = torch.randn(rows_SD.shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        rows_SD.copy_(20 * drawn_SD)


def sides_of(folder: Path, part: str = "project.glyph") -> set[str]:
    return {name.partition(".")[0] for name in load_file(folder / f"{part}.safetensors")}


@pytest.mark.parametrize(("parts", "route", "may"), RULES, ids=str)
def test_a_channel_is_used_as_far_as_it_is_trained(
    kit: SystemKit, parts: tuple[str, ...], route: str, may: tuple[bool, bool, bool]
) -> None:
    with kit.builder.build(f"modalities.glyph.decoder.route={route}") as pipeline:
        pipeline.system.model.mark_trained(parts)
        talkative(pipeline)

        found = (
            asked(pipeline, ["What is it?", glyph()]),
            asked(pipeline, "Draw.", require={"glyph": 1}),
            any(pipeline.chat("hello", seed=seed, **OFTEN).media for seed in range(4)),
        )

    assert found == may


def asked(pipeline: Pipeline, parts: Any, **options: Any) -> bool:
    """Whether it is answered."""
    try:
        return bool(pipeline.chat(parts, **options).ids)
    except RequestError as error:
        if "untrained" not in str(error):
            raise
        return False


def test_as_it_is_everything_is_used(kit: SystemKit) -> None:
    with kit.builder.build(untrained=True) as pipeline:
        talkative(pipeline)
        answers = [pipeline.chat(["Draw", glyph()], seed=seed, **OFTEN) for seed in range(6)]

    assert any(answer.media for answer in answers)


def test_text_is_answered_as_ever(kit: SystemKit, untrained: Pipeline) -> None:
    with kit.pipeline() as pipeline:
        wanted = pipeline.chat("hello")

    assert untrained.chat("hello").ids == wanted.ids
    assert untrained.conversation().say("hello").ids == wanted.ids


def test_an_error_says_what_is_untrained_what_trains_it_and_what_works(kit: SystemKit) -> None:
    data = {"target": f"{__name__}:Glyphs"}
    stages = {"encode": data, "decode": data, "later": {**data, "run": {"parts": ["input"]}}}
    builder = kit.builder.set(training=stages)

    with builder.build() as pipeline:
        with pytest.raises(RequestError) as given:
            pipeline.chat(["Look", glyph()])
        with pytest.raises(RequestError) as required:
            pipeline.chat("Draw", require={"glyph": 2})

    assert "given media of glyph: its input projection is untrained" in str(given.value)
    assert "`nextgpt train kit --stage encode`" in given.value.fix
    assert "what works as it is: text." in given.value.fix
    assert "--untrained (in Python untrained=True)" in given.value.fix
    assert "output projection and signal rows are untrained" in str(required.value)
    assert "`nextgpt train kit --stage decode`)" in required.value.fix


def test_no_media_of_an_untrained_channel_are_taken_from_a_history(untrained: Pipeline) -> None:
    own = Message("assistant", ("Here", MediaPart("glyph", glyph())))
    theirs = Message("user", (MediaPart("glyph", glyph()), "Look"))

    for history in ([Message("user", ("Draw",)), own], [theirs, Message("assistant", ("Yes",))]):
        with pytest.raises(RequestError, match=r"media of glyph: its .* untrained"):
            untrained.chat("Again", history=history)


def test_requiring_none_is_no_request_for_it(untrained: Pipeline) -> None:
    assert untrained.chat("hello", require={"glyph": 0}).media == ()


def test_a_conversation_goes_on_after_a_refusal(untrained: Pipeline) -> None:
    talk = untrained.conversation()
    with pytest.raises(RequestError):
        talk.say([glyph(), "Look"])

    assert talk.say("hello").ids == untrained.chat("hello").ids


def test_channels_with_one_input_projection_are_trained_together(kit: SystemKit) -> None:
    one = {"encoder": "rows", "input_projection": {"kind": "linear", "shares": "all"}}
    channels = {"near": {"modality": "glyph", **one}, "far": {"modality": "glyph", **one}}

    with dataclasses.replace(kit, channels=channels).builder.build() as pipeline:
        pipeline.system.model.mark_trained(["input"], channels=["near"])

        assert pipeline.system.model.untrained == {}


# --- saving ---------------------------------------------------------------------------------------


def test_what_is_untrained_is_not_saved_as_trained(kit: SystemKit, tmp_path: Path) -> None:
    with kit.pipeline() as pipeline:
        before = pipeline.chat(["hello", glyph()], require={"glyph": 1}, deterministic=True)
        folder = pipeline.save(tmp_path / "saved")

    assert not list(folder.glob("*.safetensors"))
    with Pipeline.from_pretrained(folder, catalog=CATALOG) as loaded:
        with pytest.raises(RequestError, match="untrained"):
            loaded.chat("Draw", require={"glyph": 1})
        loaded.save(tmp_path / "again")
    with Pipeline.from_pretrained(tmp_path / "again", untrained=True, catalog=CATALOG) as loaded:
        after = loaded.chat(["hello", glyph()], require={"glyph": 1}, deterministic=True)
    assert (after.ids, after.media[0].media) == (before.ids, before.media[0].media)


def test_half_of_a_channel_is_saved_and_loaded_as_half(kit: SystemKit, tmp_path: Path) -> None:
    with kit.pipeline() as pipeline:
        pipeline.system.model.mark_trained(["input"])
        folder = pipeline.save(tmp_path / "saved")

    plan = make_plan(folder, catalog=CATALOG)
    states = {part.name: part.state for part in plan.parts}

    assert sides_of(folder) == {"input"}
    assert plan.channels["glyph"].untrained == ("output", "signals")
    assert (states["glyph.input"], states["glyph.output"]) == ("here", "new")
    with Pipeline.from_pretrained(folder, catalog=CATALOG) as loaded:
        assert loaded.chat(["What is it?", glyph()]).media == ()
        with pytest.raises(RequestError, match="output projection and signal rows are untrained"):
            loaded.chat("Draw", require={"glyph": 1})


# --- training -------------------------------------------------------------------------------------


def test_a_run_makes_what_it_trains_trained_and_nothing_else(run: Train) -> None:
    first = run("encode")
    second = run("decode", start=first.folder)

    assert {name.partition(".")[0] for name in first.parts["project.glyph"]} == {"input"}
    assert set(first.parts) == {"project.glyph"}
    assert sides_of(first.folder / "parts") == {"input"}
    assert set(second.parts) == {"project.glyph", "signals"}
    assert sides_of(second.folder / "parts") == {"input", "output"}


def test_a_run_gone_on_with_makes_nothing_else_trained(run: Train) -> None:
    run("encode")

    longer = run("encode", steps=4)

    assert set(longer.parts) == {"project.glyph"}
    assert {name.partition(".")[0] for name in longer.parts["project.glyph"]} == {"input"}


# --- elsewhere ------------------------------------------------------------------------------------


def test_a_suite_does_not_ask_for_what_is_untrained(untrained: Pipeline) -> None:
    draw = (Message("user", ("Draw",)),)
    see = (Message("user", (MediaPart("glyph", glyph()),)),)
    asker = Asker(untrained, {})

    made = asker.ask(Prompt("1", "text->glyph", (Expected("glyph"),), draw))
    seen = asker.ask(Prompt("2", "glyph->text", (Expected("text"),), see))

    assert "makes no glyph: untrained" in made.result.skipped
    assert "reads no glyph: untrained" in seen.result.skipped


def test_a_plan_alone_says_what_may_be_asked(kit: SystemKit) -> None:
    plan = resolve(load_config(kit.builder.config()), kit.builder.catalog)

    ready = Readiness.of_plan(plan)

    assert plan.channels["glyph"].untrained == ("input", "output", "signals")
    assert ready.unsampled == {"glyph"}
    assert "glyph in, glyph out" in ready.summary()
    assert Readiness.of_plan(plan, ignored=True).summary() == ""


def test_a_part_that_is_not_finite_is_not_loaded(tmp_path: Path) -> None:
    kit = SystemKit(tmp_path)
    with kit.pipeline() as pipeline:
        pipeline.system.model.mark_trained(PARTS)
        folder = pipeline.save(tmp_path / "saved")
    path = folder / "project.glyph.safetensors"
    tensors = load_file(path)
    tensors["output.queries"][0, 0] = torch.nan
    save_file(tensors, path)
    config = load_config(folder, catalog=CATALOG).config
    weights = {p: w.model_copy(update={"sha256": None}) for p, w in config.weights.items()}
    loose = config.model_copy(update={"weights": weights, "lock": None})

    with pytest.raises(SourceError, match=r"output\.queries .* not finite"):
        Pipeline.from_config(
            dataclasses.replace(load_config(folder), config=loose), catalog=CATALOG
        )


def test_a_file_that_comes_after_the_plan_is_held_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTGPT_MODELS", str(tmp_path / "models"))
    kit = SystemKit(tmp_path)
    trained = kit.trained()
    weights = {"project.glyph": {"source": "models:late.safetensors"}}
    plan = resolve(load_config(kit.builder.set(weights=weights).config()), CATALOG)
    (tmp_path / "models").mkdir()
    rows = (tmp_path / "trained" / "signals.safetensors").read_bytes()
    (tmp_path / "models" / "late.safetensors").write_bytes(rows)

    assert plan.channels["glyph"].untrained == ("signals",)
    assert set(trained.weights) == {"project.glyph", "signals"}
    with pytest.raises(PlanError, match=r"weights\.project\.glyph: holds glyph\.input"):
        assemble(plan, CATALOG)
