"""The colours of the pages: text and what pictures tell stand out from every ground, in the light and in the dark."""

import re

import pytest

from reports.dashboard.build import WEB

TOKENS = (WEB / "src" / "style" / "tokens.css").read_text()
GROUNDS = ("ground", "surface", "sunken")
TEXTS = ("ink", "ink-soft", "accent", "accent-strong", "good", "warning", "bad", "chart-axis")
GRAPHICS = ("line-strong", "focus", "bar", "spark", "chart-before", *(f"chart-{n}" for n in range(1, 9)))


def tokens(scheme: str) -> dict[str, str]:
    """Return each token's colour as #rrggbb."""
    light, dark = TOKENS.split("@media (prefers-color-scheme: dark)")
    parts = (light,) if scheme == "light" else (light, dark)
    return {name: colour for part in parts for name, colour in re.findall(r"--([\w-]+): (#[0-9a-f]{6});", part)}


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return WCAG's ratio of two colours, 1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_graphics_stand_out_from_every_ground(scheme: str) -> None:
    colours = tokens(scheme)
    assert contrast(colours["ink"], colours["surface"]) > 14

    faint = [
        f"{name} on {ground}: {contrast(colours[name], colours[ground]):.2f}"
        for names, least in ((TEXTS, 4.5), (GRAPHICS, 3.0))
        for name in names
        for ground in GROUNDS
        if contrast(colours[name], colours[ground]) < least
    ]
    own = [
        f"{name} on its own soft ground"
        for name in ("accent", "good", "warning", "bad")
        if contrast(colours[name], colours[f"{name}-soft"]) < 4.5
    ]

    assert faint + own == []
    assert contrast(colours["on-accent"], colours["accent"]) >= 4.5
