"""The real Whisper engine with weights of no meaning: that it runs under the worker's lock and limits, in time and place.

What a trained model would hear cannot be tested here: no package brings one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from importlib.util import find_spec
from pathlib import Path
from random import Random

import pytest

pytestmark = pytest.mark.skipif(
    find_spec("faster_whisper") is None, reason="no engine for speech here: install faster-whisper"
)

_LANGUAGES = ("en", "de", "zh")
_TIMES = tuple(f"<|{n * 0.02:.2f}|>" for n in range(1_501))
_SPECIAL = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{language}|>" for language in _LANGUAGES),
    *("<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"),
    *_TIMES,
)

MAKE = """
import json, sys
from pathlib import Path
import torch
from ctranslate2.converters.transformers import WhisperLoader
from ctranslate2.specs.whisper_spec import WhisperSpec
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import WhisperConfig, WhisperForConditionalGeneration
folder, special, languages = Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])
letters = sorted(pre_tokenizers.ByteLevel.alphabet())
tokenizer = Tokenizer(models.BPE(vocab={letter: n for n, letter in enumerate(letters)}, merges=[]))
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
tokenizer.add_special_tokens([AddedToken(sign, special=True) for sign in special])
tokenizer.save(str(folder / "tokenizer.json"))
end, start = map(tokenizer.token_to_id, ("<|endoftext|>", "<|startoftranscript|>"))
torch.manual_seed(5)
size = dict(d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2)
model = WhisperForConditionalGeneration(WhisperConfig(
    vocab_size=tokenizer.get_vocab_size(), encoder_ffn_dim=64, decoder_ffn_dim=64, pad_token_id=end, bos_token_id=end,
    eos_token_id=end, decoder_start_token_id=start, suppress_tokens=None, begin_suppress_tokens=None, **size,
)).eval()
spec, loader = WhisperSpec(1, 2, 1, 2), WhisperLoader()
loader.set_encoder(spec.encoder, model.model.encoder)
loader.set_decoder(spec.decoder, model.model.decoder)
loader.set_linear(spec.decoder.projection, model.proj_out)
spec.register_vocabulary(sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get))
spec.config.suppress_ids, spec.config.suppress_ids_begin = [], []
spec.config.lang_ids = [tokenizer.token_to_id(f"<|{language}|>") for language in languages]
spec.config.alignment_heads = [(0, 0)]
spec.validate()
spec.optimize(quantization="int8")
spec.save(str(folder))
"""

LOCKED = """
from agent import offline
offline.lock(worker=True)
import json, sys
from pathlib import Path
from agent.ingest import child
from indexers.record import Section
from indexers.recordings import Recordings
child._limit()
child._allow_cpu(0)
source = Recordings(name="notes", path=Path(sys.argv[1]), options={"model": sys.argv[2], "language": "en"})
for item in source.scan():
    for record in source.read(item):
        if isinstance(record, Section):
            told = {"id": record.id, "text": record.text, "spans": [(s.kind, s.label) for s in record.spans]}
        else:
            told = {"skipped": record.outcome, "why": record.why}
        print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Whisper model of one tiny layer with random weights, in the engine's own format."""
    folder = tmp_path_factory.mktemp("whisper")
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MAKE, folder, json.dumps(_SPECIAL), json.dumps(_LANGUAGES)],
        check=True,
        capture_output=True,
    )
    return folder


def test_the_engine_runs_under_the_lock_and_the_limits_of_a_worker(tmp_path: Path, model: Path) -> None:
    chance = Random(3)
    with wave.open(str(tmp_path / "a-noise.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(bytes(chance.choices(range(256), k=2 * 16_000 * 40)))
    whole = (tmp_path / "a-noise.wav").read_bytes()
    (tmp_path / "b-cut.wav").write_bytes(whole[:20])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-I", "-c", LOCKED, tmp_path, model],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    told = [json.loads(line) for line in done.stdout.splitlines()]
    tags, *rest = told
    assert tags["id"] == "tags"
    assert "Length: 0:40" in tags["text"]
    heard = [record for record in rest if str(record.get("id", "")).startswith("said.")]
    lost = [record for record in rest if "skipped" in record]
    assert heard or lost[0]["skipped"] == "empty", "what it hears is noise, yet it is placed in time or said to be none"
    assert all(kind == "time" for record in heard for kind, _ in record["spans"])
    assert lost[-1]["skipped"] == "malformed", "the cut file"
