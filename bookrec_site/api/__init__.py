"""What the API composes of several apps."""
