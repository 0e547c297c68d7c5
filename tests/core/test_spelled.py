"""Parts and messages in whatever form Python programs and chat APIs have them."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nextgpt_core import GeneratedMedia, Pipeline, Text
from nextgpt_core.intake.reading import Reader
from nextgpt_core.testing import SystemKit, ToyPlugin, glyph
from nextgpt_registry.arrays import array_of
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.errors import MediaError, RequestError
from nextgpt_registry.hookspecs import hookimpl
from nextgpt_registry.media import Media
from nextgpt_registry.messages import MediaPart, Message


class Adopting(ToyPlugin):
    """Takes 8 x 8 arrays of anybody's for glyphs, and shows them."""

    @hookimpl
    def nextgpt_adopt_media(self, modality: str, value: Any, guess: bool) -> Media | None:
        array = array_of(value)
        if modality != "glyph" or array is None or array.shape != (8, 8):
            return None
        return Media("glyph", array.astype("uint8"))

    @hookimpl
    def nextgpt_show_media(self, media: Media) -> str | None:
        return f"<code>{media.data.sum()}</code>" if media.modality == "glyph" else None


CATALOG = Catalog.of({"toy": Adopting()})
READER = Reader(CATALOG, {"glyph": "glyph"})
DATA = b"GLYPH" + glyph().data.tobytes()
BASE64 = base64.b64encode(DATA).decode()
URL = f"data:application/x-glyph;base64,{BASE64}"
PART = MediaPart("glyph", glyph())

PARTS: dict[str, Any] = {
    "bytes": DATA,
    "bytes in memory": io.BytesIO(DATA),
    "data URL": URL,
    "array": glyph().data,
    "array of floats": glyph().data.astype("float64"),
    "array under its name": ("glyph", glyph().data),
    "generated": GeneratedMedia("glyph", glyph()),
    "image_url of OpenAI": {"type": "glyph_url", "glyph_url": {"url": URL, "detail": "auto"}},
    "url without a dict": {"type": "glyph_url", "glyph_url": URL},
    "input_image of OpenAI": {"type": "input_glyph", "glyph_url": URL},
    "input_audio of OpenAI": {
        "type": "input_glyph",
        "input_glyph": {"data": BASE64, "format": "glyph"},
    },
    "file of OpenAI": {"type": "file", "file": {"filename": "a.glyph", "file_data": URL}},
    "input_file of OpenAI": {"type": "input_file", "filename": "a.glyph", "file_data": BASE64},
    "source of Anthropic": {
        "type": "glyph",
        "source": {"type": "base64", "media_type": "application/x-glyph", "data": BASE64},
    },
    "object of transformers": {"type": "glyph", "glyph": glyph().data},
    "url of transformers": {"type": "glyph", "url": URL},
}


@pytest.mark.parametrize("given", PARTS.values(), ids=PARTS)
def test_part_in_another_form_is_the_same_medium(given: Any) -> None:
    assert READER.parts([given, "and?"]) == (PART, "and?")
    assert isinstance(given, tuple) or READER.parts(given) == (PART,)


def test_torch_tensor_is_adopted() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(glyph().data.copy()).to(torch.bfloat16).requires_grad_()

    assert READER.parts([tensor]) == (PART,)


def test_path_in_a_part_is_an_object_and_no_string(tmp_path: Path) -> None:
    path = READER.write(glyph(), tmp_path / "a")

    assert READER.parts([{"type": "glyph", "path": path}]) == (PART,)
    with pytest.raises(RequestError, match="is no data URL"):
        READER.parts([{"type": "glyph", "path": str(path)}])


