"""Uploaded files, kept in an S3 store. boto3 blocks, so it runs in threads; it is imported at the first call (0.4 s).

Keys begin with the tenant: `tenants/<tenant>/knowledge/<asset>/<version>`.
"""

import asyncio
import contextlib
import hashlib
import threading
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from uuid import UUID

from shared.errors import NotFound, Retryable, TooLarge
from shared.settings import Settings

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef

P = ParamSpec("P")
T = TypeVar("T")

PART_BYTES = 8 * 1024 * 1024
"""S3 takes no part under 5 MiB but the last. It is also what an upload holds in memory."""


class ObjectsAway(Retryable):
    """The object store can't be reached or is in trouble."""


@dataclass(frozen=True)
class Stored:
    """What arrived, counted while it went through."""

    key: str
    size: int
    sha256: bytes


def knowledge_key(tenant: UUID, asset: UUID, version: int) -> str:
    """Where one version of a document's file is."""
    return f"{knowledge_prefix(tenant, asset)}{version}"


def knowledge_prefix(tenant: UUID, asset: UUID) -> str:
    """What every version's key begins with."""
    return f"tenants/{tenant}/knowledge/{asset}/"


class Objects:
    """One bucket. Every call raises ObjectsAway when the store can't be reached."""

    def __init__(
        self, *, endpoint: str, bucket: str, access_key: str, secret_key: str, region: str = "us-east-1"
    ) -> None:
        self._endpoint = endpoint or None
        self._bucket = bucket
        self._access_key = access_key or None
        self._secret_key = secret_key or None
        self._region = region
        self._client: S3Client | None = None
        self._connecting = threading.Lock()

    @classmethod
    def of(cls, settings: Settings) -> "Objects":
        """Without keys in the environment boto3 looks for them where AWS puts them."""
        return cls(
            endpoint=settings.objects_url,
            bucket=settings.objects_bucket,
            access_key=settings.aws_access_key_id.get_secret_value(),
            secret_key=settings.aws_secret_access_key.get_secret_value(),
            region=settings.aws_region,
        )

    async def ping(self) -> None:
        """For readiness."""
        await self._call(lambda s3: s3.list_objects_v2(Bucket=self._bucket, MaxKeys=1))

    async def put_stream(self, key: str, chunks: AsyncIterable[bytes], *, limit: int) -> Stored:
        """Stores what *chunks* yields, in parts as they fill: the file is never whole in memory.

        Raises TooLarge past *limit* bytes; then, and after any other error, nothing is left under *key*.
        """
        upload = _Upload(key, self._bucket)
        try:
            async for chunk in chunks:
                upload.take(chunk)
                if upload.size > limit:
                    raise TooLarge(f"the file may have {limit} bytes")
                if len(upload.waiting) >= PART_BYTES:
                    await self._call(upload.send_part)
            await self._call(upload.finish)
        except BaseException:
            await asyncio.shield(self._abandon(upload))
            raise
        return Stored(key, upload.size, upload.digest.digest())

    async def _abandon(self, upload: "_Upload") -> None:
        # Where the store is away, a lifecycle rule of the bucket clears the parts of uploads that never finished.
        with contextlib.suppress(Retryable):
            await self._call(upload.abort)

    async def get_file(self, key: str, target: Path) -> None:
        """Writes the object to *target*. Raises NotFound."""

        def download(s3: "S3Client") -> None:
            body = s3.get_object(Bucket=self._bucket, Key=key)["Body"]
            with target.open("wb") as out:
                for piece in body.iter_chunks(1024 * 1024):
                    out.write(piece)

        await self._call(download)

    async def delete_prefix(self, prefix: str) -> int:
        """Removes everything whose key begins with *prefix*; how many there were. Nothing there is no error."""

        def remove(s3: "S3Client") -> int:
            removed = 0
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                for item in page.get("Contents", []):
                    s3.delete_object(Bucket=self._bucket, Key=item["Key"])
                    removed += 1
            return removed

        return await self._call(remove)

    async def delete(self, key: str) -> None:
        """Removes one object; a missing one is no error."""
        await self._call(lambda s3: s3.delete_object(Bucket=self._bucket, Key=key))

    async def _call(self, call: Callable[["S3Client"], T]) -> T:
        return await asyncio.to_thread(self._with_client, call)

    def _with_client(self, call: Callable[["S3Client"], T]) -> T:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return call(self._connected())
        except ClientError as problem:
            status = problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
            code = problem.response.get("Error", {}).get("Code", "")
            if code in ("NoSuchKey", "404"):
                raise NotFound("the file is not in the object store") from problem
            if status >= 500 or status == 429 or code == "SlowDown":
                raise ObjectsAway(f"the object store answered {code or status}") from problem
            raise
        except (BotoCoreError, Boto3Error) as problem:
            raise ObjectsAway(f"the object store is away: {type(problem).__name__}") from problem

    def _connected(self) -> "S3Client":
        with self._connecting:
            if self._client is None:
                import boto3
                from botocore.config import Config

                self._client = boto3.session.Session().client(
                    "s3",
                    endpoint_url=self._endpoint,
                    aws_access_key_id=self._access_key,
                    aws_secret_access_key=self._secret_key,
                    region_name=self._region,
                    config=Config(
                        signature_version="s3v4",
                        s3={"addressing_style": "path"},
                        # Stores other than AWS don't keep the checksums that boto3 would ask for by default.
                        request_checksum_calculation="when_required",
                        response_checksum_validation="when_required",
                        connect_timeout=3,
                        read_timeout=20,
                        retries={"max_attempts": 2, "mode": "standard"},
                    ),
                )
            return self._client


class _Upload:
    """One object on its way: small ones go in one request, larger ones in parts."""

    def __init__(self, key: str, bucket: str) -> None:
        self.key = key
        self.bucket = bucket
        self.size = 0
        self.digest = hashlib.sha256()
        self.waiting = bytearray()
        self._id: str | None = None
        self._parts: list[CompletedPartTypeDef] = []

    def take(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self.digest.update(chunk)
        self.waiting += chunk

    def send_part(self, s3: "S3Client") -> None:
        if self._id is None:
            self._id = s3.create_multipart_upload(Bucket=self.bucket, Key=self.key)["UploadId"]
        number = len(self._parts) + 1
        answer = s3.upload_part(
            Bucket=self.bucket, Key=self.key, UploadId=self._id, PartNumber=number, Body=bytes(self.waiting)
        )
        self._parts.append({"ETag": answer["ETag"], "PartNumber": number})
        self.waiting.clear()

    def finish(self, s3: "S3Client") -> None:
        if self._id is None:
            s3.put_object(Bucket=self.bucket, Key=self.key, Body=bytes(self.waiting))
            return
        if self.waiting:
            self.send_part(s3)
        s3.complete_multipart_upload(
            Bucket=self.bucket, Key=self.key, UploadId=self._id, MultipartUpload={"Parts": self._parts}
        )

    def abort(self, s3: "S3Client") -> None:
        if self._id is not None:
            s3.abort_multipart_upload(Bucket=self.bucket, Key=self.key, UploadId=self._id)
