"""Makes the manual: a page for the command, from what it says of itself, and one for each public header, from its comments.

    python3 tools/manual.py --source DIR --command build/quipu --out DIR

Writes OUT/man1/quipu.1, OUT/man3/quipu_HEADER.3, and for each function a page that leads to its header's. The date of the
pages is today's, or that of SOURCE_DATE_EPOCH.
"""

import argparse
import datetime
import os
import pathlib
import re
import subprocess
import textwrap

WIDTH = 76

# ---- text as troff ----


def escape(text):
    return text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")


def emphasise(text, headers):
    """One sentence, or more: names in bold, what is quoted in italics, headers as the pages that they have."""
    parts = re.split(r"(`[^`]+`|\b(?:qp|QP|quipu|QUIPU)_\w+(?:\(\))?|\b[a-z]+\.h\b|(?<![\w-])--?[a-z][\w-]*)", text)
    made = []
    for part in parts:
        if part.startswith("`"):
            made.append("\\fI" + escape(part[1:-1]) + "\\fR")
        elif part.endswith(".h") and part[:-2] in headers:
            made.append(f"\\fBquipu_{part[:-2]}\\fR(3)")
        elif re.match(r"(qp|QP|quipu|QUIPU)_|-", part):
            made.append("\\fB" + escape(part) + "\\fR")
        else:
            made.append(part.replace("\\", "\\e"))
    return "".join(made)


def guard(line):
    """A line of text that does not look like a request."""
    return "\\&" + line if line[:1] in ".'" else line


def sentences(text, headers):
    text = " ".join(text.split())
    for sentence in re.split(r"(?<=[.?!])\s+(?=[A-Z`(])", text):
        for line in textwrap.wrap(emphasise(sentence, headers), WIDTH, break_long_words=False, break_on_hyphens=False):
            yield guard(line)


def verbatim(lines):
    yield ".RS 4"
    yield ".nf"
    for line in textwrap.dedent("\n".join(lines)).splitlines():
        yield guard(escape(line)) if line else "\\&"
    yield ".fi"
    yield ".RE"


def blocks(text):
    """Splits into ("text" | "code" | "item", lines)."""
    kind, lines = None, []
    for line in text.splitlines() + [""]:
        if not line.strip():
            now = "code" if kind == "code" else None
        elif line.startswith("    ") and kind not in ("item",):
            now = "code"
        elif re.match(r" *- ", line):
            now = "item"
        elif kind == "item" and line.startswith("  "):
            now = "item"
        else:
            now = "text"
        begins = now == "item" and re.match(r" *- ", line)
        if kind and (now != kind or begins):
            yield kind, lines
            lines = []
        kind = now
        if kind and (line.strip() or lines):
            lines.append(line)
    if kind and any(line.strip() for line in lines):
        yield kind, lines


def prose(text, headers, first=".PP"):
    made = []
    for kind, lines in blocks(text):
        while lines and not lines[-1].strip():
            lines.pop()
        if kind == "code":
            made.append(".PP")
            made.extend(verbatim(lines))
        elif kind == "item":
            made.append(".IP \\(bu 2")
            made.extend(sentences(re.sub(r"^ *- ", "", " ".join(lines)), headers))
        else:
            made.append(first if not made else ".PP")
            made.extend(sentences(" ".join(lines), headers))
    return [line for line in made if line]


def page(path, title, section, manual, version, lines):
    date = datetime.datetime.fromtimestamp(
        int(os.environ.get("SOURCE_DATE_EPOCH", datetime.datetime.now().timestamp())), datetime.timezone.utc
    ).strftime("%Y-%m-%d")
    head = ['.\\" Made by tools/manual.py; do not edit.', f'.TH {title.upper()} {section} {date} "Quipu {version}" "{manual}"']
    # A heading begins a paragraph by itself.
    kept = [line for before, line in zip([""] + lines, lines) if line != ".PP" or not before.startswith((".SH", ".SS"))]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(line.rstrip() for line in head + kept) + "\n")


# ---- headers ----


