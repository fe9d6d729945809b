"""Which names of a folder are documents, which are noise, and which are secrets. Pure."""

from __future__ import annotations

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Set
from dataclasses import dataclass

from pathspec import GitIgnoreSpec

from indexers.source import Options

_BUNDLES = (
    ".app .appex .aplibrary .band .bundle .fcpbundle .framework .imovielibrary .kext .logicx .lrdata "
    ".musiclibrary .photolibrary .photoslibrary .plugin .sparsebundle .theater .tvlibrary .xcassets "
    ".xcodeproj .xcworkspace"
).split()
_BUILT = frozenset(
    ".git .hg .svn .gradle .mypy_cache .next .nox .nuxt .pytest_cache .ruff_cache .terraform .tox .venv "
    "__MACOSX __pycache__ bower_components node_modules site-packages DerivedData".split()
)
_BUILT_IN_PROJECT = frozenset("build dist out target venv env vendor Pods".split())
_PROJECT = frozenset(
    "build.gradle build.gradle.kts build.sbt Cargo.toml CMakeLists.txt composer.json go.mod Gemfile "
    "Makefile meson.build package.json Podfile pom.xml pyproject.toml setup.cfg setup.py .git".split()
)
_CACHE_TAG = "CACHEDIR.TAG"
_NOISE = frozenset((".DS_Store", "Thumbs.db", "ehthumbs.db", "desktop.ini", "Icon\r", ".localized", ".gitignore"))
_NOISE_STARTS = ("~$", ".~lock.", "._", ".~")
_NOISE_ENDS = (".crdownload", ".download", ".opdownload", ".part", ".partial", ".swp", ".icloud", "~")

_SECRET_NAMES = frozenset(
    ".env .envrc .git-credentials .htpasswd .my.cnf .netrc .npmrc .pgpass .pypirc .s3cfg _netrc id_dsa id_ecdsa "
    "id_ecdsa_sk id_ed25519 id_ed25519_sk id_rsa key3.db key4.db logins.json wallet.dat".split()
)
_SECRET_ENDS = (
    ".1pif .1pux .agilekeychain .env .jks .kdb .kdbx .keychain .keychain-db .keystore .opvault .p12 .p8 .pem "
    ".pfx .ppk .psafe3 .pkcs12"
).split()
_NOT_SECRET_ENV = (".example", ".sample", ".template", ".dist")

_KEY_BLOCK = re.compile(rb"^\s{0,3}-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----\s*$", re.MULTILINE)
_KEY_LINE = re.compile(
    rb"^\s*(?:AGE-SECRET-KEY-1[A-Z0-9]{50}|aws_secret_access_key\s*=\s*[\w/+]{30}|client-key-data:\s*[\w/+=]{60})",
    re.MULTILINE,
)
_KEY_STARTS = (b"PuTTY-User-Key-File-", b"\x03\xd9\xa2\x9a", b"openssh-key-v1\x00", b"\xfe\xed\xfe\xed")
_VAULT = re.compile(r'"type"\s*:\s*"password"')
_PASSWORD_COLUMNS = frozenset(
    ("password", "login_password", "passwort", "mot de passe", "contraseña", "wachtwoord", "senha")
)
_LOGIN_COLUMNS = frozenset(
    "url login_uri username login_username user login website web_site login_name otpauth totp httprealm 1site".split()
)
_HEAD = 4096
_KEYS_WITHIN = 1 << 16
"""Configurations of tunnels hold their certificates first and then the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The owner's wishes: files that `include` matches (all if None), none that `exclude` matches, hidden or not."""

    include: GitIgnoreSpec | None = None
    exclude: GitIgnoreSpec | None = None
    hidden: bool = False

    @classmethod
    def of(cls, options: Options) -> Rules:
        """Read `include`, `exclude` (patterns as in .gitignore) and `hidden`. Raises ValueError with the remedy."""
        unknown = sorted(set(options) - {"include", "exclude", "hidden"})
        if unknown:
            raise ValueError(f"documents know no option {unknown[0]!r}; there are: include, exclude, hidden.")
        hidden = options.get("hidden", False)
        if not isinstance(hidden, bool):
            raise ValueError("hidden is true or false.")
        return cls(include=_patterns(options, "include"), exclude=_patterns(options, "exclude"), hidden=hidden)

    def enters(self, name: str, siblings: Set[str]) -> bool:
        """Whether a folder of this name, among these siblings, may hold documents of the owner's own."""
        if name in _BUILT or name.lower().endswith(tuple(_BUNDLES)):
            return False
        if name in _BUILT_IN_PROJECT and not _PROJECT.isdisjoint(siblings):
            return False
        return self.hidden or not name.startswith(".")

    def shows(self, name: str) -> bool:
        """Whether a file of this name is worth an entry: a document, something unreadable, or a secret to report."""
        if name in _NOISE or name.startswith(_NOISE_STARTS) or name.lower().endswith(_NOISE_ENDS):
            return False
        return self.hidden or not name.startswith(".") or is_secret_name(name)

    def admits(self, path: str, *, folder: bool) -> bool:
        """Whether the owner's patterns let a path (relative to the root, parted by "/") through."""
        if self.exclude is not None and self.exclude.check_file(path + "/" if folder else path).include:
            return False
        return folder or self.include is None or bool(self.include.check_file(path).include)


def is_cache(names: Set[str]) -> bool:
    """Whether a folder with these names in it calls itself a cache (bford.info/cachedir)."""
    return _CACHE_TAG in names


def is_secret_name(name: str) -> bool:
    """Whether a file's name alone says that it holds keys or passwords."""
    folded = name.lower()
    if folded in _SECRET_NAMES or folded.endswith(tuple(_SECRET_ENDS)):
        return True
    return folded.startswith(".env.") and not folded.endswith(_NOT_SECRET_ENV)


def is_secret(data: bytes) -> bool:
    """Whether the first bytes are those of a private key, a password database or a password manager's export."""
    head = data[:_HEAD]
    within = data[:_KEYS_WITHIN]
    if within.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):  # keys are ASCII, whatever an editor saved them as
        within = within[2:].replace(b"\0", b"")
    if head.startswith(_KEY_STARTS) or _KEY_BLOCK.search(within) or _KEY_LINE.search(within):
        return True
    text = head.decode("utf-8-sig", "replace").lstrip()
    if text.startswith("{"):
        return ('"login"' in text and '"password"' in text and '"encrypted"' in text) or bool(_VAULT.search(text))
    if text.startswith("<"):
        return "<KeePassFile" in text
    columns = {cell.strip().strip('"').casefold() for cell in re.split("[,;\t]", text.partition("\n")[0])}
    return not _PASSWORD_COLUMNS.isdisjoint(columns) and not _LOGIN_COLUMNS.isdisjoint(columns)


def ignore_file(lines: Iterable[str]) -> GitIgnoreSpec:
    """The patterns of a .gitignore; lines that git would not understand are left out, as git does."""
    good = []
    for line in lines:
        try:
            GitIgnoreSpec.from_lines([line])
        except ValueError:
            continue
        good.append(line)
    return GitIgnoreSpec.from_lines(good)


def _patterns(options: Options, key: str) -> GitIgnoreSpec | None:
    given = options.get(key)
    if given is None:
        return None
    if not isinstance(given, list | tuple) or not all(isinstance(line, str) for line in given):
        raise ValueError(f'{key} is a list of patterns as in .gitignore, such as ["*.pdf", "/Letters/"].')
    try:
        return GitIgnoreSpec.from_lines(given)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error
