"""What other apps may want to know about opinions; sent after the transaction committed."""

from django.dispatch import Signal

# Arguments: user_id, book_id, stars (None when removed).
rating_changed = Signal()
# A reader (user) or a guest (user None) gave stars to a book of a list that the site showed.
# Arguments: user, book_id, stars, list_id: what the form or program says the list is.
rated_from_list = Signal()
