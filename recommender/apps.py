from django.apps import AppConfig


class RecommenderConfig(AppConfig):
    name = "recommender"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from ratings.export_tables import add_table
        from recommender import receivers  # noqa: F401 - connects them
        from recommender.feedback.own import SEEN_IN_LISTS

        add_table(SEEN_IN_LISTS)
