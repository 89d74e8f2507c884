"""What curators do to the catalogue: every change is written into a journal and can be undone."""
