"""Stands in for `docker` while the suite's MQTT tests run: `run` starts a local mosquitto, `rm` stops it.

Called as `_suite_mqtt.py OUT SUITE WORDS...`, where WORDS is what the suite said to docker.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

PORTS = (1883, 8085)
WAIT_S_MAX = 5.0


def main(out: Path, suite: Path, words: list[str]) -> int:
    """Do what docker was asked for, as far as the suite asks."""
    mark = out / "mosquitto.pid"
    _stop(mark)
    if words[:1] != ["run"]:
        return 0
    program = shutil.which("mosquitto")
    if program is None:
        print("mosquitto is not installed; the MQTT tests need it", file=sys.stderr)
        return 1
    asked = next((word[5:] for word in words if word.startswith("CONF=")), "mosquitto.conf")
    config = _config(suite / "resources/mqttUtils/mosquitto", asked, out)
    with (out / "mosquitto.log").open("ab") as log:
        process = subprocess.Popen([program, "-c", str(config)], stdout=log, stderr=log, start_new_session=True)
    mark.write_text(str(process.pid), "utf-8")
    return 0 if _listens() else 1


def _config(folder: Path, name: str, out: Path) -> Path:
    """Write the suite's own configuration with the ports and files of this machine."""
    said = (folder / name).read_text("utf-8").splitlines()
    ours = ("listener", "user", "password_file", "#")
    lines = [line for line in said if line.strip() and not line.strip().startswith(ours)]
    if any(line.strip().startswith("password_file") for line in said):
        words = out / "mosquitto_pwd"
        shutil.copy(folder / "mosquitto_pwd", words)
        words.chmod(0o600)
        lines.append(f"password_file {words}")
    if os.geteuid() == 0:
        lines.append("user root")
    lines.append("per_listener_settings false")
    lines += [f"listener {port} 127.0.0.1" for port in PORTS]
    config = out / "mosquitto.conf"
    config.write_text("\n".join(lines) + "\n", "utf-8")
    return config


def _listens() -> bool:
    ends = time.monotonic() + WAIT_S_MAX
    while time.monotonic() < ends:
        try:
            socket.create_connection(("127.0.0.1", PORTS[0]), 0.2).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


def _stop(mark: Path) -> None:
    if not mark.exists():
        return
    number = int(mark.read_text("utf-8"))
    mark.unlink()
    try:
        os.kill(number, signal.SIGTERM)
        for _ in range(100):
            os.kill(number, 0)
            time.sleep(0.05)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
