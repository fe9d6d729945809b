import time
from collections.abc import Sequence

import pytest

from agent.people import Card, Decision, Handle, Known, find, group


def handle(number: int, text: str, *names: str, source: str = "chats", me: bool = False) -> Handle:
    return Handle(number=number, text=text, names=names, me=me, sources=frozenset({source}) if source else frozenset())


def card(name: str, *handles: int, source: str = "contacts") -> Card:
    return Card(source=source, name=name, handles=handles)


def together(known: Sequence[Known]) -> list[tuple[str, ...]]:
    return [one.person.handles for one in known]


def reasons(one: Known) -> list[str]:
    return [tie.why for tie in one.ties]


def test_one_card_is_one_person_named_by_it() -> None:
    (anna,) = group([handle(1, "+4915112345678", "anna b"), handle(2, "anna@x.org")], [card("Anna Berger", 1, 2)])
    assert anna.person.name == "Anna Berger"
    assert anna.person.handles == ("+4915112345678", "anna@x.org")
    assert reasons(anna) == ["same card: Anna Berger"]
    assert anna.sources == ("chats", "contacts")


def test_one_number_in_two_spellings_is_one_person_in_the_owners_country_only() -> None:
    handles = [handle(1, "+4915112345678"), handle(2, "015112345678"), handle(3, "+4915112345679")]
    assert together(group(handles, [], region="DE")) == [("+4915112345678", "015112345678"), ("+4915112345679",)]
    assert reasons(group(handles, [], region="DE")[0]) == ["same number"]
    assert len(group(handles, [], region="FR")) == 3


def test_a_full_name_in_two_sources_joins() -> None:
    handles = [handle(1, "whatsapp:Anna Berger", "Anna Berger", source="whatsapp"), handle(2, "+49301234567")]
    (anna,) = group(handles, [card("Berger, Anna", 2)])
    assert reasons(anna) == ["same full name in two sources: Anna Berger"]
    assert anna.person.name == "Berger, Anna"


@pytest.mark.parametrize("name", ["Anna", "Anna B.", "anna", "Dr. Anna", "anna@x.org", "+49 151 2", "Support Team"])
def test_a_first_name_alone_a_role_or_an_address_joins_nobody(name: str) -> None:
    handles = [handle(1, "whatsapp:1", name, source="whatsapp"), handle(2, "signal:2", name, source="signal")]
    assert len(group(handles, [])) == 2


def test_accents_case_titles_and_order_do_not_part_a_name() -> None:
    names = ("José Ramírez", "jose ramirez", "Dr. José Ramírez", "Ramírez, José")
    handles = [handle(n, f"{n}:x", name, source=str(n)) for n, name in enumerate(names, 1)]
    assert len(group(handles, [])) == 1


def test_one_name_of_two_people_in_one_source_joins_nobody() -> None:
    """Father and son in one address book: a chat under their name may be either's."""
    handles = [
        handle(1, "+4915110000001"),
        handle(2, "+4915110000002"),
        handle(3, "signal:x", "John Smith", source="s"),
    ]
    known = group(handles, [card("John Smith", 1), card("John Smith", 2)])
    assert len(known) == 3
    assert [one.person.handles for one in find(known, "John Smith", region="")] == together(known)


def test_one_name_in_one_source_alone_joins_nobody() -> None:
    handles = [handle(1, "john@a.org", "John Smith"), handle(2, "john@b.org", "John Smith")]
    assert len(group(handles, [])) == 2


def test_a_shared_landline_does_not_make_two_people_one() -> None:
    handles = [handle(1, "+4930123456"), handle(2, "+4915112345678"), handle(3, "+4915112345679")]
    known = group(handles, [card("Anna Berger", 1, 2), card("Ben Berger", 1, 3)])
    assert [one.person.name for one in known] == ["Anna Berger & Ben Berger", "Anna Berger", "Ben Berger"]


def test_cards_of_one_person_in_two_accounts_join_over_what_they_share() -> None:
    handles = [handle(1, "+4915112345678"), handle(2, "helga@x.org"), handle(3, "helga@y.org")]
    for names in (("Mum", "Helga Winter"), ("Helga Winter", "Helga Sommer"), ("Helga Winter", "Helga K Winter")):
        known = group(handles, [card(names[0], 1, 2), card(names[1], 1, 3, source="work")])
        assert together(known) == [("+4915112345678", "helga@x.org", "helga@y.org")]
        assert known[0].person.name != "Mum"