def without_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def comment_text(lines):
    """What a comment says, without its frame."""
    text = "\n".join(lines)
    text = re.sub(r"^/\*+ ?|\s*\*/$", "", text)
    return "\n".join(re.sub(r"^ \*(  ?|$)?", lambda m: m.group(0)[3:], line) for line in text.splitlines()).strip("\n")


def balanced(text):
    """Whether all brackets are closed."""
    bare = re.sub(r'"(\\.|[^"\\])*"', "", without_comments(text))
    return all(bare.count(a) == bare.count(b) for a, b in ("()", "{}", "[]"))


def split_arguments(text):
    """Splits at the commas outside brackets."""
    parts, depth, part = [], 0, ""
    for c in text:
        depth += (c in "([{") - (c in ")]}")
        if c == "," and depth == 0:
            parts.append(part.strip())
            part = ""
        else:
            part += c
    return parts + [part.strip()] if part.strip() else parts


class Header:
    """A header's comment, and what it declares: groups of a comment and the declarations right below it."""

    def __init__(self, path):
        self.name = path.stem
        self.sections = [("", [])]  # a title, and groups
        self.intro = ""
        self.lines = path.read_text().splitlines()
        self.at = 0
        self.read()

    def take(self):
        self.at += 1
        return self.lines[self.at - 1]

    def take_comment(self):
        lines = [self.take()]
        while "*/" not in lines[-1]:
            lines.append(self.take())
        return comment_text(lines)

    def skip_branch(self):
        """To behind the #else, or the #endif, that belongs to an #if whose line was taken."""
        depth = 0
        while True:
            line = self.take().lstrip()
            if line.startswith("#if"):
                depth += 1
            elif line.startswith("#endif"):
                if depth == 0:
                    return
                depth -= 1
            elif line.startswith("#else") and depth == 0:
                return

    def take_declaration(self):
        lines = [self.take()]
        if lines[0].startswith("#"):
            while lines[-1].endswith("\\"):
                lines.append(self.take())
            return "\n".join(lines)
        while not balanced("\n".join(lines)) or not re.search(r"[;}]$", without_comments(lines[-1]).rstrip()):
            lines.append(self.take())
        return "\n".join(lines)

    def add(self, text, declaration, attached):
        groups = self.sections[-1][1]
        if attached and groups:
            groups[-1][1].append(declaration)
        else:
            groups.append((text or "", [declaration] if declaration else []))

    def read(self):
        text, attached = None, False
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if not line.strip():
                if text:
                    self.add(text, None, False)
                text, attached = None, False
                self.at += 1
            elif section := re.match(r"/\* ---- (.*) ---- \*/$", line):
                self.sections.append((section.group(1), []))
                text, attached = None, False
                self.at += 1
            elif line.startswith("/*"):
                text, attached = self.take_comment(), False
                if not self.intro:
                    self.intro, text = text, None
            elif re.match(r"#if.*__cplusplus", line):
                self.at += 1
                self.skip_branch()
            elif line.startswith("#else"):
                self.at += 1
                self.skip_branch()
            elif re.match(r'#(if|endif|include|pragma|undef|error)|extern "C"|}', line) or (
                line.startswith("#define QUIPU_") and line.endswith("_H")
            ):
                text = None
                self.at += 1
            else:
                self.add(text, self.take_declaration(), attached)
                text, attached = None, True


PROTOTYPE = re.compile(r"^((?:[\w]+[\s*]+)+)(\w+)\((.*)\)$", re.S)


def prototype_of(declaration):
    """(what it returns, its name, its parameters) of a function's declaration or definition; None: it is none."""
    text = without_comments(declaration)
    if text.startswith(("#", "typedef", "struct", "enum", "extern")) and not re.match(r"(struct|enum)\s+\w+[\s*]+\w+\(", text):
        return None
    text = text.split("\n{")[0].strip().rstrip(";")
    text = re.sub(r"QP_(MUST_CHECK|NORETURN)\b|QP_PRINTF\([^)]*\)|\bstatic inline\b", "", text)
    match = PROTOTYPE.match(" ".join(text.split()))
    return (match.group(1).strip(), match.group(2), split_arguments(match.group(3))) if match else None


