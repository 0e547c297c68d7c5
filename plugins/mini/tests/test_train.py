"""How mini's decoders are trained: on committed samples, with their small twins."""

import json

import pytest
import torch

from nextgpt_core.training.module import Run
from nextgpt_mini.decoders import PictureDecoder
from nextgpt_mini.options import TWIN, DecoderOptions
from nextgpt_mini.train.decoder import build_bank, train_decoder
from nextgpt_world.data import Dialogues

STEPS = 8
pytestmark = pytest.mark.filterwarnings("ignore:Mismatch dtype")  # torch, under autocast


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    path = tmp_path_factory.mktemp("bank") / "bank.safetensors"
    told = {"library": "samples", "answer_media": True, "chat": 0.0}
    dialogues = Dialogues("decode", direction="text->image", **told)

    def draw(number):
        [part] = dialogues[number][-1].media
        return part.media, part.caption

    build_bank(fresh(), draw, 16, path)
    return path


def fresh() -> PictureDecoder:
    torch.manual_seed(0)
    return PictureDecoder(DecoderOptions(**TWIN))


def train(folder, bank, *, steps=STEPS, dies_at=None):
    decoder = fresh()
    run = Run(folder, steps, save_s=0.0, sample_s=0.0, log_every=4)

    def die():
        if run.step == dies_at:
            raise KeyboardInterrupt

    train_decoder(decoder, bank, run, batch=4, sample=die)
    return decoder.denoiser.state_dict()


def losses(folder):
    lines = (folder / "log.jsonl").read_text("utf-8").splitlines()
    return [(line["step"], line["loss"]) for line in map(json.loads, lines)]


def test_a_killed_decoder_goes_on_bit_for_bit(tmp_path, bank):
    whole = train(tmp_path / "whole", bank)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "killed", bank, dies_at=3)

    resumed = train(tmp_path / "killed", bank)

    assert all(torch.equal(resumed[name], value) for name, value in whole.items())
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")
    assert [step for step, _ in losses(tmp_path / "whole")] == [4, 8]


def test_a_decoder_learns_its_bank(tmp_path, bank):
    train(tmp_path / "run", bank, steps=60)

    (_, first), *_, (_, last) = losses(tmp_path / "run")
    assert last < 0.9 * first
