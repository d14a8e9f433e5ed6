"""MPY_LIB_DIR: a firmware with modules of micropython-lib in the place of ours."""

import pytest

from tools import BOARD, firmware

pytestmark = pytest.mark.alike

# Where they are in micropython-lib, and what their manifests say.
UPSTREAM = {
    "micropython/mip": 'metadata(version="0.5.0")\nrequire("requests")\npackage("mip", opt=3)\n',
    "micropython/net/ntptime": 'metadata(version="0.2.0")\nmodule("ntptime.py", opt=3)\n',
    "python-ecosys/requests": 'metadata(version="1.1.1", pypi="requests")\npackage("requests")\n',
    "python-stdlib/unittest": 'metadata(version="0.11.0")\npackage("unittest")\n',
}


@pytest.fixture
def micropython_lib(tmp_path):
    """A folder like a checkout of micropython-lib, with modules that say that they are its."""
    library = tmp_path / "micropython-lib"
    for place, manifest in UPSTREAM.items():
        folder = library / place
        folder.mkdir(parents=True)
        (folder / "manifest.py").write_text(manifest)
        name = folder.name
        path = "ntptime.py" if "module(" in manifest else f"{name}/__init__.py"
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(f"whose = 'micropython-lib, {name}'\n")
    requests = library / "python-ecosys/requests/requests/__init__.py"
    verbs = ("Response", "delete", "get", "head", "patch", "post", "put", "request")
    requests.write_text(requests.read_text() + "".join(f"{verb} = None\n" for verb in verbs))
    (library / "README.md").touch()
    return library


def test_a_firmware_with_modules_of_micropython_lib(board, micropython_lib, monkeypatch, tmp_path):
    monkeypatch.setenv("MPY_LIB_DIR", str(micropython_lib))
    b = board(firmware=firmware.build(BOARD, tmp_path / "build"), devices=["virtio-rng-device"])
    for place in UPSTREAM:
        name = place.rpartition("/")[2]
        assert b.exec(f"import {name}; print({name}.whose)") == f"micropython-lib, {name}\n"
    # The others are ours.
    said = b.exec("""
        import asyncio, mpy_virtio, ssl, urequests, webrepl
        print(urequests.get, webrepl.start, len(mpy_virtio.Entropy().read(9)))
    """)
    assert said.startswith("None <function start") and said.endswith(" 9\n")


@pytest.mark.parametrize("lacking", ["README.md", "micropython/mip/manifest.py"])
def test_another_folder_is_refused_in_one_sentence(
    micropython_lib, monkeypatch, lacking, tmp_path
):
    (micropython_lib / lacking).unlink()
    monkeypatch.setenv("MPY_LIB_DIR", str(micropython_lib))
    with pytest.raises(SystemExit, match=f"has no {lacking}: set it to a git checkout") as refused:
        firmware.build(BOARD, tmp_path / "build")
    assert "\n" not in str(refused.value)
