"""One synthetic life over all sources: Robin Winter, who never lived. The demo, the tests and the quick start share it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

from agent.demo.chat_db import Chat, Line, write_chat_db
from agent.demo.documents import Page, Paper, papers
from agent.demo.documents import write as write_papers
from agent.demo.health_zip import RESTING, STEPS, Layout, Wearer, write_export

FIRST, LAST = date(2026, 1, 1), date(2026, 6, 30)
"""The days that the life covers; `homebody` is asked on the morning after."""
NOW = "2026-07-01T09:00:00+02:00"

ANNA, TOM, MUM, PRIYA = "+4915112345678", "+447700900123", "+4930901820", "priya.nair@example.org"
_SKI = "chat4711"

_CHATTER = (
    "did you sleep well?", "running ten minutes late, sorry", "can you send me the photos from Sunday?",
    "haha that is exactly what I thought", "the train is delayed again", "shall we cook pasta tonight?",
    "I left my umbrella at your place", "happy birthday!! have a great day", "what time does the film start?",
    "the printer is out of paper again", "thanks, you are the best", "call me when you are free",
    "I am at the supermarket, do we need milk?", "good luck with the interview tomorrow", "it finally stopped raining",
    "the cat broke another mug", "see you at the gym at seven", "dinner was lovely, thank you",
    "which bakery was that again?", "I forgot my charger in the office", "the kids loved the playground",
    "new episode tonight?", "my bike has a flat tyre", "the garden looks great this year",
)  # fmt: skip
_REPLIES = (
    "sure!",
    "oh no",
    "sounds good",
    "let me check",
    "haha yes",
    "on my way",
    "not today, sorry",
    "will do",
    "love it",
)


_PLANTED: dict[str, tuple[tuple[str, str, str], ...]] = {
    ANNA: (
        (
            ANNA,
            "2026-03-04 17:02",
            "We finally moved in! The new address is Lindenstrasse 14, 10969 Berlin, third floor.",
        ),
        ("me", "2026-03-04 17:05", "Congratulations! I will come by on Saturday."),
        (ANNA, "2026-03-04 17:06", "The door code is 4471, the bell does not work yet."),
        (ANNA, "2026-05-11 08:30", "The vet says Miso needs the second vaccination on 2 June."),
    ),
    TOM: (
        (TOM, "2026-06-12 09:15", "My flight BA982 lands at 18:45 on Friday, can you pick me up at Terminal 1?"),
        ("me", "2026-06-12 09:20", "Of course, I will be there with the blue car."),
        (TOM, "2026-06-14 12:00", "Lena got the job at the observatory, she starts in September."),
    ),
    MUM: (
        (
            MUM,
            "2026-02-20 11:40",
            "Grandma's plum cake: 500 g plums, 250 g flour, 125 g butter, 45 minutes at 180 degrees.",
        ),
        ("me", "2026-02-20 11:45", "Thank you! I will bake it for Easter."),
    ),
    _SKI: (
        (PRIYA, "2026-01-15 19:00", "I booked the hut in Galtür from 6 to 9 March, 84 euros per person."),
        (TOM, "2026-01-15 19:04", "Great, I will bring the sledges."),
        ("me", "2026-01-16 08:10", "I transferred my share to Priya."),
    ),
}
"""What questions are about, by conversation: who, when (UTC), what."""


def chats(seed: int) -> Iterator[Chat]:
    """Four conversations of half a year: planted lines among small talk."""
    for name, lines in _PLANTED.items():
        chance = Random(f"{seed}/{name}")
        people = [ANNA, TOM, PRIYA] if name == _SKI else [name]
        talk = [Line(by=by, at=datetime.fromisoformat(f"{when}+00:00"), text=text) for by, when, text in lines]
        for _ in range(120):
            when = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=chance.randrange(181 * 24 * 60))
            by = chance.choice([*people, "me"])
            talk.append(Line(by=by, at=when, text=chance.choice(_CHATTER)))
            talk.append(
                Line(by=chance.choice([*people, "me"]), at=when + timedelta(minutes=2), text=chance.choice(_REPLIES))
            )
        yield Chat(
            people=people,
            lines=sorted(talk, key=lambda line: line.at),
            identifier=name if name == _SKI else "",
            title="Ski trip" if name == _SKI else "",
        )


def documents(seed: int) -> Iterator[tuple[Paper, str]]:
    """A lease, a report, a transcript, a policy, and ordinary papers around them."""
    lease = Page(
        heading="Lease agreement",
        paragraphs=(
            "This lease is made between Marlene Vogt (landlord) and Robin Winter (tenant) for the flat at Amselweg 3.",
            "The monthly rent is EUR 1,240, due on the third working day of each month.",
        ),
    )
    terms = Page(
        heading="Deposit and notice",
        paragraphs=(
            "The deposit of EUR 3,720 was received on 2 March 2024 and is kept in a separate account.",
            "Either side may end the lease with three months' notice to the end of a month.",
        ),
    )
    yield Paper(name="lease", title="Lease agreement Amselweg 3", pages=(lease, terms)), "pdf"
    report = Page(
        heading="Third quarter",
        paragraphs=(
            "Confidential. Revenue of Halden Instruments for the third quarter was 4.2 million euros, up 8 percent.",
            "The operating margin fell to 11.5 percent because of the move to the new plant in Jena.",
            "The board approved a dividend of 0.35 euros per share and postponed the purchase of Optik Weiss.",
        ),
        table=(("Quarter", "Revenue", "Margin"), ("Q2", "3.9", "13.0 %"), ("Q3", "4.2", "11.5 %")),
    )
    yield Paper(name="halden-q3", title="Halden Instruments, report of the third quarter", pages=(report,)), "html"
    minutes = Page(
        heading="Decisions",
        paragraphs=(
            "Priya: I will send the signed contract to legal by Friday.",
            "Robin: I book the venue for the workshop in Weimar before 15 July.",
            "Everybody agreed that the pilot starts with twelve schools.",
        ),
    )
    yield Paper(name="minutes-2026-06-22", title="Minutes of the project meeting", pages=(minutes,)), "txt"
    policy = Page(
        heading="Household insurance",
        paragraphs=(
            "The policy number is KV-88213-B.",
            "The contract renews on 14 January 2027 unless cancelled a month before.",
        ),
    )
    yield Paper(name="insurance", title="Household insurance", pages=(policy,)), "md"
    for number, paper in enumerate(papers(seed, 8)):
        yield paper, ("md", "html", "txt", "pdf")[number % 4]


_CONTACTS = (("Anna Berger", ANNA), ("Tom Rivera", TOM), ("Helga Winter", MUM), ("Priya Nair", PRIYA))


def cards() -> str:
    """The address book that gives the chats' numbers their names (RFC 6350)."""
    return "".join(
        f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{name}\r\n"
        f"{'EMAIL' if '@' in handle else 'TEL;TYPE=CELL'}:{handle}\r\nEND:VCARD\r\n"
        for name, handle in _CONTACTS
    )


def write_life(folder: Path, *, seed: int = 7) -> dict[str, Path]:
    """Write the life into a new folder; returns where each kind of source lies. The same seed, the same life.

    Planted health: a resting heart rate of 57 on every day of March, 12,345 steps on 30 June (before merging).
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = {
        "apple-messages": folder / "Messages" / "chat.db",
        "documents": folder / "Documents",
        "apple-health": folder / "export.zip",
        "contacts": folder / "contacts.vcf",
    }
    found["apple-messages"].parent.mkdir(exist_ok=True)
    write_chat_db(found["apple-messages"], chats(seed))
    write_papers(found["documents"], documents(seed))
    march = (date(2026, 3, 1) + timedelta(days=n) for n in range(31))
    write_export(
        found["apple-health"],
        wearer=Wearer(name="Robin Winter"),
        seed=seed,
        first=FIRST,
        last=LAST,
        planted={**{day: {RESTING: 57.0} for day in march}, LAST: {STEPS: 12_345.0}},
        layout=Layout(heart_rates=40),
    )
    found["contacts"].write_text(cards(), encoding="utf-8", newline="")
    return found
