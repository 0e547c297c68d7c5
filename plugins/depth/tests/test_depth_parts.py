"""Encoder, decoder and judge as they ship, and how their training goes on after a kill."""

from pathlib import Path

import pytest
import torch

from nextgpt_core.training.module import Run
from nextgpt_depth.captions import CaptionEncoder
from nextgpt_depth.decoder import Denoiser, DepthDecoder
from nextgpt_depth.encoder import DepthEncoder
from nextgpt_depth.maps import from_maps, to_maps
from nextgpt_depth.options import DecoderOptions, EncoderOptions
from nextgpt_depth.train.judge import WEIGHTS, DepthJudge
from nextgpt_depth.train.parts import made, train_part
from nextgpt_depth.train.quiz import train_text
from nextgpt_depth.train.scenes import DepthRenderer
from nextgpt_depth.train.steps import STEPS
from nextgpt_registry import Media, SourceError, TrainingError
from nextgpt_world.library import Library
from nextgpt_world.scene import Picture

LIBRARY = Library.samples()
pytestmark = pytest.mark.filterwarnings("ignore:Mismatch dtype")  # torch, under autocast


@pytest.fixture(scope="module")
def decoder():
    live = DepthDecoder(DecoderOptions())
    live.load({name: WEIGHTS / f"{name}.safetensors" for name in ("text", "denoiser")})
    return live


def test_maps_of_networks_are_distances_again():
    true = DepthRenderer(LIBRARY).depth(Picture("car", "red", size="large"), 1)

    [back] = from_maps(to_maps([true]))

    assert back.data.shape == (64, 64)
    assert back.data.max() == pytest.approx(true.data.max(), rel=0.01)
    assert back.data.min() == pytest.approx(true.data.min(), rel=0.05)


def test_a_map_where_nothing_was_measured_is_encoded():
    encoder = DepthEncoder(EncoderOptions())
    empty = Media("depth", torch.zeros(5, 9).numpy())

    with torch.no_grad():
        x = encoder(encoder.preprocess([empty]))

    assert x.shape == (1, 16, 128)
    assert x.isfinite().all()


def test_the_shipped_caption_encoder_tells_captions_apart_by_what_they_say(decoder):
    small, same, three = decoder.caption_targets(
        ["a small cat on the left", "a small cat on the left of a red background", "three cats"]
    )["text"]

    assert (small - same).square().mean() < 0.25 * (small - three).square().mean()


def test_the_shipped_judge_reads_true_maps():
    renderer, judge = DepthRenderer(LIBRARY), DepthJudge()
    scenes = [Picture("star", "red", count) for count in ("two", "three", "four")]

    found = judge.facts([renderer.depth(scene, 11) for scene in scenes])

    assert [facts["count"] for facts in found] == ["two", "three", "four"]
    assert set(judge.ceiling) == {"object", "count", "place", "size"}


def test_a_judge_that_was_not_trained_says_how(tmp_path):
    with pytest.raises(SourceError, match="nextgpt depth train judge"):
        _ = DepthJudge(tmp_path).ceiling


def test_the_same_seed_and_caption_make_the_same_map(decoder):
    first, again, other = (
        made(decoder, ["a cat"]),
        made(decoder, ["a cat"]),
        made(decoder, ["a key"]),
    )

    assert first == again != other


def test_shipped_weights_are_small():
    assert sum(path.stat().st_size for path in WEIGHTS.glob("*.safetensors")) < 3_000_000


def test_an_unknown_part_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(TrainingError, match=r"no part 'vocoder'[\s\S]*text, judge, encoder"):
        train_part("vocoder", LIBRARY, folder=tmp_path)


def test_a_decoder_wants_its_caption_encoder_first(tmp_path):
    with pytest.raises(TrainingError, match="nextgpt depth train text"):
        train_part("decoder", LIBRARY, folder=tmp_path, steps=1, examples=4)


@pytest.mark.slow
def test_every_part_is_trained_and_written_so_that_it_loads(tmp_path):
    for part in STEPS:
        train_part(part, LIBRARY, steps=2, folder=tmp_path, examples=12)

    weights = tmp_path / "weights"
    DepthEncoder(EncoderOptions()).load({"model": weights / "encoder.safetensors"})
    DepthDecoder(DecoderOptions()).load(
        {name: weights / f"{name}.safetensors" for name in ("text", "denoiser")}
    )
    assert set(DepthJudge(weights).ceiling) == {"object", "count", "place", "size"}
    assert list((tmp_path / "decoder").glob("*.png"))


def test_a_killed_run_goes_on_bit_for_bit(tmp_path: Path):
    def train(folder: Path, dies_at: int | None = None) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)

        def die() -> bool:
            if run.step == dies_at:
                raise KeyboardInterrupt
            return False

        encoder, run = CaptionEncoder(1), Run(folder, 6, save_s=0.0, cancelled=die)
        train_text(encoder, run, batch=4)
        return encoder.state_dict()

    whole = train(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "killed", dies_at=3)

    resumed = train(tmp_path / "killed")

    assert all(torch.equal(resumed[name], value) for name, value in whole.items())


def test_a_denoiser_learns_one_map():
    torch.manual_seed(0)
    denoiser = Denoiser(16)
    live = DepthDecoder(DecoderOptions(channels=16, text_layers=1))
    live.denoiser = denoiser
    maps = to_maps([DepthRenderer(LIBRARY).depth(Picture("cat", "red"), 1)] * 4)
    text = live.text(["a cat"] * 4).detach()
    optimizer = torch.optim.Adam(denoiser.parameters(), 3e-3)

    losses = []
    for step in range(25):
        generators = [torch.Generator().manual_seed(step * 4 + n) for n in range(4)]
        loss = live.map_loss(maps, text, generators).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    assert sum(losses[-5:]) < 0.3 * sum(losses[:5])
