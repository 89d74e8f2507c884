"""`/api/v1/`: the API, composed from every app."""

from django.urls import include, path

from bookrec_site.api import book_lists, books, description, details, editorial, names, readers

urlpatterns = [
    path("schema/", description.DescriptionView.as_view(), name="api_schema"),
    path("swagger/", description.SwaggerView.as_view(), name="api_swagger"),
    path("redoc/", description.RedocView.as_view(), name="api_redoc"),
    path("books/", books.BooksView.as_view(), name="api_books"),
    path("books/popular/", book_lists.PopularView.as_view(), name="api_popular"),
    path("books/new/", book_lists.NewView.as_view(), name="api_new"),
    path("books/trending/", book_lists.TrendingView.as_view(), name="api_trending"),
    path("books/<int:book_id>/", books.BookView.as_view(), name="api_book"),
    path("books/<int:book_id>/similar/", books.SimilarBooksView.as_view(), name="api_similar"),
    path("recommend/", books.RecommendView.as_view(), name="api_recommend"),
    path("authors/", names.AuthorsView.as_view(), name="api_authors"),
    path("authors/<int:author_id>/", details.AuthorView.as_view(), name="api_author"),
    path("series/", names.SeriesView.as_view(), name="api_series"),
    path("series/<int:series_id>/", details.SeriesView.as_view(), name="api_one_series"),
    path("genres/", names.GenresView.as_view(), name="api_genres"),
    path("tags/", names.TagsView.as_view(), name="api_tags"),
    path("lists/", editorial.EditorialListsView.as_view(), name="api_editorial_lists"),
    path("lists/<int:list_id>/", editorial.EditorialListView.as_view(), name="api_editorial_list"),
    path("readers-like-me/", readers.ReadersLikeMeView.as_view(), name="api_readers_like_me"),
    path("", include("accounts.api_urls")),
    path("", include("moderation.api_urls")),
    path("", include("ratings.api_urls")),
    path("", include("recommender.api_urls")),
]
