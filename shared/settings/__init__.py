"""The options of ``nexa server``, each declared once, and the settings file that its processes read.

Only :mod:`shared.settings.loading` needs pydantic-settings; processes that read the file do not import it.
"""

from shared.settings.model import ModelOptions, ModelSettings
from shared.settings.server import ServerOptions, ServerSettings

__all__ = ["ModelOptions", "ModelSettings", "ServerOptions", "ServerSettings"]
