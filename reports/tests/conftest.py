"""The world of two tastes."""

from recommender.tests.conftest import (  # noqa: F401
    artifacts,
    measured_tastes,
    trained,
    two_tastes,
)
