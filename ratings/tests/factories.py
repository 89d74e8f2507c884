"""Opinions for tests."""

import factory
from django.utils import timezone

from accounts.tests.factories import UserFactory
from catalog.tests.factories import BookFactory
from ratings.models import Rating, ShelfEntry


class RatingFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Rating

    user = factory.SubFactory(UserFactory)
    book = factory.SubFactory(BookFactory)
    stars = 4
    created_at = factory.LazyFunction(timezone.now)
    updated_at = factory.LazyFunction(timezone.now)


class ShelfEntryFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = ShelfEntry

    user = factory.SubFactory(UserFactory)
    book = factory.SubFactory(BookFactory)
    added_at = factory.LazyFunction(timezone.now)
