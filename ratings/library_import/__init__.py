"""A reader's library out of Goodreads or The StoryGraph: docs/imports.md."""
