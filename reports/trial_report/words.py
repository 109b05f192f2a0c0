"""What a report says, in English as the catalogue is asked; metrics, arms and health lines bring their own words."""

from typing import Final

from reports.metrics import Unit
from reports.presentation.labels import N_, NN_, NP_
from reports.presentation.language import Message
from reports.trial_report.content import TrialState

REPORT: Final = N_("Trial report")
STATES: Final[dict[TrialState, Message]] = {
    "planned": N_("Not started"),
    "running": N_("Running"),
    "ended": N_("Ended"),
}
AS_OF: Final = N_("Data as of %(time)s, Shanghai time")
AS_OF_UNKNOWN: Final = N_("Made %(time)s, Shanghai time; completeness not known")
INTERIM: Final = N_("Interim: the numbers will still change")
PAGE_OF: Final = N_("Page %(page)s of %(pages)s")

# --- facts
TRIAL: Final = NP_("report", "Trial")
PERIOD: Final = N_("Trial period")
PERIOD_VALUE: Final = NN_("%(first)s to %(last)s, %(n)s day", "%(first)s to %(last)s, %(n)s days")
COVERED: Final = N_("Counted here")
COVERED_VALUE: Final = N_("from %(start)s until before %(end)s")
COVERED_NONE: Final = N_("nothing yet: the trial has not begun")
BASELINE_PERIOD: Final = N_("Baseline period")
BASELINE_VALUE: Final = NN_(
    "from %(start)s until the start; its %(n)s event is what the trial is compared with, and is in no total",
    "from %(start)s until the start; its %(n)s events are what the trial is compared with, and are in no total",
)
ARMS: Final = N_("Arms")
ARMS_VALUE: Final = N_("%(arms)s; compared with %(baseline)s")
PLACES: Final = N_("Placements")
PLACES_VALUE: Final = NN_(
    "%(n)s placement at %(places)s, %(low)s–%(high)s m along the avenue",
    "%(n)s placements at %(places)s, %(low)s–%(high)s m along the avenue",
)
PLACES_COUNT: Final = NN_("%(n)s place", "%(n)s places")
PLACES_NONE: Final = NP_("placements", "none registered")
PRIMARY: Final = N_("Primary metric")
GUARDRAILS: Final = N_("Guardrails")
NONE_NAMED: Final = N_("none registered")
PLAN: Final = N_("Plan")
PLAN_VALUE: Final = NN_("%(n)s placement-day", "%(n)s placement-days")
PLAN_NONE: Final = N_("no number of placement-days was registered")
EFFECT_VALUE: Final = N_("smallest difference worth finding %(effect)s")
PLAN_STANDING: Final = N_("Standing of the plan")
PLAN_UNKNOWN: Final = N_("not on record: whether it was fixed before the start cannot be told")
PLAN_CHANGES: Final = N_("Changes of the plan after the start")
CHANGE_WHEN: Final = N_("When")
CHANGE_OLD: Final = N_("Before")
CHANGE_NEW: Final = N_("After")
REGISTERED: Final = N_("Registry version")
TRIED: Final = N_("What was tried, and where")
NORTH: Final = N_("North side")
SOUTH: Final = N_("South side")
STRIP: Final = N_("Places along the avenue")
ARM_DAYS: Final = N_("Arm by place and day")
ARM_DAYS_NOTE: Final = N_("Pale: days that are still to come.")
ROTA: Final = N_("Lottery of arms")
ROTA_VALUE: Final = N_("drawn from the registered seed %(seed)s, %(block)s")
ROTA_BLOCKS: Final = {"day": N_("by day"), "week": N_("by week")}
ROTA_AS_DRAWN: Final = N_("all placements are registered as drawn")
ROTA_OTHER: Final = NN_(
    "%(n)s placement-day is registered in another arm than was drawn",
    "%(n)s placement-days are registered in another arm than was drawn",
)
MADE_BY: Final = N_("Computed with")
MADE_BY_VALUE: Final = N_("%(software)s, method %(method)s")

