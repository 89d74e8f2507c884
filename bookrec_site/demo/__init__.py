"""`make demo`: the whole site on one machine, from an empty database to a page that is served."""
