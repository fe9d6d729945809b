"""What is answered with "get help now", what is not, and what is never said."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.triage import advice, report, triage
from agent.triage.table import table

URGENT = """
chest-pain: I have crushing chest pain
chest-pain: i have chest pain
chest-pain: My chest hurts and my left arm is tingling
chest-pain: there's a tight pressure in my chest right now
chest-pain: it feels like an elephant is sitting on my chest
chest-pain: chest pain what should I do
chest-pain: chets pain and sweating
chest-pain: CHEST PAIN!!!
chest-pain: am I having a heart attack?
chest-pain: I think I'm having a heart attack
chest-pain: my husband has chest pain
chest-pain: my dad is clutching his chest, pain in his chest since this morning
chest-pain: I had chest pain in 2019 and now I have chest pain again
chest-pain: pain in my chest since yesterday
chest-pain: how many steps did I take today, also I have chest pain
chest-pain: I've got pressure across my chest
chest-pain: ich habe starke Brustschmerzen
chest-pain: tengo dolor en el pecho
chest-pain: j'ai une douleur dans la poitrine
breathing: I can't breathe
breathing: i cant breathe properly
breathing: I can barely breathe
breathing: I can’t get enough air
breathing: she is not breathing
breathing: my baby is choking
breathing: trouble breathing since an hour
breathing: no puedo respirar
stroke: my face is drooping
stroke: half my face went numb, the left side of my face is numb
stroke: my wife's speech is slurred
stroke: I'm slurring my words
stroke: I suddenly can't move my right arm
stroke: my arm suddenly went numb
stroke: worst headache of my life
stroke: I think I'm having a stroke
stroke: grandpa is having a strok
collapse: my mother just collapsed
collapse: he is unconscious
collapse: I keep fainting
collapse: I'm about to pass out
collapse: she won't wake up
collapse: my son is having a seizure
bleeding: the bleeding won't stop
bleeding: I can't stop the bleeding
bleeding: I am coughing up blood
bleeding: he is bleeding heavily
pregnancy: I'm 20 weeks pregnant and bleeding
pregnancy: my baby stopped moving
allergy: my throat is closing up
allergy: my tongue is swollen after the nuts
allergy: I think this is anaphylaxis
poison: I took too many pills
poison: my kid swallowed a battery
poison: I took an overdose
poison: he overdosed
poison: took a whole bottle of tylenol
poison: I swallowed all my sleeping pills
poison: he took 30 tablets
poison: my daughter took too much insulin
sepsis: stiff neck and high fever
low-sugar: my blood sugar is 45 and I'm shaky
low-sugar: glucose 2.4 mmol/l, sweating and confused
suicide: I want to kill myself
suicide: I can't go on anymore
suicide: I just can't go on.
suicide: I want to cut myself
suicide: he wants to die
suicide: I'd rather be dead
collapse: my colleague has passed out
collapse: I can't wake my mother up
stroke: suddenly I suddenly can't speak
stroke: I can't see properly all of a sudden
suicide: I want to die
suicide: i dont want to live anymore
suicide: I don’t want to be here anymore
suicide: thinking about suicide
suicide: I'm suicidal
suicide: sucide
suicide: I want to end it all
suicide: i am going to end my life
suicide: everyone would be better off without me
suicide: there is no point in living
suicide: I wish I was dead
suicide: I keep hurting myself
suicide: I can't go on
suicide: my friend says she wants to kill herself
suicide: I was suicidal in 2015
suicide: what did Anna write about suicide
suicide: I'm not suicidal
suicide: Ich will nicht mehr leben
suicide: je veux me suicider
suicide: no quiero vivir
"""
NOTICE = """
chest-pain: no chest pain today
chest-pain: I don't have chest pain
chest-pain: I have a cold but no chest pain
chest-pain: what are the symptoms of a heart attack
stroke: what are the signs of a stroke? what is a drooping face
breathing: he is fine and not having trouble breathing
"""
CALM = """
my chest pain from 2019
I can't go on Friday
there is no point in going on Monday
I can't talk now, call me later
I can't see the file you sent
I don't want to live in Berlin
I don't want to be here on Friday
I cut myself shaving
I hurt myself at football last week
the battery is about to die
the shelf just collapsed
the laptop won't wake up
I can't wake up early
I pass out flyers on Saturday
she is having a fit about the bill
the water broke through the dam
traffic is choking the city
the heat is suffocating
an unconscious decision
will they take my life savings
did the deal collapse
what did the doctor say about chest pain
what did the doctor say about my chest pain?
the letter about my heart attack in 2018
I had chest pain years ago
when did I have chest pain last year
how often did I have chest pain in May
how many days with chest tightness last month
find the article about strokes
which email mentioned anaphylaxis
what did mom write about grandpa's stroke
when was dad's heart attack in 2016
show me the note about fainting
list my appointments about bleeding
did I tell Anna about my heart attack in 2018
what was the stroke of genius in the meeting
how many swimming strokes did I do
I nearly had a heart attack when I saw the bill
you almost gave me a heart attack
my feet are killing me
I'm dying to see the film
kill the process on port 80
who killed it at the party
dead tired after the run
dead line for the report
the deadline is killing the mood
where is the chest of drawers
the treasure chest on the beach
how was chess club
chess pressure tournament
chest press 60 kg three sets
chest workout yesterday
how long was my chest day workout
breathe in the mountains
breathing rate last night
what was my average breathing rate in May
take all my photos to the cloud
a nice way to take a break from all the stress
did I take all my pills today
I took my tablets this morning
took too many photos in May
I took all the books back
bleeding edge software
blood pressure last month
my blood sugar was 95 this morning
average glucose in May
blood sugar 45
low battery
is the carbon monoxide detector installed
the movie about an overdose from 2010
hot flashes in May
information overdose at work
how many steps did I take yesterday
what is my resting heart rate
heart rate over 150 in May
how did I sleep last night
remind me of the headache tablets
did Anna faint at the wedding in 2015
who fainted at the wedding last year
the pressure in my tyres
under pressure at work
stroke play golf results
I stroke the cat
my heart goes out to her
the heart of the matter
face to face meeting
my arm workout in May
numb3rs the tv show
seizure of assets in the contract
allergic to nuts, who was it
how do I breathe while swimming
my pregnancy notes from 2020
poison ivy pictures
what does the lease say about the overdue rent
die Hard with Anna
dye my hair
"""


def pairs(lines: str) -> list[tuple[str, str]]:
    return [(flag, text) for line in lines.strip().splitlines() for flag, _, text in [line.partition(": ")]]


@pytest.mark.parametrize(("flag", "text"), pairs(URGENT))
def test_help_now(flag: str, text: str) -> None:
    found = triage(text)
    assert found is not None
    assert (found.id, found.urgent) == (flag, True)


@pytest.mark.parametrize(("flag", "text"), pairs(NOTICE))
def test_denied_or_asked_in_general_gets_a_short_notice(flag: str, text: str) -> None:
    found = triage(text)
    assert found is not None
    assert (found.id, found.urgent) == (flag, False)
    assert "\n" not in advice(found)


@pytest.mark.parametrize("text", CALM.strip().splitlines())
def test_told_past_and_idle_talk_is_left_alone(text: str) -> None:
    assert triage(text) is None


@pytest.mark.parametrize("region", ["", "US", "DE", "GB", "XX"])
def test_the_advice_is_plain_and_names_numbers(region: str) -> None:
    for flag, text in pairs(URGENT):
        found = triage(text)
        assert found is not None
        said = advice(found, region=region)
        assert said.startswith("Get help now.")
        assert table().emergency.get(region, "112 / 911 / 999") in said
        assert "I cannot examine anybody" in said
        if flag == "suicide":
            assert table().crisis.get(region, "findahelpline.com") in said


ALL_CLEAR = re.compile(
    r"you(?:'re| are) (?:fine|ok|okay|healthy|safe)|nothing is wrong|no need to worry|don't worry|normal", re.I
)


def test_the_report_is_never_an_all_clear() -> None:
    texts = [text for _, text in pairs(URGENT) + pairs(NOTICE)] + CALM.strip().splitlines() + [""]
    for text in texts:
        said = report(text)
        assert not ALL_CLEAR.search(said), said
        assert "112" in said
        found = triage(text)
        if found is None or not found.urgent:
            assert "not an all-clear" in said
            assert "ask a doctor" in said


def test_the_list_says_where_it_comes_from_and_that_nobody_reviewed_it_yet() -> None:
    assert not table().reviewed
    assert len(table().sources) >= 5
    assert len({entry.id for entry in table().entries}) == len(table().entries) >= 10
    assert set(table().crisis) - {"default"} <= set(table().emergency) | {"DE", "AT", "FR", "ES", "NL"}


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_survived(text: str) -> None:
    triage(text)
    assert not ALL_CLEAR.search(report(text))


def test_long_text_costs_little() -> None:
    assert triage("my arm is bleeding a lot and " * 5000) is not None
    assert triage("lorem ipsum dolor " * 20_000) is None
