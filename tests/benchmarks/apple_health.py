"""Records per CPU-second and peak memory of reading one Apple Health export, against other readers of it. By hand:

    python tests/benchmarks/apple_health.py --records 1000000 --peers VENV/bin/python

where VENV holds healthkit-to-sqlite, apple-health-parser and vitalog. Each reader runs once, alone, in a process of its
own, on the same file; CPU time is the user and system time of the process and its children, less that of its imports.
The peers write a database or data frames, for they have no other way to give typed values. "homebody" reads to
SampleBatch; "homebody, stored" is the product's own way: a locked worker, the encrypted store on disk, and rollups of
every day, its memory the worker's and the writer's peaks together. "iterparse" is the standard library's parser, which
only counts. --repeat N takes the least CPU time of N rounds, all readers in turn, where other programs disturb the
machine. --growth N reads a second export of N records the product's way, to show that memory stays.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

from agent.demo.health_zip import Layout, Wearer, write_export

_RECORDS_A_DAY = 108  # beside heart rates
_START = """
import os, sys
path, folder = sys.argv[1:]
more = 0
def cpu():
    return sum(os.times()[:4])
"""
# On Linux, ru_maxrss would count the parent's memory from before exec.
_END = """
spent = cpu() - begun
if sys.platform == "linux":
    peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
else:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
print(count, spent, peak + more, sep="\\t")
"""
_BEGIN = "begun = cpu()\n"

OURS = {
    "homebody": f"""
from pathlib import Path
from indexers.health.apple import AppleHealth
from indexers.record import SampleBatch
{_BEGIN}
source = AppleHealth(name="health", path=Path(path), options={{}})
records = (record for item in source.scan() for record in source.read(item))
count = sum(len(record.start) for record in records if isinstance(record, SampleBatch) and record.measure[:2] == "HK")
""",
    "homebody, stored": f"""
from pathlib import Path
from zoneinfo import ZoneInfo
from agent.config import SourceConfig
from agent.ingest.run import Workshop, run
from agent.ingest.workers.worker import Worker
from agent.metrics.engine import Metrics
from agent.store.keys import KeyRing
from agent.store.store import Store

class Watched(Worker):
    def close(self):
        global more
        if self.pid and sys.platform == "linux":
            status = Path(f"/proc/{{self.pid}}/status").read_text().splitlines()
            more = max([more, *(int(line.split()[1]) for line in status if line.startswith("VmHWM"))])
        super().close()

