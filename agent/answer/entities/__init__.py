"""Things that stand in passages, character for character: those of a known form by rule, others by a model."""

from agent.answer.entities.forms import FORMS, RULED, by_form
from agent.answer.entities.reading import by_model

__all__ = ["FORMS", "RULED", "by_form", "by_model"]
"""`RULED` names the types that need no model, `FORMS` those of them that are told by their form alone."""
