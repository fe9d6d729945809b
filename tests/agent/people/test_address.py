import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.people import address, region_of, spelled


@pytest.mark.parametrize(
    ("handle", "region", "found"),
    [
        ("0151 1234 5678", "DE", "+4915112345678"),
        ("+49 (0)151 12345678", "DE", "+4915112345678"),
        ("0049 151 12345678", "DE", "+4915112345678"),
        ("+4915112345678", "US", "+4915112345678"),
        ("(212) 555-2368", "US", "+12125552368"),
        ("2125552368", "US", "+12125552368"),
        ("07700 900123", "GB", "+447700900123"),
        ("0660 1234567", "AT", "+436601234567"),
        ("0151 1234 5678", "", "015112345678"),  # no country known: as it is
        ("0151 1234 5678", "US", "015112345678"),  # no number of that country
        ("22000", "DE", "22000"),  # a company's short code
        ("80353474263123456789", "DE", "80353474263123456789"),  # longer than any number
        ("Ann.Lee@Example.ORG", "DE", "ann.lee@example.org"),
        ("whatsapp:Ann  Lee", "DE", "whatsapp:Ann Lee"),
        ("discord:803534742631234567", "DE", "discord:803534742631234567"),
        ("me", "DE", "me"),
    ],
)
def test_one_address_however_it_is_written(handle: str, region: str, found: str) -> None:
    assert address(handle, region) == found


def test_the_last_digits_alone_never_make_two_numbers_one() -> None:
    assert address("+1 212 555 2368", "US") != address("+49 212 5552368", "US")


@given(st.text(max_size=40))
@settings(deadline=None)
def test_any_text_is_an_address_and_spelling_is_settled_at_once(text: str) -> None:
    assert spelled(spelled(text)) == spelled(text)
    assert address(spelled(text), "DE") == address(text, "DE")


@pytest.mark.parametrize(
    ("zone", "locale", "region"),
    [
        ("Europe/Berlin", "", "DE"),
        ("America/New_York", "", "US"),
        ("Asia/Tokyo", "", "JP"),
        ("Europe/Berlin", "de_AT.UTF-8", "AT"),
        ("Europe/Vienna", "zh_Hans_CN", "CN"),
        ("Europe/London", "C.UTF-8", "GB"),
        ("UTC", "", ""),
        ("", "", ""),
    ],
)
def test_the_region_of_a_zone_or_a_locale(zone: str, locale: str, region: str) -> None:
    assert region_of(zone=zone, locale=locale) == region
