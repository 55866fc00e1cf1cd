"""
gdb's view of a program that runs on Quipu: live, stopped by `quipu replay FILE --until EVENT`, or a core file.

    (gdb) source quipu.py
    (gdb) quipu tasks            every task: its state, its await point, what it waits for, what it has
    (gdb) quipu objects          every channel, lock, semaphore and barrier, and who waits for it
    (gdb) quipu bt TASK [full]   the backtrace of a task that is suspended, with the locals of each frame
    (gdb) quipu bt TASK all      the same with the runtime's own frames

Only memory is read and nothing of the program is called, so that it works in a core file. The texts are those of
qp_runtime_dump(). Needs the library's debugging information. (gdb's own generate-core-file stops at the guard page of the
first stack and leaves the rest out; what the system writes when a program dies is whole.)
"""

import os

import gdb
import gdb.unwinder

MOST_DEPTH = 16  # of futures inside one another, as in the library
MOST_WAITERS = 16
STYLES = ("coroutine", "future", "blocking")  # enum qp_task_style
FLAGS = ("QUEUED", "RUNNING", "WOKEN", "ABORTED", "ENDING", "ENDED", "RESULT", "RENAMED", "STARTED", "MAIN", "DETACHED",
         "JOINING", "EXTRA", "STACK", "HEARD")

# The object that a future waits for, and the futures inside one, by the file of its poll and its operation's name.
OBJECTS = {
    ("channel.c", "send"): ("qp_send_future", lambda f: f["sender"]["channel"]["object"]),
    ("channel.c", "reserve"): ("qp_reserve_future", lambda f: f["sender"]["channel"]["object"]),
    ("channel.c", "recv"): ("qp_recv_future", lambda f: f["receiver"]["channel"]["object"]),
    ("lock.c", "lock"): ("qp_lock_future", lambda f: f["mutex"]["lock"]["object"]),
    ("lock.c", "read"): ("qp_rwlock_future", lambda f: f["lock"]["lock"]["object"]),
    ("lock.c", "write"): ("qp_rwlock_future", lambda f: f["lock"]["lock"]["object"]),
    ("semaphore.c", "acquire"): ("qp_acquire_future", lambda f: f["semaphore"]["object"]),
    ("barrier.c", "barrier_wait"): ("qp_barrier_future", lambda f: f["barrier"]["object"]),
    ("oneshot.c", "oneshot_recv"): ("qp_oneshot_recv_future",
                                    lambda f: container(f["receiver"], "struct oneshot", "receiver")["object"]),
}
INNER = {
    ("coroutine.c", "async"): ("qp_coroutine", lambda f: [f["awaiting"]]),
    ("contract.c", "contract"): ("qp_contract_future", lambda f: [f["inner"]]),
    ("time.c", "timeout"): ("qp_timeout_future", lambda f: [f["inner"]]),
    ("time.c", "timeout_join"): ("qp_timeout_join_future", lambda f: [f["join"]["future"].address]),
    ("race.c", "race"): ("qp_race_future", lambda f: [f["arms"][i]["future"] for i in range(int(f["count"]))]),
    ("race.c", "join_all"): ("qp_join_all_future", lambda f: [f["futures"][i] for i in range(int(f["count"]))]),
}
PLAIN = {("task.c", "join"), ("task.c", "yield"), ("time.c", "sleep"), ("io.c", "io_readable"), ("io.c", "io_writable"),
         ("io.c", "io_signal")}

# The object of which something owned is a part, by the file of its release and its noun.
PARTS = {
    ("channel.c", "a sender"): ("qp_sender", lambda o: o["channel"]["object"]),
    ("channel.c", "a receiver"): ("qp_receiver", lambda o: o["channel"]["object"]),
    ("oneshot.c", "the sender"): ("qp_oneshot_sender", lambda o: container(o.address, "struct oneshot", "sender")["object"]),
    ("channel.c", "a permit"): ("qp_hold", lambda o: o["object"].dereference()),
    ("semaphore.c", "a permit"): ("qp_hold", lambda o: o["object"].dereference()),
    ("lock.c", "the guard"): ("qp_hold", lambda o: o["object"].dereference()),
    ("lock.c", "a reader's guard"): ("qp_hold", lambda o: o["object"].dereference()),
    ("lock.c", "the writer's guard"): ("qp_hold", lambda o: o["object"].dereference()),
}