# --- in brief
HYPOTHESIS: Final = N_("Hypothesis")
BRIEF: Final = N_("In brief")
BRIEF_AGAINST: Final = N_("%(metric)s: %(arm)s %(estimate)s, %(baseline)s %(base)s. %(verdict)s")
BRIEF_ALONE: Final = N_("%(metric)s: %(arm)s %(estimate)s")
BRIEF_NOTHING: Final = N_("%(metric)s: nothing to compute from yet.")
DIFFERENCE: Final = N_("Difference %(lift)s (%(confidence)s%% interval %(interval)s)")
INTERVAL_IN: Final = N_(" (%(confidence)s%% interval %(interval)s)")
NOT_YET: Final = N_(" (%(why)s; no interval)")
DAYS_SEEN: Final = N_("Placement-days")
DAYS_SEEN_OF: Final = N_("of %(due)s due")
PLANNED_OF: Final = N_("of %(due)s due, %(planned)s planned")
EXACT: Final = N_("counted exactly")
NOT_NAMED: Final = N_("not known: no event names one")

# --- trust
TRUST: Final = N_("Read this first: how far to trust the numbers")
NOT_FINAL: Final = N_("What is not final, or not known")
HEALTH_STATES: Final = {
    "good": N_("Good"),
    "warning": N_("Careful"),
    "bad": N_("Bad"),
    "unknown": N_("Not known"),
}

# --- results
RESULTS: Final = N_("Primary metric and guardrails")
RESULTS_NOTE: Final = N_(
    "What the trial is judged by is registered; whether it was fixed before the start stands above, under the plan. "
    "Intervals hold with %(confidence)s%% confidence at every moment at once, so looking at them daily raises no more "
    "false alarms than looking once; where the data do not allow one there is none, and the reason stands there."
)
COMPARED: Final = N_("What is compared")
CANCELS: Final = N_("What cancels")
REMAINS: Final = N_("What does not")
WOULD_HELP: Final = N_("What would help")
PER_DAY: Final = N_("per placement-day")
METRIC: Final = N_("Metric")
ARM: Final = N_("Arm")
ESTIMATE: Final = N_("Estimate")
INTERVAL: Final = N_("%(confidence)s%% interval")
LIFT: Final = N_("Against %(baseline)s")
UNITS: Final = N_("Placement-days")
N: Final = N_("n")
TOTAL: Final = N_("Total")
OTHERS: Final = N_("All other metrics, by arm")
OTHERS_NOTE: Final = N_(
    "Counts are estimated as means per placement-day, with the total beside them; n is the events that a "
    "metric stands on (due minutes for uptime, due placement-hours for coverage). With so many metrics "
    "some will differ by chance: differences here are hints, not findings."
)
NOTHING_FROM: Final = N_("Nothing to compute from yet: %(metrics)s.")
PRIMARY_BY_DAY: Final = N_("%(metric)s by day and arm")
PRIMARY_BY_DAY_NOTE: Final = N_(
    "Hollow and dotted: the day is not over, or part of it waits to be recomputed. Each day's number is "
    "in the XLSX and JSON forms."
)
EVENTS_BY_DAY: Final = N_("Events by day and platform")
LINE_CHART: Final = N_("Line chart: %(title)s, %(start)s to %(end)s. %(lines)s")
LINE_SAID: Final = N_("%(name)s: from %(first)s to %(last)s.")
GRID_CHART: Final = N_(
    "Grid: the share of due hours in which each placement reported, by day, %(start)s to %(end)s; the "
    "numbers stand in the table."
)
NO_CHART: Final = N_("Nothing to draw yet.")

