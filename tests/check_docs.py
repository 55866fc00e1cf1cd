#!/usr/bin/env python3
"""The documentation is true: check_docs.py [--pictures] SOURCE BUILD WORK CC [PAGE...]

Each page is gone through from top to bottom, in a clean folder of its own that looks like the checkout, with an installed
tree for pkg-config. What its blocks say is done, in order:

    ```c        is compiled, with all warnings as errors, and run: its scenarios under some seeds, or the program itself
    ```sh       each command is executed as printed, and exits with 0
    ```console  each command after "$ " is executed; what follows it is what it prints. "..." stands for anything: on a
                line of its own for lines, within a line for characters. How long something took need not agree
    ```diff     is done to the file that <!-- change: NAME --> names, in which its old lines stand once
    ```yaml     is parsed, and what its jobs execute is executed, with the variables that the CI would have set
    ```text     is not looked at; other languages need a file name

Comments of HTML, which no reader sees, stand before a block and say what else is needed:

    <!-- file: NAME -->         the block is the content of that file, and nothing else is done with it
    <!-- before ... -->         code that stands before that of the next block; likewise <!-- after ... -->
    <!-- setup ... -->          commands that are executed first
    <!-- exit: 0 1 -->          the exit status of each command of the next block, instead of 0
    <!-- jobs ... -->           the jobs of the next block, in the order in which they run: `NAME: VARIABLE=VALUE...`
    <!-- of: TRACE -->          the picture that follows is of that trace; --pictures takes it, with a browser
    <!-- elsewhere: ... -->     the next block is not executed here, and where it is

Searches are cut short where nothing is compared: `--runs` is a few, and `--time` is one second.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

try:
    import yaml
except ImportError:
    yaml = None

from browser import Browser

OTHER_TESTS = {"docs/testing.md": "check_testing.sh"}
FLAGS = "-std=c11 -g -Wall -Wextra -Wstrict-prototypes -Werror -Iinclude"
LIBRARIES = "build/libquipu.a -lxxhash -lcjson -luv"
PICTURE = re.compile(r"!\[[^]]+\]\(([^)]+)\)")
TIMES = re.compile(r"\b\d+\.\d+ m?s\b(?! virtual)|\b\d+\.\d+ µs\b")
LONGEST_S = 120


class Untrue(Exception):
    pass


class Block:
    def __init__(self, page, line, language):
        self.page, self.line, self.language = page, line, language
        self.text, self.notes = "", {}

    def place(self):
        return f"{self.page}:{self.line}"


def read_blocks(page, text):
    """The blocks of a page, each with the comments since the one before it."""
    blocks, notes, block, comment = [], {}, None, None
    for number, line in enumerate(text.splitlines(), 1):
        if block is not None:
            if line.strip() == "```":
                blocks.append(block)
                block = None
            else:
                block.text += line + "\n"
        elif comment is not None:
            if line.strip() == "-->":
                notes[comment[0]] = comment[1]
                comment = None
            else:
                comment[1] += line + "\n"
        elif "of" in notes and (match := PICTURE.fullmatch(line)):
            blocks.append(Block(page, number, "picture"))
            blocks[-1].text, blocks[-1].notes, notes = match[1], notes, {}
        elif line.startswith("```"):
            block = Block(page, number + 1, line[3:].strip())
            block.notes, notes = notes, {}
        elif match := re.fullmatch(r"<!-- ([a-z]+)(?:: (.*))? -->", line):
            notes[match[1]] = match[2] or ""
        elif match := re.fullmatch(r"<!-- ([a-z]+)", line):
            comment = [match[1], ""]
    if block is not None or comment is not None:
        raise Untrue(f"{page}: a block or a comment does not end")
    return blocks


class Folder:
    """Where a page is executed: like the checkout, but what is written there stays there."""

    pictures = None  # where they go, if they are to be taken

    def __init__(self, source, build, path, compiler, tree):
        shutil.rmtree(path, ignore_errors=True)
        (path / "bin").mkdir(parents=True)
        for entry in source.iterdir():
            if not entry.name.startswith((".", "build")) and entry.name not in ("bin", "out", "quipu-out"):
                (path / entry.name).symlink_to(entry)
        (path / "build").symlink_to(build)
        for command in ("quipu", "quipu-broken"):
            (path / "bin" / command).symlink_to(build / command)
        (path / "bin" / "cc").write_text(f'#!/bin/sh\nexec {shutil.which(compiler)} "$@"\n')
        (path / "bin" / "cc").chmod(0o755)
        self.path = self.at = path
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("QUIPU_")}
        self.environment["PATH"] = f"{path}/bin:{self.environment['PATH']}"
        for pc in tree.glob("**/quipu.pc"):
            self.environment["PKG_CONFIG_PATH"] = str(pc.parent)
            self.environment["LD_LIBRARY_PATH"] = str(pc.parent.parent)

    def execute(self, command):
        """Its status and what it printed. A `cd` holds for what follows."""
        told = self.path / "bin" / ".at"
        script = f"{command}\nstatus=$?\npwd >'{told}'\nexit $status"
        with subprocess.Popen(["sh", "-c", script], cwd=self.at, env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True) as running:
            try:
                output, _ = running.communicate(timeout=LONGEST_S)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
                raise Untrue(f"`{command}` takes longer than {LONGEST_S} s") from None
        if told.exists():
            self.at = Path(told.read_text().strip())
        return running.returncode, output.decode(errors="replace")

    def demand(self, command, status=0):
        got, output = self.execute(command)
        if got != status:
            raise Untrue(f"`{command}` exits with {got} and not {status}:\n{output}")
        return output


def commands_of(text):
    """The commands of an sh block: one a line, but for those that go on."""
    whole = []
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            whole.append(line.strip())
    return whole


def cut_short(command):
    command = re.sub(r"--time \d+", "--time 1", command)
    command = re.sub(r"--runs \d{4,}", "--runs 640", command)
    if re.search(r"\bexplore (?!.*(--runs|--time|--help))", command) and not command.startswith("cc "):
        command = re.sub(r"\bexplore ", "explore --runs 20 ", command, count=1)
    return command


def transcript_of(text):
    """The commands of a console block, each with what it is said to print."""
    transcript = []
    for line in text.splitlines():
        if line.startswith("$ "):
            transcript.append((line[2:], []))
        elif transcript:
            transcript[-1][1].append(line)
        else:
            raise Untrue("a console block begins with a command, `$ ...`")
    return transcript


def agrees(said, printed):
    pattern = ""
    for line in said:
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
            continue
        parts = [re.escape(part) for part in TIMES.sub("#TIME#", line.rstrip()).split("...")]
        pattern += ".*?".join(parts) + "\n"
    printed = "".join(TIMES.sub("#TIME#", line.rstrip()) + "\n" for line in printed.splitlines())
    return re.fullmatch(pattern, printed) is not None


def statuses_of(block, count):
    given = [int(word) for word in block.notes.get("exit", "0").split()]
    if len(given) not in (1, count):
        raise Untrue(f"{count} commands, and {len(given)} exit statuses")
    return given * count if len(given) == 1 else given


def do_commands(folder, block):
    commands = commands_of(block.text)
    for command, status in zip(commands, statuses_of(block, len(commands))):
        folder.demand(cut_short(command), status)
    return len(commands)


def do_transcript(folder, block):
    transcript = transcript_of(block.text)
    for (command, said), status in zip(transcript, statuses_of(block, len(transcript))):
        printed = folder.demand(command, status)
        if not agrees(said, printed):
            raise Untrue(f"`{command}` prints\n{printed}\nand not\n" + "\n".join(said))
    return len(transcript)


def do_code(folder, block):
    """Compiles a block, and runs it if it is more than a fragment."""
    text = block.notes.get("before", "") + block.text + block.notes.get("after", "")
    if "#include <quipu/" not in text:
        text = "#include <quipu/quipu.h>\n" + text
    has_main = re.search(r"\bmain\(int|\bmain\(void|\bQP_MAIN\(", text)
    if not has_main:
        text += "\nint main(int argc, char **argv)\n{\n    return quipu_main(argc, argv);\n}\n"
    (folder.path / "block.c").write_text(text)
    folder.demand(f"cd {folder.path} && cc {FLAGS} block.c {LIBRARIES} -o block")
    if "QP_SCENARIO(" in text:
        folder.demand("./block run --all --seeds 0..19 --quiet")
    elif has_main:
        folder.demand("QUIPU_SEED=1 ./block")
        folder.demand("./block")
    return 1


def do_change(folder, block):
    """What a reader does who edits a file by hand."""
    if "change" not in block.notes:
        raise Untrue("a change of what?")
    path = folder.at / block.notes["change"]
    lines = [line or " " for line in block.text.splitlines()]
    old, new = ("".join(line[1:] + "\n" for line in lines if line[0] in signs) for signs in (" -", " +"))
    before = path.read_text()
    if before.count(old) != 1:
        raise Untrue(f"what it changes stands {before.count(old)} times in {path.name}")
    path.write_text(before.replace(old, new))
    return 1


def jobs_of(document):
    """The jobs of a file of GitHub's, Kubernetes' or GitLab's: what each executes."""
    if "kind" in document:
        containers = document["spec"]["template"]["spec"]["containers"]
        return {document["metadata"]["name"]: [argument for c in containers for argument in c["args"]]}
    if "jobs" in document:
        return {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in document["jobs"].items()}
    return {name: job["script"] for name, job in document.items() if isinstance(job, dict) and "script" in job}


