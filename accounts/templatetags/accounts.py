"""What templates say of accounts."""

from django import template
from django.utils.translation import gettext as _

register = template.Library()

# In this order: Edge and Opera say that they are Chrome, Chrome says that it is Safari.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


@register.filter
def browser(user_agent: str) -> str:
    """Return a name that people know for what a browser calls itself; "" for an unknown one."""
    name = next((known for mark, known in _BROWSERS if mark in user_agent), None)
    system = next((known for mark, known in _SYSTEMS if mark in user_agent), None)
    if name and system:
        return _("%(browser)s on %(system)s") % {"browser": name, "system": system}
    return name or system or ""
