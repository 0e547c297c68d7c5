"""A system's own prompt: its template, its frames around media, the text that ends an answer."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from transformers import LlamaTokenizer

from nextgpt_core.pipeline import Pipeline
from nextgpt_core.prompt.compose import FEATURE, UNLABELLED, Composer
from nextgpt_core.signal import SignalVocabulary
from nextgpt_core.testing import SystemKit, ToyPlugin, glyph
from nextgpt_registry import Catalog, MediaPart, Message
from nextgpt_registry.errors import LockError
from nextgpt_registry.lock import Signals
from nextgpt_registry.media import Media

PICTURE = MediaPart("photo", Media("photo", b"cat"))
FRAMED = (
    "{% for m in messages %}{{ 'Q ' if m.role == 'user' else 'A ' }}"
    "{% for p in m.parts %}"
    "{{ '[' + p.channel + ']' + p.text + '[end]' if p.channel is defined else p.text | trim }}"
    "{% endfor %}{{ '\n##\n' }}{% endfor %}"
)


@pytest.fixture
def composer(tokenizer) -> Composer:
    tokenizer = copy.deepcopy(tokenizer)  # it is other tests' too
    tokenizer.chat_template = FRAMED
    vocabulary = SignalVocabulary.of(Signals(base=len(tokenizer)).extended({"photo": (3, "")}))
    return Composer(tokenizer, vocabulary, end_of_turn={2}, stops=["##"])


def test_a_template_may_frame_media_in_its_own_way(composer: Composer) -> None:
    turns = [Message("user", ("see ", PICTURE, "here"))]

    prompt = composer.compose(turns, feature_tokens={"photo": 2}, answer=False)

    shown = [t for t in prompt.ids if t != FEATURE]
    assert composer.tokenizer.decode(shown) == "Q see[photo][end]here\n##\n"
    assert prompt.features[0].count == 2


def test_a_stop_string_of_the_template_is_learned_as_the_end(composer: Composer) -> None:
    turns = [Message("user", ("a",)), Message("assistant", ("b",)), Message("user", ("c",))]

    prompt = composer.compose(turns, feature_tokens={}, answer=False)

    labelled = [t for t in prompt.labels if t != UNLABELLED]
    assert composer.tokenizer.decode(labelled) == "b\n##"
    assert composer.ends.ids == {2}  # the line break before it ends nothing


def test_what_follows_a_piece_is_cut_on_its_own() -> None:
    pieces = ["<unk>", "<s>", "</s>", "<0x0A>", "▁", *"abc#"]
    tokenizer = LlamaTokenizer(vocab={piece: n for n, piece in enumerate(pieces)}, merges=[])
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m.content }}{{ '#' if m.ends_with else '##' }}"
        "{{ piece if m.role == 'assistant' }}{% endfor %}{{ 'a' }}"
    )
    vocabulary = SignalVocabulary.of(Signals(base=len(tokenizer)).extended({"photo": (3, "")}))
    composer = Composer(tokenizer, vocabulary, stops=["##"])
    turns = [
        Message("user", ("ab",)),
        Message("assistant", ("c",)),
        Message("assistant", (PICTURE,)),
    ]

    prompt = composer.compose(turns, feature_tokens={}, answer=False)

    cut = ["*" if t >= vocabulary.base else pieces[t] for t in prompt.ids]
    assert "".join(cut[:5]) == "▁ab##"  # the template's text goes on: no mark
    assert "".join(cut[5:9]) == "▁c##"
    assert "".join(cut[9:]) == "***▁#▁a"


def test_a_config_names_the_template(tmp_path: Path) -> None:
    (tmp_path / "own.jinja").write_text("{% for m in messages %}{{ m.content }}!{% endfor %}")
    kit = SystemKit(tmp_path)

    with kit.pipeline(f"llm.template=file:{tmp_path / 'own.jinja'}") as pipeline:
        composer = pipeline.system.composer
        prompt = composer.compose([Message("user", ("hi",))], feature_tokens={})

    assert composer.tokenizer.decode(list(prompt.ids)) == "hi!"


def test_one_projection_serves_two_channels(tmp_path: Path) -> None:
    shared = {"kind": "linear", "shares": "glyphs"}
    one = {"modality": "glyph", "encoder": "rows", "input_projection": shared}
    kit = SystemKit(tmp_path, channels={"left": one, "right": one})

    with kit.pipeline() as pipeline:
        model = pipeline.system.model
        answer = pipeline.chat([("left", glyph(1)), ("right", glyph(1))], max_tokens=2)
        folder = pipeline.save(tmp_path / "saved")
    with Pipeline.from_pretrained(folder, catalog=Catalog.of({"toy": ToyPlugin()})) as again:
        loaded = again.system.model

    assert answer.finish
    assert model.inputs["left"] is model.inputs["right"]
    assert len(model.trainable({"input"})["input"]) == 2  # a matrix and a bias, once
    parts = loaded.state_by_part()
    left, right = parts["project.left"], parts["project.right"]
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_base_rows_of_a_checkpoint_are_used_and_saved(tmp_path: Path) -> None:
    with SystemKit(tmp_path).pipeline() as pipeline:
        model = pipeline.system.model
        assert "vocabulary" not in model.state_by_part()
        rows = {"input": torch.randn_like(model.backbone.embedding.weight)}

        model.load_by_part({"vocabulary": rows})

        saved = model.state_by_part()["vocabulary"]
        found = model.embed(torch.tensor([[3]]))[0, 0]
    assert torch.equal(saved["input"], rows["input"])
    assert torch.equal(found, rows["input"][3])


def test_base_rows_of_another_size_are_refused(tmp_path: Path) -> None:
    with SystemKit(tmp_path).pipeline() as pipeline:
        model = pipeline.system.model

        with pytest.raises(LockError, match="wanted"):
            model.load_by_part({"vocabulary": {"input": torch.zeros(2, 2)}})