def do_yaml(folder, block):
    if yaml is None:
        return 0
    try:
        jobs = jobs_of(yaml.safe_load(block.text))
    except (yaml.YAMLError, KeyError, TypeError) as wrong:
        raise Untrue(f"no file of jobs: {wrong!r}") from None
    done, left = 0, set(jobs)
    for name, variables in (line.split(":", 1) for line in block.notes.get("jobs", "").splitlines()):
        left.discard(name)
        if name not in jobs:
            raise Untrue(f"there is no job '{name}'")
        for script in jobs[name]:
            if "${{" in script:
                raise Untrue(f"the shell does not know what this is: {script}")
            folder.demand(f"( set -e\nexport NOTHING= {variables}\n{cut_short(script)}\n)")
            done += 1
    if left:
        raise Untrue(f"nothing says when {', '.join(sorted(left))} runs")
    return done


def do_picture(folder, block):
    folder.demand(f"quipu view {block.notes['of']} -o picture.html")
    if folder.pictures:
        with Browser(1100, 640) as browser:
            browser.open(folder.at / "picture.html")
            browser.picture(folder.pictures / block.text)
    return 1


def do_block(folder, block):
    """What it says. Returns how many things were done."""
    if "setup" in block.notes:
        folder.demand(block.notes["setup"])
    if "elsewhere" in block.notes:
        if not block.notes["elsewhere"]:
            raise Untrue("elsewhere, but not where")
        return 0
    if "file" in block.notes:
        (folder.at / block.notes["file"]).parent.mkdir(parents=True, exist_ok=True)
        (folder.at / block.notes["file"]).write_text(block.text)
        return 0
    if block.language == "text":
        return 0
    kinds = {"c": do_code, "sh": do_commands, "console": do_transcript, "diff": do_change, "yaml": do_yaml,
             "picture": do_picture}
    if block.language not in kinds:
        raise Untrue(f"a block of '{block.language}' needs <!-- file: NAME --> before it")
    return kinds[block.language](folder, block)


