"""The kit for kinds of projection: sized as they say, shaped as wanted, and able to learn.

Legend: B batch, T tokens or signals, W width in. torch is imported in the functions that need it.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from nextgpt_registry.sizes import options_of, shapes_of, tokens_out
from nextgpt_registry.specs import Condition, Projection
from nextgpt_registry.targets import options_model, resolve
from nextgpt_registry.testing.difference import CLOSE
from nextgpt_registry.testing.kit import Kit
from nextgpt_registry.testing.verdict import attempt, expect

if TYPE_CHECKING:
    from torch import Tensor, nn

_TOKENS, _WIDTH, _LLM = 6, 20, 24
_CONDITIONS = (Condition(name="text", tokens=5, width=12), Condition(name="one", tokens=1, width=7))


class ProjectionTests(Kit):
    """Each kind of projection that the plugin declares."""

    tested: ClassVar[str] = "projections"

    def test_options_are_plain_data(self, spec: Projection) -> None:
        """Frozen, closed, with a default for each."""
        model = options_model(spec.options)
        with attempt(self._who(spec), f"{model.__name__}() to be valid", "a field without default"):
            made = model()
        expect(
            model.model_config.get("frozen")
            and model.model_validate_json(made.model_dump_json()) == made,
            self._who(spec),
            found=f"{model.__name__} can be changed, or is another after a trip through JSON",
            wanted="model_config = ConfigDict(frozen=True, extra='forbid') and plain values",
            cause="a field that holds an object",
        )

    def test_sizes_are_as_declared(self, spec: Projection) -> None:
        """`shapes` tells every tensor of the class, whatever the sizes: plans count by it."""
        for sizes in _sizes(spec):
            held = {n: tuple(t.shape) for n, t in self._build(spec, sizes).state_dict().items()}
            told = dict(shapes_of(spec, options_of(spec, {}), sizes))
            expect(
                held == told,
                self._who(spec),
                found=f"tensors {dict(held.items() - told.items())} for {sizes}",
                wanted=f"those that {spec.shapes} tells: {dict(told.items() - held.items())}",
                cause="a layer that was added or left out, or a size that it does not depend on",
            )

    def test_projections_are_as_wanted(self, spec: Projection) -> None:
        """(B, T, W) -> (B, tokens, width of the model), or {condition: (B, tokens, width)}."""
        import torch

        for sizes in _sizes(spec):
            found = self._run(spec, self._build(spec, sizes), _given(spec, sizes))
            for name, wanted in _wanted(spec, sizes).items():
                tensor = found.get(name)
                expect(
                    tensor is not None and tuple(tensor.shape) == wanted,
                    self._who(spec),
                    found=f"{name} of shape {None if tensor is None else tuple(tensor.shape)} "
                    f"for {sizes}",
                    wanted=f"{wanted}",
                    cause="`tokens` that tells another number, or the width of the encoder for "
                    "that of the language model",
                )
                expect(
                    bool(torch.isfinite(found[name]).all()),
                    self._who(spec),
                    found="numbers that are not finite",
                    wanted="finite ones for finite features",
                    cause="a division by a norm that may be zero",
                )

    def test_batch_agrees_with_single(self, spec: Projection) -> None:
        """What is projected in a batch of three, or padded, is what it is alone."""
        import torch

        sizes = _sizes(spec)[0]
        module, x_BTW = self._build(spec, sizes), _given(spec, sizes, batch=3)
        whole = self._run(spec, module, x_BTW)
        alone = self._run(spec, module, x_BTW[1:2])
        pairs = [(whole[name][1:2], alone[name]) for name in whole]
        if spec.side == "input":
            mask_BT = torch.ones(3, x_BTW.shape[1], dtype=torch.bool)
            mask_BT[:, -2:] = False
            count = tokens_out(spec, options_of(spec, {}), x_BTW.shape[1] - 2)
            short = self._run(spec, module, x_BTW[:, :-2])["features"]
            pairs.append((self._run(spec, module, x_BTW, mask_BT)["features"][:, :count], short))
        off = max(float((one - other).abs().max()) for one, other in pairs)
        expect(
            off <= CLOSE,
            self._who(spec),
            found=f"numbers that are {off:.2g} off from those of it alone or without padding",
            wanted=f"at most {CLOSE}",
            cause="statistics over the batch, or features that the mask says are padding",
        )

    def test_every_parameter_learns(self, spec: Projection) -> None:
        """A gradient reaches each, and none begins as nothing."""
        module = self._build(spec, _sizes(spec)[0]).train()
        found = self._call(spec, module, _given(spec, _sizes(spec)[0], batch=8))
        sum(tensor.square().sum() for tensor in found.values()).backward()  # type: ignore[union-attr]
        still = [n for n, p in module.named_parameters() if p.grad is None or not p.grad.any()]
        expect(
            not still,
            self._who(spec),
            found=f"no gradient for {', '.join(still)}",
            wanted="one for every parameter",
            cause="a parameter that is not used, or one that is multiplied by zero at the start",
        )

    def test_state_survives_safetensors(self, spec: Projection, tmp_path: Path) -> None:
        """Saved and loaded into another instance, it does the same."""
        from safetensors.torch import load_file, save_file

        sizes = _sizes(spec)[0]
        first, second, x = (
            self._build(spec, sizes),
            self._build(spec, sizes, 1),
            _given(spec, sizes),
        )
        with attempt(self._who(spec), "a state that safetensors can hold", "tied parameters"):
            save_file(first.state_dict(), tmp_path / "state.safetensors")
            second.load_state_dict(load_file(tmp_path / "state.safetensors"))
        one, other = self._run(spec, first, x), self._run(spec, second, x)
        expect(
            all(bool((one[name] == other[name]).all()) for name in one),
            self._who(spec),
            found="other results after saving and loading",
            wanted="the same",
            cause="tensors kept as plain attributes: nn.Parameter or register_buffer saves them",
        )

    def _who(self, spec: Projection) -> str:
        return f"{self.plugin}/{spec.name} ({spec.side} projection)"

    def _build(self, spec: Projection, sizes: Mapping[str, Any], seed: int = 0) -> nn.Module:
        import torch

        with (
            attempt(self._who(spec), f"{spec.target} to be built", "another signature"),
            torch.random.fork_rng(devices=[]),
        ):
            torch.manual_seed(seed)
            made: nn.Module = resolve(spec.target)(options_of(spec, {}), **sizes)
            return made.eval()
        raise AssertionError("attempt has failed the test")

    def _call(
        self, spec: Projection, module: nn.Module, x_BTW: Tensor, mask_BT: Tensor | None = None
    ) -> Mapping[str, Tensor]:
        with attempt(self._who(spec), "it to run", "sizes that are written into the class"):
            if spec.side == "output":
                found: Mapping[str, Tensor] = module(x_BTW)
                return found
            return {"features": module(x_BTW, mask_BT)}
        raise AssertionError("attempt has failed the test")

    def _run(
        self, spec: Projection, module: nn.Module, x_BTW: Tensor, mask_BT: Tensor | None = None
    ) -> Mapping[str, Tensor]:
        import torch

        with torch.no_grad():
            return self._call(spec, module, x_BTW, mask_BT)


def _sizes(spec: Projection) -> list[dict[str, Any]]:
    """Several of each, so that what is written into a class or a formula is found out."""
    if spec.side == "input":
        names: tuple[str, ...] = ("tokens", "width_in", "width_llm")
        values: list[tuple[Any, ...]] = [(_TOKENS, 9), (_WIDTH, 16), (_LLM, 32)]
    else:
        names = ("width_llm", "signals", "conditions")
        values = [(_LLM, 32), (4, 1), (_CONDITIONS, _CONDITIONS[:1])]
    return [dict(zip(names, chosen, strict=True)) for chosen in product(*values)]


def _given(spec: Projection, sizes: Mapping[str, Any], batch: int = 2) -> Tensor:
    import torch

    shape = (
        (sizes["tokens"], sizes["width_in"])
        if spec.side == "input"
        else (sizes["signals"], sizes["width_llm"])
    )
    return torch.randn(batch, *shape, generator=torch.Generator().manual_seed(0))


def _wanted(spec: Projection, sizes: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    if spec.side == "output":
        return {c.name: (2, c.tokens, c.width) for c in sizes["conditions"]}
    tokens = tokens_out(spec, options_of(spec, {}), sizes["tokens"])
    return {"features": (2, tokens, sizes["width_llm"])}
