"""Pages that need several apps, a topic a module: composed here, where every app is known."""
