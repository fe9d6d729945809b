"""The words of questions about numbers: limits, filters, groups, statistics, and what may be left over."""

from __future__ import annotations

import re
from typing import Literal

from agent.metrics.query import Stat
from agent.metrics.units import WORDS as UNIT_WORDS

DAY_NAMES = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_NUMBER = r"(?P<n>\d[\d,]*(?:\.\d+)?)\s*(?P<k>k\b)?"
OPS: dict[str, Literal[">", ">=", "<", "<=", "between"]] = {
    "between": "between", "more than": ">", "greater than": ">", "higher than": ">", "longer than": ">", "farther than": ">",
    "further than": ">", "over": ">", "above": ">",
    "exceed": ">", "exceeded": ">", "at least": ">=", "reach": ">=", "reached": ">=", "hit": ">=", "minimum of": ">=",
    "less than": "<", "fewer than": "<", "lower than": "<", "shorter than": "<", "under": "<", "below": "<",
    "at most": "<=", "no more than": "<=", ">": ">", ">=": ">=", "<": "<", "<=": "<=", "or more": ">=",
    "or less": "<=", "or fewer": "<=", "before": "<", "earlier than": "<", "by": "<=", "after": ">", "later than": ">",
}  # fmt: skip
OPPOSITE: dict[str, Literal[">", ">=", "<", "<=", "between"]] = {">": "<=", ">=": "<", "<": ">=", "<=": ">"}
_UNIT = "|".join(sorted((re.escape(word) for word in UNIT_WORDS), key=len, reverse=True))
LIMITS = (
    re.compile(
        rf"\b(?P<op>between)\s+{_NUMBER}\s*(?:{_UNIT})?\s+and\s+(?P<n2>\d[\d,]*(?:\.\d+)?)\s*(?P<k2>k\b)?"
        rf"(?!\d|:|\s*(?:[ap]\.?m\b|o'clock))(?:\s*(?P<unit>{_UNIT})\b(?:\s+of\b)?)?"
    ),
    re.compile(
        r"\b(?P<op>(?:no more|more|greater|higher|longer|farther|further|less|fewer|lower|shorter) than|over|above|exceeded|exceed"
        rf"|at least|reached|reach|hit|under|below|at most)\s+{_NUMBER}(?:\s*(?P<unit>{_UNIT})\b(?:\s+of\b)?|\s*%)?"
    ),
    re.compile(rf"(?P<op>>=|<=|>|<)\s*{_NUMBER}(?:\s*(?P<unit>{_UNIT})\b)?"),
    re.compile(rf"\b{_NUMBER}(?:\s*(?P<unit>{_UNIT}))?(?:\s+(?P<kept>[a-z]+))?\s+(?P<op>or (?:more|less|fewer))\b"),
)
# "A streak of 10k steps", "did I walk 10,000 steps": at least that many, where the words around ask for days or yes.
BARE_LIMIT = re.compile(
    rf"\b{_NUMBER}(?!\d|(?:st|nd|rd|th)\b|:|\s*(?:percentile|times|days?|nights?|weeks?|months?|years?|[ap]\.?m\b))"
    rf"(?:\s*(?P<unit>{_UNIT})\b(?:\s+of\b)?)?"
)
BARE_CUE = re.compile(
    r"\bstreaks?\b|\bin a row\b|\bconsecutive\b|\bhow (?:often|many (?:days|nights|times))\b|\b(?:did|have|had) i\b"
)
NOT = re.compile(r"\b(?:without(?: an?| any)?|did not|didn't|do not|don't|not|rest(?= days))(?=\s|$)")
CLOCK = re.compile(
    r"\b(?P<op>before|after|earlier than|later than|by)\s+"
    r"(?:(?P<h>\d{1,2})(?::(?P<m>\d\d))?\s*(?P<half>[ap]\.?m\.?)?|(?P<name>midnight|noon))(?!\w)"
)
WEEKDAYS = re.compile(
    r"\b(?:(?:on|at|during|over|every|each|for)\s+)?(?:the\s+)?(?:(?P<work>weekdays?|workdays?|working days)"
    rf"|(?P<free>weekends?|week-ends?)|(?P<days>(?:{DAY_NAMES})s(?:\s+and\s+(?:{DAY_NAMES})s)?))\b"
)
# "During my runs", "while I was working out": of a level only the values in that time.
DURING = re.compile(
    r"\b(?:during|while|throughout|in(?= (?:(?:all|my|the) )*(?:workouts|training sessions)))"
    r"(?: i(?: was| am|'m)?)?(?: (?:all|any|my|the|a|an))*\s+(?P<what>\S.*?)(?=\s*(?:@|$|on\b))"
)
# "On days I ran", "on days with more than 8 hours of sleep": up to the end or to the next time that is named.
ON_DAYS = re.compile(
    r"\bon (?:(?:the|all|those|my) )*(?:(?P<unit>days|nights)(?: (?:when|that|where|on which|of))?"
    r"\s+(?P<what>(?!@)\S.*?)(?=\s*(?:@|$))|(?P<named>workout|training|running|cycling|swimming|rest) days)"
)
# Weeks and weekends are not counted: that would be their days.
COUNTED_UNITS = re.compile(
    rf"\b(?:how many|number of) (?:of (?:the|my) )?(?:weekends?|weekdays?|weeks?|months?|years?|(?:{DAY_NAMES})s?)\b"
)
GROUPS = re.compile(
    r"\b(?:(?:by|for each|broken down by|split by|grouped by|per|each|every)\s+(?P<g>weekday|day of (?:the )?week"
    r"|source|device|app|(?:activity|workout) (?:type|kind)|activity|kind|type|sport|day|week|month|quarter|year)"
    r"|(?P<h>day|week|month) by (?:day|week|month)"
    r"|(?P<ly>daily|weekly|monthly|yearly)|(?P<w>(?:which|what|on which|on what|in which)\s+"
    r"(?:weekday|day of (?:the )?week|week|month|year)))\b"
)
# A ring is closed on a day that reached its goal.
CLOSED = re.compile(
    r"\b(?:clos(?:e|ed|ing)|fill(?:ed|ing)?|complet(?:e|ed|ing)|reach(?:ed|ing)?) (?:all (?:of )?)?(?:(?:my|the|all(?: my)?) )?"
    r"(?:(?:three|3) )?(?:activity )?(?:(?P<ring>move|exercise|stand) )?rings?\b"
)
# "Which kind of workout", "which workout did I do most".
KINDS = re.compile(
    r"\b(?:which|what) (?:(?:kind|type|sort)s? of (?P<what>workout|exercise|sport|training)s?|workouts?(?= (?:did|do) i))\b"
)
RATE = re.compile(
    r"\b(?:(?:per|a|every)\s+|each\s+(?=day|night))(?P<u>day|night|week|month)\b|\b(?P<ly>daily|nightly|weekly|monthly)\b"
)

