"""A small honest model server: the streaming half of the chat completions API, and the ways in which it breaks.

Each model name has a script: what it says, and where it stops behaving. Requests are kept as they came.
"""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, Literal

Then = Literal["finish", "hang", "cut", "close", "no_finish", "garbage", "nested", "length", "filter"]


@dataclass(frozen=True)
class Script:
    """What a model does when asked: *status* other than 200 refuses; *bits* are streamed; *then* it ends somehow."""

    bits: tuple[str, ...] = ()
    then: Then = "finish"
    status: int = 200
    usage: tuple[int, int] | None = (120, 30)
    whole: bool = False
    """Answers in one JSON body, as gateways do that can't stream."""
    thoughts: tuple[str, ...] = ()


@dataclass
class FakeModel:
    """Listens on a free loopback port while the block lasts."""

    scripts: dict[str, Script] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    hung_up: int = 0
    """Clients that left while we were still at it."""

    async def __aenter__(self) -> "FakeModel":
        self._open: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.base_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        left = list(self._open)
        for connection in left:
            connection.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection is not None
        self._open.add(connection)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
            body = json.loads(await reader.readexactly(int(headers["content-length"])))
            self.requests.append(body)
            self.headers.append(headers)
            await self._act(self.scripts[body["model"]], reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.hung_up += 1
        except asyncio.CancelledError:  # the server closes; a cancelled handler would be logged as an error
            return
        finally:
            self._open.discard(connection)
            writer.close()

    async def _act(self, script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if script.status != 200:
            location = b"location: http://127.0.0.1:9/v1\r\n" if script.status in (301, 307) else b""
            error = json.dumps({"error": {"message": "no"}}).encode()
            writer.write(f"HTTP/1.1 {script.status} No\r\nconnection: close\r\nretry-after: 30\r\n".encode() + location)
            writer.write(b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(error) + error)
            await writer.drain()
            return
        if script.whole:
            choice = {
                "index": 0,
                "message": {"role": "assistant", "content": "".join(script.bits)},
                "finish_reason": "stop",
            }
            answer = json.dumps({"id": "c1", "object": "chat.completion", "choices": [choice]}).encode()
            writer.write(
                b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
                % len(answer)
            )
            writer.write(answer)
            await writer.drain()
            return
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\n")
        writer.write(b"transfer-encoding: chunked\r\n\r\n")
        await self._event(writer, {"role": "assistant", "content": ""})
        for thought in script.thoughts:
            await self._event(writer, {"reasoning_content": thought})
        for bit in script.bits:
            await self._event(writer, {"content": bit})
        await self._end(script, reader, writer)

    async def _end(self, script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        match script.then:
            case "hang":
                if not await reader.read():  # until the client hangs up
                    self.hung_up += 1
                return
            case "cut":
                writer.transport.abort()
                return
            case "garbage":
                await self._raw(writer, b"data: {this is no json\n\n")
            case "nested":
                await self._raw(writer, b"data: " + b"[" * 20_000 + b"\n\n")
            case "finish" | "length" | "filter":
                reason = {"finish": "stop", "length": "length", "filter": "content_filter"}[script.then]
                await self._event(writer, {}, finish=reason)
        if script.usage and script.then == "finish":
            tokens_in, tokens_out = script.usage
            usage = {
                "prompt_tokens": tokens_in,
                "completion_tokens": tokens_out,
                "total_tokens": tokens_in + tokens_out,
            }
            await self._raw(writer, f"data: {json.dumps({'id': 'c1', 'choices': [], 'usage': usage})}\n\n".encode())
        await self._raw(writer, b"data: [DONE]\n\n")
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def _event(self, writer: asyncio.StreamWriter, delta: dict[str, str], *, finish: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        chunk = {"id": "c1", "object": "chat.completion.chunk", "choices": [choice]}
        await self._raw(writer, f"data: {json.dumps(chunk)}\n\n".encode())

    async def _raw(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        writer.write(b"%x\r\n%s\r\n" % (len(data), data))
        await writer.drain()
