"""Encryption per account: what fits together opens, nothing else does."""

import base64
from uuid import UUID

import pytest
from common.crypto import DataKey, MasterKey, MasterKeyInvalid, Undecryptable
from common.ids import new_id

ACCOUNT = new_id()
MASTER = MasterKey(b"m" * 32)


def test_opens_at_its_own_place() -> None:
    key = DataKey(ACCOUNT, b"k" * 32)
    assert key.decrypt(key.encrypt("Ada", "user 1 name"), "user 1 name") == "Ada"
    assert key.encrypt("Ada", "user 1 name") != key.encrypt("Ada", "user 1 name")


@pytest.mark.parametrize(
    ("account", "key", "place"),
    [(new_id(), b"k" * 32, "here"), (ACCOUNT, b"x" * 32, "here"), (ACCOUNT, b"k" * 32, "there")],
)
def test_opens_nowhere_else(account: UUID, key: bytes, place: str) -> None:
    sealed = DataKey(ACCOUNT, b"k" * 32).seal(b"secret", "here")
    with pytest.raises(Undecryptable):
        DataKey(account, key).open(sealed, place)


def test_a_changed_ciphertext_does_not_open() -> None:
    key = DataKey(ACCOUNT, b"k" * 32)
    sealed = bytearray(key.seal(b"secret", "here"))
    sealed[-1] ^= 1
    for broken in (bytes(sealed), b"", b"short"):
        with pytest.raises(Undecryptable):
            key.open(broken, "here")


def test_a_data_key_is_wrapped_for_its_account_by_its_master_key() -> None:
    key, wrapped = MASTER.new_data_key(ACCOUNT)
    assert MASTER.unwrap(ACCOUNT, wrapped) == key
    with pytest.raises(Undecryptable):
        MASTER.unwrap(new_id(), wrapped)
    with pytest.raises(Undecryptable):
        MasterKey(b"n" * 32).unwrap(ACCOUNT, wrapped)


def test_a_blind_index_finds_equal_values_for_one_purpose() -> None:
    key = DataKey(ACCOUNT, b"k" * 32)
    assert key.blind_index("a@b.c", "e-mail") == key.blind_index("a@b.c", "e-mail")
    assert key.blind_index("a@b.c", "e-mail") != key.blind_index("a@b.d", "e-mail")
    assert key.blind_index("a@b.c", "e-mail") != key.blind_index("a@b.c", "other")


def test_keys_do_not_show_in_logs() -> None:
    assert "kkkk" not in repr(DataKey(ACCOUNT, b"k" * 32))
    assert "mmmm" not in repr(MASTER)


@pytest.mark.parametrize("text", ["", "not base64!", base64.b64encode(b"short").decode()])
def test_a_master_key_has_32_bytes_in_base64(text: str) -> None:
    with pytest.raises(MasterKeyInvalid):
        MasterKey.parse(text)