def macro_of(declaration):
    """(name, parameters, body) of a macro that takes some; None: it is none."""
    match = re.match(r"#define (\w+)\(([^)]*)\)(.*)", declaration, re.S)
    return (match.group(1), split_arguments(match.group(2)), re.sub(r"\\\n", " ", match.group(3)).strip()) if match else None


def renamed(parameter, name):
    return re.sub(r"\w+$", name, parameter) if re.search(r"[\s*]\w+$", parameter) else parameter


class Known:
    """The prototypes of all functions, and of macros that stand for one."""

    def __init__(self, headers):
        self.all = {}
        macros = []
        for header in headers:
            for declaration in declarations_of(header):
                if prototype := prototype_of(declaration):
                    self.all[prototype[1]] = prototype
                elif macro := macro_of(declaration):
                    macros.append(macro)
        for _ in range(2):  # some stand for another macro
            for macro in macros:
                if macro[0] not in self.all and (prototype := self.of_macro(*macro)):
                    self.all[macro[0]] = prototype

    def type_of(self, argument, parameter):
        """What a macro's parameter becomes where it is this argument of a function."""
        return lambda name: (
            renamed(parameter, name)
            if argument in (name, f"({name})")
            else renamed(self.all[inner.group(1)][2][0], name)
            if (inner := re.match(rf"(\w+)\(\(?{name}\)?\)$", argument)) and inner.group(1) in self.all
            else None
        )

    def of_macro(self, name, names, body):
        call = re.match(r"(\w+)\((.*)\)$", body, re.S)
        if not call or call.group(1) not in self.all:
            return None
        returned, _, parameters = self.all[call.group(1)]
        arguments = split_arguments(call.group(2))
        made = []
        for wanted in names:
            found = [self.type_of(a, p)(wanted) for a, p in zip(arguments, parameters)]
            found = [f for f in found if f]
            if not found:
                return None
            made.append(found[0])
        return returned, name, made or ["void"]


def declarations_of(header):
    return [declaration for _, groups in header.sections for _, group in groups for declaration in group]


def shown(prototype, most=68):
    returned, name, parameters = prototype
    head = f"{returned}{'' if returned.endswith('*') else ' '}{name}("
    lines = [head]
    for i, parameter in enumerate(parameters):
        part = parameter + (", " if i + 1 < len(parameters) else ");")
        if len(lines[-1]) + len(part.rstrip()) > most and (i or len(head) > 8):
            lines.append("    ")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def hidden(header):
    """What only macros of the header call."""
    called = set()
    for declaration in declarations_of(header):
        if macro := macro_of(declaration):
            called |= set(re.findall(r"\b(qp_\w+|QP_\w+)\b", macro[2]))
    documented = {
        prototype[1]
        for _, groups in header.sections
        for comment, group in groups
        if comment and prototype_of(group[0] if group else "")
        for declaration in group
        if (prototype := prototype_of(declaration))
    }
    return called - documented


def is_told(declaration, comment, private):
    first = declaration.split("\n", 1)[0]
    if "/* private" in first:
        return False
    if prototype := prototype_of(declaration):
        return prototype[1] not in private
    if declaration.startswith("extern"):
        return "_ops" not in declaration
    if re.match(r"struct \w+;$", declaration):
        return False
    if macro := macro_of(declaration):
        return not macro[0].endswith("_") and (bool(comment) or macro[0] not in private and "__attribute__" not in macro[2])
    if declaration.startswith("#define"):
        return bool(comment) or "__attribute__" not in declaration
    return "\n#define " not in declaration  # made of a table, which is told by itself


def joined(lines):
    """Lines with each comment of several of them in one, and what clang-format broke around a star."""
    made = []
    for line in lines:
        line = re.sub(r"\s*\\$", "", line)
        if made and (made[-1].rfind("/*") > made[-1].rfind("*/") or re.match(r"\s+\*\w", line)):
            part = re.sub(r"^\* ?(?!\w+;|/)", "", line.strip())
            made[-1] = f"{made[-1]} {part}".replace("/* *", "/*")
        else:
            made.append(line)
    return [re.sub(r"/\* +", "/* ", line) for line in made]


