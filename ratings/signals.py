"""What other apps may want to know about opinions; sent after the transaction committed."""

from django.dispatch import Signal

# Arguments: user_id, book_id, stars (None when removed).
rating_changed = Signal()
