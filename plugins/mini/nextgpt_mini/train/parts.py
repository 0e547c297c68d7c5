"""The parts of mini that are trained here, each by one resumable call that ends in a file.

Order: `text`, the latents (of pictures also for videos), `vocoder` (hears what its latents leave),
then the decoders; `video` starts from `picture`'s weights.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from torch import Generator, Tensor, nn

from nextgpt_core.training.module import Run
from nextgpt_mini.decoders import PictureDecoder, SoundDecoder, VideoDecoder, sound_latents
from nextgpt_mini.flow import FlowDecoder
from nextgpt_mini.options import DecoderOptions, SoundOptions
from nextgpt_mini.text import CaptionEncoder
from nextgpt_mini.train.decoder import build_bank, train_decoder
from nextgpt_mini.train.inversions import held_out_sounds, inversions, measure, table
from nextgpt_mini.train.painter import train_painter
from nextgpt_mini.train.sheet import save_sheet
from nextgpt_mini.train.steps import STEPS
from nextgpt_mini.train.text import train_text
from nextgpt_mini.train.vocoder import train_vocoder
from nextgpt_mini.vocoder import Vocoder
from nextgpt_registry.errors import TrainingError
from nextgpt_registry.media import Media
from nextgpt_registry.protocols import DecodeBatch
from nextgpt_registry.tensors import load_compact, save_compact
from nextgpt_world.examples import Examples
from nextgpt_world.library import RATE, Library
from nextgpt_world.split import Kind
from nextgpt_world.train.parts import run_of

WEIGHTS = Path(__file__).parent.parent / "weights"


@dataclass(frozen=True)
class _Made:
    """How a decoder is made and trained: `bank` is how many examples, `batch` of them a step."""

    decoder: type[FlowDecoder]
    options: DecoderOptions
    kind: Kind
    latents: str
    bank: int
    batch: int

    def __call__(self) -> FlowDecoder:
        return self.decoder(self.options)


_DECODERS = {
    "picture": _Made(PictureDecoder, DecoderOptions(), "image", "picture-latents", 40_000, 64),
    "video": _Made(VideoDecoder, DecoderOptions(), "video", "picture-latents", 8_000, 16),
    "sound": _Made(SoundDecoder, SoundOptions(), "audio", "sound-latents", 12_000, 32),
}
_FITTED = 2000
_GRID = 16
"""Things stand on the transformer's own cells of 16x16 pixels. Between them the same thing would
look different to it at each of many offsets, which takes a small network many times as long."""


def train_part(
    part: str,
    library: Library,
    *,
    steps: int | None = None,
    folder: Path | None = None,
    examples: int | None = None,
) -> Path:
    """Train `part`, or go on training it, and write its weights; returns the file.

    With a `folder`, runs and weights lie there, and not in the cache and in this package;
    `examples` is how many are rendered, where fewer will do.

    Raises:
        TrainingError: no such part, or one it builds on is missing.
    """
    with run_of(part, "mini", STEPS, steps=steps, folder=folder) as run:
        return _train(part, library, run, folder / "weights" if folder else WEIGHTS, examples)


def _train(part: str, library: Library, run: Run, weights: Path, examples: int | None) -> Path:
    torch.manual_seed(0)
    if part == "text":
        encoder = CaptionEncoder()
        train_text(encoder, run)
        return _write(weights, part, encoder.state_dict())
    if part == "vocoder":
        return _train_vocoder(library, run, weights)
    made = _DECODERS[part.removesuffix("-latents")]
    decoder = made()
    drawn = Examples(made.kind, library, grid=_GRID)
    if part.endswith("-latents"):
        _fit(decoder, drawn, run, examples or _FITTED)
        _outline(weights, part)
        if isinstance(decoder, PictureDecoder):
            _train_painter(decoder, library, run, weights)
        return _write(weights, part, decoder.latents.state_dict())
    decoder.text.load_state_dict(_read(weights, "text"))
    decoder.latents.load_state_dict(_read(weights, made.latents))
    if isinstance(decoder, SoundDecoder):
        decoder.vocoder.load_state_dict(_read(weights, "vocoder"))
    if part == "video" and not run.begun:
        _start_from_picture(decoder, weights)
    bank = run.folder / "bank.safetensors"
    if seconds := build_bank(decoder, drawn.__getitem__, examples or made.bank, bank):
        run.log(bank_seconds=seconds)
    look = _sampler(decoder, library, made.kind, run, min(16, examples or 16))

    def checkpoint() -> None:
        _write(weights, part, decoder.denoiser.state_dict())
        look()

    train_decoder(
        decoder, bank, run, batch=min(made.batch, examples or made.batch), sample=checkpoint
    )
    return _write(weights, part, decoder.denoiser.state_dict())


def _train_vocoder(library: Library, run: Run, weights: Path) -> Path:
    vocoder, latents = Vocoder(), sound_latents()
    latents.load_state_dict(_read(weights, "sound-latents"))
    shown = held_out_sounds(library, 8)

    def checkpoint() -> None:
        _write(weights, "vocoder", vocoder.state_dict())
        made = [sounds for _, _, sounds, _ in inversions(shown, vocoder, latents)]
        media = [Media("audio", s.numpy(), float(RATE)) for row in (shown, *made) for s in row]
        save_sheet(media, run.folder / f"sample-{run.step:06d}.png", columns=len(shown))

    train_vocoder(vocoder, latents, library, run, sample=checkpoint)
    return _write(weights, "vocoder", vocoder.state_dict())


def measure_vocoder(library: Library, count: int) -> str:
    """The shipped vocoder beside Griffin-Lim on so many held-out sounds, as a table."""
    vocoder, latents = Vocoder(), sound_latents()
    vocoder.load_state_dict(_read(WEIGHTS, "vocoder"))
    latents.load_state_dict(_read(WEIGHTS, "sound-latents"))
    return table(measure(held_out_sounds(library, count), vocoder, latents))


@torch.no_grad()
def _fit(decoder: FlowDecoder, examples: Examples, run: Run, count: int) -> None:
    began = time.monotonic()
    kept = decoder.latents.fit(decoder.to_pixels([examples[n][0] for n in range(count)]))
    seconds = time.monotonic() - began
    if not (run.folder / "log.jsonl").exists():
        run.files.log(1, {"variance_kept": kept, "speed.seconds_per_step": seconds})


def _train_painter(decoder: PictureDecoder, library: Library, run: Run, weights: Path) -> None:
    """On pictures, and on single frames of videos."""
    pictures, videos = (Examples(kind, library, grid=_GRID) for kind in ("image", "video"))
    shown = [pictures[-1 - n][0] for n in range(16)]

    def draw(rng: Random) -> Tensor:
        number = rng.randrange(1_000_000)
        if rng.random() < 0.5:
            return decoder.to_pixels([pictures[number][0]])[0]
        video = videos[number][0]
        return decoder.to_pixels([Media("image", video.data[rng.randrange(len(video.data))])])[0]

    @torch.no_grad()
    def sample() -> None:
        _write(weights, "picture-latents", decoder.latents.state_dict())
        z = decoder.latents.encode(decoder.to_pixels(shown))
        z = z + 0.15 * torch.randn(z.shape, generator=Generator().manual_seed(0))
        back = decoder.to_media(decoder.latents.decode(z))
        save_sheet([*shown, *back], run.folder / f"sample-{run.step:06d}.png", columns=16)

    train_painter(decoder.latents, draw, run, sample=sample)


def _outline(weights: Path, latents: str) -> None:
    """Untrained decoders of these latents where there are none: systems can be assembled."""
    parts: dict[str, nn.Module] = {}
    for name, made in _DECODERS.items():
        if made.latents == latents:
            decoder = made()
            parts[name] = decoder.denoiser
            if isinstance(decoder, SoundDecoder):
                parts["vocoder"] = decoder.vocoder
    for part, module in parts.items():
        if not (weights / f"{part}.safetensors").exists():
            _write(weights, part, module.state_dict())


def _start_from_picture(decoder: FlowDecoder, weights: Path) -> None:
    """A video's frames are pictures: take all weights that fit, spread the others over time."""
    state = dict(decoder.denoiser.state_dict())
    frames = decoder.shape.patch[0]
    for name, value in _read(weights, "picture").items():
        if name == "patch_embedding.weight":
            value = value.repeat(1, 1, frames, 1, 1) / frames
        elif name.startswith("proj_out"):
            value = value.repeat(frames, *[1] * (value.dim() - 1))
            value = -value if decoder.shape.clean else value  # velocity is noise less latents
        if name in state and state[name].shape == value.shape:
            state[name] = value
    decoder.denoiser.load_state_dict(state)


def _sampler(
    decoder: FlowDecoder, library: Library, kind: Kind, run: Run, count: int
) -> Callable[[], None]:
    examples = Examples(kind, library, grid=_GRID, seed="look")
    columns = 2 if kind == "video" else 8

    def sample() -> None:
        captions = [examples[n][1] for n in range(count)]
        generators = [Generator().manual_seed(n) for n in range(count)]
        conditions = decoder.caption_targets(captions)
        batch = DecodeBatch(conditions, options=decoder.options, generators=generators)
        media = decoder.decode(batch)
        save_sheet(media, run.folder / f"sample-{run.step:06d}.png", columns=columns)
        (run.folder / "captions.txt").write_text("\n".join(captions), encoding="utf-8")

    return sample


def _read(weights: Path, part: str) -> dict[str, Tensor]:
    path = weights / f"{part}.safetensors"
    if not path.exists():
        raise TrainingError("mini", f"{path.name} is not there yet", f"nextgpt mini train {part}")
    return load_compact(path)


def _write(weights: Path, part: str, state: dict[str, Tensor]) -> Path:
    path = weights / f"{part}.safetensors"
    save_compact(state, path)
    return path
