"""The models on this machine: `Library` opens them, the program `homebody-models` (`main`) puts them there."""

from agent.models.library.program import main
from agent.models.library.shelf import InstalledModel, Library, ModelFile, Tier, apple_silicon, default_folder

__all__ = ["InstalledModel", "Library", "ModelFile", "Tier", "apple_silicon", "default_folder", "main"]
