"""Things that stand in passages, character for character: those of a known form by rule, others by a model."""

from agent.answer.entities.forms import FORMS, by_form
from agent.answer.entities.reading import by_model

__all__ = ["FORMS", "by_form", "by_model"]
"""`FORMS` names the types that need no model."""
