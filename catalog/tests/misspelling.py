"""Names as hasty readers type them: the oracle of what search has to forgive."""

import random

_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_LONG_NAME = 9


def misspelt(name: str, rng: random.Random) -> str:
    """Return the name with one error, two if it is long: a letter dropped, doubled, changed, or
    swapped with its neighbour."""
    text = name
    for _ in range(2 if len(name) >= _LONG_NAME else 1):
        letters = [at for at, char in enumerate(text) if char.isalpha()]
        at = rng.choice(letters)
        match rng.choice(("drop", "double", "change", "swap")):
            case "drop":
                text = text[:at] + text[at + 1 :]
            case "double":
                text = text[:at] + text[at] + text[at:]
            case "change":
                text = text[:at] + rng.choice(_ALPHABET) + text[at + 1 :]
            case "swap":
                text = text[:at] + text[at + 1 : at + 2] + text[at] + text[at + 2 :]
    return text


def can_be_misspelt(name: str) -> bool:
    """Whether enough of the name is left after an error: of "It" or "1984" there is not."""
    return sum(char.isalpha() for char in name) >= 4
