"""Reading files from outside: nothing is run, nothing hangs, no memory for empty promises."""

import collections
import io
import json
import pickle
import random
import struct
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest

from mmlab.readers.safe import (
    read_csv,
    read_json,
    read_lines,
    read_npy,
    read_npz,
    read_pickle,
    read_text,
)
from tests.fuzzing.values import ARRAY, VALUES


def same(left, right) -> bool:
    if isinstance(left, np.ndarray):
        kinds = left.dtype.kind == right.dtype.kind
        if left.dtype == object:
            return kinds and all(map(same, left.tolist(), right.tolist()))
        return kinds and np.array_equal(left, right)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return left == right


def write(path, content: bytes):
    path.write_bytes(content)
    return path


def pickled(tmp_path, content: bytes):
    return read_pickle(write(tmp_path / "a.pkl", content))


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", VALUES)
def test_what_features_are_made_of_is_read(tmp_path, name, protocol):
    value = VALUES[name]
    assert same(value, pickled(tmp_path, pickle.dumps(value, protocol)))


@pytest.mark.parametrize("protocol", range(6))
def test_numpy_1_and_2_name_their_modules_differently(tmp_path, protocol):
    content = pickle.dumps([ARRAY, np.float32(2)], protocol)
    for module in (b"numpy.core.", b"numpy._core."):
        renamed = content.replace(b"numpy._core.", module).replace(b"numpy.core.", module)
        if protocol >= 4:  # names have a length there, so write them anew
            renamed = content
        array, scalar = pickled(tmp_path, renamed)
        assert np.array_equal(array, ARRAY)
        assert scalar == 2


def python_2_array(raw: bytes) -> bytes:
    """As Python 2 wrote an array: its bytes are a text. This is (3,) float32, protocol 2."""
    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b"
        b"\x87Rq\x04(K\x01K\x03\x85cnumpy\ndtype\nq\x05U\x02f4K\x00K\x01\x87Rq\x07(K\x03U\x01<NNN"
        b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U" + bytes([len(raw)]) + raw + b"tb."
    )


@pytest.mark.parametrize("values", [[0, 0, 0], [1.5, -2.25, 3e30], [-1e-30, 7, 1], [2.1, 35.7, 9]])
def test_python_2_arrays(tmp_path, values):
    expected = np.array(values, np.float32)
    assert np.array_equal(pickled(tmp_path, python_2_array(expected.tobytes())), expected)


def test_python_2_arrays_whatever_their_bytes(tmp_path):
    rng = random.Random(0)
    for _ in range(300):  # valid UTF-8, half of it, none of it
        raw = "".join(rng.choice("aé日\x00") for _ in range(12)).encode()[:12]
        raw = raw if rng.random() < 0.5 else rng.randbytes(12)
        assert pickled(tmp_path, python_2_array(raw)).tobytes() == raw


def test_python_2_texts(tmp_path):
    assert pickled(tmp_path, b"(lp0\nS'cr\\xc3\\xa8me\\n\\'s'\np1\naS\"\\xff\"\na.") == [
        "crème\n's",
        "ÿ",
    ]
    assert pickled(tmp_path, b"\x80\x02]q\x00(U\x05caf\xc3\xa9U\x04caf\xe9e.") == ["café", "café"]


def test_one_array_named_twice_stays_one(tmp_path):
    first, second = pickled(tmp_path, pickle.dumps([ARRAY, ARRAY]))
    assert first is second


class Calls:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def forbidden_calls():
    import builtins
    import os
    import subprocess

    yield Calls(os.system, "touch ran"), "system"
    yield Calls(builtins.eval, "open('ran', 'w')"), "eval"
    yield Calls(subprocess.call, ["touch", "ran"]), "call"
    yield Calls(getattr, 1, "real"), "getattr"
    yield Calls(np.load, "ran"), "load"
    yield Calls(bytearray, 10**12), "int"
    yield Calls(np.ndarray, (10**6, 10**6)), "class"
    yield random.Random, "random.Random"
    yield io.BytesIO(b""), "BytesIO"


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("number", range(9))
def test_everything_else_is_refused_by_name(tmp_path, monkeypatch, number, protocol):
    monkeypatch.chdir(tmp_path)
    value, name = list(forbidden_calls())[number]
    with pytest.raises(ValueError, match=rf"a\.pkl: the pickle .*{name}"):
        pickled(tmp_path, pickle.dumps([value], protocol))
    assert not (tmp_path / "ran").exists()