# --- verdict
VERDICT: Final = N_("How the verdict came to be, and what would change it")
OF_FIRST: Final = N_(
    "Several metrics decide; here is told of the first, %(metric)s. The trial's page shows the same of each."
)
TOGETHER: Final = N_("Judged together")
COURSE: Final = N_("%(metric)s, %(arm)s against %(baseline)s: the interval after each day")
COURSE_POINTS: Final = N_("Differences are in percentage points.")
COURSE_NOTE: Final = N_(
    "A bar is the interval that could be told once that day was over, its point the difference; the black line is no "
    "difference. A bar that does not touch it tells a difference."
)
COURSE_EFFECT: Final = N_("Dashed: the smallest difference worth finding, %(effect)s.")
COURSE_MARKS: Final = N_("Numbers: what happened that day, in the table below.")
COURSE_DOTTED: Final = N_("Dotted: what is compared changed on that day, or it is being recomputed.")
WOULD_CHANGE: Final = N_("What would change this verdict")
CASES_NOTE: Final = N_(
    "The interval as it was seen, and with every silent placement-day at what is worst and best for the arm. Where all "
    "three lie on one side of no difference, silence cannot have hidden the opposite."
)
CHANCE: Final = N_("What chance alone shows")
CHANCE_NOTE: Final = N_(
    "Each split deals the arms anew as a lottery might have; days, places and uses stay as they were. It illustrates "
    "chance; the verdict is the interval's. The seed of the splits follows from what is registered, so everybody "
    "draws the same."
)
HAPPENED: Final = N_("What happened, by day")
MARK: Final = N_("No.")
MARK_TEXT: Final = NP_("report", "What happened")

# --- data
DATA: Final = N_("What came, and what did not")
ROW_EVENTS: Final = N_("Events stored")
ROW_EVENTS_SAID: Final = N_("each event once")
ROW_UNASSIGNED: Final = N_("Of these, in no arm")
ROW_UNASSIGNED_SAID: Final = N_("in the totals, in no comparison")
ROW_LATE: Final = N_("Of these, late")
ROW_LATE_SAID: Final = N_("received after the grace (%(grace)s) that follows their minute, and all counted")
ROW_LATE_LONGEST: Final = N_("the longest delay was %(longest)s")
ROW_REPEATS: Final = N_("Repeats")
ROW_REPEATS_SAID: Final = N_("rows that came into the store again; each event counts once")
ROW_DOOR: Final = N_("Repeats known at the door")
ROW_DOOR_SAID: Final = N_("answered as duplicates and not stored again")
ROW_DOOR_UNKNOWN: Final = N_("the accounts report other products too, so it cannot be told whose they were")
ROW_REJECTED: Final = N_("Rejected and kept")
ROW_REJECTED_SAID: Final = N_("by reason in the table below")
ROW_SETTLED: Final = N_("Settled")
ROW_SETTLED_SAID: Final = N_(
    "%(settled)s of %(blocks)s five-minute windows with data were recomputed from the stored events and agreed"
)
ROW_SETTLED_NONE: Final = N_("no five-minute window holds data yet")
ROW_FLAGGED: Final = N_("Flagged windows")
ROW_FLAGGED_SAID: Final = N_("five-minute windows that got data after they were settled, or that differ unexplained")
WHAT: Final = N_("Item")
COUNT: Final = N_("Number")
MEANING: Final = N_("What it is")
SHARE: Final = N_("Share")
REASON: Final = N_("Reason")
CODE: Final = N_("Code")
REJECTS: Final = N_("Rejected events, by reason")
REJECTS_NONE: Final = N_("No event was rejected in this time.")
REJECTS_NOTE: Final = N_(
    "By time of receipt. A reject that names neither product nor placement is its account's and may "
    "belong to another trial of that account."
)
PLACEMENTS: Final = N_("Who reported, by placement")
PLACEMENTS_NOTE: Final = N_(
    "Silent is not unused. A due hour is a whole hour that is over, within opening hours and the "
    "placement's time; uptime is known only of placements that say when they are online or offline."
)
PLACEMENT: Final = N_("Placement")
PLATFORM: Final = N_("Platform")
METRE: Final = N_("Metre")
DUE_HOURS: Final = N_("Due hours")
COVERED_HOURS: Final = N_("Reported")
COVERAGE: Final = N_("Coverage")
UPTIME: Final = N_("Uptime")
UNKNOWN: Final = N_("not known")
GRID_NOTE: Final = N_(
    "The darker, the more of the day's due hours reported; crossed: due, and nothing came; blank: nothing was due."
)
COVERAGE_BY_DAY: Final = N_("Coverage by placement and day")

