"""The tables of a scenario file: what goes wrong when, what people do, and what must hold nevertheless.

Read from the bottom: `SCENARIO` is the file. Values carry their units here (`40m`, `07:26`, `99%`),
unlike in a topology: a timeline is read by people who compare it with a clock.
"""

from outlast.config.fields import Choice, Field, Listing, Part, Real, Table, Text, Whole
from outlast.config.texts import COUNTRY, LINE, word
from outlast.config.times import (
    SPAN_REMEDY,
    TIME_REMEDY,
    parse_amount,
    parse_instant,
    parse_span,
    parse_when,
)
from outlast.drill.scenario import ActionKind, ControlPlane, ExpectKind, FaultKind

FORMAT_VERSION = 1
AMOUNT_REMEDY = "write a number, a percentage such as `40%`, or a time such as `30m`"
TIME = Text(label="time", parse=parse_when, remedy=TIME_REMEDY)
SPAN = Text(label="length of time", parse=parse_span, remedy=SPAN_REMEDY)
INSTANT = Text(label="day and time, UTC", parse=parse_instant, remedy="write `2026-03-04 14:00`")
AMOUNT = Text(label="number, percentage or time", parse=parse_amount, remedy=AMOUNT_REMEDY)
REGION = word("region", "regions")
SERVICE = word("service", "services")

FAULT = Table(
    name="fault",
    meaning="One thing that goes wrong.",
    fields=(
        Field(
            key="kind",
            kind=Choice(tuple(FaultKind), FaultKind),
            required=True,
            meaning="What goes wrong.",
        ),
        Field(
            key="subject",
            kind=LINE,
            meaning="Name of the service, endpoint, provider, region, country or part of the control plane, "
            "or `from>to` of an edge.",
        ),
        Field(key="region", kind=REGION, meaning="Where; none: everywhere."),
        Field(key="at", kind=TIME, default="0s", meaning="When it begins."),
        Field(key="until", kind=TIME, meaning="When it ends; none: with an action, or not at all."),
        Field(key="for", kind=SPAN, meaning="How long it lasts, in the place of `until`."),
        Field(
            key="amount", kind=AMOUNT, default="1", meaning="How much of it; depends on the kind."
        ),
    ),
)

RULE = Table(
    name="rule",
    meaning="When operators act, where no time is given.",
    fields=(
        Field(key="service", kind=SERVICE, required=True, meaning="Whose trouble is noticed."),
        Field(
            key="below",
            kind=AMOUNT,
            required=True,
            meaning="Once less than this share of its demand is served.",
        ),
        Field(key="for", kind=SPAN, default="0s", meaning="For so long."),
        Field(key="delay", kind=SPAN, default="0s", meaning="Time to notice and decide."),
    ),
)

ACTION = Table(
    name="action",
    meaning="Something that operators do, at a time or by a rule.",
    fields=(
        Field(
            key="kind",
            kind=Choice(tuple(ActionKind), ActionKind),
            required=True,
            meaning="What they do.",
        ),
        Field(
            key="subject", kind=LINE, meaning="To what: named as in a fault; `dns` for `freeze`."
        ),
        Field(key="region", kind=REGION, meaning="Where; none: everywhere."),
        Field(key="at", kind=TIME, meaning="When."),
        Field(key="when", kind=Part(RULE), meaning=RULE.meaning),
        Field(key="amount", kind=AMOUNT, default="1", meaning="How much; depends on the kind."),
        Field(key="ramp", kind=SPAN, default="0s", meaning="Until it has come into full effect."),
        Field(key="note", kind=LINE, meaning="For the chart."),
    ),
)

EXPECTATION = Table(
    name="expectation",
    meaning="Something that must hold nevertheless.",
    fields=(
        Field(
            key="name", kind=LINE, meaning="A sentence for people; none: made of what is expected."
        ),
        Field(
            key="kind",
            kind=Choice(tuple(ExpectKind), ExpectKind),
            required=True,
            meaning="What is expected.",
        ),
        Field(key="service", kind=SERVICE, meaning="Of which service; none: each essential one."),
        Field(key="region", kind=REGION, meaning="Where; none: all regions together."),
        Field(key="country", kind=COUNTRY, meaning="Whose; none: those of all countries."),
        Field(key="from", kind=TIME, default="0s", meaning="Looked at from here ..."),
        Field(key="until", kind=TIME, meaning="... to here; none: to the end."),
        Field(
            key="value",
            kind=AMOUNT,
            meaning="How much: a share, a length of time, people; depends on the kind.",
        ),
        Field(key="tolerance", kind=AMOUNT, default="0", meaning="How far off it may be."),
        Field(
            key="edge",
            kind=Choice(("begin", "end")),
            meaning="For `window`: whether its begin or its end is meant.",
        ),
        Field(
            key="level",
            kind=AMOUNT,
            default="90%",
            meaning="For `window`: the share served that separates trouble from none.",
        ),
    ),
)

VARIATION = Table(
    name="variation",
    meaning="A parameter that is not known well, or a change that might have helped.",
    fields=(
        Field(key="name", kind=word("name"), required=True, meaning="For tables."),
        Field(
            key="path",
            kind=LINE,
            required=True,
            meaning="What is changed, such as `services.shop.serving.rate` or `actions[0].delay_s`.",
        ),
        Field(
            key="values",
            kind=Listing(item=Real(low=-1e15, high=1e15), least=1),
            required=True,
            meaning="Values to try, or the two ends of a range for an ensemble.",
        ),
        Field(key="label", kind=LINE, meaning="What it means, for people."),
    ),
)

SCENARIO = Table(
    name="scenario",
    meaning="The file: a drill that can be run.",
    fields=(
        Field(
            key="drill",
            kind=Whole(low=FORMAT_VERSION, high=FORMAT_VERSION),
            required=True,
            meaning="Version of this format.",
        ),
        Field(key="title", kind=LINE, meaning="Its name for people."),
        Field(
            key="world",
            kind=LINE,
            required=True,
            meaning="A topology file, relative to this one, or a world that ships.",
        ),
        Field(
            key="start",
            kind=INSTANT,
            default="2026-03-04 14:00",
            meaning="The instant of second 0, in UTC.",
        ),
        Field(key="length", kind=SPAN, required=True, meaning="How long it runs."),
        Field(
            key="step", kind=SPAN, default="1s", meaning="Length of a time step; a minute at most."
        ),
        Field(
            key="seed", kind=Whole(low=0, high=2**63 - 1), default="1", meaning="Of what is drawn."
        ),
        Field(
            key="control_plane",
            kind=Choice(tuple(ControlPlane), ControlPlane),
            default="model",
            meaning="Who says where names lead: the `real` one in the drill's time, a `model` or `none`.",
        ),
        Field(key="faults", kind=Listing(item=Part(FAULT)), meaning=FAULT.meaning),
        Field(key="actions", kind=Listing(item=Part(ACTION)), meaning=ACTION.meaning),
        Field(
            key="expectations", kind=Listing(item=Part(EXPECTATION)), meaning=EXPECTATION.meaning
        ),
        Field(key="variations", kind=Listing(item=Part(VARIATION)), meaning=VARIATION.meaning),
        Field(key="source", kind=LINE, meaning="Where the facts come from."),
        Field(
            key="record",
            kind=Listing(item=LINE),
            meaning="What really happened, for scenarios that follow a real event.",
        ),
    ),
)