def shortened(line, most=72):
    """A line, whose comment goes before it, on lines of its own, where it is too long."""
    match = re.match(r"(\s*)(.*?)\s*/\*\s*(.*?)\s*\*/$", line)
    if len(line) <= most or not match:
        return [line]
    indent, code, comment = match.groups()
    lines = textwrap.wrap(f"/* {comment}\0*/", most, initial_indent=indent, subsequent_indent=indent + " * ", break_on_hyphens=False)
    return [part.replace("\0", " ") for part in lines] + ([indent + code] if code else [])


def told_lines(declaration, known):
    """A declaration as the page shows it."""
    if prototype := prototype_of(declaration):
        return shown(prototype).splitlines()
    if macro := macro_of(declaration):
        if macro[0] in known.all:
            return shown(known.all[macro[0]]).splitlines()
        return [f"{macro[0]}({', '.join(name.rstrip('_') for name in macro[1])})"]
    if declaration.startswith("#define") and len(declaration) > 72:
        return [" ".join(declaration.split()[:2])]
    return [short for line in joined(declaration.splitlines()) for short in shortened(line)]


def list_of_names(declaration, header):
    """An X-macro as a list of what it defines: (name, text)."""
    prefix = re.search(r"#define X\([^)]*\) (\w+)##", "\n".join(header.lines))
    rows = re.findall(r'X\((\w+), "([^"]*)"\)', declaration)
    return [(prefix.group(1) + name, text) for name, text in rows] if prefix and rows else []


def group_lines(comment, group, header, known, names):
    made = []
    for declaration in group:
        if rows := list_of_names(declaration, header):
            for name, text in rows:
                made += [".TP", f"\\fB{escape(name)}\\fR", guard(emphasise(text, names))]
            return made
    if group:
        made += [".PP", ".nf"]
        for declaration in group:
            made += ["\\fB" + guard(escape(line)) + "\\fR" if line else "\\&" for line in told_lines(declaration, known)]
        made += [".fi"]
    if comment:
        made += [".RS 4"] if group else []
        made += prose(comment, names)[1 if group else 0 :]
        made += [".RE"] if group else []
    return made


def functions_of(groups):
    for _, group in groups:
        for declaration in group:
            if prototype := prototype_of(declaration):
                yield prototype[1]
            elif macro := macro_of(declaration):
                yield macro[0]


def events_lines(source):
    made = [".SH KINDS OF EVENTS", "What each has beside what all have; the numbers first, and then the text."]
    for name, fields, text in re.findall(
        r'QP_EVENT\(\w+, "([^"]+)", ("[^"]*", "[^"]*", "[^"]*"), "([^"]*)"\)', source.read_text()
    ):
        has = [field for field in re.findall(r'"([^"]+)"', fields)] + ([text] if text else [])
        made += [".TP", f"\\fB{escape(name)}\\fR", ", ".join(has) or "nothing"]
    return made


def title_of(header):
    """The first sentence of its comment, as it stands in a list."""
    title = re.split(r"\.(?:\s|$)", " ".join(header.intro.split()))[0]
    title = re.sub(r"\s*\([^)]*\)", "", title)
    return title[0].lower() + title[1:] if re.match(r".[a-z ]", title) else title


def see_also(header, headers):
    """The pages of the headers that it includes, and of those with a function of its page's name."""
    near = set(re.findall(r"#include <quipu/(\w+)\.h>", "\n".join(header.lines)))
    near |= {other.name for other in headers if f"quipu_{header.name}(" in "\n".join(other.lines)}
    return [f"\\fBquipu_{name}\\fR(3)" for name in sorted(near - {header.name})]