# --- totals
TOTALS: Final = N_("Totals")
BY_PLATFORM: Final = N_("By platform")
BY_PLACEMENT: Final = N_("By placement")
WHOLE: Final = N_("Whole trial")
TOTALS_NOTE: Final = N_(
    "People and sessions are counted exactly in each row; rows may add up to more than the whole, since "
    "one person may be in several. One person through two accounts counts as two."
)
FUNNEL: Final = N_("From exposure to order")
FUNNEL_NONE: Final = N_("No exposure, start, use or order came, so there is no funnel.")
FUNNEL_NOTE: Final = N_(
    "People: who came this far in this order within a day, with their share of the step before. Events "
    "without a subject are counted as events only."
)
STEP: Final = NP_("report", "Step")
PEOPLE_AND_SHARE: Final = N_("%(people)s (%(share)s)")
EVENTS_OF: Final = N_("%(arm)s, events")
PEOPLE_OF: Final = N_("%(arm)s, people")

# --- definitions
DEFINITIONS: Final = N_("Definitions")
LEFT_OUT: Final = N_("Left out")
UNIT_NAMES: Final[dict[Unit, Message]] = {
    "events": NP_("report", "events"),
    "people": N_("people"),
    "sessions": NP_("report", "sessions"),
    "share": N_("share, shown as per cent"),
    "ms": N_("milliseconds"),
    "fen": NP_("report", "fen, shown as yuan"),
    "stars": N_("stars, 1 to 5"),
}
BETTER: Final = {
    "higher": N_("higher is better"),
    "lower": N_("lower is better"),
    "neither": N_("neither way is better"),
}
METHOD: Final = N_("Method")
METHODS: Final = (
    N_(
        "Unit. The trial is judged by placement-days: all events of one place on one Shanghai day are one "
        "unit, since uses at one place on one day are not independent. A placement-day that was due and sent "
        "nothing is in no mean: silent is not zero."
    ),
    N_(
        "Comparison. One interval judges the difference itself: where places change arm or have a time before, "
        "days are the units, each place is compared with itself, and what places and days have in common is taken "
        "out; side by side, places are the units. Where place and arm cannot be told apart nothing is compared, "
        "and the reason is given. It is never one arm's interval less the other's."
    ),
    N_(
        "Intervals hold whenever they are read: each day's look has a share of the risk (Jennison and Turnbull, "
        "2000; Lan and DeMets, 1983), by Student's law on days, the resemblance of neighbouring days counted in; "
        "side by side on places, looked at on days 14, 28, 56 and so on. Differences in per cent are Fieller's "
        "(1954). Several arms share the risk. Quantiles are read back from the share of uses up to them (Woodruff, "
        "1952; Doksum, 1974), near all or none of them by logits (Dean and Pagano, 2015)."
    ),
    N_(
        "Counting. Every figure is computed from stored events, each counted once; people, sessions and "
        "quantiles are exact, not estimated. Coverage and uptime stand on the time that the registry says "
        "was due. A late event counts on the day on which it happened."
    ),
    N_("Identity. No identity is stored: people are counted by keyed hashes that cannot be joined between two trials."),
    N_("Time and money. All days and times are those of Shanghai (UTC+8). Money is kept in fen and shown in yuan."),
)

# --- sheets
SHEET_SUMMARY: Final = N_("Summary")
SHEET_READOUT: Final = N_("Readout")
SHEET_DAILY: Final = N_("By day")
SHEET_PLACEMENTS: Final = N_("Placements")
SHEET_ARRIVALS: Final = N_("Data and funnel")
SHEET_CUT: Final = N_("This sheet ends at %(rows)s rows; the JSON form has all.")
SHEET_UNITS: Final[dict[Unit, Message]] = {
    **UNIT_NAMES,
    "share": N_("share"),
    "fen": N_("yuan"),
}
ID: Final = N_("Id")
VALUE: Final = N_("Value")
SPLIT: Final = N_("Split")
DAY: Final = N_("Day (Shanghai)")
PEOPLE: Final = N_("People")
LOW: Final = N_("Interval from")
HIGH: Final = N_("Interval to")
WHY: Final = N_("Why no interval")
LIFT_ABSOLUTE: Final = N_("Difference")
LIFT_LOW: Final = N_("Difference from")
LIFT_HIGH: Final = N_("Difference to")
LIFT_WHY: Final = N_("Why no difference is told")
SHEET_VERDICT: Final = N_("Verdict by day")
LIFT_RELATIVE: Final = N_("Relative difference")
FORMULA: Final = N_("Formula")
UNIT: Final = N_("Unit")
