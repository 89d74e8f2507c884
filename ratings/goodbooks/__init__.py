"""The import as a whole, and the parts of it that know readers and their opinions."""
