"""Editorial lists, as the home page and their own pages show them."""

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from bookrec_site.api.answers import BookAnswer, load_for_answers
from bookrec_site.api.catalogue import CatalogueView
from catalog.curation.lists import ShownList, shown_lists


class ListAnswer(serializers.Serializer):
    id = serializers.IntegerField(source="editorial.pk")
    title = serializers.CharField(
        source="editorial.shown_title", help_text="In the language asked for, where there is one."
    )
    text = serializers.CharField(source="editorial.shown_text", help_text="Perhaps empty.")
    is_pinned = serializers.BooleanField(
        source="editorial.is_pinned", help_text="Whether the home page shows it."
    )
    ends_at = serializers.DateTimeField(
        source="editorial.ends_at", allow_null=True, help_text="null: without an end."
    )
    n_books = serializers.SerializerMethodField()

    def get_n_books(self, shown: ShownList) -> int:
        return len(shown.books)


class ListsAnswer(serializers.Serializer):
    results = ListAnswer(many=True)


class ListDetail(ListAnswer):
    books = BookAnswer(many=True, help_text="In the curator's order.")


class EditorialListsView(CatalogueView):
    """The lists that curators made and that are shown now, in their order."""

    @extend_schema(operation_id="list_editorial_lists", responses={200: ListsAnswer})
    def get(self, request: Request) -> Response:
        return Response({"results": ListAnswer(shown_lists(), many=True).data})


class EditorialListView(CatalogueView):
    """One of them with its books."""

    @extend_schema(operation_id="get_editorial_list", responses={200: ListDetail})
    def get(self, request: Request, list_id: int) -> Response:
        found = shown_lists(list_id=list_id)
        if not found:
            raise Http404("There is no such list now.")
        [shown] = found
        load_for_answers(shown.books)
        return Response(ListDetail(shown).data)
