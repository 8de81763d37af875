"""A simulated control system: commands processing over HTTP, and sends again whenever an answer gets lost."""

from __future__ import annotations

import httpx

LOST = 2
"""Of each new command so many answers do not arrive."""


class ControlSystem:
    """Keeps what it has seen of each command, in order and without repetition, as an observatory's sequencer would."""

    def __init__(self, url, user="ocs", lost=LOST):
        self.client = httpx.Client(base_url=url, headers={"Authorization": f"token {user}"}, timeout=30)
        self.lost = lost
        self.seen = {}

    def command(self, command, pipeline, **more):
        """Send a command until an answer arrives; gives that answer."""
        body = {"id": command, "pipeline": pipeline, **more}
        for _ in range(self.lost):
            self.client.post("/commands", json=body)
        answer = self.client.post("/commands", json=body)
        if answer.status_code == 202:
            self._note(answer.json())
        return answer

    def look(self, command):
        """Ask how a command stands."""
        answer = self.client.get(f"/commands/{command}")
        assert answer.status_code == 200, answer.text
        self._note(answer.json())
        return answer.json()

    def abort(self, command):
        return self.client.post(f"/commands/{command}/abort")

    def close(self):
        self.client.close()

    def _note(self, told):
        states = self.seen.setdefault(told["request"]["id"], [])
        if states[-1:] != [told["state"]]:
            states.append(told["state"])
