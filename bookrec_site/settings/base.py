"""Settings of every process; what differs between machines comes from the environment."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from corsheaders.defaults import default_headers
from csp.constants import NONCE, SELF
from environs import validate

from bookrec_site import embedded
from bookrec_site.settings import alerts, observing
from bookrec_site.settings.api import API_DESCRIPTION, origins
from bookrec_site.settings.artifacts import artifact_storage
from bookrec_site.settings.database import database
from bookrec_site.settings.env import BASE_DIR, env, is_production, local_dir, secret_key
from bookrec_site.settings.limits import throttle_rates, trusted_proxies
from bookrec_site.settings.mail import mail_settings
from bookrec_site.settings.spark import spark_settings

PRODUCTION = is_production()
LOCAL_DIR = local_dir()
SECRET_KEY = secret_key()
DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS: list[str] = (
    env.list("ALLOWED_HOSTS")
    if PRODUCTION
    else env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
)
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "accounts",
    "catalog",
    "moderation",
    "ratings",
    "recommender",
    "reports",
    "bookrec_site",
    "bookrec_site.quick_lists.QuickAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.sitemaps",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "corsheaders",
    "csp",
    "django_celery_beat",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "import_export",
    "knox",
    "rest_framework",
]

MIDDLEWARE = [
    "bookrec_site.request_ids.request_ids",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "bookrec_site.metrics.middleware.counted",
    # A list is 60 kB, 10 when sent. What a page answers with is of random length (BREACH), and its
    # one secret, the token against forgery, differs in every answer.
    "django.middleware.gzip.GZipMiddleware",
    "bookrec_site.middleware.api_caching",
    "csp.middleware.CSPMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "bookrec_site.middleware.SlashMiddleware",
    "bookrec_site.middleware.known_length",
    "bookrec_site.middleware.known_charset",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.seen_now",
    "accounts.middleware.private_pages",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "bookrec_site.moved.merged_books",
]

ROOT_URLCONF = "bookrec_site.urls"
WSGI_APPLICATION = "bookrec_site.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "catalog.context_processors.data_source",
            ],
        },
    },
]

# With DATABASE_URL or REDIS_URL unset, the project's own servers under LOCAL_DIR.
DATABASES = {"default": database(None if PRODUCTION else embedded.database_url(LOCAL_DIR))}
MIGRATE_LOCK_SECONDS: int = env.int(
    "MIGRATE_LOCK_SECONDS", default=5, validate=validate.Range(0, 3600)
)
REDIS_URL: str = (
    env.str("REDIS_URL")
    if PRODUCTION
    else env.str("REDIS_URL", default=embedded.redis_url(LOCAL_DIR))
)
CACHES = {
    "default": {
        "BACKEND": "bookrec_site.caching.FailOpenRedisCache",
        "LOCATION": REDIS_URL,
        # A Redis that hangs must not stop log-ins: the cache fails open, but only on an error.
        "OPTIONS": {
            "socket_timeout": 1,
            "socket_connect_timeout": 1,
            "serializer": "bookrec_site.caching.JsonSerializer",
        },
        # Not what an earlier release left there, which is no JSON.
        "KEY_PREFIX": "json",
    }
}

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
SESSION_ENGINE = "accounts.sessions"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"

# django-allauth has the pages and flows; who may sign up and log in is decided by
# accounts.services and accounts.adapter.
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*"]
ACCOUNT_FORMS = {
    "login": "accounts.forms.LoginForm",
    "signup": "accounts.forms.SignUpForm",
    "add_email": "accounts.forms.ChangeEmailForm",
    "change_password": "accounts.forms.ChangePasswordForm",
    "set_password": "accounts.forms.SetPasswordForm",
    "reset_password": "accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "accounts.forms.ResetPasswordKeyForm",
    "reauthenticate": "accounts.forms.ReauthenticateForm",
}
ACCOUNT_EMAIL_VERIFICATION: str = env.str(
    "EMAIL_VERIFICATION",
    default="optional",
    validate=validate.OneOf(["optional", "mandatory"]),
)
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# One address each: a new one takes the old one's place once it is confirmed.
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
# The doors themselves are counted by address with the API's throttles (accounts.throttling), each
# account's wrong passwords and codes here.
ACCOUNT_RATE_LIMITS: dict[str, str | None] | bool = {
    "login": None,
    "signup": None,
    "login_failed": "10/5m/key",
}
MFA_ADAPTER = "accounts.adapter.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "accounts.forms.CodeForm",
    "reauthenticate": "accounts.forms.ReauthenticateCodeForm",
    "activate_totp": "accounts.forms.ActivateTotpForm",
}
MFA_TOTP_ISSUER = "Bookrec"
# A telephone's clock may be half a minute off.
MFA_TOTP_TOLERANCE = 1

globals().update(mail_settings(LOCAL_DIR, production=PRODUCTION))
DEFAULT_FROM_EMAIL: str = env.str("MAIL_FROM", default="Bookrec <bookrec@localhost>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en-gb", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(LOCAL_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
# Where trained artifacts live, shared by the workers, which write, and the web, which reads: a
# folder, or with ARTIFACTS_URL a bucket, of which each host keeps a cache.
ARTIFACTS_DIR = Path(env.str("ARTIFACTS_DIR", default=str(LOCAL_DIR / "artifacts")))
ARTIFACTS_CACHE_DIR = Path(
    env.str("ARTIFACTS_CACHE_DIR", default=str(LOCAL_DIR / "artifact-cache"))
)
# Covers that curators upload; shared by web hosts. Read by a view, served by no other address.
MEDIA_ROOT = Path(env.str("MEDIA_ROOT", default=str(LOCAL_DIR / "media")))
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "artifacts": artifact_storage(env.str("ARTIFACTS_URL", default=""), ARTIFACTS_DIR),
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# How `manage.py train --engine spark` reaches its cluster (recommender.spark.options).
SPARK = spark_settings()
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# No form of the site has more fields; the admin's largest has about a hundred.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200

# One upload of a reader's library from Goodreads or The StoryGraph.
LIBRARY_IMPORT_MAX_BYTES: int = env.int(
    "LIBRARY_IMPORT_MAX_BYTES", default=10 * 2**20, validate=validate.Range(1_000, 100 * 2**20)
)
LIBRARY_IMPORT_MAX_ROWS: int = env.int(
    "LIBRARY_IMPORT_MAX_ROWS", default=20_000, validate=validate.Range(1, 1_000_000)
)

# Security. Cookies are bound to HTTPS in production; a demo on http://localhost could not log in.
HTTPS_ONLY: bool = env.bool("HTTPS_ONLY", default=PRODUCTION)
SECURE_SSL_REDIRECT = HTTPS_ONLY
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS_ONLY else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS_ONLY
SECURE_HSTS_PRELOAD = HTTPS_ONLY
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = HTTPS_ONLY
CSRF_COOKIE_SECURE = HTTPS_ONLY
SESSION_COOKIE_HTTPONLY = True
if env.bool("BEHIND_TLS_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
# Covers come from the one host that goodbooks links to; nothing else leaves the site. Without
# them every book shows the cover that the site draws for it.
COVERS_ENABLED: bool = env.bool("COVERS_ENABLED", default=True)
COVER_HOSTS: list[str] = env.list("COVER_HOSTS", default=["https://images.gr-assets.com"])
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, *(COVER_HOSTS if COVERS_ENABLED else [])],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": [SELF],
        "frame-ancestors": ["'none'"],
    }
}

# Who may say in X-Forwarded-For for whom they ask; without any the header is never believed.
TRUSTED_PROXIES = trusted_proxies()
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["bookrec_site.parsers.JSONParser"],
    "DEFAULT_THROTTLE_CLASSES": [
        "accounts.throttling.AnonymousThrottle",
        "accounts.throttling.ReaderThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": throttle_rates(),
    # DRF's own throttles believe nobody; ours ask accounts.addresses.
    "NUM_PROXIES": 0,
    "EXCEPTION_HANDLER": "bookrec_site.problems.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "bookrec_site.schema.AutoSchema",
}
SPECTACULAR_SETTINGS = API_DESCRIPTION
# Pages of other sites may read the API when their origin is listed here; never as the reader who
# is logged in, which would take the cookie.
CORS_ALLOWED_ORIGINS: list[str] = env.list("CORS_ALLOWED_ORIGINS", default=[], validate=origins)
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_CREDENTIALS = False
# What the API reads beside what browsers send anyhow, and what it says: docs/api.md.
CORS_ALLOW_HEADERS = [*default_headers, "idempotency-key", "if-none-match", "x-request-id"]
CORS_EXPOSE_HEADERS = [
    *("ETag", "Retry-After", "Location", "Idempotency-Replayed", "Deprecation", "Sunset", "Link"),
    *("Bookrec-List", "Content-Disposition", "X-Request-ID"),
]
KNOX_TOKEN_MODEL = "accounts.ApiToken"  # noqa: S105 - the name of a model
# knox's own table would stand empty beside ours, and its foreign key in the way of TRUNCATE.
MIGRATION_MODULES = {"knox": None}
# How long a token lives when nobody says, and at most.
TOKEN_MAX_DAYS: int = env.int("TOKEN_MAX_DAYS", default=365, validate=validate.Range(1, 3650))
TOKEN_DAYS: int = env.int(
    "TOKEN_DAYS", default=min(90, TOKEN_MAX_DAYS), validate=validate.Range(1, TOKEN_MAX_DAYS)
)
REST_KNOX = {
    "TOKEN_MODEL": KNOX_TOKEN_MODEL,
    "AUTH_HEADER_PREFIX": "Token",
    "TOKEN_TTL": timedelta(days=TOKEN_DAYS),
}

CELERY_BROKER_URL = embedded.broker_url(REDIS_URL)
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
# Two queues, each with a worker of its own: housekeeping never waits for a training run.
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    "recommender.train": {"queue": "training"},
    "reports.make": {"queue": "training"},
}
# Every task may come twice. One that killed its worker is not tried again by the broker: its size
# may have been the reason, and the run it left behind says what happened (docs/adr/0007).
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Seconds. The soft limit ends a run with a reason, the hard one kills the process.
TRAINING_TIME_LIMIT: int = env.int(
    "TRAINING_TIME_LIMIT", default=4 * 3600, validate=validate.Range(60, 7 * 86400)
)
# More books than this are fitted book by book: slower and smaller than one inverse of all. And on
# how many others each of them is fitted then (docs/scaling.md).
LINEAR_DENSE_BOOKS: int = env.int(
    "LINEAR_DENSE_BOOKS", default=15_000, validate=validate.Range(1, 100_000)
)
LINEAR_SUPPORT_BOOKS: int = env.int(
    "LINEAR_SUPPORT_BOOKS", default=200, validate=validate.Range(10, 2000)
)
CELERY_TASK_TIME_LIMIT = 600
CELERY_TASK_SOFT_TIME_LIMIT = 540
CELERY_TASK_ANNOTATIONS = {
    "recommender.train": {
        "time_limit": TRAINING_TIME_LIMIT,
        "soft_time_limit": TRAINING_TIME_LIMIT * 95 // 100,
    }
}
# Longer than the longest hard limit, or Redis hands a running task to a second worker.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": max(TRAINING_TIME_LIMIT, CELERY_TASK_TIME_LIMIT) + 3600
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Workers and beat wait for a broker that is away, however long; what runs goes on meanwhile.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULER = "bookrec_site.operations.beat:Scheduler"
# An edit in the admin is noticed within so many seconds.
CELERY_BEAT_MAX_LOOP_INTERVAL = 5

# First values of the schedule, which is edited in the admin from then on: the hour (UTC) of the
# nightly run, how often is looked whether one is needed, and how many new ratings need one.
RETRAIN_HOUR: int = env.int("RETRAIN_HOUR", default=3, validate=validate.Range(0, 23))
TRAINING_CHECK_MINUTES: int = env.int(
    "TRAINING_CHECK_MINUTES", default=60, validate=validate.Range(1, 1440)
)
TRAINING_NEW_RATINGS: int = env.int(
    "TRAINING_NEW_RATINGS", default=1000, validate=validate.Range(1, 100_000_000)
)

ALERT_EMAILS: list[str] = alerts.EMAILS
ALERT_MODEL_HOURS: int = alerts.MODEL_HOURS
ALERT_FAILED_RUNS: int = alerts.FAILED_RUNS
ALERT_QUEUE_MINUTES: int = alerts.QUEUE_MINUTES
ALERT_FALLBACK_PERCENT: int = alerts.FALLBACK_PERCENT

METRICS_TOKEN: str = observing.METRICS_TOKEN
METRICS_ADDRESSES = observing.METRICS_ADDRESSES
METRICS_DIR = observing.METRICS_DIR
SENTRY_DSN: str = observing.SENTRY_DSN
SENTRY_ENVIRONMENT: str = observing.SENTRY_ENVIRONMENT
OTEL_ENDPOINT: str = observing.OTEL_ENDPOINT
LOG_FORMAT: str = observing.LOG_FORMAT
LOGGING = observing.LOGGING
