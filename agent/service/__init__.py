"""The ways in: command line, daemon, local socket."""
