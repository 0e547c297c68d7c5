"""How fast a stage trains with the cache of features and caption targets, and without it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from nextgpt_core.training.start import train
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.configfile import Loaded, load_config

_SPEED = "speed.dialogues_per_s"
_WITHOUT = ("cache_gb=0", "feature_cache_mb=0")


def compare_cache(
    loaded: Loaded, catalog: Catalog, stage: str, *, steps: int, start: Path | None = None
) -> Mapping[str, float]:
    """{"without": dialogues/s, "with": dialogues/s} of the same `steps` of a stage.

    What they train is thrown away; what they cache stays. With the cache, the steps are gone
    through once to fill it, and measured the second time.
    """
    plain = [f"steps={steps}", f"log_every={steps}", "samples=0", "validate_on=0"]
    found = {}
    with TemporaryDirectory(prefix="nextgpt-speed-") as folder:
        for name, own in (("without", _WITHOUT), ("filling", ()), ("with", ())):
            given = [
                one if one.startswith("feature_") else f"training.{stage}.run.{one}"
                for one in (*plain, *own)
            ]
            run = load_config(loaded, given)
            trained = train(run, catalog, stage, out=Path(folder, name), start=start)
            found[name] = trained.metrics[_SPEED]
    return {name: found[name] for name in ("without", "with")}
