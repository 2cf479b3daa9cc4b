import gzip
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arch.errors import InputError
from workloads.transformer import Request, decoding, load_model
from workloads.transformer.carried_requests import azure_like
from workloads.transformer.catalogue import FOLDER
from workloads.transformer.request_trace import read_trace

HEAD = "TIMESTAMP,ContextTokens,GeneratedTokens"
MODEL = load_model("gpt3_xl")
THREE = (
    f"{HEAD}\r\n2023-11-16 23:59:59.9799600,800,10\r\n2023-11-17 00:00:00.0319600,180,8\r\n"
    "2023-11-17 00:00:01,1,1"
)
REQUESTS = (
    Request(Fraction(0), 800, 10),
    Request(Fraction("0.052"), 180, 8),
    Request(Fraction("1.02004"), 1, 1),
)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace.csv"
    path.write_text(THREE)
    return path


def test_arrivals_are_exact_and_count_from_the_first(trace: Path) -> None:
    assert read_trace(str(trace), MODEL) == REQUESTS


def test_some_of_the_requests(trace: Path) -> None:
    assert read_trace(str(trace), MODEL, requests=2) == REQUESTS[:2]
    second = Request(Fraction(0), 180, 8)
    assert read_trace(str(trace), MODEL, skip=1, requests=1) == (second,)
    assert read_trace(str(trace), MODEL, skip=1)[0] == second
    for skip, requests in ((0, 4), (2, 2), (3, None), (9, 1)):
        with pytest.raises(InputError, match="the trace has 3 requests"):
            read_trace(str(trace), MODEL, skip=skip, requests=requests)


def test_compressed_and_with_other_columns(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv.gz"
    text = "user,GeneratedTokens,TIMESTAMP,ContextTokens\n\n"
    text += "7, 3 ,2024-05-10 00:00:00.5+00:00,9\n8,4,2024-05-10T02:30:01+02:30,5\n"
    path.write_bytes(gzip.compress(text.encode()))
    assert read_trace(str(path), MODEL) == (Request(Fraction(0), 9, 3), Request(Fraction(1, 2), 5, 4))


def test_requests_beyond_the_context(trace: Path) -> None:
    small = load_model("gpt_tiny")
    with pytest.raises(InputError) as error:
        read_trace(str(trace), small)
    assert (error.value.file, error.value.line, error.value.field) == (str(trace), 2, "ContextTokens")
    assert "800 prompt tokens and 10 to generate take 809 steps" in str(error.value)
    assert "the context of gpt_tiny is 64" in str(error.value)
    cut = read_trace(str(trace), small, truncate=True)
    assert [(r.prompt, r.tokens, r.steps) for r in cut] == [(55, 10, 64), (57, 8, 64), (1, 1, 1)]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("2023-11-17 00:00:01,0,1", "ContextTokens"),
        ("2023-11-17 00:00:01,5,0", "GeneratedTokens"),
        ("2023-11-17 00:00:01,5,1.5", "GeneratedTokens"),
        ("2023-11-17 00:00:01,,1", "ContextTokens"),
        ("2023-11-17 00:00:01,5000000000,1", "ContextTokens"),
        ("2023-11-17 00:00:01,-5,1", "ContextTokens"),
        ("2023-02-30 00:00:01,5,1", "TIMESTAMP"),
        ("2023-11-17 24:00:01,5,1", "TIMESTAMP"),
        ("2023-11-17 00:60:01,5,1", "TIMESTAMP"),
        ("17.11.2023 00:00:01,5,1", "TIMESTAMP"),
        ("2023-11-17 00:00:01.0123456789,5,1", "TIMESTAMP"),
        ("\N{ARABIC-INDIC DIGIT TWO}023-11-17 00:00:01,5,1", "TIMESTAMP"),
        (",5,1", "TIMESTAMP"),
        ("2923-11-17 00:00:01,5,1", "TIMESTAMP"),  # a billion seconds later, and most of another
        ("2023-11-16 00:00:01,5,1", "TIMESTAMP"),  # earlier than the line before
        ("2023-11-17 00:00:01,5", None),
        ("nonsense", None),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: str, field: str | None) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(f"{THREE}\n\n{line}\n", encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_trace(str(path), MODEL)
    assert (error.value.file, error.value.line, error.value.field) == (str(path), 6, field)
    # What lies behind the requests that are taken is not looked at.
    assert read_trace(str(path), MODEL, requests=3) == REQUESTS


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("0x12 READ 30\n", "TIMESTAMP"),
        ("TIMESTAMP,ContextTokens\n", "GeneratedTokens"),
        (f"{HEAD},TIMESTAMP\n", "TIMESTAMP"),
        ("\n\n", "TIMESTAMP"),
    ],
)
def test_a_header_that_is_none(tmp_path: Path, text: str, field: str) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_trace(str(path), MODEL)
    assert (error.value.line, error.value.field) == (1, field)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.csv", ""):
        with pytest.raises(InputError):
            read_trace(str(path), MODEL)
    only_header = tmp_path / "empty.csv"
    only_header.write_text(HEAD)
    with pytest.raises(InputError, match="the trace has 0 requests"):
        read_trace(str(only_header), MODEL)


@settings(max_examples=500)
@given(st.data())
def test_a_damaged_trace_never_ends_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.csv"
    raw = THREE.encode()
    for _ in range(data.draw(st.integers(1, 3))):
        at, cut = data.draw(st.integers(0, len(raw))), data.draw(st.integers(0, 3))
        piece = data.draw(st.binary(max_size=3) | st.sampled_from([b",", b"\n", b"9", b"-"]))
        raw = raw[:at] + piece + raw[at + cut :]
    path.write_bytes(raw)
    try:
        requests = read_trace(str(path), MODEL)
    except InputError as error:
        assert error.file == str(path)
        assert "\n" not in str(error)
    else:
        assert all(request.steps <= MODEL.context for request in requests)
        assert requests[0].arrival == 0


def test_the_carried_trace_is_what_its_script_makes() -> None:
    assert (FOLDER / "azure_like.csv").read_bytes() == azure_like()
    run = decoding("gpt3_xl", {"trace": "azure_like"})
    assert len(run.requests) == 200
    assert 25 < run.requests[-1].arrival < 40
    assert run.requests[:2] == (
        Request(Fraction(0), 123, 50),
        Request(Fraction("0.1553067"), 14, 2),
    )


def test_the_public_trace(shared_data: Path) -> None:
    path = shared_data / "azure_llm" / "AzureLLMInferenceTrace_code.csv"
    if not path.is_file():
        pytest.skip("needs azure_llm in shared/data beside the checkout")
    run = decoding("llama3_8b", {"trace": str(path), "truncate": True})
    assert len(run.requests) == 8819  # as its README says
    assert run.requests[1] == Request(Fraction("0.052"), 3180, 8)
    with pytest.raises(InputError, match=r"code\.csv:2: ContextTokens: 4808 prompt tokens and 10"):
        decoding("llama2_7b", {"trace": str(path)})
    assert decoding("llama2_7b", {"trace": str(path), "skip": 1, "requests": 1}).steps == 3187
