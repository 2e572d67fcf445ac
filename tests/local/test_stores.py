"""The stores that come along work as the functions use them."""

import boto3
import psycopg
import pytest
import redis.asyncio as redis
from botocore.config import Config

from local.machine.schema import FUNCTION_ROLES, DatabaseUrls
from tests.conftest import S3


async def test_app_role(database: DatabaseUrls) -> None:
    """The functions' login may become each function's role, and owns nothing."""
    async with await psycopg.AsyncConnection.connect(database.app) as connection:
        for role in FUNCTION_ROLES:
            await connection.execute(f"SET LOCAL ROLE {role}")
        owned = await connection.execute("SELECT count(*) FROM pg_class WHERE relowner = 'xin_app'::regrole")

        assert await owned.fetchone() == (0,)


async def test_app_role_alone(database: DatabaseUrls) -> None:
    """Before it has become a function's role, the login may read no table."""
    async with await psycopg.AsyncConnection.connect(database.app) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute("SELECT FROM public.tenants")


async def test_superuser_over_tcp(database: DatabaseUrls) -> None:
    """The superuser can't sign in over the network, not even from this machine."""
    with pytest.raises(psycopg.OperationalError, match="rejects connection"):
        await psycopg.AsyncConnection.connect(database.app, user="postgres", password="هر چه باشد")


async def test_valkey(valkey: str) -> None:
    """What is written is read back, and only with the password."""
    async with redis.from_url(valkey, decode_responses=True) as client:
        await client.set("tenants/خانه/نام", "فروشگاه")
        assert await client.get("tenants/خانه/نام") == "فروشگاه"

    async with redis.from_url(valkey.replace("@", "x@")) as client:
        with pytest.raises(redis.AuthenticationError):
            await client.ping()


def test_object_store(object_store: S3) -> None:
    """An object with a Persian name comes back byte for byte."""
    client = boto3.client(
        "s3",
        endpoint_url=object_store.endpoint,
        aws_access_key_id=object_store.access_key,
        aws_secret_access_key=object_store.secret_key,
        region_name="us-east-1",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    body = "ساعت کاری: ۹ تا ۲۱".encode()

    client.put_object(Bucket=object_store.bucket, Key="tenants/۱/ساعت کاری.md", Body=body)

    assert client.get_object(Bucket=object_store.bucket, Key="tenants/۱/ساعت کاری.md")["Body"].read() == body
