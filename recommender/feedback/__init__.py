"""What readers do with lists: the lists' ids, events, sums (docs/feedback.md)."""
