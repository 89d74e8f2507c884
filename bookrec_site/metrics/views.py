"""The page that Prometheus reads."""

import hmac
import ipaddress
import logging
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector

from accounts.addresses import NO_ADDRESS, client_address
from bookrec_site.metrics.site import SiteCollector

logger = logging.getLogger(__name__)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer who has the token or asks from a configured address; to others there is nothing."""
    if not may_read(request):
        return HttpResponse("Not for you.\n", status=403, content_type="text/plain")
    folder = Path(settings.METRICS_DIR)
    registry = CollectorRegistry()
    registry.register(SiteCollector())
    if folder.is_dir():
        MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
    try:
        content = generate_latest(registry)
    except (OSError, RuntimeError, ValueError) as error:
        logger.exception("metrics: the files of counts cannot be read")
        text = f"The files of counts cannot be read: {error}\n"
        return HttpResponse(text, status=503, content_type="text/plain")
    return HttpResponse(content, content_type=CONTENT_TYPE_PLAIN_0_0_4)


def may_read(request: HttpRequest) -> bool:
    """Return whether the request carries METRICS_TOKEN or comes from METRICS_ADDRESSES."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if (
        settings.METRICS_TOKEN
        and scheme.lower() == "bearer"
        and hmac.compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode())
    ):
        return True
    text = client_address(request)
    if text == NO_ADDRESS:
        return False
    address = ipaddress.ip_address(text)
    return any(address in network for network in settings.METRICS_ADDRESSES)
