"""Numbers and times as people read them."""

_UNITS = (("d", 86_400), ("h", 3600), ("min", 60))


def number(count: int) -> str:
    """A count, in groups of three digits."""
    return f"{count:,}"


def in_words(seconds: float) -> str:
    """A time in its two largest units: "2 d 3 h", "5 min", "12 s", "0.3 s"."""
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s".replace(".0 s", " s")
    whole = int(seconds)
    for position, (unit, size) in enumerate(_UNITS):
        if whole >= size:
            text = f"{whole // size} {unit}"
            smaller = _UNITS[position + 1] if position + 1 < len(_UNITS) else None
            if smaller is not None and (rest := whole % size // smaller[1]):
                text += f" {rest} {smaller[0]}"
            return text
    return f"{whole} s"


def as_sentence(words: str) -> str:
    """With a capital letter, if it does not begin with a name."""
    first = words.partition(" ")[0]
    return words if "_" in first else words[0].upper() + words[1:]


def percent(ratio: float) -> str:
    """A part of a whole, rounded down: 100 % is all of it."""
    return f"{int(ratio * 100)} %"


def rate(per_second: float) -> str:
    """A rate, with a digit after the point where it is small."""
    return f"{per_second:,.1f}" if 0 < per_second < 10 else f"{per_second:,.0f}"


def plural(count: int, noun: str) -> str:
    """A count with its noun: "1 letter", "1,234 letters"."""
    return f"{number(count)} {noun}" if count == 1 else f"{number(count)} {noun}s"
