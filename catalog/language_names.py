"""Names of languages by ISO 639 code, as far as book catalogues use them."""

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

# The code of ISO 639-2 for a language that is not known; stored as "".
UNKNOWN_LANGUAGE = "und"

_NAMES = {
    "afr": _("Afrikaans"),
    "akk": _("Akkadian"),
    "ang": _("Old English"),
    "ara": _("Arabic"),
    "ben": _("Bengali"),
    "bul": _("Bulgarian"),
    "cat": _("Catalan"),
    "chi": _("Chinese"),
    "cze": _("Czech"),
    "dan": _("Danish"),
    "dut": _("Dutch"),
    "eng": _("English"),
    "enm": _("Middle English"),
    "epo": _("Esperanto"),
    "est": _("Estonian"),
    "fil": _("Filipino"),
    "fin": _("Finnish"),
    "fre": _("French"),
    "geo": _("Georgian"),
    "ger": _("German"),
    "grc": _("Ancient Greek"),
    "gre": _("Greek"),
    "guj": _("Gujarati"),
    "heb": _("Hebrew"),
    "hin": _("Hindi"),
    "hun": _("Hungarian"),
    "ice": _("Icelandic"),
    "ind": _("Indonesian"),
    "ita": _("Italian"),
    "jpn": _("Japanese"),
    "kor": _("Korean"),
    "lat": _("Latin"),
    "lav": _("Latvian"),
    "lit": _("Lithuanian"),
    "may": _("Malay"),
    "nor": _("Norwegian"),
    "per": _("Persian"),
    "pol": _("Polish"),
    "por": _("Portuguese"),
    "rum": _("Romanian"),
    "rus": _("Russian"),
    "san": _("Sanskrit"),
    "slo": _("Slovak"),
    "slv": _("Slovenian"),
    "spa": _("Spanish"),
    "srp": _("Serbian"),
    "swe": _("Swedish"),
    "tam": _("Tamil"),
    "tgl": _("Tagalog"),
    "tha": _("Thai"),
    "tur": _("Turkish"),
    "ukr": _("Ukrainian"),
    "urd": _("Urdu"),
    "vie": _("Vietnamese"),
    "wel": _("Welsh"),
    "yid": _("Yiddish"),
    # Codes for more or fewer than one language.
    "mul": _("Several languages"),
    "und": "",
}
# The terminological codes of ISO 639-2/T and two-letter codes that stray into catalogues.
_OTHER_CODES = {
    "ces": "cze",
    "cym": "wel",
    "de": "ger",
    "deu": "ger",
    "ell": "gre",
    "en": "eng",
    "es": "spa",
    "fa": "per",
    "fas": "per",
    "fr": "fre",
    "fra": "fre",
    "isl": "ice",
    "it": "ita",
    "ja": "jpn",
    "kat": "geo",
    "msa": "may",
    "nl": "dut",
    "nld": "dut",
    "pl": "pol",
    "pt": "por",
    "ro": "rum",
    "ron": "rum",
    "ru": "rus",
    "slk": "slo",
    "zho": "chi",
}


def language_name(code: str) -> str:
    """Return the language's name, the code itself where we know none, "" for none."""
    key = code.strip().lower().split("-")[0]
    key = _OTHER_CODES.get(key, key)
    name = _NAMES.get(key, code.strip())
    return gettext(name) if name else ""
