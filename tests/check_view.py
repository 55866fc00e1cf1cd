#!/usr/bin/env python3
"""What shows an execution: check_view.py page|browser|show|export QUIPU BROKEN HOSTILE WORK [--pictures DIR]

page       one file that refers to nothing outside of it, in which whatever the program was called stays a text
browser    opens it in Chromium: walks to the broken contract by keyboard, reads its sentence, filters, clicks, and looks
           whether anything was said on the console; in light and dark, on a phone, with 20,000 events, and with names that
           are written to break out. --pictures writes the pictures of docs/.
show       tells of each task in its own column, and of what breaks where it does
export     trace events as their format wants them: slices that nest, pairs that are whole, flows that end in slices

QUIPU, BROKEN and HOSTILE are programs with the catalogue, the planted races, and tests/hostile.c. Exit status 77: there is
no Chromium, or none that starts.
"""
import html.parser
import json
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
import browser  # noqa: E402

WRONG = []


def expect(truth, sentence):
    if not truth:
        WRONG.append(sentence)
        print(f'check_view: {sentence}')


def quipu(*command, status=0):
    done = subprocess.run(command, capture_output=True, encoding='utf-8', errors='replace')
    if done.returncode != status:
        sys.exit(f"check_view: {' '.join(command)} ended with {done.returncode}, not {status}:\n{done.stdout}{done.stderr}")
    return done.stdout


class Programs:
    """Writes pages into the folder, each once."""

    def __init__(self, command, broken, hostile, folder):
        self.command, self.broken, self.hostile, self.folder = command, broken, hostile, folder
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def view(self, program, name):
        page = self.path(f'{name}.html')
        quipu(program, 'view', self.path(f'{name}.jsonl'), '-o', page)
        return page

    def of_failure(self, name):
        quipu(self.broken, 'explore', name, '--out', self.folder, status=1)
        return self.view(self.broken, name)

    def of_hostile(self):
        quipu(self.hostile, 'run', 'hostile', '--seed', '0', '--trace', self.path('hostile.jsonl'), status=1)
        return self.view(self.hostile, 'hostile')

    def of_many_events(self):
        quipu(self.command, 'run', 'race_for_value', '--param', 'values=260', '--seed', '3', '--trace',
              self.path('many.jsonl'))
        return self.view(self.command, 'many')


# ---- the file ----