{_BEGIN}
key = KeyRing.create(Path(folder) / "keys.json").compartment("life")
store = Store.open(Path(folder) / "life.db", key, create=True)
config = SourceConfig(name="health", kind="apple-health", path=Path(path))
zone = ZoneInfo("Europe/Berlin")
shop = Workshop(store=store, model="none", count=lambda text: len(text) // 4, zone=zone, worker=Watched)
report = run(config, shop, progress=lambda _: None)
assert not report.problem, report.problem
read = cpu() - begun
with store.writing():
    months = Metrics(store.samples, zone=zone).refresh()
tables = store.database.rows
count = tables("SELECT sum(n) FROM sample_block WHERE measure LIKE 'HK%'")[0][0]
days = tables("SELECT count(*) FROM rollup_day")[0][0]
size = sum(file.stat().st_size for file in Path(folder).iterdir()) >> 20
print(f"    of it reading and storing {{read:.1f}} s; {{months}} months, {{days}} day rollups, {{size}} MB", file=sys.stderr)
""",
    "iterparse": f"""
import zipfile
from xml.etree import ElementTree
{_BEGIN}
count = 0
with zipfile.ZipFile(path).open("apple_health_export/export.xml") as xml:
    for _, element in ElementTree.iterparse(xml):
        count += element.tag == "Record"
        element.clear()
""",
}
PEERS = {
    "vitalog": f"""
import pathlib
from vitalog.db import connect, init_schema
from vitalog.etl.apple import load_apple_health
{_BEGIN}
with connect(pathlib.Path(folder) / "vitalog.duckdb") as db:
    init_schema(db)
    load_apple_health(pathlib.Path(path), db)
    tables = [row[0] for row in db.execute("select table_name from information_schema.tables").fetchall()]
    (table,) = [name for name in tables if "record" in name]
    count = db.execute(f"select count(*) from {{table}}").fetchone()[0]
""",
    "healthkit-to-sqlite": f"""
import os, sqlite3
from healthkit_to_sqlite.cli import cli
{_BEGIN}
database = os.path.join(folder, "healthkit.db")
cli([path, database, "-s"], standalone_mode=False)
with sqlite3.connect(database) as db:
    names = [row[0] for row in db.execute("select name from sqlite_master where type = 'table' and name like 'r%'")]
    count = sum(db.execute(f"select count(*) from [{{name}}]").fetchone()[0] for name in names)
""",
    # It cannot read sleep without metadata (the phone's), so sleep is left out for it.
    "apple-health-parser": f"""
import os
from apple_health_parser.utils.parser import Parser
{_BEGIN}
parser = Parser(path, output_dir=os.path.join(folder, "parsed"), overwrite=True)
flags = [flag for flag in parser.flags if "Sleep" not in flag]
count = sum(len(parser.get_flag_records(flag).records) for flag in flags)
""",
}


def measure(python: str, code: str, archive: Path) -> tuple[int, float, float] | None:
    """Records, CPU seconds and peak MB of one reader in its own process; None where it failed."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        program = [python, "-c", _START + code + _END, str(archive), folder]
        place = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": os.environ["PATH"], "HOME": folder}
        actions = [(os.POSIX_SPAWN_OPEN, 1, str(out), os.O_CREAT | os.O_WRONLY, 0o600)]
        child = os.posix_spawn(
            python, program, place if python == sys.executable else place | {"PYTHONPATH": ""}, file_actions=actions
        )
        _, status, _ = os.wait4(child, 0)
        if status:
            return None
        count, seconds, peak = out.read_text().splitlines()[-1].split("\t")
        return int(count), float(seconds), float(peak) / 1024


def export(archive: Path, records: int) -> None:
    """Write an export of about so many records, and say what it holds."""
    years = max(records // 100_000, 1)
    last = date(2024, 12, 31)
    first = last - timedelta(days=365 * years)
    layout = Layout(heart_rates=max(records // (365 * years) - _RECORDS_A_DAY, 1), level=1, papers=False)
    written = write_export(archive, wearer=Wearer(), seed=1, first=first, last=last, layout=layout)["Record"]
    print(f"{written} records, {years} years, {archive.stat().st_size >> 20} MB packed", flush=True)


def tell(name: str, found: tuple[int, float, float] | None) -> None:
    """One line for one reader."""
    if found is None:
        print(f"{name:20} failed", flush=True)
        return
    count, seconds, peak = found
    rate = count / seconds
    print(f"{name:20} {count:9} records {seconds:7.1f} CPU s {rate:9.0f} records/s {peak:6.0f} MB", flush=True)


def main() -> None:
    """Write the export, run every reader on it and print one line each."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--records", type=int, default=200_000)
    options.add_argument("--peers", default="", help="the Python of an environment that holds the peers")
    options.add_argument("--only", nargs="*", default=[*OURS, *PEERS])
    options.add_argument("--repeat", type=int, default=1, help="rounds, of which the least CPU time counts")
    options.add_argument("--growth", type=int, default=0, help="records of a second export, for memory")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "export.zip"
        export(archive, given.records)
        readers = {name: (sys.executable, code) for name, code in OURS.items()}
        readers |= {name: (given.peers, code) for name, code in PEERS.items() if given.peers}
        best: dict[str, tuple[int, float, float] | None] = {}
        for _ in range(given.repeat):
            for name, (python, code) in readers.items():
                if name in given.only:
                    found = measure(python, code, archive)
                    known = best.get(name)
                    best[name] = found if known is None or (found and found[1] < known[1]) else known
        for name, found in best.items():
            tell(name, found)
        if given.growth:
            export(archive, given.growth)
            tell("homebody, stored", measure(sys.executable, OURS["homebody, stored"], archive))


if __name__ == "__main__":
    main()
