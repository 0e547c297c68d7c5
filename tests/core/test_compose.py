from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextgpt_core.prompt.compose import FEATURE, UNLABELLED, Composer, Prompt, common_prefix
from nextgpt_core.signal import SignalVocabulary
from nextgpt_registry.errors import ConfigError, RequestError
from nextgpt_registry.lock import Signals
from nextgpt_registry.media import Media
from nextgpt_registry.messages import MediaPart, Message

PICTURE = MediaPart("photo", Media("photo", b"cat"), caption="a cat")
SOUND = MediaPart("ping", Media("ping", b"miaow"))
TOKENS = {"photo": 3, "ping": 2}
ONE_EACH = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)


def user(*parts: str | MediaPart) -> Message:
    return Message("user", parts)


def assistant(*parts: str | MediaPart) -> Message:
    return Message("assistant", parts)


@pytest.fixture
def composer(tokenizer) -> Composer:
    vocabulary = SignalVocabulary.of(
        Signals(base=len(tokenizer) + 5).extended({"photo": (4, ""), "ping": (2, "")})
    )
    return Composer(tokenizer, vocabulary, end_of_turn={2})


def spelled(composer: Composer, prompt: Prompt) -> str:
    """A prompt as text, features and signals shown."""
    base = composer.vocabulary.base
    pieces, text = [], []
    for token in (*prompt.ids, None):
        if token is not None and 0 <= token < base:
            text.append(token)
            continue
        pieces.append(composer.tokenizer.decode(text))
        text = []
        if token is not None:
            pieces.append("*" if token == FEATURE else signal(composer, token))
    return "".join(pieces)


def signal(composer: Composer, token: int) -> str:
    block = composer.vocabulary.block_of(token)
    return f"<|{block.channel}:{token - block.first}|>"


def test_plain_text_is_what_the_chat_template_makes_of_it(composer) -> None:
    turns = [Message("system", ("Be brief.",)), user("Hi!"), assistant("Yo."), user("12  3\n")]
    messages = [{"role": turn.role, "content": turn.text} for turn in turns]

    prompt = composer.compose(turns, feature_tokens={})

    expected = composer.tokenizer.apply_chat_template(messages, add_generation_prompt=True)
    assert list(prompt.ids) == list(expected["input_ids"])
    assert list(prompt.keys) == list(prompt.ids)


def test_media_stand_where_they_were_put(composer) -> None:
    turns = [
        user("Look: ", PICTURE, SOUND, " and?"),
        assistant("A ", PICTURE, " cat."),
        user(PICTURE),
    ]

    prompt = composer.compose(turns, feature_tokens=TOKENS)

    group = "".join(f"<|photo:{i}|>" for i in range(4))
    assert spelled(composer, prompt) == (
        "<|im_start|>user\nLook: <photo>***</photo><ping>**</ping> and?<|im_end|>\n"
        f"<|im_start|>assistant\nA {group} cat.<|im_end|>\n"
        "<|im_start|>user\n<photo>***</photo><|im_end|>\n<|im_start|>assistant\n"
    )
    assert [slot.channel for slot in prompt.features] == ["photo", "ping", "photo"]
    for slot in prompt.features:
        assert set(prompt.ids[slot.start : slot.start + slot.count]) == {FEATURE}


def test_groups_are_found_after_media_in_the_same_conversation(composer) -> None:
    turns = [user(PICTURE, "Draw it: "), assistant("Here ", PICTURE, SOUND)]

    prompt = composer.compose(turns, feature_tokens=TOKENS, answer=False)

    assert [(slot.channel, slot.part) for slot in prompt.groups] == [
        ("photo", PICTURE),
        ("ping", SOUND),
    ]
    for slot in prompt.groups:
        ids = composer.vocabulary.block(slot.channel).ids
        assert prompt.ids[slot.start : slot.start + slot.count] == ids


def test_labels_are_on_answers_alone(composer) -> None:
    turns = [user("Q", PICTURE), assistant("A", PICTURE), user("R"), assistant("B")]

    prompt = composer.compose(turns, feature_tokens=TOKENS, answer=False)

    labelled = [t for t in prompt.labels if t != UNLABELLED]
    first, end = composer.vocabulary.block("photo").first, 2
    assert labelled == [*composer.tokenize("A"), first, end, *composer.tokenize("B"), end]
    assert all(
        label in (UNLABELLED, token) for label, token in zip(prompt.labels, prompt.ids, strict=True)
    )


def test_varying_media_take_their_own_number_of_positions(composer) -> None:
    counts = {("photo", PICTURE.media.sha256): 5}

    prompt = composer.compose([user(PICTURE)], feature_tokens=counts)

    assert prompt.ids.count(FEATURE) == 5


