"""Writes of reports: what readers send, and what moderators decide."""

import logging
from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.selectors import can_see_profile
from accounts.services import close_account, set_switches
from catalog.curation.books import set_hidden
from catalog.models import Book
from moderation.errors import AlreadyReported, CannotDecide, CannotReport
from moderation.models import Report

logger = logging.getLogger(__name__)


def report(*, reporter: User, of: Book | User, reason: str, text: str = "") -> Report:
    """Tell the moderators of a book, or of another reader's profile, that the reporter can see.

    Raises
    ------
    CannotReport
        When it is the reporter's own profile, one that they cannot see, no reason, too long a text,
        or "something else" without a word.
    AlreadyReported
        When an open report of the same reader says so already.
    """
    text = text.replace("\0", "").strip()
    if reason not in Report.Reason.values:
        raise CannotReport(_("Choose one of the reasons."))
    if len(text) > Report.MAX_TEXT:
        raise CannotReport(
            _("At most %(limit)s characters, please; these are %(length)s.")
            % {"limit": Report.MAX_TEXT, "length": len(text)}
        )
    if reason == Report.Reason.OTHER and not text:
        raise CannotReport(_("Say in a few words what it is."))
    if isinstance(of, User):
        if of.pk == reporter.pk:
            raise CannotReport(_("This is your own profile."))
        if not can_see_profile(of, reporter):
            raise CannotReport(_("There is no such reader, or their profile is private."))
    elif of.is_hidden:
        raise CannotReport(_("This book is no longer in the catalogue."))
    try:
        with transaction.atomic():
            made = Report.objects.create(
                reporter=reporter,
                book=of if isinstance(of, Book) else None,
                profile=of if isinstance(of, User) else None,
                reason=reason,
                text=text,
                created_at=timezone.now(),
            )
    except IntegrityError as error:
        if "open_once" in str(error):
            raise AlreadyReported from error
        raise
    logger.info("reader %s reported %s: report %s", reporter.pk, type(of).__name__, made.pk)
    return made


@transaction.atomic
def dismiss_reports(*, ids: Iterable[int], by: User) -> int:
    """Close open reports without doing anything; return how many were open."""
    reports = Report.objects.select_for_update().filter(pk__in=list(ids), status=Report.Status.OPEN)
    open_ids = list(reports.values_list("pk", flat=True))
    Report.objects.filter(pk__in=open_ids).update(
        status=Report.Status.DISMISSED, decided_by=by, decided_at=timezone.now()
    )
    return len(open_ids)


@transaction.atomic
def act_on(*, report_id: int, action: str, by: User) -> int:
    """Do something about what was reported, and close all open reports of it.

    Returns how many were closed.

    Raises
    ------
    CannotDecide
        When the report is closed, the action is none for it, the moderator may not do it, or it
        is the account of somebody who looks after the site.
    """
    found = (
        Report.objects.select_for_update(of=("self",))
        .select_related("book", "profile")
        .filter(pk=report_id, status=Report.Status.OPEN)
        .first()
    )
    if found is None:
        raise CannotDecide("Somebody has decided on this report already.")
    if action not in actions_for(found, by):
        raise CannotDecide("This cannot be done about this report, or not by you.")
    if found.book is not None:
        set_hidden([found.book.pk], True, by=by, reason=f"report {found.pk}")
        same = Q(book=found.book)
    else:
        profile = User.objects.select_for_update().get(reports_about=found)
        if action == Report.Action.CLOSE_ACCOUNT:
            close_account(profile)
        set_switches(
            profile,
            dict.fromkeys(("profile_is_public", "ratings_are_public", "shelves_are_public"), False),
        )
        same = Q(profile=profile)
    closed = Report.objects.filter(same, status=Report.Status.OPEN).update(
        status=Report.Status.ACTED, action=action, decided_by=by, decided_at=timezone.now()
    )
    logger.info("%s decided %s on report %s", by.pk, action, report_id)
    return closed


def actions_for(found: Report, by: User) -> list[str]:
    """Return what somebody may do about a report besides dismissing it.

    Hiding a book is a curator's right. Who looks after the site is left to administrators.
    """
    if found.status != Report.Status.OPEN:
        return []
    if found.profile is None:
        return [Report.Action.HIDE_BOOK] if by.has_perm("catalog.change_book") else []
    is_one_of_us = found.profile.is_staff or found.profile.is_superuser
    if is_one_of_us or not by.has_perm("moderation.act_on_profile"):
        return []
    return [Report.Action.MAKE_PRIVATE, Report.Action.CLOSE_ACCOUNT]