# ---- reading memory ----


def pointer_to(name):
    return gdb.lookup_type(name).pointer()


def offset_in(kind, member):
    """Also of a member of a struct or union without a name; None: it has none such."""
    for field in kind.fields():
        if field.name == member:
            return field.bitpos // 8
        inside = None if field.name else offset_in(field.type, member)
        if inside is not None:
            return field.bitpos // 8 + inside
    return None


def container(pointer, struct, member):
    """The struct of which this is a member."""
    return gdb.Value(int(pointer) - offset_in(gdb.lookup_type(struct), member)).cast(pointer_to(struct)).dereference()


def text(value):
    return value.string(errors="replace")


def function_of(pointer):
    """Where a function stands: (basename of its file, its name)."""
    block = gdb.block_for_pc(int(pointer))
    while block and not block.function:
        block = block.superblock
    if not block:
        return ("", "")
    return (os.path.basename(block.function.symtab.filename), block.function.name)


def has_bit(value, file, name):
    """Whether a bit is set, that has this name in this file."""
    bits = [int(symbol.value()) for symbol in gdb.lookup_static_symbols(name)
            if os.path.basename(symbol.symtab.filename) == file]
    return bool(bits and int(value) & bits[0])


def count_of(count, noun):
    return "%d %s%s" % (count, noun, "" if count == 1 else "s")


def state_of_thread():
    """What runs on the current thread, or on the first that has a runtime."""
    try:
        current = gdb.selected_thread()
        here = gdb.parse_and_eval("qp_thread")
        if not int(here["runtime"]):
            for thread in gdb.selected_inferior().threads():
                thread.switch()
                if int(gdb.parse_and_eval("qp_thread")["runtime"]):
                    return gdb.parse_and_eval("qp_thread")
            current.switch()
            raise gdb.GdbError("no runtime is under way in this program")
        return here
    except gdb.error as error:
        raise gdb.GdbError("no program with Quipu and its debugging information runs here: %s" % error)


# ---- tasks ----


class Task:
    def __init__(self, value):
        self.value = value  # struct qp_task
        self.id = int(value["id"])
        bits = int(value["flags"])
        self.flags = {name for place, name in enumerate(FLAGS) if bits >> place & 1}
        self.style = STYLES[int(value["style"])]

    def extra(self):
        if "EXTRA" not in self.flags:
            return None
        return (self.value.address + 1).cast(pointer_to("struct qp_task_extra")).dereference()

    def future(self):
        """None: blocking work."""
        if self.style == "blocking":
            return None
        at = int(self.value.address + 1)
        if "EXTRA" in self.flags:
            at += gdb.lookup_type("struct qp_task_extra").sizeof
        return Future(gdb.Value(at).cast(pointer_to("struct qp_future")))

    def name(self):
        extra = self.extra()
        if extra is not None:
            return text(extra["name"])
        given = self.value["runtime"]["names"] if "RENAMED" in self.flags else None
        while given is not None and int(given):
            if int(given["task"]) == int(self.value.address):
                return text(given["text"])
            given = given["next"]
        return self.future().op

    def label(self):
        return "task %d '%s'" % (self.id, self.name())

    def site(self):
        """Where its code stands: the innermost of its functions that has a place."""
        site, future = None, self.future()
        for _ in range(MOST_DEPTH):
            if not future:
                break
            site = future.site() or site
            inner = future.inner()
            future = inner[0] if inner else None
        return site

    def owned(self):
        found = list(scope(self.value["scope"]))
        futures = [self.future()] if self.future() else []
        depth = 0
        while futures and depth <= MOST_DEPTH:
            for future in futures:
                if future.is_coroutine():
                    found += scope(future.cast("qp_coroutine")["scope"])
            futures = [inner for future in futures for inner in future.inner()]
            depth += 1
        return found

    def has_begun(self):
        return self.future() is not None and int(self.future().value["state"]) != 0

    def state(self, runtime):
        if self.style == "blocking":
            said = " is blocking work" + (", which has started" if "STARTED" in self.flags else "")
        elif "ENDING" in self.flags:
            said = " ends, and releases what it has"
        elif "RUNNING" in self.flags:
            said = " runs" + place(", in the await at ", self.site())
        elif "QUEUED" in self.flags:
            said = (" is ready" if self.has_begun() else " is ready to begin") + place(" to go on at ", self.site())
        elif int(runtime["main"]) == int(self.value.address) and str(runtime["main_status"]) != "QP_PENDING":
            said = " has returned"
        else:
            said = " waits" + place(" at ", self.site()) + "".join(self.future().waits(runtime, 0))
        return said + ("; its cancellation was asked for" if "ABORTED" in self.flags else "")


