"""An OpenAI-compatible server of any system, with whatever modalities are installed."""

from typing import TYPE_CHECKING

from nextgpt_registry.lazy import names

if TYPE_CHECKING:
    from nextgpt_serve.app import create_app
    from nextgpt_serve.settings import Settings

__all__ = ["Settings", "create_app"]

__getattr__ = names(__name__, {"app": ("create_app",), "settings": ("Settings",)})
