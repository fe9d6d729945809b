"""Words of an emergency are answered before anything else: offline, by a fixed list, without a model."""

from agent.triage.advice import advice, report
from agent.triage.matcher import RedFlag, triage

__all__ = ["RedFlag", "advice", "report", "triage"]
