"""Pages that need opinions, books and readers alone; the others are in `bookrec_site.pages`."""