BOMBS = {
    "bytes of 4 GB": b"\x80\x04B\xff\xff\xff\xff.",
    "bytes of 2**62": b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b".",
    "bytearray of 2**40": b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b".",
    "text of 4 GB": b"\x80\x04X\xff\xff\xff\xff.",
    "frame of 2**62": b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"N.",
    "integer of 2 GB": b"\x80\x04\x8b\xff\xff\xff\x7f.",
    "negative length": b"\x80\x04\x8b\xff\xff\xff\xff.",
    "integer of a million digits": b"L" + b"9" * 1_000_000 + b"L\n.",
    "memo at 10**1000": b"Np1" + b"0" * 1000 + b"\n.",
    "many sets": b"\x80\x04" + b"\x8f" * 300_000 + b".",
    "many marks": b"(" * 300_000 + b".",
    "nested lists": b"]" * 500_000 + b"a" * 499_999 + b".",
    "nested tuple as a key": b"\x80\x04}N" + b"\x85" * 90_000 + b"Ns.",
    "a value copied often": b"\x80\x04(" + b"K\x01" * 50_000 + b"l\x94"
    b"0c__builtin__\nset\n\x940" + b"h\x01h\x00\x85R" * 10_000 + b".",
    "keys that collide": b"\x80\x04}("
    + b"".join(b"\x8a\x0b" + (k * (2**61 - 1)).to_bytes(11, "little") + b"N" for k in range(99_999))
    + b"u.",
    "a name that doubles": b"\x80\x04]" + b"2\x86" * 100 + b"\x8c\x01a\x93.",
    "a name that is nested": b"\x80\x04" + b"]" * 50_000 + b"a" * 49_999 + b"\x8c\x01a\x93.",
    "a type that doubles": b"\x80\x04cnumpy\ndtype\n]" + b"2\x86" * 100 + b"\x85R.",
    "an encoding that doubles": b"\x80\x04c_codecs\nencode\n\x8c\x01a]"
    + b"2\x86" * 100
    + b"\x86R.",
    "no end": b"\x80\x04N",
    "nothing on the stack": b"\x80\x04.",
    "protocol 9": b"\x80\x09N.",
    "empty": b"",
}


@pytest.mark.parametrize("name", BOMBS)
def test_promises_take_no_memory(tmp_path, name):
    content = BOMBS[name]
    path = tmp_path / "a.pkl"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"a\.pkl: .*; get"):
            read_pickle(path)
        assert tracemalloc.get_traced_memory()[1] < 200_000_000
    finally:
        tracemalloc.stop()


def test_a_memo_with_a_huge_number_takes_no_memory(tmp_path):
    assert pickled(tmp_path, b"\x80\x04Nr\xff\xff\xff\xffj\xff\xff\xff\xff.") is None


def array_state(shape, dtype: bytes, raw: bytes) -> bytes:
    """An array whose shape, type and bytes need not agree."""
    numbers = b"".join(b"\x8a\x09" + n.to_bytes(9, "little") for n in shape)
    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n(K\x00tU\x01b\x87R"
        b"(K\x01(" + numbers + b"tcnumpy\ndtype\n(U" + bytes([len(dtype)]) + dtype + b"K\x00K\x01tR"
        b"\x89B" + struct.pack("<I", len(raw)) + raw + b"tb."
    )


@pytest.mark.parametrize(
    ("shape", "dtype", "raw"),
    [
        ((10**9, 10**9), b"f8", b"1234"),
        ((3,), b"f4", b"12345678901234567890"),
        ((2**62, 4), b"f4", b""),
        ((1,), b"S999999999", b"1"),
        ((1,), b"O", b"12345678"),
        ((1,), b"f4,i4", b"12345678"),
        ((1,), b"M8[ns]", b"12345678"),
        ((1,) * 100, b"u1", b"1"),
    ],
)
def test_arrays_that_do_not_agree_with_their_bytes(tmp_path, shape, dtype, raw):
    with pytest.raises(ValueError, match=r"a\.pkl: the pickle"):
        pickled(tmp_path, array_state(shape, dtype, raw))
    assert np.array_equal(pickled(tmp_path, array_state((2,), b"u1", b"\1\2")), [1, 2])


