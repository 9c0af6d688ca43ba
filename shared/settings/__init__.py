"""The options of ``nexa server``, each declared once, and the settings file that its processes read.

Only :mod:`shared.settings.sources` and :mod:`shared.settings.loading` need pydantic-settings. Processes that read the
settings file do not import them.
"""

from shared.settings.model import ModelOptions, ModelSettings
from shared.settings.run import ServerSettings
from shared.settings.server import ServerOptions

__all__ = ["ModelOptions", "ModelSettings", "ServerOptions", "ServerSettings"]
