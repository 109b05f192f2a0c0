"""Names for the closed sets: kinds, platforms, states, reject reasons; and what the script says."""

from collections.abc import Mapping
from dataclasses import dataclass

from reports.presentation.language import ContextMessage
from schemas.event import Kind, Platform
from schemas.outcomes import RejectReason


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for "translate this later"
    """Mark *message* for the catalogue; it is translated where it is shown."""
    return message


def NN_(singular: str, plural: str) -> tuple[str, str]:  # noqa: N802 - gettext's own name, as above
    """Mark a message that a number decides about; `Translator.count` takes both."""
    return singular, plural


def NP_(context: str, message: str) -> ContextMessage:  # noqa: N802 - gettext's own name, as above
    """Mark *message* for the catalogue where its English says something else elsewhere; *context* tells them apart."""
    return ContextMessage(context, message)


BETWEEN_NAMES = NP_("between names", ", ")
"""Chinese has a comma of its own for lists."""
BETWEEN_CLAUSES = NP_("between clauses", "; ")
KINDS: Mapping[Kind, str] = {
    "exposure": N_("Exposure"),
    "interaction": N_("Interaction"),
    "use.started": N_("Use started"),
    "use.completed": N_("Use completed"),
    "order.paid": N_("Order paid"),
    "order.refunded": N_("Order refunded"),
    "trade_in.quoted": N_("Trade-in quoted"),
    "trade_in.completed": N_("Trade-in completed"),
    "rating.given": N_("Rating given"),
    "content.published": N_("Content published"),
    "consent.granted": N_("Consent granted"),
    "consent.withdrawn": N_("Consent withdrawn"),
    "device.online": N_("Device online"),
    "device.offline": N_("Device offline"),
    "device.reported": N_("Device reported"),
}
PLATFORMS: Mapping[Platform, str] = {
    "douyin": N_("Douyin"),
    "bilibili": N_("Bilibili"),
    "meituan": N_("Meituan"),
    "aihuishou": N_("Aihuishou"),
    "sunmi": N_("Sunmi"),
}
SCRIPT_TEXTS: tuple[str, ...] = (
    N_("Live"),
    N_("Reconnecting…"),
    N_("Paused"),
    N_("Paused: the connection was lost. Reload the page to try again."),
    N_("n"),
    N_("may still change"),
    N_("Loading…"),
    N_("This could not be loaded. The numbers in the table below still hold."),
    N_("Copied"),
    N_("Signing in…"),
)


API_WORDS: tuple[str, ...] = (
    N_("Authorize"),
    N_("Available authorizations"),
    N_("Cancel"),
    N_("Clear"),
    N_("Close"),
    N_("Code"),
    N_("Description"),
    N_("Details"),
    N_("Download"),
    N_("Example Value"),
    N_("Execute"),
    N_("Links"),
    N_("Logout"),
    N_("Media type"),
    N_("Name"),
    N_("No links"),
    N_("No parameters"),
    N_("Parameters"),
    N_("Request URL"),
    N_("Request body"),
    N_("Request duration"),
    N_("Response body"),
    N_("Response headers"),
    N_("Responses"),
    N_("Schema"),
    N_("Server response"),
    N_("Try it out"),
    N_("Value:"),
)
"""What the library of the API page says, in English only."""
API_SUMMARIES: tuple[str, ...] = (
    N_("A frozen report"),
    N_("The road"),
    N_("A trial"),
    N_("Beside another trial, or another time"),
    N_("Calls as they land"),
    N_("Channels"),
    N_("End a share link"),
    N_("Frozen reports"),
    N_("Make a share link"),
    N_("Metric definitions"),
    N_("Metrics over time"),
    N_("New counts as they land"),
    N_("One delivery"),
    N_("Products"),
    N_("Push in a platform's own format"),
    N_("Push pilot-usage events"),
    N_("Send a test event down the whole road"),
    N_("Raw events"),
    N_("Recent calls"),
    N_("Rejects by reason"),
    N_("Replay rejects"),
    N_("Share links of a trial"),
    N_("Test a channel"),
    N_("The account"),
    N_("The account's rejects"),
    N_("The street now"),
    N_("The trial report"),
    N_("The trial so far"),
    N_("This key"),
    N_("Trials"),
    N_("What a frozen report stands on"),
)
"""What the API's operations are called in its document, which is English."""


@dataclass(frozen=True, slots=True)
class ReasonText:
    """What a reject reason means, what commonly causes it, and the way out."""

    title: str
    cause: str
    way_out: str


