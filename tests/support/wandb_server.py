"""A server that wandb's own programs talk to in tests: it takes runs, and hands out a sweep."""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import yaml

HISTORY, SUMMARY = "wandb-history.jsonl", "wandb-summary.json"


@dataclass
class Uploaded:
    """A run as the server has it."""

    fields: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None

    @property
    def history(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    @property
    def config(self) -> dict[str, Any]:
        found = json.loads(self.fields["config"])
        return {name: item["value"] for name, item in found.items()}


class Server:
    """Runs by their ids, and the parameter sets that an agent is still to be given."""

    def __init__(self) -> None:
        self.runs: dict[str, Uploaded] = {}
        self.sweep: dict[str, Any] = {}
        self.jobs: list[tuple[str, dict[str, Any]]] = []
        self.url = ""

    def answer(self, query: str, given: dict[str, Any]) -> dict[str, Any]:
        """What a question of GraphQL is answered."""
        if "mutation UpsertBucket" in query:
            return self._upsert(given)
        if "query RunResumeStatus" in query:
            return {"model": {"name": "p", "bucket": self._bucket(given["name"])}}
        if "mutation CreateRunFiles" in query:
            return {"createRunFiles": {"runID": given["run"], "uploadHeaders": [], "files": []}}
        if "query SweepWithRuns" in query:
            config = json.dumps(self.sweep)  # which is YAML too
            return {"project": {"sweep": {"name": "s", "config": config, "runs": {"edges": []}}}}
        if "mutation UpsertSweep" in query:
            self.sweep = yaml.safe_load(given["config"])
            sweep = {"name": "s", "project": {"name": "p", "entity": {"name": "me"}}}
            return {"upsertSweep": {"sweep": sweep, "configValidationWarnings": []}}
        if "mutation CreateAgent" in query:
            return {"createAgent": {"agent": {"id": "an agent"}}}
        if "mutation Heartbeat" in query:
            return {"agentHeartbeat": {"agent": {"id": "an agent"}, "commands": self._next(given)}}
        if "viewer" in query:
            return {"viewer": {"id": "1", "entity": "me", "username": "me", "flags": "{}"}}
        return {}

    def stream(self, run_id: str, content: dict[str, Any]) -> None:
        """Takes lines of history, a summary or the end of a run."""
        run = self.runs[run_id]
        for name, chunk in (content.get("files") or {}).items():
            first = chunk["offset"]
            if name == HISTORY:
                run.lines[first : first + len(chunk["content"])] = chunk["content"]
            elif name == SUMMARY:
                run.summary = json.loads(chunk["content"][-1])
        if content.get("complete"):
            run.exit_code = content["exitcode"]

    def _upsert(self, given: dict[str, Any]) -> dict[str, Any]:
        run = self.runs.setdefault(given["name"], Uploaded())
        run.fields |= {name: value for name, value in given.items() if value is not None}
        project = {"id": "1", "name": "p", "entity": {"id": "1", "name": "me"}}
        bucket = {"id": given["name"], "name": given["name"], "project": project}
        return {"upsertBucket": {"bucket": bucket, "inserted": True}}

    def _bucket(self, run_id: str) -> dict[str, Any] | None:
        run = self.runs.get(run_id)
        if run is None:
            return None
        return {
            "name": run_id, "historyLineCount": len(run.lines), "eventsLineCount": 0,
            "logLineCount": 0, "historyTail": json.dumps(run.lines[-1:]), "eventsTail": "[]",
            "summaryMetrics": json.dumps(run.summary), "config": run.fields["config"], "tags": [],
            "wandbConfig": json.dumps({"t": 1}),
        }  # fmt: skip

    def _next(self, given: dict[str, Any]) -> str:
        """The commands for an agent: its next run once the one before has ended."""
        if json.loads(given["runState"]):
            return "[]"
        if not self.jobs:
            return json.dumps([{"type": "exit"}])
        run_id, parameters = self.jobs.pop(0)
        values = {name: {"value": value} for name, value in parameters.items()}
        return json.dumps([{"type": "run", "run_id": run_id, "program": None, "args": values}])


@contextmanager
def serving() -> Iterator[Server]:
    """A server on a free port of this machine."""
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            answer: dict[str, Any] = {}
            if self.path == "/graphql":
                asked = json.loads(body)
                answer = {"data": state.answer(asked["query"], asked.get("variables") or {})}
            elif self.path.endswith("/file_stream"):
                state.stream(self.path.split("/")[-2], json.loads(body))
            self._send(answer)

        def _send(self, content: dict[str, Any]) -> None:
            answer = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
