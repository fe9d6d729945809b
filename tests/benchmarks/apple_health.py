"""Records per CPU-second and peak memory of reading one Apple Health export, against other readers of it. By hand:

    python tests/benchmarks/apple_health.py --records 1000000 --peers VENV/bin/python

where VENV holds healthkit-to-sqlite, apple-health-parser and vitalog. Each reader runs once, alone, in a process of its
own, on the same file; CPU time is the process's user and system time less that of its imports. The peers write
a database or data frames, for they have no other way to give typed values; homebody reads to SampleBatch. The line
"iterparse" is the standard library's parser, which only counts.
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
_START = "import sys, time\npath, folder = sys.argv[1:]\n"
# On Linux, ru_maxrss would count the parent's memory from before exec.
_END = """
spent = time.process_time() - begun
if sys.platform == "linux":
    peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
else:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
print(count, spent, peak, sep="\\t")
"""
_BEGIN = "begun = time.process_time()\n"

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


def main() -> None:
    """Write the export, run every reader on it and print one line each."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--records", type=int, default=200_000)
    options.add_argument("--peers", default="", help="the Python of an environment that holds the peers")
    options.add_argument("--only", nargs="*", default=[*OURS, *PEERS])
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "export.zip"
        years = max(given.records // 100_000, 1)
        last = date(2024, 12, 31)
        first = last - timedelta(days=365 * years)
        layout = Layout(heart_rates=max(given.records // (365 * years) - _RECORDS_A_DAY, 1), level=1, papers=False)
        written = write_export(archive, wearer=Wearer(), seed=1, first=first, last=last, layout=layout)["Record"]
        print(f"{written} records, {years} years, {archive.stat().st_size >> 20} MB packed", flush=True)
        readers = {name: (sys.executable, code) for name, code in OURS.items()}
        readers |= {name: (given.peers, code) for name, code in PEERS.items() if given.peers}
        for name, (python, code) in readers.items():
            if name not in given.only:
                continue
            found = measure(python, code, archive)
            if found is None:
                print(f"{name:20} failed", flush=True)
                continue
            count, seconds, peak = found
            print(
                f"{name:20} {count:9} records {seconds:7.1f} CPU s {count / seconds:9.0f} records/s {peak:6.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
