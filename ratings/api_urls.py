from django.urls import path

from ratings import (
    api,
    export_api,
    import_rows_api,
    imports_api,
    own_api,
    rating_api,
    shelf_api,
)

_ROW = "imports/<int:import_id>/rows/<int:line>"

urlpatterns = [
    path("books/<int:book_id>/rating/", api.BookRatingView.as_view(), name="api_rating"),
    path("ratings/", rating_api.RatingsView.as_view(), name="api_ratings"),
    path("ratings/bulk/", rating_api.BulkRatingsView.as_view(), name="api_ratings_bulk"),
    path("ratings/<int:book_id>/", rating_api.OwnRatingView.as_view(), name="api_own_rating"),
    path("shelves/", shelf_api.ShelvesView.as_view(), name="api_shelves"),
    # A reader's own shelf may have a slash in its name.
    path(
        "shelves/<path:shelf>/<int:book_id>/",
        shelf_api.ShelfEntryView.as_view(),
        name="api_shelf_entry",
    ),
    path("shelves/<path:shelf>/", shelf_api.ShelfView.as_view(), name="api_shelf"),
    path("readings/", own_api.ReadingsView.as_view(), name="api_readings"),
    path("readings/<int:book_id>/", own_api.ReadingView.as_view(), name="api_reading"),
    path("dismissals/", own_api.DismissalsView.as_view(), name="api_dismissals"),
    path("dismissals/<int:book_id>/", own_api.DismissalView.as_view(), name="api_dismissal"),
    path("notes/", own_api.NotesView.as_view(), name="api_notes"),
    path("notes/<int:book_id>/", own_api.NoteView.as_view(), name="api_note"),
    path("imports/", imports_api.ImportsView.as_view(), name="api_imports"),
    path("imports/<int:import_id>/", imports_api.ImportView.as_view(), name="api_import"),
    path(
        "imports/<int:import_id>/undo/",
        imports_api.ImportUndoView.as_view(),
        name="api_import_undo",
    ),
    path(
        "imports/<int:import_id>/to-put-right.csv",
        imports_api.ImportFailuresView.as_view(),
        name="api_import_failures",
    ),
    path(
        "imports/<int:import_id>/rows/",
        import_rows_api.ImportRowsView.as_view(),
        name="api_import_rows",
    ),
    path(f"{_ROW}/", import_rows_api.ImportRowView.as_view(), name="api_import_row"),
    path(f"{_ROW}/choose/", import_rows_api.ChooseBookView.as_view(), name="api_choose_book"),
    path(f"{_ROW}/skip/", import_rows_api.SkipRowView.as_view(), name="api_skip_row"),
    path(f"{_ROW}/reopen/", import_rows_api.ReopenRowView.as_view(), name="api_reopen_row"),
    path("export/", export_api.ExportView.as_view(), name="api_export"),
    path(
        "export/bookrec.zip",
        export_api.ExportEverythingView.as_view(),
        name="api_export_everything",
    ),
    path(
        "export/goodreads_library_export.csv",
        export_api.ExportGoodreadsView.as_view(),
        name="api_export_goodreads",
    ),
]