def header_page(header, headers, known, version, source, out):
    names = {other.name for other in headers}
    private = hidden(header)
    sections = []
    for heading, groups in header.sections:
        if heading == "details":
            continue
        kept = []
        for comment, group in groups:
            told = [d for d in group if is_told(d, comment if d is group[0] else "", private)]
            if told or (comment and not group):
                kept.append((comment, told))
        if kept:
            sections.append((heading, kept))
    functions = list(dict.fromkeys(name for _, groups in sections for name in functions_of(groups)))

    about = f"quipu_{header.name} \\- {escape(title_of(header))}"
    lines = [".SH NAME"] + textwrap.wrap(about, WIDTH, break_on_hyphens=False)
    lines += [".SH SYNOPSIS", ".nf", f"\\fB#include <quipu/{header.name}.h>\\fR"]
    if functions:
        lines += ["\\&"]
    for _, groups in sections:
        for _, group in groups:
            for declaration in group:
                if prototype_of(declaration) or macro_of(declaration) and not list_of_names(declaration, header):
                    lines += ["\\fB" + escape(line) + "\\fR" for line in told_lines(declaration, known)]
    lines += [".fi", ".SH DESCRIPTION"] + prose(header.intro, names)[1:]
    if sections and not sections[0][0]:
        lines += [".SS Declarations"] if functions or len(sections[0][1]) > 1 else []
    for heading, groups in sections:
        if heading:
            lines += [".SS " + escape(heading[0].upper() + heading[1:])]
        for comment, group in groups:
            lines += group_lines(comment, group, header, known, names)
    if header.name == "event":
        lines += events_lines(source / "include/quipu/events.def")
    if header.name == "quipu":
        lines += [".SH PAGES"]
        for other in (other for other in headers if other.name != "quipu"):
            lines += [".TP", f"\\fBquipu_{other.name}\\fR(3)"] + textwrap.wrap(escape(title_of(other)), WIDTH)
        lines += [".SH SEE ALSO", "\\fBquipu\\fR(1)"]
    else:
        lines += [".SH SEE ALSO"] + ",\n".join(["\\fBquipu\\fR(1)"] + see_also(header, headers)).splitlines()
    page(out / "man3" / f"quipu_{header.name}.3", f"quipu_{header.name}", 3, "Quipu Library", version, lines)
    for name in functions:
        # Not in place of a header's own page, nor of another library's.
        if name not in {f"quipu_{other}" for other in names} and re.match("qp_|QP_|quipu_", name):
            (out / "man3" / f"{name}.3").write_text(f".so man3/quipu_{header.name}.3\n")
    return functions


# ---- the command ----

ENVIRONMENT = """
QUIPU_SEED|A program with QP_MAIN runs simulated, with this seed, instead of on the real clock.
QUIPU_TRACE|A program with QP_MAIN writes its trace to this file.
QUIPU_REPLAY|A program with QP_MAIN, or a test that explores by itself, executes what this trace recorded.
"""

EXAMPLES = """
A thousand schedules of every scenario|quipu run --all --seeds 0..999
One of them, with its trace; and the same again, held against it|quipu run doc_channel --seed 7 --trace seven.jsonl
|quipu replay seven.jsonl
Look for a schedule that fails, also with a cancellation at every await|quipu explore --all --cancel each
What a rule of the contracts says|quipu check --explain CHAN-RECV-1
"""


def ask(command, *arguments):
    """What the command answers, by the name that it has when it is installed."""
    answer = subprocess.run(["quipu", *arguments], executable=command, capture_output=True, text=True, check=True)
    return answer.stdout


def synopsis_lines(text):
    """"run NAME... [--seed N]": words to be typed in bold, those to be replaced in italics."""
    parts = re.split(r"(--?[a-z][\w-]*|\b[A-Z][A-Z.=]*\b(?:\.\.\.)?)", text)
    made = ""
    for part in parts:
        if part.startswith("-") and len(part) > 1:
            made += "\\fB" + escape(part) + "\\fR"
        elif re.match(r"[A-Z]", part):
            made += "\\fI" + escape(part) + "\\fR"
        else:
            made += escape(part)
    words = made.split(" ")
    line, lines = "", []
    for word in words:
        if len(line) + len(word) > WIDTH and line:
            lines.append(line)
            line = ""
        line += (" " if line else "") + word
    return lines + [line]