_SHARE_OF = r"(?:share|proportion|percentage|percent|fraction|ratio) of (?:(?:all|the|my|these|those) )*"
_DAYS = rf"days|nights|mornings|weekdays|workdays|(?:{DAY_NAMES})s"
SHARE_OF_DAYS = re.compile(rf"\b{_SHARE_OF}(?:{_DAYS})\b")
WHICH_DAYS = re.compile(r"\b(?:which|what) (?:days|nights)\b")
MOST_EVENTS = re.compile(
    r"\b(?:most|fewest|least) (?:[a-z]+ )?(?:workouts|training sessions|sessions|runs|rides|swims|hikes|walks)\b"
)
LASTING = re.compile(r"\b(?:length|duration)\b")
NIGHTS = re.compile(r"\bnights?\b")
PAIRED = re.compile(r"\b(?:and|or|both|with|between|vs|versus|against|plus|than)\b|[,&+/]")
STATS: tuple[tuple[Stat, re.Pattern[str]], ...] = tuple(
    (stat, re.compile(rf"\b(?:{pattern})\b"))  # type: ignore[misc]  # the literals below are members
    for stat, pattern in (
        ("correlate", r"correlat\w*(?: (?:between|with|to))?|relat(?:ed|ionship|ion)(?: (?:between|to|with))?"
         r"|associat\w*(?: (?:between|with))?|relates? to|(?:better|more|longer|less|worse|later|earlier) when(?= i\b)"
         r"|helps?(?: me)?|make me|means?(?= (?:a )?(?:lower|higher|more|less|better|worse|longer|shorter)\b)"
         r"|depends? on|affects?|influences?|link(?:ed)? (?:to|with|between)|connection between"),
        ("streak", r"(?:longest |best |current |my )*streaks?(?: of)?(?: days?| nights?)?"
         r"|(?:longest|best) run of(?: days?| nights?)?|(?:days? |nights? )?in a row|consecutive(?: days| nights)?"
         r"|(?:days|nights) (?:straight|on end)|straight (?:days|nights)"),
        ("percentile", r"(?P<q>\d{1,2})(?:st|nd|rd|th)? percentile(?: of)?|median"),
        ("share", rf"{_SHARE_OF}(?=(?:{_DAYS})\b)"),
        ("ratio", r"how much of(?= (?:my|the))|(?:share|proportion|percentage|percent|fraction|ratio)(?: of)?"),
        ("days", r"(?:how many|number of) (?:days|nights|mornings|evenings)"),
        ("count", r"(?:how many|number of) times|how (?:often|frequently)"),
        ("trend", r"trend(?:s|ing)?|chang(?:e|ed|es|ing)|develop(?:ed|ing|ment)?|evolv\w+|(?:go|going|gone) (?:up|down)"
         r"|get(?:ting)? (?:later|earlier|better|worse|higher|lower|more|less|longer|shorter|faster|slower|heavier|lighter)"
         r"|happened (?:to|with)|improv\w+|increas\w+|decreas\w+|ris(?:en|ing|e)|drop(?:ped|ping)?|over time"
         r"|los[et]|losing|gain(?:ed|ing)?"),
        ("max", r"max(?:imum)?|highest|most(?: often)?|best|longest|latest(?= bedtime| wake)|peak|record|biggest|largest|fastest"
         r"|greatest|hardest|busiest|furthest|farthest"),
        ("min", r"min(?:imum)?|lowest|least(?: often)?|fewest|worst|shortest|smallest|slowest|earliest"),
        ("mean", r"on average|averages?|averaged|mean|avg|typical(?:ly)?|usual(?:ly)?|normally|generally"),
        ("sum", r"in total|totals?|altogether|sum(?: of)?|overall|combined|in all"),
        ("latest", r"the last time|last time|latest|most recent(?:ly)?|current(?:ly)?|newest|right now|now|last"),
        ("list", r"list|(?:on )?(?:which|what) (?:days|nights)|each day|every day|day by day|by day(?! of)|daily values"),
    )
)  # fmt: skip
COMPARE = re.compile(
    r"\b(?:compare[ds]?|comparing|comparison|compared|(?:compared )?(?:to|with)|vs\.?|versus|difference|differ\w*|than"
    r"|against|between|and|or)\b|\b(?:more|less|fewer|higher|lower|better|worse|longer|shorter|faster|slower|earlier"
    r"|later)\b"
)
MORE = re.compile(r"\b(?:more|less|fewer|better|worse|higher|lower|longer|shorter|earlier|later|faster|slower)\b")
AND = re.compile(r"\b(?:and|or|both|with|between)\b")
# One period behind "than" is set against the running one of its kind; "than usual" against the days before.
THAN = re.compile(r"\b(?:than|compared (?:to|with)|vs\.?|versus|against)\s+(?:(?:i|did|was|it|in|during|on|had)\s+)*@")
USUAL = re.compile(
    r"\b(?:than|compared (?:to|with)|vs\.?|versus)\s+(?:usual|normal|average|my (?:usual|normal|average))\b"
)
SHOW = re.compile(r"\b(?:show|plot|chart|graph|draw)\b")
QUANTITY = re.compile(
    r"\bhow (?:many|much|far|long|high|low|fast|often|frequently|heavy|tall)\b|\bwhat time\b|\bnumber of\b"
)
LENGTH = re.compile(r"\bhow (?:long|much time|many (?:minutes|hours))\b|\b(?:minutes|hours|time)\b")
# "How many calories" names a measure, not a unit.
ASKED_UNIT = re.compile(rf"\b(?:in|how many(?! k?cal)|how much)\s+(?P<unit>{_UNIT})\b(?:\s+of\b)?")
WAYS = (
    ("derived:run_distance", re.compile(r"\b(?:run|ran|running|jog|jogged)\b")),
    (
        "HKQuantityTypeIdentifierDistanceCycling",
        re.compile(r"\b(?:cycled?|cycling|rides?|rode|riding|biked?|biking)\b"),
    ),
    ("HKQuantityTypeIdentifierDistanceSwimming", re.compile(r"\b(?:swim|swam|swimming)\b")),
    ("HKQuantityTypeIdentifierDistanceWalkingRunning", re.compile(r"\b(?:walk|walked|walking)\b")),
)
LAG = re.compile(
    r"\b(?:the )?(?:(?P<next>(?:next|following)[ -](?:day|night|morning)|(?:day|night) after(?:wards)?)"
    r"|(?P<before>(?:previous|preceding)[ -](?:day|night)|(?:day|night) before(?! yesterday))"
    r"|(?P<n>two|three|four|five|six|seven|[2-7]) days (?:later|after(?:wards)?))\b",
    re.IGNORECASE,
)
RELATED = re.compile(
    r"\b(?:correlat|relat(?:ed|es?\b|ion)|associat|depends? on|affects?\b|influences?\b|link(?:ed)?\b|connection\b|when i\b|helps?\b)",
    re.IGNORECASE,
)
# What may be left over: words that carry no meaning of their own beside a measure and a time.
_GLUE_WORDS = """
@ a an the my mine me myself i i'm i've do did does done doing is was were are am be been have has had what what's whats
how many much long far fast high low often which when of in on at for to during over from by with per and or please show
give tell get got getting take took taken taking make made go went gone going burn burned burnt walk
walked walking sleep slept spend spent use used reach reached climb climbed weigh record recorded measure measured
measurement measurements log logged reading readings value values number amount level levels rate count day days date
night nights time times it its all ever so there this that up down between eat ate eaten drink
drank drunk consume consumed as know want see calculate compute find throughout within through across
stats data health apple watch hour hours minute minutes cover covered complete completed travel travelled traveled
each every only just under since until before after entire whole well like plot chart graph draw any too really
around vary varies look looks strongly lasted lasting
"""
GLUE = frozenset(_GLUE_WORDS.split())
# Advice is not arithmetic: "how do I lose weight", "how can I improve my sleep".
ADVICE = re.compile(
    r"\bhow (?:can|could|should|would|might|to)\b|\bhow do i (?:lose|gain|improve|increase|decrease|lower|raise|reduce|drop"
    r"|get|sleep better|fix|boost|stop|start)\b"
)
POLITE = re.compile(
    r"^\s*(?:please\s+)?(?:(?:can|could|would|will) you(?: please)? |please )?(?:tell me|show me|give me|let me know|i(?:'d like| want)"
    r" to (?:know|see))\b|^\s*(?:can|could) you(?: please)?\b",
    re.IGNORECASE,
)
# Where one of these stands the question is about what somebody said or wrote, or about somebody else.
TOLD = re.compile(
    r"\b(?:said|says?|saying|told|tells?|wr[io]te\w*|written|mention\w*|report(?:s|ed)?|document|contract|letter|mail|e-?mail"
    r"|message[sd]?|chat|text(?:s|ed)?|article|file|note[sd]?|doctor|dr|recipe|friend|he|she|his|her|hers|him|they|their"
    r"|them|who|whose|whom|where|appointment|medications?|medicine|pills?|tablets?|plan|monitor|cuff|clinic|hospital|surgery"
    r"|prescription|insurance|bill|subscription|class|coach|trainer|study|goal|why|should|would|will|recommend\w*)\b"
)
# A verdict is not a number: nothing here says what is enough or normal.
JUDGED = re.compile(
    r"\b(?:enough|normal|healthy|unhealthy|good|bad|badly|ok|okay|fine|too|dangerous|worr\w+|problem|wrong|right|ideal|fit)\b"
)
FIRST = re.compile(r"\b(?:i|my|mine|me|i'm|i've)\b")
# Ordinary words that also name a measure: they need a question for an amount, not only a time.
WEAK = re.compile(
    r"(?:walk(?:ing|ed)?|sleep|slept|coffee|water|fat|salt|sugar|iron|drinks?|drinking|alcohol|beers?|wine|temperature"
    r"|fever|mood|tired|cough|distance|depth|effort|intensity|balance|limp|noise|loudness|food|meal|glasses|contacts"
    r"|labs|medications|conditions|allergies|period|cycle|in bed|awake|restless|get up|got up|gym|trained|active|loud"
    r"|calories|exercis(?:e|es|ed)|pace|height|stairs|floors?|flights?|deep|rem|wake|to bed|falls|sunlight|oxygen|protein"
    r"|fib(?:er|re)|carbs|puffs|insulin|nap|napped|workouts?|hr|kg|pounds|depth|uv|rings?|balance|stride|variability)"
)
ACTIVITIES = {
    "Running": r"runs?|ran|running|jogs?|jogging|jogged", "Walking": r"walks|walking(?= workouts?| sessions?)",
    "Cycling": r"(?:bike |bicycle )?rides?|cycles?|cycling|cycled|biked|biking|rode(?: my bike)?",
    "Swimming": r"swims?|swimming|swam", "Hiking": r"hikes?|hiking|hiked", "Yoga": r"yoga(?: sessions?| classes)?",
    "Rowing": r"rowing|rowed", "Dance": r"danc(?:e|ed|ing)", "Pilates": r"pilates", "Elliptical": r"elliptical",
    "Tennis": r"(?:played? )?tennis", "Traditional strength training": r"strength training|lift(?:ed)? weights",
}  # fmt: skip
ACTIVITY = {
    kind: re.compile(rf"\b(?:go |went )?(?:for )?(?:a )?(?:{verbs})(?: (?:workouts?|sessions?))?\b")
    for kind, verbs in ACTIVITIES.items()
}
EVENT_SHAPE = re.compile(r"\bhow (?:often|many)\b|\bnumber of\b|\bhow (?:long|much time) did i spend\b")
PACE_SHAPE = re.compile(r"\b(?:fastest|slowest|how fast)\b(?!.*\bheart\b)")
EXTREME = re.compile(r"\b(?:longest|shortest|biggest)\b")
FAR = re.compile(
    r"\bhow far\b|\b(?:furthest|farthest)\b|\bdistance\b|\bhow much did i (?:run|jog|cycle|ride|bike|swim)\b"
)
