"""`homebody-prove`: watches a whole life indexed and asked in locked processes, and prints the evidence."""


def main() -> None:
    """The program. Imported when called, so that a probe started from here loads nothing before its lock."""
    from agent.service.prove.program import run

    run()
