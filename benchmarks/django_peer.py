"""`gunicorn benchmarks.django_peer:application`: the planner's list of keywords as one writes it with Django REST framework.

Its ModelSerializer, its PageNumberPagination with the exact count, the two names joined by `select_related`; no debugging,
no middleware, connections that stay. Nobody is authenticated, and the tenant is a condition of the query: the row-level
security of our own list is left out. The database's URL is in BENCH_DATABASE, of a role that sees all rows.
"""

import os
from typing import Any

import django
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

_where = conninfo_to_dict(os.environ["BENCH_DATABASE"])
settings.configure(
    DEBUG=False,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[],
    INSTALLED_APPS=["rest_framework"],
    USE_TZ=True,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": _where["dbname"],
            "USER": _where["user"],
            "PASSWORD": _where.get("password", ""),
            "HOST": _where.get("host", ""),
            "PORT": _where.get("port", ""),
            "CONN_MAX_AGE": None,
        }
    },
    REST_FRAMEWORK={
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "UNAUTHENTICATED_USER": None,
    },
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402 - Django loads models only after setup()
from django.db import models  # noqa: E402 - nor these
from django.urls import path  # noqa: E402 - nor these
from rest_framework import generics, pagination, serializers  # noqa: E402 - nor these


class Cluster(models.Model):
    cluster_id = models.UUIDField(primary_key=True)
    name = models.TextField()

    class Meta:
        app_label, managed, db_table = "bench", False, "clusters"


class Sector(models.Model):
    sector_id = models.UUIDField(primary_key=True)
    name = models.TextField()

    class Meta:
        app_label, managed, db_table = "bench", False, "replica_sectors"


class Keyword(models.Model):
    keyword_id = models.UUIDField(primary_key=True)
    account_id = models.UUIDField()
    site_id = models.UUIDField()
    sector = models.ForeignKey(Sector, models.DO_NOTHING)
    version = models.IntegerField()
    archived = models.BooleanField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    keyword = models.TextField()
    volume = models.BigIntegerField(null=True)
    difficulty = models.IntegerField(null=True)
    intent = models.TextField(null=True)
    status = models.TextField()
    cluster = models.ForeignKey(Cluster, models.DO_NOTHING, null=True)
    cpc = models.TextField(null=True)
    locale = models.TextField(null=True)
    source = models.TextField(null=True)
    volume_estimated = models.BooleanField()

    class Meta:
        app_label, managed, db_table = "bench", False, "keywords"


class KeywordSerializer(serializers.ModelSerializer):
    id = serializers.UUIDField(source="keyword_id")
    cluster_name = serializers.CharField(source="cluster.name", default=None)
    sector_name = serializers.CharField(source="sector.name", default=None)

    class Meta:
        model = Keyword
        fields = (
            *(
                "id",
                "account_id",
                "site_id",
                "sector_id",
                "sector_name",
                "created_at",
                "updated_at",
                "version",
            ),
            *(
                "keyword",
                "volume",
                "difficulty",
                "intent",
                "status",
                "cluster_id",
                "cluster_name",
                "cpc",
                "locale",
            ),
            *("source", "volume_estimated"),
        )


class Pages(pagination.PageNumberPagination):
    page_size = 10
    page_size_query_param = "page_size"
    max_page_size = 100


class Keywords(generics.ListAPIView):
    serializer_class = KeywordSerializer
    pagination_class = Pages

    def get_queryset(self) -> Any:
        asked = self.request.query_params
        return (
            Keyword.objects.filter(
                account_id=self.request.headers["X-Account"],
                site_id=asked["site_id"],
                sector_id=asked["sector_id"],
                archived=False,
            )
            .select_related("cluster", "sector")
            .order_by("-created_at", "keyword_id")
        )


urlpatterns = [path("api/v1/planner/keywords/", Keywords.as_view())]
application = get_wsgi_application()
