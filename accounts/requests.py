"""The request of a reader who is logged in, as protected views get it."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails
from rest_framework.request import Request

from accounts.models import User


class ReaderRequest(HttpRequest):
    user: User
    htmx: HtmxDetails


class ReaderApiRequest(Request):
    user: User