def place(before, site):
    return "%s%s:%d: %s" % (before, text(site["file"]), int(site["line"]), text(site["expr"])) if site else ""


def all_tasks(runtime):
    task = runtime["tasks"]["first"]
    while int(task):
        yield Task(task.dereference())
        task = task["next"]


def task_label(runtime, number):
    for task in all_tasks(runtime):
        if task.id == number:
            return task.label()
    return "task %d" % number if number else "no task"


def waker_label(waker):
    kind = function_of(waker["ops"]["wake"])
    if kind[0] != "task.c":
        return "a task of another executor"
    return Task(waker.cast(pointer_to("struct qp_task")).dereference()).label()


# ---- what they own ----


def scope(value):
    end = value["end"].address
    link = value["end"]["next"]
    while int(link) != int(end):
        owned = container(link, "struct qp_owned", "link")
        if int(owned["ops"]["noun"]):  # else it was released, and stays there to be owned again
            yield owned
        link = link["next"]


def owned_label(runtime, owned):
    noun = text(owned["ops"]["noun"])
    if noun == "a handle":
        return "the handle of " + task_label(runtime, int(container(owned.address, "struct qp_task", "handle")["id"]))
    part = PARTS.get((function_of(owned["ops"]["release"])[0], noun))
    if not part or not int(owned["ops"]["object"]):
        return noun
    return "%s of %s" % (noun, object_label(part[1](container(owned.address, "struct " + part[0], "owned"))))


# ---- what they wait for ----


class Future:
    def __init__(self, pointer):
        self.pointer = pointer
        self.value = pointer.dereference()
        self.ops = self.value["ops"]
        self.op = text(self.ops["name"])
        self.key = (function_of(self.ops["poll"])[0], self.op)

    def cast(self, name):
        return self.pointer.cast(pointer_to("struct " + name)).dereference()

    def is_coroutine(self):
        return self.key == ("coroutine.c", "async")

    def is_resumable(self):
        return int(self.ops["inner"]) != 0 and function_of(self.ops["inner"])[1] == "qp_resumable_inner"

    def site(self):
        """struct qp_site of its code, where it has any."""
        kind = "qp_coroutine" if self.is_coroutine() else "qp_resumable" if self.is_resumable() else None
        site = self.cast(kind)["site"] if kind else None
        return site.dereference() if site is not None and int(site) else None

    def inner(self):
        if self.is_resumable():
            found = [self.cast("qp_resumable")["awaiting"]]
        elif self.key in INNER:
            kind, function = INNER[self.key]
            found = function(self.cast(kind))
        else:
            return []
        return [Future(pointer) for pointer in found if int(pointer)]

    def object(self):
        kind = OBJECTS.get(self.key)
        return kind[1](self.cast(kind[0])) if kind else None

    def waits(self, runtime, depth):
        """", for recv of channel 1", of each wait inside."""
        if depth > MOST_DEPTH or self.is_done():
            return []
        inner = self.inner()
        if inner:
            return [said for future in inner for said in future.waits(runtime, depth + 1)]
        if self.key == ("task.c", "join"):
            return [", for " + task_label(runtime, int(self.cast("qp_join_future")["task"]["id"]))]
        waited = self.object()
        return [", for %s of %s" % (self.op, object_label(waited))] if waited is not None else []

    def is_done(self):
        done = gdb.parse_and_eval("(int)QP_FUTURE_DONE")
        return int(self.value["state"]) == int(done)