REASONS: Mapping[RejectReason, ReasonText] = {
    RejectReason.MALFORMED: ReasonText(
        N_("The bytes could not be read"),
        N_(
            "The body or a line of it is not valid JSON in UTF-8, or a signed message holds nothing that can be parsed."
        ),
        N_(
            "Send UTF-8 JSON. In NDJSON put exactly one object on each line and escape line breaks inside texts. "
            "Unreadable bytes are kept only as length and SHA-256, so send the event again: a replay cannot restore it."
        ),
    ),
    RejectReason.NOT_AN_OBJECT: ReasonText(
        N_("The event is not a JSON object"),
        N_("An element of the list is a number, a text, a list or null."),
        N_("Send each event as an object in braces; the list itself may be bare or under the name events."),
    ),
    RejectReason.MISSING_FIELD: ReasonText(
        N_("A required field is absent"),
        N_(
            "event_id, kind and occurred_at are always required, and product_id or placement_id. use.completed needs "
            "outcome, order.paid and order.refunded need amount_fen, rating.given needs rating. null counts as absent."
        ),
        N_("Add the field that the verdict names and send the event again under the same event_id."),
    ),
    RejectReason.UNKNOWN_FIELD: ReasonText(
        N_("A field is not part of the event"),
        N_("Usually a misspelt name. It is refused, not ignored: an ignored field would be lost data."),
        N_("Use the nearest known name that the message gives, or put what is your own under attributes."),
    ),
    RejectReason.INVALID_VALUE: ReasonText(
        N_("A value is outside what the field allows"),
        N_(
            "A wrong type, a number out of range, an unknown kind or outcome, a time without an offset; or a product, "
            "trial or arm that contradicts the placement."
        ),
        N_(
            "Correct the field that the verdict names. Where the placement decides product, trial and arm, leave them "
            "out: they are filled in from the registry."
        ),
    ),
    RejectReason.OCCURRED_AT_IN_FUTURE: ReasonText(
        N_("The event lies in the future"),
        N_(
            "occurred_at is more than 5 minutes ahead of the server: the clock of the device is wrong, or local time "
            "was sent as UTC."
        ),
        N_("Set the device's clock by NTP and send the real offset, +08:00 in Shanghai."),
    ),
    RejectReason.OCCURRED_AT_TOO_OLD: ReasonText(
        N_("The event is too old"),
        N_("occurred_at is further back than this account may report, 30 days unless agreed otherwise."),
        N_("For a backfill ask the operator for a longer max_event_age of the account, then replay the kept rejects."),
    ),
    RejectReason.UNKNOWN_PRODUCT: ReasonText(
        N_("No such product"),
        N_("product_id is in no entry of the registry, often a test id or another spelling."),
        N_(
            "Use the id from the registry. Once a missing product is registered, the operator can replay the kept "
            "rejects."
        ),
    ),
    RejectReason.UNKNOWN_PLACEMENT: ReasonText(
        N_("No such placement"),
        N_(
            "placement_id is not registered, or the device, shop or room that the platform names matches no placement "
            "of this account."
        ),
        N_(
            "Register the placement, or correct its match keys; afterwards a replay turns the kept rejects into events."
        ),
    ),
    RejectReason.OUTSIDE_TRIAL: ReasonText(
        N_("Outside the trial's time"),
        N_(
            "Place and product are known, but at occurred_at neither the trial nor its baseline was running, or the "
            "placement was not there."
        ),
        N_(
            "Check the clock first. If the trial or placement was meant to run then, correct its times in the registry "
            "and replay."
        ),
    ),
    RejectReason.NOT_YOUR_PRODUCT: ReasonText(
        N_("This account may not report that product"),
        N_("The product or placement belongs to somebody whom this account does not send for."),
        N_("Send with the account that stands there, or ask the operator to add the product to this account."),
    ),
    RejectReason.TOO_LARGE: ReasonText(
        N_("The event is too large"),
        N_("An event may take 16 KiB, its attributes 4 KiB."),
        N_("Keep what is counted and leave out the rest: logs, images and full texts do not belong into attributes."),
    ),
    RejectReason.PERSONAL_DATA: ReasonText(
        N_("Personal data was found"),
        N_(
            "A mobile number, an identity number, an e-mail address or a card number stands in attributes, or event_id "
            "is nothing but such a number. Only the name of the field is kept, never its value."
        ),
        N_(
            "Remove it at the source. Whoever is meant belongs into subject, which is only ever stored as a keyed "
            "hash; what was refused cannot be replayed, send the event again without it."
        ),
    ),
    RejectReason.CONSENT_WITHDRAWN: ReasonText(
        N_("Consent was withdrawn"),
        N_("The subject withdrew consent through this account before occurred_at."),
        N_("Stop sending for this subject. Only consent.granted by the same subject opens the way again."),
    ),
    RejectReason.UNSUPPORTED_EVENT: ReasonText(
        N_("The platform's message has no counterpart here"),
        N_("The message was signed correctly, but its type is not one that the trial counts."),
        N_(
            "Unsubscribe from the type in the platform's console, or ask the operator to map it with message_types; "
            "kept rejects can then be replayed."
        ),
    ),
    RejectReason.INTERNAL_ERROR: ReasonText(
        N_("Our own fault"),
        N_("Judging the event failed on our side. The payload is kept, and the operator is alerted."),
        N_("Nothing needs to be done on your side: the event is replayed once the fault is mended."),
    ),
}
