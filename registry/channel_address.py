"""Which addresses a channel may have: those of the platforms that are tried. Only an operator's registry names one.

No form of a page or API takes an address, so nobody who reads can make this system call where they like.
"""

SCHEMES: tuple[str, ...] = ("feishu", "dingtalk", "wecombot", "mailto", "mailtos", "json", "jsons")
MAX_ADDRESS_CHARACTERS = 2048
"""Longer is no address but something else that was pasted."""


def scheme_of(address: str) -> str:
    """Return how *address* begins, such as `feishu`; what stands before the first `://`, in small letters."""
    return address.partition("://")[0].lower()


def address_fault(address: str) -> str | None:
    """Return what is wrong with *address* by its form, or None; what it says never holds any of *address*."""
    scheme, mark, rest = address.partition("://")
    if not mark or scheme.lower() not in SCHEMES:
        return f"the address begins with none of {', '.join(f'{name}://' for name in SCHEMES)}"
    if not rest.strip("/?"):
        return f"the address ends after {scheme.lower()}://; the token or host is missing"
    if len(address) > MAX_ADDRESS_CHARACTERS or not address.isprintable() or " " in address:
        return "the address holds a blank or a character that cannot be printed, or is too long; enter it as one word"
    return None
