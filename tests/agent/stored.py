"""Records put into a store in memory, as a pass does it, and a letter in one line."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from agent.ingest.chunk import cut
from agent.store.store import Store
from indexers.record import Contact, Message, Party, Section
from indexers.source import Item

BERLIN = ZoneInfo("Europe/Berlin")
CHANGED = datetime(2024, 3, 5, 9, tzinfo=UTC)
ME, ANNA, TOM = Party(handle="me", me=True), Party(handle="anna@example.org"), Party(handle="tom@example.org")
CARDS = tuple(
    Contact(id=name, names=(name,), mails=(party.handle,)) for name, party in (("Anna Berger", ANNA), ("Tom Rivera", TOM))
)  # fmt: skip


def put(store: Store, source: str, item: str, *records: Message | Section | Contact) -> None:
    """One item of a source; the source's kind is its name."""
    number = store.source(source, source)
    made = cut(records, item=item, path=item, zone=BERLIN, count=lambda text: len(text.split()))
    with store.writing():
        staged = store.stage(number, Item(id=item, fingerprint="1"), now=0.0)
        store.name_handles(made.names)
        store.add_chunks(staged, made.chunks, made.blocks, model="none")
        store.add_cards(staged, made.contacts)
    store.publish(staged, records=len(records), skips=[])


def paper(name: str, title: str, *texts: str) -> tuple[str, tuple[Section, ...]]:
    """A document and where it lies."""
    sections = tuple(
        Section(
            id=f"s{n}", document=name, title=title, headings=(), text=text, spans=(), modified_at=CHANGED, locator=""
        )
        for n, text in enumerate(texts)
    )
    return f"/papers/{name}", sections


def letter(
    n: int, sender: Party, to: Party, day: int, subject: str, text: str, *, thread: str, others: tuple[Party, ...] = ()
) -> Message:  # fmt: skip
    """A message of a morning in June 2026."""
    return Message(
        id=f"m{n}", conversation=thread, title=subject, sender=sender, people=(sender, to, *others),
        sent_at=datetime(2026, 6, day, 10, tzinfo=BERLIN), text=text, locator=f"message://{n}",
    )  # fmt: skip
