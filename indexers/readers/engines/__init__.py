"""Engines that turn pictures and recordings into text, where this machine has one."""
