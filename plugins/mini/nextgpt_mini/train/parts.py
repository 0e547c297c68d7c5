"""The parts of mini that are trained here, each by one resumable call that ends in a file.

Order: `text`, the latents (fitted at once), `vocoder` (hears what its latents leave), then the
decoders; `clip` starts from `picture`'s weights.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Generator, Tensor
from torch.nn.functional import mse_loss

from nextgpt_mini.decoders import ClipDecoder, PictureDecoder, SoundDecoder
from nextgpt_mini.flow import FlowDecoder
from nextgpt_mini.latents import Latents
from nextgpt_mini.options import DecoderOptions, SoundOptions
from nextgpt_mini.spectrogram import to_sound
from nextgpt_mini.text import CaptionEncoder
from nextgpt_mini.train.decoder import build_bank, train_decoder
from nextgpt_mini.train.examples import Examples
from nextgpt_mini.train.inversions import examples, inversions, measure, table
from nextgpt_mini.train.run import Run
from nextgpt_mini.train.sheet import save_sheet
from nextgpt_mini.train.text import train_text
from nextgpt_mini.train.vocoder import train_vocoder
from nextgpt_mini.vocoder import Vocoder
from nextgpt_mini.world.library import RATE, Library
from nextgpt_mini.world.split import Kind
from nextgpt_registry.errors import TrainingError
from nextgpt_registry.media import Media
from nextgpt_registry.sources import cache_dir
from nextgpt_registry.tensors import load_compact, save_compact

WEIGHTS = Path(__file__).parent.parent / "weights"

_DECODERS: dict[str, tuple[type[FlowDecoder], Kind]] = {
    "picture": (PictureDecoder, "image"),
    "clip": (ClipDecoder, "video"),
    "sound": (SoundDecoder, "audio"),
}
_OPTIONS = {"picture": DecoderOptions(), "clip": DecoderOptions(), "sound": SoundOptions()}
_LATENTS = {"picture": "picture", "clip": "picture", "sound": "sound"}
_BATCH = {"picture": 64, "clip": 16, "sound": 32}
_BANK = {"picture": 40_000, "clip": 8_000, "sound": 12_000}
_GRID = 8
"""Things stand on the transformer's own cells of 8x8 pixels. Between them the same thing would
look different to it at each of 64 offsets, which takes a small network many times as long."""
STEPS = {
    "text": 500,
    "picture-latents": 1,
    "sound-latents": 1,
    "vocoder": 10_000,
    "picture": 3000,
    "clip": 1500,
    "sound": 1500,
}


def runs() -> Path:
    """Where training runs are kept: outside any checkout, so that they outlive it."""
    return cache_dir() / "runs" / "mini"


def train_part(part: str, library: Library, *, steps: int | None = None) -> Path:
    """Train `part`, or go on training it, and write its weights; returns the file.

    Raises:
        TrainingError: no such part, or one it builds on is missing.
    """
    if part not in STEPS:
        raise TrainingError("mini", f"no part {part!r}", f"one of: {', '.join(STEPS)}")
    run = Run(runs() / part, steps or STEPS[part])
    torch.manual_seed(0)
    if part == "text":
        encoder = CaptionEncoder()
        train_text(encoder, run)
        return _write(part, encoder.state_dict())
    if part == "vocoder":
        return _train_vocoder(library, run)
    name = part.removesuffix("-latents")
    kind, options = _DECODERS[name][1], _OPTIONS[name]
    decoder = _DECODERS[name][0](options)
    if part.endswith("-latents"):
        _fit(decoder, Examples(kind, library, style=None), run)
        return _write(part, decoder.latents.state_dict())
    decoder.text.load_state_dict(_read("text"))
    decoder.latents.load_state_dict(_read(f"{_LATENTS[name]}-latents"))
    if isinstance(decoder, SoundDecoder):
        decoder.vocoder.load_state_dict(_read("vocoder"))
    if name == "clip" and run.resume() is None:
        _start_from_picture(decoder)
    bank = run.folder / "bank.safetensors"
    build_bank(decoder, Examples(kind, library, grid=_GRID).__getitem__, _BANK[name], bank)
    look = _sampler(decoder, library, kind, run)

    def checkpoint() -> None:
        _write(name, decoder.denoiser.state_dict())
        look()

    train_decoder(decoder, bank, run, batch=_BATCH[name], sample=checkpoint)
    return _write(name, decoder.denoiser.state_dict())


def _train_vocoder(library: Library, run: Run) -> Path:
    vocoder, latents = Vocoder(), Latents(1, SoundDecoder.shape.kept)
    latents.load_state_dict(_read("sound-latents"))
    shown = examples(library, 8)

    def checkpoint() -> None:
        _write("vocoder", vocoder.state_dict())
        made = [sounds for _, _, sounds, _ in inversions(shown, vocoder, latents)]
        media = [Media("audio", s.numpy(), float(RATE)) for row in (shown, *made) for s in row]
        save_sheet(media, run.folder / f"sample-{run.step:06d}.png", columns=len(shown))

    train_vocoder(vocoder, latents, library, run, sample=checkpoint)
    return _write("vocoder", vocoder.state_dict())


def measure_vocoder(library: Library, count: int) -> str:
    """The written vocoder beside Griffin-Lim on so many held-out sounds, as a table."""
    vocoder, latents = Vocoder(), Latents(1, SoundDecoder.shape.kept)
    vocoder.load_state_dict(_read("vocoder"))
    latents.load_state_dict(_read("sound-latents"))
    return table(measure(examples(library, count), vocoder, latents))


@torch.no_grad()
def _fit(decoder: FlowDecoder, examples: Examples, run: Run) -> None:
    kept = decoder.latents.fit(decoder.to_pixels([examples[n][0] for n in range(2000)]))
    shown = [examples[-1 - n][0] for n in range(16)]
    pixels = decoder.to_pixels(shown)
    back = decoder.latents.decode(decoder.latents.encode(pixels))
    save_sheet([*shown, *_as_media(decoder, back)], run.folder / "sample.png", columns=16)
    run.log(variance_kept=kept, squared_error=mse_loss(back, pixels).item())


def _as_media(decoder: FlowDecoder, x: Tensor) -> list[Media]:
    """What latents leave; a sound by Griffin-Lim, as its vocoder is trained on them only later."""
    if isinstance(decoder, SoundDecoder):
        return [Media("audio", sound.numpy(), float(RATE)) for sound in to_sound(x[:, 0])]
    return decoder.to_media(x)


def _start_from_picture(decoder: FlowDecoder) -> None:
    """A clip's frames are pictures: take all weights that fit, spread the others over time."""
    state = dict(decoder.denoiser.state_dict())
    for name, value in _read("picture").items():
        if name not in state:
            continue
        if state[name].shape == value.shape:
            state[name] = value
        elif name == "patch_embedding.weight":
            state[name] = value.repeat(1, 1, 2, 1, 1) / 2
        elif name.startswith("proj_out"):
            state[name] = value.repeat(2, *[1] * (value.dim() - 1))
    decoder.denoiser.load_state_dict(state)


def _sampler(decoder: FlowDecoder, library: Library, kind: Kind, run: Run) -> Callable[[], None]:
    examples = Examples(kind, library, grid=_GRID, seed="look")
    columns = 2 if kind == "video" else 8

    def sample() -> None:
        captions = [examples[n][1] for n in range(16)]
        generators = [Generator().manual_seed(n) for n in range(16)]
        media = decoder.decode(decoder.caption_targets(captions), generators=generators)
        save_sheet(media, run.folder / f"sample-{run.step:06d}.png", columns=columns)
        (run.folder / "captions.txt").write_text("\n".join(captions), encoding="utf-8")

    return sample


def _read(part: str) -> dict[str, Tensor]:
    path = WEIGHTS / f"{part}.safetensors"
    if not path.exists():
        raise TrainingError("mini", f"{path.name} is not there yet", f"nextgpt mini train {part}")
    return load_compact(path)


def _write(part: str, state: dict[str, Tensor]) -> Path:
    WEIGHTS.mkdir(exist_ok=True)
    path, aside = WEIGHTS / f"{part}.safetensors", WEIGHTS / f"{part}.{os.getpid()}.tmp"
    save_compact(state, aside)
    os.replace(aside, path)
    return path
