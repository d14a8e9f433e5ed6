"""Digests and ciphers, checked against the host's and against the vectors of their standards."""

import hashlib

import pytest

pytestmark = pytest.mark.alike

# Around the sizes of a block and of its padding, and more than one block.
SIZES = (0, 1, 55, 56, 63, 64, 65, 1000, 100000)


def pattern(size):
    return bytes(i * 7 & 0xFF for i in range(size))


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256"])
def test_digests_are_the_hosts(board, name):
    said = board().exec(f"""
        import hashlib
        for size in {SIZES}:
            data = bytes(i * 7 & 0xff for i in range(size))
            whole, parts = hashlib.{name}(data), hashlib.{name}()
            for i in range(0, size, 61):
                parts.update(memoryview(data)[i:i + 61])
            print(whole.digest().hex(), parts.digest().hex())
    """)
    digests = [hashlib.new(name, pattern(size)).hexdigest() for size in SIZES]
    assert said.split() == [digest for digest in digests for _ in range(2)]


# NIST SP 800-38A, appendix F: the same four blocks in each mode.
PLAIN = (
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
KEY_128 = "2b7e151628aed2a6abf7158809cf4f3c"
KEY_256 = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"
VECTOR = "000102030405060708090a0b0c0d0e0f"
COUNTER = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
CIPHERS = [
    # F.1.1, F.1.5
    ("ECB", KEY_128, None, "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf"),
    ("ECB", KEY_256, None, "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870"),
    # F.2.1, F.2.5
    ("CBC", KEY_128, VECTOR, "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"),
    ("CBC", KEY_256, VECTOR, "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"),
    # F.5.1, F.5.5
    ("CTR", KEY_128, COUNTER, "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"),
    ("CTR", KEY_256, COUNTER, "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"),
]


@pytest.mark.parametrize("mode, key, vector, beginning", CIPHERS)
def test_ciphers_are_those_of_the_standard(board, mode, key, vector, beginning):
    said = board().exec(f"""
        import cryptolib
        def aes():
            vector = {vector!r}
            more = [bytes.fromhex(vector)] if vector else []
            return cryptolib.aes(bytes.fromhex("{key}"), cryptolib.MODE_{mode}, *more)
        cipher = aes().encrypt(bytes.fromhex("{PLAIN}"))
        print(cipher.hex(), aes().decrypt(cipher).hex())
    """)
    cipher, plain = said.split()
    assert cipher.startswith(beginning)
    assert len(cipher) == len(PLAIN)
    assert plain == PLAIN
