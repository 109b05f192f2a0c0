"""What the values of a split are called on a page: arms, platforms, placements, kinds."""

from collections.abc import Iterable, Mapping

from registry.directory import Directory
from reports.metrics import METRICS
from reports.presentation.labels import KINDS, PLATFORMS
from reports.presentation.language import Translator
from reports.queries.model import Dimension
from schemas.registry import MetricId


def metric_names(metrics: Iterable[MetricId], words: Translator) -> str:
    """Return what *metrics* are called, in a row."""
    return ("、" if words.language == "zh" else ", ").join(words.pick(METRICS[metric].name) for metric in metrics)


def arm_name(arm: str, words: Translator) -> str:
    """Return what *arm* is called; the usual two are translated, others are the startup's own ids."""
    match arm:
        case "":
            return words.say("Unassigned")
        case "baseline":
            return words.say("Baseline")
        case "pilot":
            return words.say("Pilot")
        case _:
            return arm


def kind_name(kind: str, words: Translator) -> str:
    """Return what *kind* is called."""
    found = {str(known): text for known, text in KINDS.items()}.get(kind)
    return words.say(found) if found else kind


def platform_name(platform: str, words: Translator) -> str:
    """Return what *platform* is called."""
    found = {str(known): text for known, text in PLATFORMS.items()}.get(platform)
    return words.say(found) if found else platform or words.say("No platform")


def placement_name(placement_id: str, directory: Directory, words: Translator) -> str:
    """Return a placement's id with its zone; events may name none."""
    placement = directory.placements.get(placement_id)
    if placement is None:
        return placement_id or words.say("No placement")
    zone = words.pick(placement.zone_name)
    if not zone:
        return placement_id
    return f"{placement_id}（{zone}）" if words.language == "zh" else f"{placement_id} ({zone})"


def arms_of_placement(placement_id: str, directory: Directory, words: Translator) -> str:
    """Return in which arms a placement is: more than one where it changes by days."""
    return " / ".join(arm_name(arm, words) for arm in directory.placed[placement_id].arms)


def split_name(by: Mapping[str, str], directory: Directory, words: Translator) -> str:
    """Return what one line of a chart is called; '' where nothing was split."""
    for dimension, value in by.items():
        return _named(dimension, value, directory, words)
    return ""


def _named(dimension: str, value: str, directory: Directory, words: Translator) -> str:
    match dimension:
        case "arm":
            return arm_name(value, words)
        case "platform":
            return platform_name(value, words)
        case "kind":
            return kind_name(value, words)
        case _:
            return placement_name(value, directory, words)


def dimension_names(words: Translator) -> dict[Dimension, str]:
    """Return what the splits themselves are called."""
    return {
        "arm": words.say("Arm"),
        "platform": words.say("Platform"),
        "placement": words.say("Placement"),
        "kind": words.say("Kind"),
    }