def files(folder):
    np.save(folder / "a.npy", ARRAY)
    np.savez(folder / "a.npz", features=ARRAY, other=np.arange(3))
    np.savez_compressed(folder / "b.npz", features=np.zeros((50, 40)))
    (folder / "a.pkl").write_bytes(pickle.dumps(VALUES, 2))
    (folder / "b.pkl").write_bytes(pickle.dumps(VALUES, 5))
    (folder / "c.pkl").write_bytes(pickle.dumps(VALUES, 0))
    (folder / "a.json").write_text(json.dumps({"a": [1, {"b": "ä"}]}))
    (folder / "a.csv").write_text('video,text\na,"x, y"\nb,"ä"\n')
    return {
        "a.npy": read_npy,
        "a.npz": read_npz,
        "b.npz": read_npz,
        "a.pkl": read_pickle,
        "b.pkl": read_pickle,
        "c.pkl": read_pickle,
        "a.json": read_json,
        "a.csv": read_csv,
    }


def npy(shape: str, raw: bytes = b"", dtype: str = "'<f4'") -> bytes:
    header = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + raw


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (npy("(1000000, 1000000)"), "declares 4000000000000 bytes and holds 0"),
        (npy("(4,)", b"123"), "declares 16 bytes and holds 3"),
        (npy("(-1, 4)"), "declares the shape"),
        (npy("(0, 99999999999999999999999)"), "declares the shape"),
        (npy("(2305843009213693952, 0)"), "declares the shape"),
        (npy("(1, 0)", b"", "'|V0'"), "values without size"),
        (npy("(1,)", b"12345678", "'|O'"), "Python objects"),
        (npy("(1,)", b"1", "[('a', 'O')]"), "Python objects"),
        (npy("(" * 5000), "no numpy array"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", "no numpy array"),
        (b"\x80\x04N.", "no numpy array"),
        (b"", "no numpy array"),
    ],
)
def test_npy_headers_are_not_believed(tmp_path, content, reason):
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"a\.npy: .*{reason}.*;"):
        read_npy(path)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("features.npy", content)
    with pytest.raises(ValueError, match=rf"a\.npz: .*{reason}.*;"):
        read_npz(tmp_path / "a.npz")


