from django.apps import AppConfig


class BookrecSiteConfig(AppConfig):
    name = "bookrec_site"

    def ready(self) -> None:
        # Tasks find the configured application in every process, the web included.
        from bookrec_site import celery  # noqa: F401
        from bookrec_site.schedule import schedule_after_migrate

        schedule_after_migrate()
