"""Easel's settings, read from the environment; with nothing set it runs locally (see .env.example)."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django
import structlog
from django.core.exceptions import ImproperlyConfigured

from config.env import (
    amount,
    at_least_one,
    bucket_origins,
    data_dir,
    env,
    none_or_more,
    provider_key,
    secret_key,
    storage_name,
    web_address,
)

BASE_DIR = Path(__file__).resolve().parent.parent
env.read_env(BASE_DIR / ".env")

# --- Where and what -----------------------------------------------------------------------------

DATA_DIR = data_dir(BASE_DIR / "var")
PORT = at_least_one("PORT", 8000)
SITE_URL = web_address("SITE_URL", "")
# Local mode is the demonstration on a developer's own machine: plain http, loopback, made-up people.
LOCAL_MODE = not SITE_URL
if LOCAL_MODE:
    SITE_URL = f"http://127.0.0.1:{PORT}"
# How long `manage.py up` lets its processes finish what they do when it is stopped.
STOP_GRACE_SECONDS = env.float("STOP_GRACE_SECONDS", default=20.0)
DEBUG = env.bool("DEBUG", default=False)
if DEBUG and not LOCAL_MODE:
    raise ImproperlyConfigured("DEBUG shows code and settings to visitors. Unset DEBUG, or unset SITE_URL.")
SECRET_KEY = secret_key(DATA_DIR)
# Keys of before, which still open what was sealed or signed under them.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
SECURE = SITE_URL.startswith("https://")

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])
if not ALLOWED_HOSTS:
    ALLOWED_HOSTS = [urlsplit(SITE_URL).hostname or "127.0.0.1"]
    if LOCAL_MODE:
        ALLOWED_HOSTS += ["localhost", "[::1]"]
CSRF_TRUSTED_ORIGINS = [SITE_URL]

# --- Applications -------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "django_q",
    "accounts",
    "gallery",
    "generation",
    "config",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.RequestIdMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["accounts.templatetags.addresses"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.context.shell",
            ],
        },
    },
]

# --- Database -----------------------------------------------------------------------------------

DATABASES: dict[str, Any] = {
    "default": env.db("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'easel.sqlite3'}")
}
_database = DATABASES["default"]
# Threads that serve pages, and the queue's processes, look again and again; connecting each time was half of
# what an idle worker took. Whether a connection still stands is asked before it is used again.
_database["CONN_MAX_AGE"] = 60
if _database["ENGINE"].endswith("sqlite3"):
    # IMMEDIATE: a writer waits for its turn at BEGIN instead of failing at its first write.
    _synchronous = env.str("SQLITE_SYNCHRONOUS", default="NORMAL")
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous={_synchronous}; PRAGMA foreign_keys=ON",
    }
else:
    INSTALLED_APPS.append("django.contrib.postgres")
    _database["CONN_HEALTH_CHECKS"] = True
    # A server that is gone without a word is noticed within half a minute, not after the system's two hours.
    _database["OPTIONS"] = {
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 4,
        "tcp_user_timeout": 30_000,
        **_database.get("OPTIONS", {}),
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", default="")
CACHES = {
    "default": {"BACKEND": "config.caches.ForgivingRedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

# --- Queue: a hint that work waits; the rows are the truth ----------------------------------------

# How long a worker's task takes new work before it hands over to another.
RUNNER_CLAIM_SECONDS = at_least_one("RUNNER_CLAIM_SECONDS", 300)
GENERATION_DEADLINE_SECONDS = at_least_one("GENERATION_DEADLINE_SECONDS", 300)
# The longest that a caller may ask for.
GENERATION_DEADLINE_SECONDS_MAX = max(
    at_least_one("GENERATION_DEADLINE_SECONDS_MAX", 1800), GENERATION_DEADLINE_SECONDS
)
_q_timeout = RUNNER_CLAIM_SECONDS + GENERATION_DEADLINE_SECONDS_MAX + 60
_q_workers = at_least_one("GENERATION_WORKERS", 2)


def _retry_after(timeout: int, workers: int) -> int:
    """Seconds after which the broker hands a task out again; later than its worst wait plus its run."""
    return timeout * (1 + -(-2 // workers)) + 60


Q_CLUSTER: dict[str, Any] = {
    "name": "generations",
    "label": "Queue",
    "workers": _q_workers,
    "timeout": _q_timeout,
    "retry": _retry_after(_q_timeout, _q_workers),
    "queue_limit": 1,
    "bulk": 1,
    "ack_failures": True,
    "max_attempts": 1,
    "catch_up": False,
    "save_limit": -1,
    "recycle": 100,
    "max_rss": 600_000,
    "poll": 0.25,
    "log_level": "WARNING",
    "ALT_CLUSTERS": {
        "short": {"workers": 1, "timeout": 120, "retry": _retry_after(120, 1)},
    },
}
if REDIS_URL:
    Q_CLUSTER["redis"] = REDIS_URL
else:
    Q_CLUSTER["orm"] = "default"

# --- Generation ---------------------------------------------------------------------------------

# Set by `manage.py up` when it starts the emulator; every page then says so. It takes any key.
PROVIDER_EMULATED = env.bool("EASEL_PROVIDER_EMULATED", default=False)
EMULATOR_URL = web_address("EASEL_EMULATOR_URL", "")
# What providers start with, by their names: from then on keys and addresses are the database's.
PROVIDER_KEYS = {
    "aimlapi": provider_key("AIMLAPI_API_KEY"),
    "google": provider_key("GEMINI_API_KEY"),
    "gmi": provider_key("GMI_API_KEY"),
    "onemin": provider_key("ONEMIN_API_KEY"),
    "openai": provider_key("OPENAI_API_KEY"),
}
PROVIDER_ADDRESSES = {
    "aimlapi": web_address("AIMLAPI_BASE_URL", ""),
    "google": web_address("GEMINI_BASE_URL", ""),
    "gmi": web_address("GMI_BASE_URL", ""),
    "onemin": web_address("ONEMIN_BASE_URL", ""),
    "openai": web_address("OPENAI_BASE_URL", ""),
}
RUNNER_PLACES = at_least_one("RUNNER_PLACES", 32)
# Processes that decode pictures, for each process of ours that takes pictures in.
PICTURE_PROCESSES = at_least_one("PICTURE_PROCESSES", 2)
# How long a worker that is told to stop lets its calls go on; then others resume what can be resumed.
WORKER_GRACE_SECONDS = env.float("WORKER_GRACE_SECONDS", default=190.0)
# How many of one person's generations may be under way at once, where no admin's rule says it; 0: any number.
PERSON_PLACES_MAX = none_or_more("PERSON_PLACES_MAX", 0)
LEASE_SECONDS = at_least_one("LEASE_SECONDS", 30)
SWEEP_SECONDS = at_least_one("SWEEP_SECONDS", 15)
# How long a cluster may stand still while work waits before it is started again.
STALLED_SECONDS = at_least_one("STALLED_SECONDS", 60)
CREDITS_PER_IMAGE = at_least_one("CREDITS_PER_IMAGE", 2)
# What a credit is worth in US dollars, for the margins on the provider board; None shows none.
CREDIT_USD = amount("CREDIT_USD")
ALLOW_PRIVATE_ADDRESSES = env.bool("ALLOW_PRIVATE_ADDRESSES", default=False)
EGRESS_PROXY = env.str("EGRESS_PROXY", default="")

# --- Files --------------------------------------------------------------------------------------

MEDIA_ROOT = DATA_DIR / "files"
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
_bucket = env.str("AWS_STORAGE_BUCKET_NAME", default="")
_endpoint = web_address("AWS_S3_ENDPOINT_URL", "")
_region = env.str("AWS_S3_REGION_NAME", default="")
STORAGES: dict[str, dict[str, Any]] = {
    "folder": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.static_files.KnownStaticFiles"},
}
if _bucket:
    STORAGES["bucket"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": _bucket,
            "endpoint_url": _endpoint or None,
            "region_name": _region or None,
            "signature_version": "s3v4",
            "default_acl": None,
            "file_overwrite": True,
            "querystring_auth": True,
            "querystring_expire": 300,
            "max_memory_size": 2 * 1024 * 1024,  # a larger object waits on disk while it is served
        },
    }
# Which of them files are in, and where those are looked for that aren't: while they are moved.
FILES_IN = storage_name("FILES_IN", STORAGES, "bucket" if _bucket else "folder")
FILES_ALSO_IN = storage_name("FILES_ALSO_IN", STORAGES, "")
STORAGES["default"] = STORAGES[FILES_IN]
# Pictures come from the bucket itself, by signed addresses of five minutes: see docs/adr/0015.
FILES_BY_REDIRECT = env.bool("FILES_BY_REDIRECT", default=False) and FILES_IN == "bucket"
FILE_ADDRESS_SECONDS = 300
# How many bytes a person may keep, where no admin's word says it; 0: any number.
STORAGE_QUOTA_BYTES = none_or_more("STORAGE_QUOTA_BYTES", 0)
# How large a ZIP file of pictures may be.
ARCHIVE_BYTES_MAX = at_least_one("ARCHIVE_BYTES_MAX", 20 * 1024**3)
UPLOAD_MAX_BYTES = 30 * 1024 * 1024  # what providers take is less; `gallery/fitting.py` sees to that
# One picture of that size as a data URI, or several smaller ones, in one JSON body, which memory has to hold
# a few times over. Uploads are read from disk and may all be that large.
DATA_UPLOAD_MAX_MEMORY_SIZE = 42 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

# --- People -------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "generation:studio"
# On a team with one admin there is nobody else to ask.
ADMINS_MAY_GRANT_THEMSELVES = env.bool("ADMINS_MAY_GRANT_THEMSELVES", default=False)
REGISTRATION_OPEN = env.bool("REGISTRATION_OPEN", default=False)
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "optional" if LOCAL_MODE else "mandatory"
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = LOCAL_MODE

# --- Mail ---------------------------------------------------------------------------------------

EMAIL_URL = env.str("EMAIL_URL", default="consolemail://")
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Easel <easel@localhost>")
_mail = env.email_url_config(EMAIL_URL)
if django.VERSION >= (6, 1):
    _mail_options = {
        name.removeprefix("EMAIL_").lower(): value
        for name, value in _mail.items()
        if name not in {"EMAIL_BACKEND", "EMAIL_FILE_PATH"} and value
    }
    _mail_options = {
        {"host_user": "username", "host_password": "password"}.get(k, k): v for k, v in _mail_options.items()
    }
    MAILERS = {
        "default": {
            "BACKEND": _mail["EMAIL_BACKEND"],
            "OPTIONS": _mail_options if _mail["EMAIL_BACKEND"].endswith("smtp.EmailBackend") else {},
        }
    }
else:
    vars().update(_mail)

# --- Web ----------------------------------------------------------------------------------------

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_NAME = "easel_session"
CSRF_COOKIE_NAME = "easel_csrf"
if LOCAL_MODE and PORT != 8000:
    # Two local copies share the host 127.0.0.1, and cookies do not tell ports apart.
    SESSION_COOKIE_NAME += f"_{PORT}"
    CSRF_COOKIE_NAME += f"_{PORT}"
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=SECURE)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_HSTS_PRELOAD = SECURE
SECURE_REFERRER_POLICY = "same-origin"
if ALLAUTH_TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"

_policy = {
    "default-src": ["'self'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:", "blob:"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "object-src": ["'none'"],
    "base-uri": ["'none'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
}
if FILES_BY_REDIRECT:
    _policy["img-src"] += bucket_origins(_bucket, _endpoint, _region)
if django.VERSION >= (6, 0):
    MIDDLEWARE.insert(1, "django.middleware.csp.ContentSecurityPolicyMiddleware")
    SECURE_CSP = _policy
else:
    INSTALLED_APPS.append("csp")
    MIDDLEWARE.insert(1, "csp.middleware.CSPMiddleware")
    CONTENT_SECURITY_POLICY = {"DIRECTIVES": _policy}

# --- API ----------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.http.ApiKeyAuthentication",
        "accounts.http.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.http.MayCall"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["accounts.api.parsers.JSONParser"],
    "DEFAULT_METADATA_CLASS": None,
    "URL_FORMAT_OVERRIDE": None,
    "DEFAULT_SCHEMA_CLASS": "config.api.schema.ProblemSchema",
    "EXCEPTION_HANDLER": "config.api.exceptions.handle",
    "DEFAULT_PAGINATION_CLASS": "config.api.pagination.KeysetPagination",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Easel API",
    "DESCRIPTION": "Make, keep and find pictures; the same studio as the pages, for programs.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "GenerationStatusEnum": "generation.models.Generation.Status",
        "ImageVisibilityEnum": "gallery.models.Image.Visibility",
        "CollectionVisibilityEnum": "gallery.models.Collection.Visibility",
    },
}

# --- Language and time --------------------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

# --- Logs ---------------------------------------------------------------------------------------

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOG_JSON = env.bool("LOG_JSON", default=not LOCAL_MODE)
_shared_processors: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
structlog.configure(
    processors=[*_shared_processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _shared_processors,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer()
                if LOG_JSON
                else structlog.dev.ConsoleRenderer(
                    colors=False, exception_formatter=structlog.dev.plain_traceback
                ),
            ],
        }
    },
    "filters": {"without_tokens": {"()": "config.logs.WithoutTokens"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        "django": {"level": "INFO"},
        "django.request": {"filters": ["without_tokens"]},
        # Each heartbeat would otherwise be four lines; our own logs say what a generation does.
        "django-q": {"level": "WARNING"},
        "uvicorn.access": {"level": "WARNING"},
    },
}