def test_npz_bombs_are_refused_before_they_are_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("mmlab.readers.safe._MOST_ARRAY_BYTES", 1_000_000)
    np.savez_compressed(tmp_path / "a.npz", features=np.zeros(1_000_000, np.float32))
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"a\.npz: declares 4\d* bytes unpacked"):
        read_npz(tmp_path / "a.npz")
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_npz_that_lies_about_its_size(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, features=np.ones(1000, np.float32))
    content = path.read_bytes()
    size = struct.pack("<I", 4000 + 128)
    assert size in content
    path.write_bytes(content.replace(size, struct.pack("<I", 2_000_000_000)))
    with pytest.raises(ValueError, match=r"a\.npz: "):
        read_npz(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_npz_packed_as_numpy_never_does(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as archive:
        archive.writestr("features.npy", npy("(50000,)", bytes(200_000)))
    with pytest.raises(ValueError, match=r"a\.npz: .*(numpy does not use|declares)"):
        read_npz(tmp_path / "a.npz")


def test_arrays_come_back_writable(tmp_path):
    files(tmp_path)
    arrays = [read_npy(tmp_path / "a.npy"), read_npz(tmp_path / "a.npz")["features"]]
    arrays.append(read_pickle(tmp_path / "a.pkl")["features"])
    for array in arrays:
        assert np.array_equal(array, ARRAY)
        array[0, 0] = 7


def test_json(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json(path) == {"a": 1}
    for content in ("[" * 200_000, '{"a":' * 200_000, "{", "", "nan", "9" * 10_000):
        path.write_text(content)
        with pytest.raises(ValueError, match=r"a\.json: .*; get the file again"):
            read_json(path)


def test_halves_of_characters(tmp_path):
    path = write(tmp_path / "a.json", b'{"\\ud83d\\ude00": ["\\ud83d", "a"]}')
    assert read_json(path) == {"\U0001f600": ["\ufffd", "a"]}
    for protocol in range(6):
        assert pickled(tmp_path, pickle.dumps("é\ud83d", protocol))[:2] == "é\ufffd"


@pytest.mark.parametrize(
    ("content", "reason"),
    [("ä,b".encode("latin-1"), "UTF-8"), (b"\xff\xfea", "UTF-16"), (b"a\0b", "zero")],
)
def test_text_in_another_encoding(tmp_path, content, reason):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    for reader in (read_text, read_csv, read_json):
        with pytest.raises(ValueError, match=rf"a\.csv: .*{reason}"):
            reader(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_byte_order_marks_are_honoured(tmp_path, encoding):
    (tmp_path / "a.csv").write_text("crème,b\n", encoding=encoding)
    assert read_text(tmp_path / "a.csv") == "crème,b\n"
    assert read_lines(tmp_path / "a.csv") == ("crème,b\n", [])


def test_a_line_that_is_no_text_costs_itself(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"a\r\nb\0\rc\n\n\xe9\nd\ne\n")
    text, broken = read_lines(path)
    assert text == "a\r\n\rc\n\n\nd\ne\n"
    assert [line for line, _ in broken] == [2, 5]
    for content in (b"\xe9\na\nb\nc\n", b"a\n\xe9\n"):  # the header; half of the lines
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.csv: byte \d is not UTF-8"):
            read_lines(path)


def test_csv(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfvideo,text\nNA,x\n")
    assert read_csv(path, keep_default_na=False).to_dict("list") == {"video": ["NA"], "text": ["x"]}
    for content in ("", "a,b\n1,2,3,4\n1\n1,2,3,4,5,6", 'a,"b\nc'):
        path.write_text(content)
        with pytest.raises(ValueError, match=r"a\.csv: is no table"):
            read_csv(path, quoting=0)


@pytest.mark.parametrize(
    "reader", [read_text, read_json, read_csv, read_pickle, read_npy, read_npz]
)
def test_missing_files_and_folders_are_os_errors(tmp_path, reader):
    with pytest.raises(FileNotFoundError):
        reader(tmp_path / "none")
    with pytest.raises(OSError, match="directory"):
        reader(tmp_path)


def test_no_module_is_imported_for_a_pickle(tmp_path):
    before = set(sys.modules)
    with pytest.raises(ValueError, match=r"antigravity\.fly"):
        pickled(tmp_path, b"cantigravity\nfly\n.")
    assert "antigravity" not in set(sys.modules) - before


def test_only_the_wanted_array_of_an_npz_is_unpacked(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=np.zeros(20_000_000, np.float32), y=np.arange(3))
    assert read_npz(path, "y")["y"].tolist() == [0, 1, 2]
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"a\.npz: declares 80000280 bytes in \d+;"):
        read_npz(path)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
    with pytest.raises(ValueError, match=r"a\.npz: has no array 'z', found x, y"):
        read_npz(path, "z")


def test_an_array_of_an_npz_is_held_once(tmp_path):
    values = np.random.default_rng(0).normal(size=(3, 1_000_000))
    np.savez_compressed(tmp_path / "a.npz", x=values, f=np.asfortranarray(values[:, :9]))
    tracemalloc.start()
    found = read_npz(tmp_path / "a.npz", "x")["x"]
    assert tracemalloc.get_traced_memory()[1] < 1.3 * values.nbytes
    tracemalloc.stop()
    np.testing.assert_array_equal(found, values)
    np.testing.assert_array_equal(read_npz(tmp_path / "a.npz")["f"], values[:, :9])


def test_dictionaries_of_the_standard_library_are_plain_ones(tmp_path):
    lists = collections.defaultdict(list, a=[1])
    counts = collections.Counter("hello")
    ordered = collections.OrderedDict(b=2)
    path = tmp_path / "a.pickle"
    path.write_bytes(pickle.dumps([lists, counts, ordered]))
    assert read_pickle(path) == [dict(lists), dict(counts), dict(ordered)]
    assert {type(value) for value in read_pickle(path)} == {dict}
    path.write_bytes(b"\x80\x04cbuiltins\nlist\n)R.")
    with pytest.raises(ValueError, match="only as what a defaultdict makes"):
        read_pickle(path)