class Page(html.parser.HTMLParser):
    """The elements of a page, what refers to something, and its scripts."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.references, self.scripts, self.policy, self.inside = [], [], [], '', None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append(tag)
        self.inside = tag
        attributes = dict(attributes)
        if tag == 'script':
            self.scripts.append('')
        if attributes.get('http-equiv') == 'Content-Security-Policy':
            self.policy = attributes['content']
        self.references += [f'{tag} {name}={value}' for name, value in attributes.items()
                            if name in ('src', 'href', 'action', 'data', 'srcset', 'poster', 'background')]

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside == 'script':
            self.scripts[-1] += data
        elif self.inside == 'style':
            self.references += re.findall(r'@import.*|url\([^)]*\)', data)


def check_page(programs):
    plain, hostile = (Page(open(path, encoding='utf-8').read())
                      for path in (programs.of_failure('two_locks'), programs.of_hostile()))
    for page in (plain, hostile):
        expect(not page.references, f'the page refers to {page.references}')
        expect("default-src 'none'" in page.policy, f'the page may load things: {page.policy}')
        expect(len(page.scripts) == 2, f'{len(page.scripts)} scripts, and not the data and the code')
        expect(not re.search(r'\b(fetch|XMLHttpRequest|WebSocket|import)\b *\(|innerHTML|document\.write|eval\(',
                             page.scripts[1]), 'the code loads something, or makes HTML of texts')
    expect(plain.elements == hostile.elements, 'names have become elements')
    data = json.loads(hostile.scripts[0])
    expect(any(name.startswith('</script></style>') for name in data['tasks']), 'the name of the task is another')
    expect(not re.search('[\u202e\u200b\u2028\x00-\x09\x0b-\x1f]', json.dumps(data, ensure_ascii=False)),
           'a character that is not seen is in the data')
    check_view_at_once(programs)
    check_refusals(programs)


def check_view_at_once(programs):
    """--view of explore writes the page of the failure that it made small."""
    told = quipu(programs.broken, 'explore', 'lost_wakeup', '--out', programs.path('at once'), '--view', '--jobs', '1',
                 status=1)
    page = programs.path('at once/lost_wakeup.html')
    expect(f'see: {page}' in told, f'explore --view does not say where the page is:\n{told}')
    quipu(programs.broken, 'view', programs.path('at once/lost_wakeup.jsonl'), '-o', programs.path('later.html'))
    expect(open(page, 'rb').read() == open(programs.path('later.html'), 'rb').read(),
           'the page of explore --view is another than that of view')


def check_refusals(programs):
    broken = programs.path('broken.jsonl')
    trace = open(programs.path('two_locks.jsonl'), encoding='utf-8').read()
    open(broken, 'w', encoding='utf-8').write(trace[:len(trace) // 2])
    for command in (['view', broken, '-o', programs.path('none.html')], ['view', programs.path('two_locks.jsonl')],
                    ['view', programs.path('two_locks.jsonl'), '-o', programs.path('no/such/folder.html')],
                    ['view', programs.path('no_such_file'), '-o', programs.path('none.html')]):
        done = subprocess.run([programs.command, *command], capture_output=True, text=True)
        expect(done.returncode == 2 and done.stderr.startswith('quipu: '),
               f'{command} is not refused with a sentence: {done.returncode} {done.stderr}')
    expect(not os.path.exists(programs.path('none.html')), 'what was refused left a page')


# ---- in a browser ----

LIVE = "document.getElementById('live').textContent"
DETAILS = "document.getElementById('details').textContent"
ROWS = "[...document.querySelectorAll('#rows .row')].map((row) => row.textContent)"
PLACE = "document.getElementById('place').textContent"


def open_page(opened, path):
    opened.open(path)
    opened.wait(f"{LIVE} !== ''")
    opened.frame()


def press(opened, *keys):
    for key in keys:
        opened.press(key)
    opened.frame()


def sentence_of(programs, name):
    """What `check` says of the first rule that is broken: its name, and its sentence."""
    told = quipu(programs.broken, 'check', programs.path(f'{name}.jsonl'), status=1)
    return re.search(r'([A-Z]+-[A-Z-]+-\d+): (.*)', told).groups()


def columns(opened):
    return int(opened.value(PLACE).split('/')[1])


def check_walk(opened, programs):
    rule, sentence = sentence_of(programs, 'two_locks')
    expect(rule in opened.value("document.getElementById('verdict').textContent"), 'the verdict does not name the rule')
    press(opened, 'Home')
    expect(sentence not in opened.value(LIVE), 'the first event breaks the contract')
    for walked in range(1, columns(opened) + 1):
        press(opened, 'j')
        if sentence in opened.value(LIVE):
            break
    expect(walked > 3 and sentence in opened.value(LIVE) and rule in opened.value(LIVE),
           f'no event says "{sentence}" after {walked} steps: {opened.value(LIVE)}')
    expect(sentence in opened.value(DETAILS), 'the details do not say which contract is broken')
    expect(re.search(r'left.*mutex.*Held by.*left_then_right lock.*Waiting.*right_then_left lock', opened.value(DETAILS)),
           f'the details do not tell who holds the lock and who waits: {opened.value(DETAILS)}')
    there = opened.value(PLACE)
    press(opened, 'Home', 'n')
    expect(opened.value(PLACE) == there, f'n leads to {opened.value(PLACE)}, and not to {there}')
    press(opened, 'k')
    expect(opened.value(PLACE) != there and sentence not in opened.value(LIVE), 'k does not go back')
    press(opened, 'ArrowRight')
    expect(opened.value(PLACE) == there, 'the arrow does not go on')


def check_filters(opened):
    everything = columns(opened)
    press(opened, '/')
    opened.type('LOCK RIGHT')
    opened.wait(f'{PLACE} !== "" && !{PLACE}.endsWith(" {everything}")')
    rows = opened.value(ROWS)
    expect(rows and all('lock right' in row or 'PROGRESS' in row for row in rows), f'the filter leaves {rows}')
    press(opened, 'Escape')
    expect(columns(opened) == everything, 'Escape does not show everything again')
    press(opened, 'Home', 't')
    rows = opened.value(ROWS)
    expect(0 < len(rows) < everything and not any('left_then_rightlock' in row for row in rows),
           f'of main alone there is {rows}')
    press(opened, 't')
    opened.click_on('#object-menu summary')
    opened.click_on('#object-choices label')
    opened.frame()
    rows = opened.value(ROWS)
    expect(rows and any('lock left' in row for row in rows) and not any('lock right' in row for row in rows),
           f'of the lock on the left alone there is {rows}')
    press(opened, 'Escape', 'Escape', 'a')
    expect(columns(opened) > 3 * everything, 'not every event is shown')
    press(opened, 'a')
    expect(columns(opened) == everything, 'a does not go back')


def check_pointer(opened):
    press(opened, 'Home')
    before = opened.value(LIVE)
    x, y = opened.value("(() => { const box = document.getElementById('canvas').getBoundingClientRect();"
                        ' return [box.x + box.width / 2, box.y + 90]; })()')
    opened.click(x, y)
    opened.frame()
    expect(opened.value(LIVE) != before, 'a click on the timeline selects nothing')
    opened.click_on('#rows .row:nth-child(3)')
    opened.frame()
    expect(opened.value(PLACE).startswith('3 /'), f'a click on the third row leads to {opened.value(PLACE)}')
    opened.click_on('.verdict .jump')
    opened.frame()


def check_spoken(opened, programs):
    """What somebody hears who does not see the page."""
    sentence = sentence_of(programs, 'two_locks')[1]
    nodes = [node for node in opened.call('Accessibility.getFullAXTree')['nodes'] if not node.get('ignored')]
    roles = {}
    for node in nodes:
        roles.setdefault(node['role'].get('value'), []).append(node.get('name', {}).get('value', ''))
    expect('Events in order' in roles.get('listbox', ()), f'there is no list of events among {sorted(map(str, roles))}')
    expect(any('lock right' in name for name in roles.get('option', ())), 'the events of the list have no names')
    expect('status' in roles, 'nothing speaks of the event that is selected')
    expect(any(sentence in name for name in roles.get('StaticText', ())), 'the sentence cannot be heard')
    expect(all(name for name in roles.get('button', ()) + roles.get('checkbox', [])), 'a button has no name')
    expect(any('list of events' in name for name in roles.get('image', ())), 'the picture does not say where its text is')


def check_console(opened, what):
    expect(not opened.console, f'{what}: the console says {opened.console}')


def check_sizes(programs, page):
    papers = {}
    for dark in (False, True):
        with browser.Browser(390, 844, dark=dark, phone=True) as opened:
            open_page(opened, page)
            expect(opened.value('document.documentElement.scrollWidth') <= 390, 'a phone has to scroll sideways')
            papers[dark] = opened.value('getComputedStyle(document.body).backgroundColor')
            check_console(opened, 'on a phone')
    expect(papers[False] != papers[True], 'dark is as light')


def check_hostile(programs):
    with browser.Browser() as opened:
        open_page(opened, programs.of_hostile())
        for key in ['Home'] + ['j'] * columns(opened) + ['a', 'End', 'Home']:
            opened.press(key)
        opened.frame()
        expect(not opened.value('window.broken'), 'a name has become code')
        expect(opened.value("document.querySelectorAll('script').length") == 2, 'a name has become a script')
        expect(opened.value("document.querySelectorAll('img').length") == 0, 'a name has become an image')
        expect(opened.value("document.getElementById('task-choices').textContent").count('</script></style>') > 0,
               'the name is not shown as it is')
        check_console(opened, 'hostile names')


def check_many(programs):
    with browser.Browser() as opened:
        open_page(opened, programs.of_many_events())
        events = opened.value('model.count')
        press(opened, 'Home', 'End', 'a', 'Home', 'PageDown', 'End')
        expect(events >= 20000, f'there are {events} events only')
        expect(columns(opened) == events, f'of {events} events {columns(opened)} can be reached')
        expect(f'Event {events} of' in opened.value(LIVE), f'End leads to {opened.value(LIVE)}')
        elements = opened.value("document.querySelectorAll('*').length")
        expect(elements < 1500, f'{elements} elements: more than what can be seen is in the page')
        drawn = opened.value('(() => { const begin = performance.now(); for (let i = 0; i < 20; i++) timeline.draw();'
                             ' return (performance.now() - begin) / 20; })()')
        print(f'check_view: {events} events, {elements} elements, drawn in {drawn:.1f} ms')
        check_console(opened, 'many events')


def check_browser(programs):
    if not browser.find() or not browser.starts():
        print(f"skipped: {'Chromium does not start here' if browser.find() else 'there is no Chromium'}")
        sys.exit(77)
    page = programs.of_failure('two_locks')
    with browser.Browser() as opened:
        open_page(opened, page)
        check_walk(opened, programs)
        check_filters(opened)
        check_pointer(opened)
        check_spoken(opened, programs)
        check_console(opened, 'a deadlock')
    check_sizes(programs, page)
    check_hostile(programs)
    check_many(programs)


# ---- as text ----

def check_show(programs):
    quipu(programs.broken, 'explore', 'two_locks', '--out', programs.folder, status=1)
    told = quipu(programs.broken, 'show', programs.path('two_locks.jsonl'))
    rule, sentence = sentence_of(programs, 'two_locks')
    lines = told.splitlines()
    heads = next(line for line in lines if 'left_then_right' in line and 'main' in line)
    left, right = heads.index('left_then_right'), heads.index('right_then_left')
    expect(any(line[left:right].startswith('lock right ...') for line in lines), f'the left column is another:\n{told}')
    expect(any(line[right:].startswith('lock left ...') for line in lines), f'the right column is another:\n{told}')
    broken = next((i for i, line in enumerate(lines) if f'{rule}: {sentence}' in line), 0)
    expect(broken and '**** DEADLOCK' in lines[broken - 1], f'the sentence is not under what breaks it:\n{told}')

    quipu(programs.hostile, 'run', 'hostile', '--seed', '0', '--trace', programs.path('hostile.jsonl'), status=1)
    told = quipu(programs.hostile, 'show', programs.path('hostile.jsonl'))
    expect(not re.search('[\u202e\u200b\u2028\x00-\x09\x0b-\x1f\x7f]', told), 'a terminal is told to do something')
    expect('</script></style>' in told, 'the name of the task is another')

    quipu(programs.broken, 'explore', 'twostage_10', '--out', programs.folder, status=1)
    told = quipu(programs.broken, 'show', programs.path('twostage_10.jsonl'))
    expect(max(map(len, told.splitlines())) < 200 or 'main  ' in told, 'columns that are too wide are not given up')


# ---- as trace events ----

def slices_of(events):
    """By thread, in order; sentences where two of them overlap and none is within the other."""
    threads = {}
    for event in sorted((e for e in events if e['ph'] == 'X'), key=lambda e: (e['ts'], -e['dur'])):
        threads.setdefault(event['tid'], []).append((event['ts'], event['ts'] + event['dur'], event['name']))
    for thread, slices in threads.items():
        around = []
        for begin, end, name in slices:
            while around and around[-1] <= begin + 1e-6:
                around.pop()
            expect(not around or end <= around[-1] + 1e-6, f'{name} of thread {thread} overlaps at {begin}')
            around.append(end)
    return threads


def check_form(event):
    phase = event['ph']
    expect(phase in 'XMbesfiC', f'there is no phase {phase}')
    expect(isinstance(event['pid'], int) and isinstance(event['tid'], int) and isinstance(event['name'], str) and
           isinstance(event['cat'], str) and isinstance(event['args'], dict), f'not as events are: {event}')
    if phase == 'M':
        expect(event['name'] in ('process_name', 'thread_name', 'thread_sort_index'), f'no metadata: {event}')
        return
    expect(isinstance(event['ts'], (int, float)), f'without a time: {event}')
    expect(phase != 'X' or event['dur'] >= 0, f'without a duration: {event}')
    expect(phase not in 'besf' or isinstance(event['id'], str), f'without an id: {event}')
    expect(phase != 'f' or event['bp'] == 'e', f'a flow that ends in the next slice: {event}')
    expect(phase != 'i' or event['s'] in 'gpt', f'an instant of no scope: {event}')
    expect(phase != 'C' or all(isinstance(value, int) and value >= 0 for value in event['args'].values()),
           f'a counter that counts nothing: {event}')


def check_pairs(events, begin, end, what):
    open_ones = {}
    for event in sorted((e for e in events if e['ph'] in (begin, end)), key=lambda e: (e['ts'], e['ph'] == end)):
        key = (event['cat'], event['id'], event['name'])
        if event['ph'] == begin:
            expect(key not in open_ones, f'{what} {key} begins twice')
            open_ones[key] = event
        else:
            expect(open_ones.pop(key, None), f'{what} {key} ends without a beginning')
    expect(not open_ones, f'{what} without an end: {list(open_ones)[:3]}')


def check_trace_events(programs, program, name):
    path = programs.path(f'{name}.json')
    quipu(program, 'export', programs.path(f'{name}.jsonl'), '--perfetto', path)
    text = open(path, encoding='utf-8').read()
    expect('<' not in text and not re.search('[\u202e\u200b\u2028\x00-\x09\x0b-\x1f]', text), f'{name} is not escaped')
    events = json.loads(text)['traceEvents']
    for event in events:
        check_form(event)
    threads = slices_of(events)
    check_pairs(events, 'b', 'e', 'a wait')
    check_pairs(events, 's', 'f', 'a flow')
    for event in events:
        if event['ph'] in 'sf':
            expect(any(begin <= event['ts'] + 1e-6 and event['ts'] < end - 1e-6 for begin, end, _ in threads.get(event['tid'], ())),
                   f"{name}: the flow {event['name']} ends in no slice")
    return events


def check_export(programs):
    quipu(programs.broken, 'explore', 'two_locks', '--out', programs.folder, status=1)
    rule, sentence = sentence_of(programs, 'two_locks')
    events = check_trace_events(programs, programs.broken, 'two_locks')
    expect(any(e['ph'] == 'i' and e['name'] == rule and e['args'].get('sentence') == sentence for e in events),
           f'{rule} is no instant')
    expect({'main', 'left_then_right', 'right_then_left'} <=
           {e['args']['name'] for e in events if e['name'] == 'thread_name'}, 'tasks have no threads')
    quipu(programs.hostile, 'run', 'hostile', '--seed', '0', '--trace', programs.path('hostile.jsonl'), status=1)
    events = check_trace_events(programs, programs.hostile, 'hostile')
    expect(any(e['args'].get('name', '').startswith('</script></style>') for e in events), 'the name is another')
    for scenario, kind, arguments in (('mutex_fifo', 'hands', ['--seed', '5']), ('channel_send', 'value', ['--seed', '5']),
                                      ('task_abort_suspended', 'aborts', ['--seed', '5']),
                                      ('channel_send', 'value', ['--real'])):
        quipu(programs.command, 'run', scenario, '--trace', programs.path(f'{scenario}.jsonl'), *arguments)
        events = check_trace_events(programs, programs.command, scenario)
        flows = {e['name'].split()[0] for e in events if e['ph'] == 's'}
        expect(kind in flows, f'{scenario} {arguments}: no flow "{kind}" among {flows}')


def take_pictures(programs, folder):
    os.makedirs(folder, exist_ok=True)
    for name, size, settings in (('in-light', (1180, 760), {}), ('in-dark', (1180, 760), {'dark': True}),
                                 ('on-phone', (390, 780), {'phone': True})):
        with browser.Browser(*size, **settings) as opened:
            open_page(opened, programs.of_failure('two_locks'))
            opened.picture(os.path.join(folder, f'view-{name}.png'))


def main():
    part, *programs = sys.argv[1:6]
    programs = Programs(*programs)
    if len(sys.argv) > 6:
        take_pictures(programs, sys.argv[7])
    else:
        {'page': check_page, 'browser': check_browser, 'show': check_show, 'export': check_export}[part](programs)
    print(f'check_view: {part}: {len(WRONG)} wrong')
    sys.exit(1 if WRONG else 0)


main()