def test_exact_ids_of_an_answer_are_kept(composer) -> None:
    odd = [*composer.tokenize("c"), *composer.tokenize("at "), *composer.vocabulary.blocks[1].ids]
    turns = [user("Q"), assistant("cat ", SOUND), user("R")]

    prompt = composer.compose(turns, feature_tokens={}, answered={1: odd})

    asked = composer.compose(turns[:1], feature_tokens={})
    assert common_prefix(asked.keys + tuple(odd), prompt.keys) == len(asked) + len(odd)
    assert prompt.groups[0].part == SOUND


def test_answered_counts_the_turns_given_whatever_the_system_prompt(tokenizer) -> None:
    composer = Composer(tokenizer, SignalVocabulary(400), system_prompt="Be brief.")
    turns = [user("Q"), assistant("cat")]

    prompt = composer.compose(turns, feature_tokens={}, answered={1: [7, 8]}, answer=False)

    assert [t for t in prompt.labels if t != UNLABELLED] == [7, 8, 2]
    assert spelled(composer, prompt).startswith("<|im_start|>system\nBe brief.<|im_end|>")


def test_prefixes_tell_media_apart(composer) -> None:
    other = MediaPart("photo", Media("photo", b"dog"))
    same = composer.compose([user("Look", PICTURE)], feature_tokens=TOKENS)
    again = composer.compose([user("Look", PICTURE, "!")], feature_tokens=TOKENS)
    changed = composer.compose([user("Look", other)], feature_tokens=TOKENS)

    assert common_prefix(same.keys, again.keys) >= same.features[0].start + 3
    assert common_prefix(same.keys, changed.keys) == same.features[0].start


hostile = st.lists(
    st.sampled_from(
        ["<|im_end|>", "<|im_start|>", "<|photo:0|>", "<photo>", "zq", "z", "0", "\n", "{{", "é"]
    ),
    max_size=6,
).map("".join)


@ONE_EACH
@given(hostile, hostile, st.booleans())
def test_no_text_is_ever_a_signal_or_a_control_token(composer, text, more, media) -> None:
    parts = (text, PICTURE, more) if media else (text, more)

    prompt = composer.compose([user(*parts), assistant(text)], feature_tokens=TOKENS)

    controls = [t for t in prompt.ids if t in composer.tokenizer.all_special_ids]
    assert controls == [1, 2, 1, 2, 1]  # those of the template
    assert not any(composer.vocabulary.is_signal(t) for t in prompt.ids)
    middle = "<photo>***</photo>" if media else ""
    assert f"user\n{text}{middle}{more}<|im_end|>" in spelled(composer, prompt)


def test_media_no_channel_carries_are_named(composer) -> None:
    smell = MediaPart("smell", Media("smell", b"rose"))

    with pytest.raises(RequestError, match="channels that read media: photo, ping"):
        composer.compose([user(smell)], feature_tokens=TOKENS)
    with pytest.raises(RequestError, match="channels that make media: photo, ping"):
        composer.compose([assistant(smell)], feature_tokens=TOKENS)
    with pytest.raises(RequestError, match="holds no medium"):
        composer.compose([user(MediaPart("photo"))], feature_tokens=TOKENS)


def test_answers_hold_no_control_token_and_no_row_without_a_token(composer) -> None:
    size = len(composer.tokenizer)

    assert composer.ends.never == {0, 1, *range(size, size + 5)}


# --- other templates ---

STRICT = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "{{ m['role'] + m['content'] | trim + eos_token }}{% endfor %}"
)


@pytest.fixture
def with_template(tokenizer, monkeypatch):
    def make(template: str | None) -> Composer:
        monkeypatch.setattr(tokenizer, "chat_template", template)
        return Composer(
            tokenizer, SignalVocabulary.of(Signals(base=400).extended({"photo": (2, "")}))
        )

    return make


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        ([Message("system", ("Be brief.",)), user("Q")], "no system role"),
        ([user("Q"), user("R")], "roles must alternate"),
    ],
)
def test_roles_a_template_refuses_are_explained(with_template, turns, message) -> None:
    with pytest.raises(ConfigError, match=message):
        with_template(STRICT).compose(turns, feature_tokens={})


def test_a_template_that_loses_turns_is_refused(with_template) -> None:
    composer = with_template("{{ messages[-1]['content'] }}")

    with pytest.raises(ConfigError, match="lost or moved"):
        composer.compose([user(PICTURE), assistant("A")], feature_tokens={"photo": 1})


def test_a_tokenizer_without_template_gets_a_plain_one(with_template) -> None:
    composer = with_template(None)

    prompt = composer.compose([user("Q"), assistant("A")], feature_tokens={})

    assert spelled(composer, prompt) == (
        "<|im_start|>user:\nQ<|im_end|>\nassistant:\nA<|im_end|>\nassistant:\n"
    )
    assert [t for t in prompt.labels if t != UNLABELLED] == [*composer.tokenize("A"), 2]


def test_the_templates_own_end_of_turn_ends_answers(with_template) -> None:
    composer = with_template("{% for m in messages %}{{ m['content'] + '#\n' }}{% endfor %}")

    assert composer.ends.ids == set(composer.tokenize("#"))
