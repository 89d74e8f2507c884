"""Books for tests."""

import factory

from catalog.models import Author, Authorship, Book, Series, Volume


class AuthorFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Author
        django_get_or_create = ("name",)

    name = factory.Sequence(lambda n: f"Author {n}")


class BookFactory(factory.django.DjangoModelFactory):
    """A book added by a curator; `authors=["…"]` and `series="…", number=1` as wanted."""

    class Meta:
        model = Book
        skip_postgeneration_save = True

    title = factory.Sequence(lambda n: f"Book {n}")
    search_text = factory.LazyAttribute(lambda book: book.title.lower())

    @factory.post_generation
    def authors(self: Book, create: bool, extracted: list[str] | None, **kwargs: object) -> None:
        for position, name in enumerate(extracted or ["Some Author"]):
            Authorship.objects.create(book=self, author=AuthorFactory(name=name), position=position)

    @factory.post_generation
    def series(self: Book, create: bool, extracted: str | None, **kwargs: object) -> None:
        if extracted:
            series, _ = Series.objects.get_or_create(name=extracted)
            number = kwargs.get("number")
            Volume.objects.create(book=self, series=series, number=number, label=str(number or ""))