# ---- objects ----


def object_label(value):
    kind = text(value["kind"]["name"])
    if int(value["name"]):
        return "%s '%s'" % (kind, text(value["name"]))
    return "%s %d" % (kind, int(value["id"])) if int(value["id"]) else "a " + kind


def some_waiters(title, wait, end):
    labels = []
    while int(wait) != int(end):
        labels.append(waker_label(wait["waker"]))
        wait = wait["next"]
    if not labels:
        return ""
    rest = len(labels) - MOST_WAITERS
    return "\n    %s, first to last: %s%s" % (title, ", ".join(labels[:MOST_WAITERS]),
                                             ", and %d more" % rest if rest > 0 else "")


def waiters(title, queue):
    return some_waiters(title, queue["end"]["next"], queue["end"].address)


def channel_state(runtime, o):
    buffered = int(o["entered"]) - int(o["left"])
    said = ": %d of %d buffered" % (buffered, o["room"]) if o["bounded"] else ": %d buffered" % buffered
    if int(o["reserved"]):
        said += ", %d reserved" % o["reserved"]
    said += ", " + count_of(int(o["senders"]), "sender") + ", " + count_of(int(o["receivers"]), "receiver")
    said += ", closed" if has_bit(o["state"], "channel.c", "CLOSED") else ""
    queue, waiting = o["sending"]["end"], o["waiting"]
    return (said + some_waiters("waiting to send", waiting, queue.address) +
            some_waiters("let on or refused, and not run since", queue["next"], waiting) +
            waiters("waiting to receive", o["receiving"]))


def oneshot_state(runtime, o):
    used = has_bit(o["state"], "oneshot.c", "USED")
    full = has_bit(o["state"], "oneshot.c", "FULL")
    sent = "sent, and not taken" if full else "sent" if used else "nothing sent"
    there = {False: "there", True: "gone"}
    return (": %s; the sender is %s, the receiver %s" %
            (sent, there[has_bit(o["state"], "oneshot.c", "SENDER_GONE")],
             there[has_bit(o["state"], "oneshot.c", "RECEIVER_GONE")]) +
            waiters("waiting to receive", o["receiving"]))


def is_held(hold):
    """What nobody has stays where it is, with the table of nothing."""
    return function_of(hold["owned"]["ops"]["release"]) != ("object.c", "nothing_release")


def holder(runtime, lock, how):
    hold = lock["hold"]
    if not is_held(hold):
        promised = has_bit(lock["state"], "lock.c", "PROMISED")
        return ": handed to a waiter that has not run" if promised else ": free"
    who = task_label(runtime, int(hold["task"]["id"])) if int(hold["task"]) else "somebody outside any task"
    since = " since %s:%d" % (text(hold["site"]["file"]), int(hold["site"]["line"])) if int(hold["site"]) else ""
    return ": %s by %s%s" % (how, who, since)


def mutex_state(runtime, o):
    return holder(runtime, o["lock"], "held") + waiters("waiting to lock", o["lock"]["waiters"])


def rwlock_state(runtime, o):
    hold = o["lock"]["hold"]
    reads = function_of(hold["owned"]["ops"]["release"]) == ("lock.c", "read_release")
    readers = int(o["lock"]["readers"]) + reads
    if readers:
        said = ": " + count_of(readers, "reader")
    else:
        said = holder(runtime, o["lock"], "held for writing")
    return said + waiters("waiting", o["lock"]["waiters"])


def semaphore_state(runtime, o):
    closed = ", closed" if has_bit(o["careful"], "semaphore.c", "CLOSED") else ""
    free = int(o["available"]) - (int(o["hold"]["count"]) if is_held(o["hold"]) else 0)
    return (": %d of %d permits free%s" % (free, o["total"], closed) +
            waiters("waiting to acquire", o["waiters"]))


