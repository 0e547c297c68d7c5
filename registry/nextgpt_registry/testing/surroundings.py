"""What a call must leave as it found it: settings of the process, the parts of a module, media.

torch is imported in the functions that need it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nextgpt_registry.media import Media
from nextgpt_registry.testing.verdict import expect

if TYPE_CHECKING:
    import torch

IN_PLACE = (
    "an operation in place (x -= mean, x.div_) on an array that torch.from_numpy shares: copy it "
    "first"
)
"""Why media change."""

_MEANING = {True: "on", False: "off"}


@contextmanager
def settings_left_alone(who: str, doing: str) -> Iterator[None]:
    """Fail if the block changes what torch does for everybody, and undo it in any case."""
    with settings_restored() as before:
        yield
        now = _now()
        changed = [
            f"{name}: {_said(old)}, then {_said(now[name])}"
            for name, old in before.items()
            if now[name] != old
        ]
        expect(
            not changed,
            who,
            found=f"{doing} changes what torch does for the whole process ({'; '.join(changed)})",
            wanted="every setting as it was: other components share the process",
            cause="torch.set_default_dtype, torch.set_num_threads, torch.set_grad_enabled and the "
            "like: pass dtype=, or use them as a context that ends",
        )


@contextmanager
def settings_restored() -> Iterator[dict[str, Any]]:
    """Undo what the block changes of what torch does for everybody; gives what that was."""
    before = _now()
    try:
        yield before
    finally:
        for name, (get, put) in _settings().items():
            if get() != before[name]:
                put(before[name])


def _now() -> dict[str, Any]:
    """What torch does for everybody, by name."""
    return {name: get() for name, (get, _) in _settings().items()}


def _settings() -> dict[str, tuple[Callable[[], Any], Callable[[Any], object]]]:
    import torch

    cudnn = torch.backends.cudnn
    return {
        "default dtype": (torch.get_default_dtype, torch.set_default_dtype),
        "default device": (torch.get_default_device, torch.set_default_device),
        "number of threads": (torch.get_num_threads, torch.set_num_threads),
        "gradients": (torch.is_grad_enabled, torch.set_grad_enabled),
        "deterministic algorithms": (
            torch.are_deterministic_algorithms_enabled,
            torch.use_deterministic_algorithms,
        ),
        "precision of float32 products": (
            torch.get_float32_matmul_precision,
            torch.set_float32_matmul_precision,
        ),
        "cudnn.benchmark": (
            lambda: cudnn.benchmark,
            lambda value: setattr(cudnn, "benchmark", value),
        ),
    }


def _said(value: Any) -> str:
    return _MEANING[value] if isinstance(value, bool) else str(value)


@contextmanager
def parts_left_alone(who: str, live: torch.nn.Module) -> Iterator[None]:
    """Fail unless the block leaves names, dtypes, shapes and devices of parameters and buffers."""
    before = parts(live)
    yield
    now = parts(live)
    changed = [
        f"{name}: {before.get(name, 'absent')}, then {now.get(name, 'absent')}"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]
    expect(
        not changed,
        who,
        found=f"{len(changed)} parts changed by a call ({'; '.join(changed[:3])})",
        wanted="parameters and buffers with the names, dtypes, shapes and devices from before",
        cause="module.float(), .to(…) or register_buffer in a call, which change the module for "
        "all later ones: convert the tensors that go in",
    )


def parts(live: torch.nn.Module) -> dict[str, str]:
    """Name -> dtype, shape and device of each parameter and buffer."""
    tensors = (*live.named_parameters(), *live.named_buffers())
    return {
        name: f"{str(t.dtype).removeprefix('torch.')} {tuple(t.shape)} on {t.device}"
        for name, t in tensors
    }


def altered(media: Sequence[Media]) -> list[Media]:
    """The media whose data are no longer what their address says."""
    return [m for m in media if Media(m.modality, m.data, m.rate).sha256 != m.sha256]
