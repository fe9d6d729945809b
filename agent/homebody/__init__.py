"""The product: opens everything once, and hands the result of one room to the next."""

from agent.homebody.forgetting import Receipt
from agent.homebody.homebody import Homebody, Preview

__all__ = ["Homebody", "Preview", "Receipt"]
