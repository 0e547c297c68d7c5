"""Training in stages: what is trained on which dialogues, and how a run goes on."""

from nextgpt_core.train.folder import RunFolder, read_parts
from nextgpt_core.train.loop import Trainer
from nextgpt_core.train.settings import STAGES, RunSettings
from nextgpt_core.train.start import Trained, run_folder, train

__all__ = [
    "STAGES",
    "RunFolder",
    "RunSettings",
    "Trained",
    "Trainer",
    "read_parts",
    "run_folder",
    "train",
]
