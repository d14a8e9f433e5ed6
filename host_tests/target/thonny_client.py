"""Thonny's back end for MicroPython, driven as Thonny itself does."""

import os
import subprocess
import sys

ARGUMENTS = {
    "clean": True,
    "dtr": None,
    "rts": None,
    "submit_mode": None,
    "interrupt_on_connect": True,
    "write_block_size": None,
    "write_block_delay": None,
    "proxy_class": "GenericMicroPythonProxy",
    "sync_time": False,
    "validate_time": False,
    "local_rtc": False,
}


class BackEnd:
    """The process, as `with BackEnd(port, folder) as thonny:`; `folder` is for its logs."""

    def __init__(self, port, folder):
        from thonny import common
        from thonny.plugins.micropython import bare_metal_backend

        self._common = common
        self._folder = folder
        self._count = 0
        self._process = subprocess.Popen(
            [sys.executable, bare_metal_backend.__file__, repr({**ARGUMENTS, "port": port})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "THONNY_USER_DIR": str(folder), "PYTHONUNBUFFERED": "1"},
        )
        assert self._process.stdout.readline().strip() == common.PROCESS_ACK

    def __enter__(self):
        self._until("ToplevelResponse")
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()

    def execute(self, source):
        """Run a program; return what it printed."""
        self._send(self._common.ToplevelCommand("execute_source", source=source))
        return self._until("ToplevelResponse")[0]

    def interrupt(self, source, printed):
        """Run a program until it has printed something, interrupt it, return what it printed."""
        self._send(self._common.ToplevelCommand("execute_source", source=source))
        begun = ""
        while printed not in begun:
            begun += self._receive().get("data", "")
        self._send(self._common.ImmediateCommand("interrupt"))
        return begun + self._until("ToplevelResponse")[0]

    def ask(self, name, **arguments):
        """Give the back end a command; return its answer."""
        self._count += 1
        arguments = {
            "node_id": "",
            "editor_id": 0,
            "make_shebang_scripts_executable": False,
            **arguments,
        }
        self._send(self._common.InlineCommand(name, id=self._count, **arguments))
        answer = self._until(name + "_response")[1]
        assert "error" not in answer, answer
        return answer

    def _send(self, message):
        self._process.stdin.write(self._common.serialize_message(message) + "\n")
        self._process.stdin.flush()

    def _receive(self):
        text = self._common.read_one_incoming_message_str(self._process.stdout.readline)
        assert text.startswith(self._common.MESSAGE_MARKER), text
        return self._common.parse_message(text)

    def _until(self, kind):
        """What was printed until a message of this kind came, and that message."""
        printed = ""
        while (message := self._receive()).event_type != kind:
            printed += message.get("data", "") if message.event_type == "ProgramOutput" else ""
        return printed, message
