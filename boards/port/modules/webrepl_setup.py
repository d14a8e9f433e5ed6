"""`import webrepl_setup` asks whether WebREPL is to start with the board, and for its password."""

import webrepl
from _whole_file import WholeFile

_BOOT = "/boot.py"
_CONFIGURATION = "/webrepl_cfg.py"
_START = "import webrepl; webrepl.start()"


def main():
    lines = _read(_BOOT)
    others = [line for line in lines if line.strip() not in (_START, "webrepl.start()")]
    enabled = len(others) < len(lines)
    print("WebREPL starts with the board:", "yes" if enabled else "no")
    wish = input("(E)nable or (D)isable it, or an empty line to leave all as it is: ").upper()
    if wish == "E":
        if not _read(_CONFIGURATION) or input("Change the password? (y/n) ").lower() == "y":
            _write(_CONFIGURATION, ["PASS = {!r}\n".format(_new_password())])
        _write(_BOOT, others + [_START + "\n"])
    elif wish == "D":
        _write(_BOOT, others)
    else:
        return
    print("So it is from the next start on.")


def _new_password():
    while True:
        password = input("New password (4 characters or more): ")
        try:
            webrepl.checked_password(password)
        except ValueError as error:
            print(error)
            continue
        if input("Once more: ") == password:
            return password
        print("These are two passwords.")


def _read(path):
    """The lines of a file; none if there is no file."""
    try:
        with open(path) as file:
            lines = file.readlines()
    except OSError:
        return []
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    return lines


def _write(path, lines):
    file = WholeFile(path)
    try:
        file.open()
        for line in lines:
            file.write(line.encode())
        file.close()
        file.keep()
    except BaseException:
        file.drop()
        raise


main()
