"""No request of any2any-free shares its words with training, things and their attributes aside."""

import re
from collections import defaultdict
from functools import cache

from nextgpt_world.chat import held_out, prompts
from nextgpt_world.data import Dialogues
from nextgpt_world.dialogues.wordings import wordings
from nextgpt_world.free.requests import lines
from nextgpt_world.vocabulary import vocabulary

GIVEN = ("twemoji", "openmoji", "tuxpaint", "timgm", "unknown")


def texts(line):
    return [part for part in line["ask"] if isinstance(part, str)]


@cache
def world_words():
    words = vocabulary()
    named = {
        *words.objects,
        *words.plurals.values(),
        *words.sounds,
        *words.colours,
        *words.counts,
        *words.places,
        *words.sizes,
        *words.repetitions,
        *("in the centre", "on the left", "on the right", "at the top", "at the bottom"),
        *(word for m in words.motions for word in (m, m.removesuffix("ing"))),
        *("move left", "move right", "spin", "jump"),
    }
    longest = sorted(named, key=len, reverse=True)
    return re.compile(rf"\b(?:an? )?(?:{'|'.join(map(re.escape, longest))})\b")


def skeleton(text):
    """`Draw a red cat, please.` -> `draw _ please`."""
    plain = re.sub(r"[^\w' ]+", " ", text.lower().replace("\n", " "))
    plain = world_words().sub("_", " ".join(plain.split()))
    return re.sub(r"_(?: _)+", "_", " ".join(plain.split()))


@cache
def trained():
    """Skeletons of all that training asks: of templates, and of chat."""
    fields = re.compile(r"\{\w+\}")
    templates = [t for g in wordings().values() for kind in g.values() for t in kind]
    return {skeleton(fields.sub(" cat ", t)) for t in templates} | {skeleton(p) for p in prompts()}


@cache
def said_in_training():
    """What users say in a sample of all stages' dialogues."""
    return {
        skeleton(line.text)
        for stage in ("encode", "decode", "instruct")
        for n in range(1_500)
        for line in Dialogues(stage).script(n).lines
        if line.role == "user"
    }


def grams(words, n=3):
    words = words.split()
    return {tuple(words[k : k + n]) for k in range(len(words) - n + 1)}


def test_no_request_has_the_words_of_a_training_template():
    asked = {skeleton(text): line["id"] for line in lines() for text in texts(line)}

    same = {words: asked[words] for words in asked.keys() & (trained() | said_in_training())}
    assert same == {}


def test_no_request_has_most_of_its_words_in_a_row_from_one_training_template():
    templates = [grams(words) for words in trained() | said_in_training()]
    close = {}
    for line in lines():
        for text in texts(line):
            own = grams(skeleton(text))
            shared = max((len(own & found) for found in templates), default=0)
            if len(own) > 2 and shared / len(own) > 0.6:
                close[text] = shared / len(own)

    assert close == {}


def test_the_leak_test_finds_a_leak():
    assert skeleton("Draw three cats on a red background.") == "draw _ on _ background"
    assert skeleton("Could I have an image showing a small dog, please?") not in trained()
    assert skeleton("Please draw a lion!") in trained()
    assert skeleton("What is an owl?") in trained()


def test_chat_is_none_that_is_trained_on_or_tested_elsewhere():
    asked = {text for line in lines() if line["group"] == "chat" for text in texts(line)}

    assert len(asked) >= 60
    assert asked.isdisjoint(prompts())
    assert asked.isdisjoint(held_out())


def test_no_two_families_ask_the_same_words():
    asked = defaultdict(set)
    for line in lines():
        if texts(line) and line["group"] not in GIVEN:
            asked[skeleton(" ".join(texts(line)))].add((line["group"], line["family"]))
    alone = {words: families for words, families in asked.items() if len(words.split()) > 3}

    again = {words: families for words, families in alone.items() if len(families) > 1}
    assert again == {}
