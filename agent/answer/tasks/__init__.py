"""What is made of a whole document, thread or stretch of messages: a summary, a list of what is to be done, a draft."""

from agent.answer.tasks.making import make
from agent.answer.tasks.material import Material, Unclear
from agent.answer.tasks.request import Request, request

__all__ = ["Material", "Request", "Unclear", "make", "request"]