REFUSED: dict[str, tuple[Any, str]] = {
    "address": ({"type": "glyph_url", "glyph_url": {"url": "https://x/y"}}, "not fetched"),
    "file of an address": ({"type": "glyph_url", "glyph_url": "file:///etc/passwd"}, "not fetched"),
    "name of a file": ({"type": "glyph_url", "glyph_url": "a.glyph"}, "no data URL"),
    "file id": ({"type": "input_glyph", "file_id": "file-1"}, "by its file_id"),
    "file id inside": ({"type": "file", "file": {"file_id": "file-1"}}, "by its file_id"),
    "unknown type": ({"type": "glyphs_url", "glyphs_url": URL}, "did you mean 'glyph_url'"),
    "no type": ({"text": "hello"}, "a dict without a type"),
    "no content": ({"type": "glyph"}, "holds nothing"),
    "text that is none": ({"type": "text", "text": 5}, "its text is a int"),
    "broken base64": ({"type": "glyph", "data": "!"}, "no base64"),
    "lone tuple": (("glyph", DATA), "is a tuple"),
    "lone tuple of texts": (("a", "b"), "is a tuple"),
    "bytes of nobody": (b"hello", "is text beginning 'hello'"),
    "object of nobody": (object(), "a part is a object"),
}


@pytest.mark.parametrize(("given", "said"), REFUSED.values(), ids=REFUSED)
def test_part_that_cannot_be_had_says_why(given: Any, said: str) -> None:
    with pytest.raises((RequestError, MediaError)) as caught:
        READER.parts(given)

    assert said in str(caught.value)


def test_text_is_text_whatever_it_begins_with() -> None:
    texts = ["data: 1, 2 and 3", "data:x", URL[:30]]

    assert READER.parts([*texts[:2], {"type": "text", "text": URL}]) == (*texts[:2], URL)
    assert READER.parts([{"type": "input_text", "text": "a"}, Text("b")]) == ("a", "b")


def test_conversation_of_dicts_and_messages() -> None:
    given = [
        {"role": "developer", "content": "Be brief."},
        Message("user", ("hello",)),
        {"role": "assistant", "content": [{"type": "output_text", "text": "hi"}]},
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, PARTS["data URL"]]},
    ]

    found = READER.request(iter(given), ())

    assert [message.role for message in found] == ["system", "user", "assistant", "user"]
    assert found[-1].parts == ("What is it?", PART)
    assert READER.request(given[3], given[:3]) == found


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"role": "tool", "content": "4"}, "has the role 'tool'"),
        ({"role": ["user"], "content": "4"}, "has the role"),
        ({"role": "assistant", "content": None, "tool_calls": [{}]}, "has 'tool_calls'"),
        ({"role": "assistant", "content": "a", "sound": {"id": "a1"}}, "has 'sound'"),
        ({"role": "user"}, "content: is a NoneType"),
        ({"role": "user", "content": b"x"}, "content: is a bytes"),
        ("hello", "is 'hello', a str"),
    ],
)
def test_message_that_is_none_says_why(given: Any, said: str) -> None:
    with pytest.raises(RequestError) as caught:
        READER.messages(given if isinstance(given, str) else [given])

    assert said in str(caught.value)


def test_request_ends_with_a_user() -> None:
    with pytest.raises(RequestError, match="ends with a message of the assistant"):
        READER.request([{"role": "user", "content": "a"}, Message("assistant", ("b",))], ())
    with pytest.raises(RequestError, match=r"request\[1\]: is a str"):
        READER.request([{"role": "user", "content": "a"}, "b"], ())


@pytest.fixture(scope="module")
def pipeline(kit: SystemKit) -> Iterator[Pipeline]:
    with kit.pipeline() as pipeline:
        yield pipeline


def test_pipeline_is_called_and_talks_in_dicts(pipeline: Pipeline) -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "hello"}, PARTS["data URL"]]}

    answers = [
        pipeline(["hello", glyph()]),
        pipeline.chat(message),
        pipeline.chat([message]),
        pipeline.chat([{"type": "text", "text": "hello"}, DATA]),
    ]

    assert len({answer.ids for answer in answers}) == 1


def test_conversation_keeps_whatever_it_was_given(pipeline: Pipeline) -> None:
    talk = pipeline.conversation(history=[{"role": "system", "content": "Be brief."}])

    talk.say({"role": "user", "content": "hello"})
    talk.say("again")

    roles = [message.role for message in talk.messages]
    assert roles == ["system", "user", "assistant", "user", "assistant"]