def barrier_state(runtime, o):
    return (": %d of %d have arrived" % (o["arrived"], o["participants"]) + waiters("waiting", o["waiters"]))


KINDS = {
    "channel": ("qp_channel", "object", channel_state),
    "unbounded channel": ("qp_channel", "object", channel_state),
    "oneshot": ("oneshot", "object", oneshot_state),
    "mutex": ("qp_mutex", "lock", mutex_state),
    "rwlock": ("qp_rwlock", "lock", rwlock_state),
    "semaphore": ("qp_semaphore", "object", semaphore_state),
    "barrier": ("qp_barrier", "object", barrier_state),
}


def object_state(runtime, value):
    kind = KINDS.get(text(value["kind"]["name"]))
    if not kind:
        return ""
    return kind[2](runtime, value.address.cast(pointer_to("struct " + kind[0])).dereference())


# ---- backtraces: frames are unwound from the registers that the task's stack keeps, as if the switch returned ----


class Unwinder(gdb.unwinder.Unwinder):
    """While `context` is set, the frame below the newest one is that of the context."""

    def __init__(self):
        super().__init__("quipu")
        self.context = None
        self.newest = None  # its stack pointer

    def __call__(self, pending):
        if self.context is None:
            return None
        arm = pending.architecture().name().startswith("aarch64")
        stack_pointer = pending.read_register("sp" if arm else "rsp")
        if int(stack_pointer) != self.newest:
            return None
        below = gdb.Value(self.context - 64).cast(stack_pointer.type)  # where a frame inside that one would be
        info = pending.create_unwind_info(FrameId(below, pending.read_register("pc")))
        for name, number in (registers_of_aarch64 if arm else registers_of_x86_64)(self.context).items():
            info.add_saved_register(name, gdb.Value(number).cast(pending.read_register(name).type))
        return info


class FrameId:
    def __init__(self, stack_pointer, pc):
        self.sp = stack_pointer
        self.pc = pc


# What the switch leaves on a stack: context.h, context_aarch64.S.


def words_at(address, count):
    words = gdb.Value(address).cast(pointer_to("unsigned long"))
    return [int(words[i]) for i in range(count)]


def registers_of_x86_64(context):
    names = ("rip", "rbp")
    found = dict(zip(names, words_at(context, len(names))))
    found["rsp"] = context + len(names) * 8
    return found


def registers_of_aarch64(context):
    found = {"x%d" % (19 + i): word for i, word in enumerate(words_at(context, 12))}
    found["pc"] = found["x30"]
    found["sp"] = context + 160
    return found


unwinder = Unwinder()
gdb.unwinder.register_unwinder(None, unwinder, replace=True)


def frames_of(context):
    """Yields the frames of a suspended context, the innermost first; they are there until the next one is asked for."""
    newest = gdb.newest_frame()
    arm = newest.architecture().name().startswith("aarch64")
    try:
        unwinder.newest = int(newest.read_register("sp" if arm else "rsp"))
        unwinder.context = context
        gdb.invalidate_cached_frames()
        frame = gdb.newest_frame().older()
        while frame and frame.is_valid():
            yield frame
            frame = frame.older()
    finally:
        unwinder.context = None
        gdb.invalidate_cached_frames()


def is_inside(frame):
    """Whether it is the library's own."""
    function = frame.function()
    folder = os.path.basename(os.path.dirname(function.symtab.fullname())) if function else "scheduler"
    return folder in ("scheduler", "real", "primitives", "quipu")


def line_of(frame, site):
    """"bank.c:41". What the compiler put around the call of an await may be of another line than the await."""
    if site is not None:
        return "%s:%d: %s" % (text(site["file"]), int(site["line"]), text(site["expr"]))
    line = frame.find_sal()
    return "%s:%d" % (line.symtab.filename, line.line) if line.symtab else "??"


def variables(frame, arguments):
    block = frame.block()
    while block and not block.is_static:
        for symbol in block:
            if symbol.is_argument == arguments and (arguments or symbol.is_variable):
                yield symbol.name, symbol.value(frame)
        block = None if block.function else block.superblock


