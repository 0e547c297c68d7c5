"""What the suites ask with was never trained on: combinations, renderings, words, chat."""

from collections import defaultdict

import pytest

from nextgpt_registry.media import Media
from nextgpt_registry.suites import AtMost
from nextgpt_world import examples
from nextgpt_world.chat import held_out, pairs, prompts
from nextgpt_world.data import Dialogues
from nextgpt_world.dialogues import wordings as wording_module
from nextgpt_world.examples import Examples
from nextgpt_world.library import Library
from nextgpt_world.reference import Reference
from nextgpt_world.split import combinations, held_out_combinations, is_held_out
from nextgpt_world.suite import any2any
from nextgpt_world.talk import chat, perplexity

STAGES = ("encode", "decode", "instruct")
KINDS = ("image", "video", "audio")


@pytest.fixture
def rendered(monkeypatch):
    """Every scene that is rendered, by modality; nothing is drawn."""
    seen = defaultdict(list)

    def note(scene, *args, **options):
        seen[scene.modality].append(scene)
        return Media(scene.modality, b"", sha256=str(scene))

    monkeypatch.setattr("nextgpt_world.data.render", note)
    monkeypatch.setattr(examples, "render", note)
    return seen


def trained_on(scenes):
    return {c for scene in scenes for c in combinations(scene)}


@pytest.mark.parametrize("stage", STAGES)
def test_no_rendering_in_a_stage_s_dialogues_is_of_a_held_out_combination(stage, rendered):
    dialogues = Dialogues(stage, library="samples", answer_media=True)

    for n in range(2_000):
        dialogues[n]

    assert set(rendered) == set(KINDS)
    for scenes in rendered.values():
        assert trained_on(scenes)
        assert trained_on(scenes).isdisjoint(held_out_combinations())


@pytest.mark.parametrize("kind", KINDS)
def test_no_rendering_that_a_decoder_learns_from_is_of_a_held_out_combination(kind, rendered):
    drawn = Examples(kind, Library.samples())

    for n in range(3_000):
        drawn[n]

    assert len(rendered[kind]) == 3_000
    assert trained_on(rendered[kind]).isdisjoint(held_out_combinations())


@pytest.mark.parametrize("kind", KINDS)
def test_real_media_to_compare_with_are_all_held_out(kind, rendered):
    Reference(library="samples")(kind, 100)

    assert len(rendered[kind]) == 100
    assert all(map(is_held_out, rendered[kind]))


def test_no_medium_that_the_suite_shows_was_shown_in_training():
    """By content, as rendered."""
    trained = {
        part.media.sha256
        for stage in STAGES
        for n in range(150)
        for turn in Dialogues(stage, library="samples", answer_media=True)[n]
        for part in turn.media
    }
    asked = {
        part.media.sha256
        for prompt in any2any(library="samples").prompts
        for turn in prompt.request()
        for part in turn.media
    }

    assert len(trained) > 100
    assert len(asked) > 100
    assert trained.isdisjoint(asked)


@pytest.fixture
def chosen(monkeypatch):
    """The templates that were to be chosen from."""
    seen = set()
    choices = wording_module.choices

    def note(group, kind, wording):
        found = choices(group, kind, wording)
        seen.update(found)
        return found

    monkeypatch.setattr(wording_module, "choices", note)
    return seen


def plain(template):
    return template.lower().rstrip(".?!")


def test_no_paraphrase_is_ever_used_in_training(chosen):
    groups = wording_module.wordings().items()
    kept = {
        t
        for group, kinds in groups
        for kind in kinds
        for t in wording_module.choices(group, kind, "paraphrase")
    }
    chosen.clear()

    for stage in STAGES:
        for n in range(3_000):
            Dialogues(stage).script(n)

    everything = {t for _, kinds in groups for templates in kinds.values() for t in templates}
    assert chosen | kept == everything  # so all that can be chosen from was
    assert {plain(t) for t in chosen}.isdisjoint({plain(t) for t in kept})


def test_the_paraphrase_suite_asks_in_kept_words_alone(chosen):
    any2any(wording="paraphrase", library="samples")
    asked = {t for t in chosen if t not in answers()}
    chosen.clear()
    any2any(library="samples")

    assert asked
    assert asked.isdisjoint({t for t in chosen if t not in answers()})


def answers():
    return {t for templates in wording_module.wordings()["answers"].values() for t in templates}


def test_chat_asks_200_prompts_that_no_stage_trains_on():
    asked = {turn.text for prompt in chat().prompts for turn in prompt.request()}
    said = {
        line.text
        for stage in STAGES
        for n in range(3_000)
        for line in Dialogues(stage).script(n).lines
    }

    assert len(asked) == 200
    assert asked.isdisjoint({p for p, _ in pairs()})
    assert asked.isdisjoint(said)


def test_fresh_prompts_are_none_that_pairs_were_ever_made_of():
    kept = {p for p, _ in pairs(kept=True)}

    assert set(held_out()) & set(prompts()) == kept


def test_chat_wants_text_alone():
    suite = chat()

    assert {e.kind for p in suite.prompts for e in p.expected} == {"text"}
    assert suite.goals == {"*/false_media": AtMost(0.01)}


def test_perplexity_is_taken_on_answers_never_trained_on():
    trained = set(pairs())

    assert len(perplexity().dialogues) >= 60
    for user, answer in perplexity().dialogues:
        assert (user.text, answer.text) not in trained
    assert perplexity().goals == {"perplexity/ratio": AtMost(1.05)}
