from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import connection, models
from django.db.models.functions import Lower
from django.utils import timezone

_PERMISSIONS = """
    SELECT c.app_label, p.codename
    FROM auth_permission p JOIN django_content_type c ON c.id = p.content_type_id
    WHERE p.id IN (
      SELECT permission_id FROM accounts_user_user_permissions WHERE user_id = %s
      UNION ALL
      SELECT g.permission_id FROM auth_group_permissions g
      JOIN accounts_user_groups u ON u.group_id = g.group_id WHERE u.user_id = %s
    )
"""


class UserManager(BaseUserManager["User"]):
    """Makes people from an e-mail address and a password."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """:raises ValueError: without an e-mail address."""
        if not email:
            raise ValueError("A person needs an e-mail address.")
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in with an e-mail address."""

    email = models.EmailField("e-mail", max_length=254, unique=True)
    name = models.CharField(max_length=150, blank=True)
    is_staff = models.BooleanField("admin", default=False)
    is_active = models.BooleanField("active", default=True)
    # A notice is raised when fewer credits than this are available; null for none.
    low_balance_at = models.BigIntegerField("tell me below", null=True, blank=True, default=20)
    date_joined = models.DateTimeField(default=timezone.now)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="accounts_user_email_unique")]

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        super().clean()
        self.email = self.email.strip().lower()

    def get_full_name(self) -> str:
        return self.name or self.email

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """As Django's own; every page asks, so the person's permissions are read by one short query."""
        if obj is None and self.is_active and not self.is_superuser and not hasattr(self, "_perm_cache"):
            # Where Django's own backends look first.
            self._perm_cache = self._permissions()
        return super().has_perm(perm, obj)

    def _permissions(self) -> set[str]:
        with connection.cursor() as cursor:
            cursor.execute(_PERMISSIONS, [self.pk, self.pk])
            return {f"{label}.{name}" for label, name in cursor.fetchall()}

    @property
    def initials(self) -> str:
        """One or two letters for the avatar."""
        words = (self.name or self.email.split("@")[0].replace(".", " ")).split()
        return "".join(word[0] for word in words[:2]).upper()
