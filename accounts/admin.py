from typing import ClassVar

from allauth.mfa.admin import AuthenticatorAdmin
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest

from accounts.models import User


@admin.register(User)
class ReaderAdmin(UserAdmin):
    list_display = ("username", "email", "source", "is_active", "is_staff", "date_joined")
    list_filter = ("source", "is_staff", "is_active")
    search_fields = ("username", "email")
    ordering = ("-date_joined", "-id")
    # Counting 50,000 readers again for every page says nothing.
    show_full_result_count = False

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Imported readers are data: the database refuses to make people of them."""
        imported = obj is not None and obj.source != User.Source.SITE
        return not imported and super().has_change_permission(request, obj)

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