def test_an_address_under_which_many_write_is_nobodys() -> None:
    robot = handle(1, "notifications@forge.example", "Anna Berger", "Ben Holm", source="mail")
    anna = handle(2, "signal:Anna Berger", "Anna Berger", source="signal")
    known = group([robot, anna], [])
    assert [one.person.name for one in known] == ["notifications@forge.example", "Anna Berger"]


def test_the_owner_is_one_over_all_sources() -> None:
    handles = [handle(1, "me", me=True), handle(2, "robin@x.org", "Robin Winter", me=True), handle(3, "signal:Robin")]
    me, other = group(handles, [])
    assert me.person.me
    assert me.person.name == "Robin Winter"
    assert reasons(me) == ["yours, as the source says"]
    assert not other.person.me


def test_a_split_wins_over_a_card_and_takes_all_spellings_along() -> None:
    handles = [handle(1, "+4915112345678", "Ann"), handle(2, "015112345678"), handle(3, "anna@x.org")]
    known = group(handles, [card("Anna Berger", 1, 2, 3)], [Decision(one=2)], region="DE")
    assert together(known) == [("+4915112345678", "015112345678"), ("anna@x.org",)]
    assert [one.person.name for one in known] == ["Ann", "Anna Berger"]


def test_a_merge_wins_over_a_lack_of_evidence_and_says_so() -> None:
    handles = [handle(1, "signal:Annie", "Annie"), handle(2, "anna@x.org", "Anna Berger")]
    (anna,) = group(handles, [], [Decision(one=1, other=2)])
    assert reasons(anna) == ["merged by you"]
    assert anna.person.name == "Anna Berger"


def test_the_later_decision_wins() -> None:
    handles = [handle(1, "a@x.org"), handle(2, "b@x.org"), handle(3, "c@x.org")]
    merge, split, again = Decision(one=1, other=2), Decision(one=1), Decision(one=1, other=3)
    assert together(group(handles, [], [merge, split])) == [("a@x.org",), ("b@x.org",), ("c@x.org",)]
    assert together(group(handles, [], [split, merge])) == [("a@x.org", "b@x.org"), ("c@x.org",)]
    assert together(group(handles, [], [merge, split, again])) == [("a@x.org", "c@x.org"), ("b@x.org",)]


def test_who_was_split_off_may_be_given_to_another() -> None:
    handles = [handle(1, "+4915112345678"), handle(2, "anna@x.org"), handle(3, "ben@x.org")]
    cards = [card("Anna Berger", 1, 2), card("Ben Holm", 3)]
    known = group(handles, cards, [Decision(one=1), Decision(one=1, other=3)])
    assert together(known) == [("+4915112345678", "ben@x.org"), ("anna@x.org",)]
    assert known[0].person.name == "Ben Holm"


def test_what_is_split_off_from_the_owner_is_not_the_owner() -> None:
    handles = [handle(1, "me", me=True), handle(2, "boss@x.org", "The Boss", me=True)]
    me, boss = group(handles, [], [Decision(one=2)])
    assert (me.person.me, boss.person.me) == (True, False)
    assert [one.person.me for one in group(handles, [], [Decision(one=1), Decision(one=2)])] == [True, True]


def test_decisions_about_who_is_gone_do_nothing() -> None:
    assert (
        len(group([handle(1, "a@x.org"), handle(2, "b@x.org")], [], [Decision(one=1, other=9), Decision(one=8)])) == 2
    )


def test_finding_by_address_whole_name_and_part() -> None:
    handles = [handle(1, "+4915112345678"), handle(2, "anna.lind@x.org"), handle(3, "signal:Anna", "Anna")]
    known = group(handles, [card("Anna Berger", 1), card("Anna Lind", 2)])

    def found(text: str) -> list[int]:
        return [one.person.id for one in find(known, text, region="DE")]

    assert found("0151 12345678") == [1]
    assert found("Anna.Lind@x.org") == [2]
    assert found("anna lind") == [2]
    assert found("Lind") == [2]
    assert found("Anna") == [3]
    assert found("Nobody") == []
    assert found("") == []


def test_ten_thousand_people_take_no_time() -> None:
    handles = [handle(n, f"p{n}@x.org", f"Given{n} Family{n}") for n in range(10_000)]
    cards = [card(f"Given{n} Family{n}", n) for n in range(10_000)]
    started = time.process_time()
    assert len(group(handles, cards)) == 10_000
    assert time.process_time() - started < 20