def anchors_of(text):
    """The names by which a page's headings are linked to."""
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def check_links(source, page, text):
    """Every link into the checkout leads to a file, and to a heading of it where it names one."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path = (source / page).parent / target if target else source / page
        if not path.exists():
            raise Untrue(f"links to {target}, which is not there")
        if anchor and anchor not in anchors_of(path.read_text()):
            raise Untrue(f"links to {target}#{anchor}: there is no such heading")


def check_index(source, text):
    """It leads to every page."""
    for page in source.glob("docs/*.md"):
        if page.name != "README.md" and f"({page.name})" not in text:
            raise Untrue(f"does not lead to {page.name}")


def check_page(source, build, work, compiler, page):
    text = (source / page).read_text()
    if not Folder.pictures:
        check_links(source, page, text)
    if page == "SPEC.md":
        return "links"
    if page == "docs/README.md":
        check_index(source, text)
    if page in OTHER_TESTS:
        if page not in (source / "tests" / OTHER_TESTS[page]).read_text():
            raise Untrue(f"tests/{OTHER_TESTS[page]} says nothing of it")
        return f"by tests/{OTHER_TESTS[page]}"
    folder = Folder(source, build, work / page.replace("/", "_"), compiler, work / "tree")
    done, elsewhere = 0, 0
    for block in read_blocks(page, text):
        try:
            done += do_block(folder, block)
        except Untrue as untrue:
            raise Untrue(f"{block.place()}: {untrue}") from None
        elsewhere += "elsewhere" in block.notes
    return f"{done} commands and programs" + (f", {elsewhere} blocks elsewhere" if elsewhere else "")


def self_test():
    """What would be untrue is found."""
    assert agrees(["a", "...", "d"], "a\nb\nc\nd\n") and agrees(["...", "d"], "d\n")
    assert not agrees(["a", "d"], "a\nb\nd\n") and not agrees(["a"], "a\nb\n")
    assert agrees(["took 0.3 s, x...z"], "took 12.1 s, xyz\n") and not agrees(["1 run"], "2 run\n")
    blocks = read_blocks("p", "<!-- exit: 1 -->\n```sh\nfalse\n```\n```c\nint x;\n```\n")
    assert [b.language for b in blocks] == ["sh", "c"] and blocks[0].notes == {"exit": "1"} and not blocks[1].notes
    assert anchors_of("# 7. The contracts, rule by rule\n") == {"7-the-contracts-rule-by-rule"}
    assert commands_of("a \\\n  b\n# c\nd # e\n") == ["a b", "d # e"]


def main():
    if sys.argv[1] == "--pictures":
        del sys.argv[1]
        Folder.pictures = Path(sys.argv[1]).resolve() / "docs"
    source, build, work = (Path(argument).resolve() for argument in sys.argv[1:4])
    compiler, pages = sys.argv[4], sys.argv[5:]
    self_test()
    if yaml is None:
        print("check_docs: no PyYAML here: what stands in YAML is not tried")
    subprocess.run(["cmake", "--install", build, "--prefix", work / "tree"], check=True, stdout=subprocess.DEVNULL)
    pages = pages or ["README.md", "SPEC.md", *sorted(str(path.relative_to(source)) for path in
                                                      [*source.glob("docs/*.md"), *source.glob("C*.md")])]
    failed = 0
    for page in pages:
        try:
            print(f"{page:28} {check_page(source, build, work, compiler, page)}", flush=True)
        except Untrue as untrue:
            failed += 1
            print(f"{page:28} NOT TRUE\n{untrue}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