def command_lines(text):
    """The help of one command."""
    lines = text.splitlines()
    usage = re.sub(r"^Usage: quipu ", "", lines[0])
    name, _, operands = usage.partition(" ")
    made = [f".SS {escape(name)}", ".PP", f"\\fBquipu {escape(name)}\\fR"] + (synopsis_lines(operands) if operands else [])
    paragraph = []

    def flush():
        nonlocal made
        if paragraph:
            made += prose("\n".join(paragraph), ())
            paragraph.clear()

    i = 1
    while i < len(lines):
        option = re.match(r"  (--?\S+(?: (?!\s)\S+)?)\s{2,}(.*)|  (--?\S+(?: (?!\s)\S+)?)$", lines[i])
        if option:
            flush()
            described = [option.group(2) or ""]
            while i + 1 < len(lines) and re.match(r"   +\S", lines[i + 1]):
                i += 1
                described.append(lines[i].strip())
            made += [".TP"] + synopsis_lines(option.group(1) or option.group(3))
            made += list(sentences(" ".join(described), ()))
        elif lines[i].strip():
            paragraph.append(lines[i])
        else:
            flush()
        i += 1
    flush()
    return made


def command_page(command, version, names, out):
    usage = ask(command, "--help")
    about = re.search(r"\n\n(.*?)\n\n", usage, re.S).group(1)
    commands = re.findall(r"^  ([a-z]+) ", usage, re.M)
    status = re.search(r"Exit status: (.*)\.", usage).group(1)
    summary = about[0].lower() + about.rstrip(".")[1:]
    lines = [".SH NAME", "quipu \\- " + escape(summary)]
    lines += [".SH SYNOPSIS"]
    for name in commands:
        operands = re.sub(r"^Usage: quipu \w+ ?", "", ask(command, "help", name).splitlines()[0])
        plain = operands.split("[")[0].strip()
        line = [f"\\fBquipu {name}\\fR"] + synopsis_lines(plain + " [...]" if "[" in operands else plain)
        lines += [" ".join(line).strip(), ".br"]
    lines += ["\\fBquipu \\-\\-version\\fR", ".SH DESCRIPTION"]
    lines += prose(
        about + " Everything that is not determined by the program is drawn from the seed, and written down, so that"
        " the same seed gives the same execution on every machine. The same commands are those of every program that"
        " calls quipu_main (scenario.h) and holds scenarios of its own; this one has the catalogue.",
        names,
    )[1:]
    lines += [".SH COMMANDS"]
    for name in commands:
        lines += command_lines(ask(command, "help", name))
    lines += [".SH EXIT STATUS"]
    for one in status.split("; "):
        lines += [".TP", f"\\fB{one.split(' ', 1)[0]}\\fR", guard(one.split(" ", 1)[1][0].upper() + one.split(" ", 1)[1][1:] + ".")]
    lines += [".SH ENVIRONMENT"]
    for row in ENVIRONMENT.strip().splitlines():
        name, text = row.split("|")
        lines += [".TP", f"\\fB{name}\\fR"] + list(sentences(text, names))
    lines += [".SH EXAMPLES"]
    for row in EXAMPLES.strip().splitlines():
        text, line = row.split("|")
        lines += ([".PP"] + list(sentences(text + ":", names)) if text else []) + list(verbatim([line]))
    lines += [".SH SEE ALSO", "\\fBquipu_quipu\\fR(3),", "\\fBquipu_scenario\\fR(3),", "\\fBquipu_explore\\fR(3)"]
    page(out / "man1" / "quipu.1", "quipu", 1, "Quipu Manual", version, lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=pathlib.Path, required=True)
    parser.add_argument("--command", required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    command = os.path.abspath(arguments.command)
    version = ask(command, "--version").split()[1]
    headers = [Header(path) for path in sorted((arguments.source / "include/quipu").glob("*.h"))]
    names = {header.name for header in headers}
    known = Known(headers)
    for header in headers:
        header_page(header, headers, known, version, arguments.source, arguments.out)
    command_page(command, version, names, arguments.out)


if __name__ == "__main__":
    main()
