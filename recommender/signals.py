"""What others may listen to."""

from django.dispatch import Signal

# Sent for every list that is about to be shown, with `surface`, `basis` and `is_empty`; "off" is
# the basis of who wants none.
list_served = Signal()
