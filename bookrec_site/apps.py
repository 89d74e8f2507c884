from django.apps import AppConfig


class BookrecSiteConfig(AppConfig):
    name = "bookrec_site"

    def ready(self) -> None:
        # Tasks find the configured application in every process, the web included.
        from bookrec_site import celery, observability  # noqa: F401
        from bookrec_site.exported import REPORTED
        from bookrec_site.operations import queues  # noqa: F401 - messages say when they were sent
        from bookrec_site.roles import roles_after_migrate
        from bookrec_site.schedule import schedule_after_migrate
        from ratings.export_tables import add_table

        observability.start()
        add_table(REPORTED)
        schedule_after_migrate()
        roles_after_migrate()
