"""Engines that run language models in this process."""
