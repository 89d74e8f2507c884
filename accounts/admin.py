from typing import Any, ClassVar

from allauth.mfa.admin import AuthenticatorAdmin
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest, HttpResponse

from accounts.models import User
from accounts.open_sessions import note_log_in


@admin.register(User)
class ReaderAdmin(UserAdmin):
    list_display = ("username", "email", "source", "is_active", "is_staff", "date_joined")
    list_filter = ("source", "is_staff", "is_superuser", "is_active", "groups")
    search_fields = ("username", "email")
    # The newest first, by an index.
    ordering = ("-id",)
    # Counting 50,000 readers again for every page says nothing.
    show_full_result_count = False

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Imported readers are data: the database refuses to make people of them."""
        imported = obj is not None and obj.source != User.Source.SITE
        return not imported and super().has_change_permission(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Show the password, which is a part of its hash, to who may set another."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        return [
            (
                title,
                options | {"fields": [name for name in options["fields"] if name != "password"]},
            )
            for title, options in fieldsets
        ]

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        before = request.session.session_key
        answer: HttpResponse = super().user_change_password(request, id, form_url)
        # The administrator's own session goes on, under a new key.
        if isinstance(request.user, User) and request.session.session_key != before:
            note_log_in(request, request.user)
        return answer

    readonly_fields = ("source", "external_id", "last_login", "date_joined")
    fieldsets: ClassVar = (
        *(UserAdmin.fieldsets or ()),
        ("Origin", {"fields": ("source", "external_id")}),
    )


admin.site.unregister(Authenticator)


@admin.register(Authenticator)
class SecondStepAdmin(AuthenticatorAdmin):
    """Lets a curator take the second step off an account whose reader lost it; shows no secret."""

    exclude = ("data",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Authenticator | None = None) -> bool:
        return False
