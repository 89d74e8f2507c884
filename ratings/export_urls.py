from django.urls import path

from ratings import export_views as views

urlpatterns = [
    path("", views.export_data, name="export_data"),
    path("bookrec.zip", views.export_zip, name="export_zip"),
    path("goodreads_library_export.csv", views.export_goodreads, name="export_goodreads"),
]