def print_frame(number, frame, site, full):
    function = frame.function()
    try:
        given = ", ".join("%s=%s" % pair for pair in variables(frame, True))
    except (gdb.error, RuntimeError):
        given = "..."
    print("#%-2d %s (%s) at %s" % (number, function.name if function else frame.name() or "??", given, line_of(frame, site)))
    if full and function:
        for name, value in variables(frame, False):
            print("        %s = %s" % (name, value))


def print_stack(coroutine, number, options):
    """Returns the number of the frame that would be next."""
    before = None
    for frame in frames_of(int(coroutine["context"])):
        if "all" in options or not is_inside(frame):
            awaits = before == "qp_await_at" and int(coroutine["site"])
            print_frame(number, frame, coroutine["site"].dereference() if awaits else None, "full" in options)
            number += 1
        before = frame.name()
    return number


# ---- commands ----


class Quipu(gdb.Command):
    """Tasks and objects of a program that runs on Quipu: quipu tasks, quipu objects, quipu bt TASK."""

    def __init__(self):
        super().__init__("quipu", gdb.COMMAND_DATA, prefix=True)


class Tasks(gdb.Command):
    """quipu tasks: lists every task with its state, its await point, what it waits for and what it has."""

    def __init__(self):
        super().__init__("quipu tasks", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        runtime = state_of_thread()["runtime"]
        print("%s, after %d steps" % (count_of(int(runtime["live"]), "task"), runtime["steps"]))
        for task in all_tasks(runtime):
            owned = [owned_label(runtime, one) for one in task.owned()]
            print("  %s%s%s" % (task.label(), task.state(runtime), "\n    has " + ", ".join(owned) if owned else ""))


class Objects(gdb.Command):
    """quipu objects: lists every object with its state and those who wait for it."""

    def __init__(self):
        super().__init__("quipu objects", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        runtime = state_of_thread()["runtime"]
        value = runtime["objects"]["first"]
        if int(value):
            print("objects")
        while int(value):
            print("  %s%s" % (object_label(value.dereference()), object_state(runtime, value.dereference())))
            value = value["next"]


class Backtrace(gdb.Command):
    """quipu bt TASK [full] [all]: prints the backtrace of a suspended task, by its number or its name.

    full   with the variables of each frame
    all    with the frames of the library too"""

    def __init__(self):
        super().__init__("quipu bt", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        options = {word for word in words[1:] if word in ("full", "all")}
        if not words or len(words) - 1 != len(options):
            raise gdb.GdbError("quipu bt TASK [full] [all]")
        state = state_of_thread()
        task = find(state["runtime"], words[0])
        if int(state["task"]) == int(task.value.address):
            print("%s runs: this is its stack" % task.label())
            gdb.execute("bt full" if "full" in options else "bt")
            return
        print("%s%s" % (task.label(), task.state(state["runtime"])))
        coroutines = suspended_coroutines(task)
        if not coroutines:
            print("it has no stack%s" % ("" if task.has_begun() else " yet"))
        number = 0
        for coroutine in coroutines:
            number = print_stack(coroutine, number, options)


def find(runtime, word):
    found = [task for task in all_tasks(runtime) if word == str(task.id)]
    found = found or [task for task in all_tasks(runtime) if word == task.name()]
    if not found:
        raise gdb.GdbError("there is no task '%s': quipu tasks lists them" % word)
    if len(found) > 1:
        raise gdb.GdbError("there are %d tasks '%s': name one by its number" % (len(found), word))
    return found[0]


def suspended_coroutines(task):
    """Those of its functions that have a stack, the innermost first."""
    found = []
    future = task.future()
    for _ in range(MOST_DEPTH):
        if not future:
            break
        if future.is_coroutine() and int(future.cast("qp_coroutine")["stack"]):
            found.insert(0, future.cast("qp_coroutine"))
        inner = future.inner()
        future = inner[0] if inner else None
    return found


Quipu()
Tasks()
Objects()
Backtrace()
