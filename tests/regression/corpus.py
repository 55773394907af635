"""PostgreSQL's own regression tests: where they come from, and which of them leave something behind that can be dumped."""

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pinned
import place

# The source packages of pglast hold the tests of the major that they parse. Versions, and their SHA-256.
PACKAGES = {
    "15": ("5.10", "e890582fbc18f01b00bc1724f17fff1396cc94d24ab37fba96aacc8fe742ed68"),
    "16": ("6.17", "37d2fa080f22a73fb575c2655b6e28f1e3a084cf0466f96b15d227b4cfffc45e"),
    "17": ("7.22", "d7ee5b5161cf31913a06fdab8615e9e02144761761c481002789f968b446d653"),
    "18": ("8.8", "ff9998ec6bac4f30f84db6b6edb28a0fb03b1eda5c8ad211ab8362f5a08b833b"),
}
# Older majors run the oldest set: what they do not know fails, and is left out.
OLDEST = "15"
INSIDE = "libpg_query/test/sql/postgres_regress"

# In an order in which each finds what it needs. Tests that drop all that they make are left out, and one that wants a folder.
FILES = """
test_setup char varchar bit numeric enum rangetypes point line box path polygon circle date time timetz timestamp timestamptz
inet multirangetypes xid float4 float8 lseg money copy copyselect insert create_misc create_operator create_procedure
create_table create_type create_index create_index_spgist create_view index_including create_aggregate create_function_sql
create_cast constraints triggers inherit typed_table create_am select_into select_distinct union aggregates transactions
random portals arrays btree_index hash_index brin gin gist spgist init_privs security_label matview lock replica_identity
rowsecurity object_address tablesample groupingsets identity generated generated_stored generated_virtual brin_bloom
brin_multi create_table_like alter_generic alter_operator misc merge misc_functions tsrf collate.utf8 collate.icu.utf8
incremental_sort without_overlaps rules stats_ext publication subscription select_views foreign_key tsearch tsdicts
foreign_data window xmlmap functional_deps equivclass json jsonb sqljson sqljson_queryfuncs sqljson_jsontable limit plpgsql
copy2 temp domain rangefuncs prepare conversion truncate alter_table sequence polymorphism rowtypes returning largeobject with
xml partition_merge partition_split partition_join partition_prune reloptions hash_part indexing partition_aggregate
compression memoize event_trigger fast_default cluster
""".split()

# Lines that servers older than the tests take badly: two crash them, one makes a rule that no server would make again.
LEFT_OUT = re.compile(rb'::sqljson_mystr|VARIADIC NULL::int\[\]|RENAME TO "_RETURN"')


def folder(major: str, say) -> Path:
    """The tests of a major, fetched once."""
    version, digest = PACKAGES[max(major, OLDEST)]
    kept = place.local_dir() / "regression" / version
    if kept.is_dir():
        return kept
    say(f"fetching pglast {version}, for its tests")
    packages = kept.parent / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    wanted = packages / f"{version}.txt"
    wanted.write_text(f"pglast=={version} --hash=sha256:{digest}\n")
    # pip asks a source package for its metadata, which takes setuptools.
    python = pinned.venv("regression", say) / "bin/python"
    pinned.run([str(python), "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps",
                "--no-binary", ":all:", "--no-build-isolation", "--require-hashes", "-d", str(packages), "-r", str(wanted)])
    archive = packages / f"pglast-{version}.tar.gz"
    if hashlib.sha256(archive.read_bytes()).hexdigest() != digest:
        raise pinned.InstallFailed(f"{archive.name} is not the pinned one")
    draft = kept.with_name(f".{version}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    with tarfile.open(archive) as members:
        for member in members:
            path = Path(member.name)
            if member.isfile() and path.suffix == ".sql" and path.parts[1:-1] == tuple(INSIDE.split("/")):
                (draft / path.name).write_bytes(members.extractfile(member).read())
    draft.rename(kept)
    shutil.rmtree(packages)
    return kept


def scripts(tests: Path) -> list:
    """Names and texts of the tests to run, in their order."""
    found = [(name, tests / f"{name}.sql") for name in FILES]
    return [(name, without_left_out(file.read_bytes())) for name, file in found if file.is_file()]


def without_left_out(text: bytes) -> bytes:
    return b"\n".join(line for line in text.split(b"\n") if not LEFT_OUT.search(line))


def library(major: str, into: Path) -> Path:
    """Builds what the tests load as `regress.so`."""
    into.mkdir(parents=True, exist_ok=True)
    source = Path(__file__).with_name("stub.c")
    pinned.run(["cc", "-O1", "-shared", "-fPIC", f"-DMAJOR={major}", "-o", str(into / "regress.so"), str(source)])
    return into
