from django.urls import path

from ratings import library_views as views

urlpatterns = [
    path("import/", views.library_import, name="library_import"),
    path("imports/<int:import_id>/", views.library_import_report, name="library_import_report"),
    path(
        "imports/<int:import_id>/lines/<int:line>/",
        views.library_import_row,
        name="library_import_row",
    ),
    path(
        "imports/<int:import_id>/to-put-right.csv",
        views.library_import_failures,
        name="library_import_failures",
    ),
    path("imports/<int:import_id>/undo/", views.library_import_undo, name="library_import_undo"),
]
