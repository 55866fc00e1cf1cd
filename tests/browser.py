"""A page in a browser without a window, spoken to over two pipes: what tests of `quipu view` need of the DevTools
protocol, and no more. Standard library only.

    with Browser(width, height) as browser:
        browser.open('/tmp/page.html')
        browser.press('n')
        text = browser.value("document.title")

Whatever the page prints to its console, and each error that nobody caught, is in `browser.console`.
"""
import base64
import fcntl
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time

NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable')
PATIENCE = 60  # seconds that an answer may take on a busy machine

# How DevTools calls the keys that are no characters.
KEYS = {'Escape': 27, 'Enter': 13, 'Home': 36, 'End': 35, 'ArrowLeft': 37, 'ArrowUp': 38, 'ArrowRight': 39,
        'ArrowDown': 40, 'PageUp': 33, 'PageDown': 34, 'Tab': 9}


def pipe():
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high


def find():
    """The path of a browser, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    def __init__(self, width=1280, height=860, *, scale=1, dark=False, phone=False):
        self.size = (width, height, scale, phone)
        self.dark = dark
        self.console = []
        self.number = 0
        self.buffer = b''

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix='quipu-browser-')
        # The browser reads from descriptor 3 and writes to 4, which none of these is.
        reads, self.to = pipe()
        self.from_, writes = pipe()
        command = f'exec "$0" "$@" 3<&{reads} 4>&{writes}'
        self.process = subprocess.Popen(
            ['bash', '-c', command, find(), '--headless=new', '--no-sandbox', '--disable-gpu', '--hide-scrollbars',
             '--disable-dev-shm-usage', '--no-first-run', '--disable-extensions', '--disable-background-networking',
             '--disable-component-update', '--remote-debugging-pipe', f'--user-data-dir={self.folder}', 'about:blank'],
            pass_fds=(reads, writes), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(reads)
        os.close(writes)
        try:
            self.attach()
        except BaseException:
            self.__exit__()
            raise
        return self

    def attach(self):
        self.session = None
        target = next(t for t in self.call('Target.getTargets')['targetInfos'] if t['type'] == 'page')
        self.session = self.call('Target.attachToTarget', targetId=target['targetId'], flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.call(f'{domain}.enable')
        width, height, scale, phone = self.size
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=scale,
                  mobile=phone)
        self.call('Emulation.setEmulatedMedia', features=[
            {'name': 'prefers-color-scheme', 'value': 'dark' if self.dark else 'light'}])

    def __exit__(self, *_):
        try:
            self.session = None
            self.call('Browser.close')
            self.process.wait(10)
        except (OSError, EOFError, TimeoutError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.to)
        os.close(self.from_)
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- the protocol: messages that end with a zero byte ----

    def receive(self, until):
        while b'\0' not in self.buffer:
            if not select.select([self.from_], [], [], max(0.0, until - time.monotonic()))[0]:
                raise TimeoutError('the browser does not answer')
            more = os.read(self.from_, 1 << 16)
            if not more:
                raise EOFError('the browser is gone')
            self.buffer += more
        message, self.buffer = self.buffer.split(b'\0', 1)
        return json.loads(message)

    def hear(self, message):
        method, told = message.get('method'), message.get('params', {})
        if method == 'Runtime.consoleAPICalled':
            self.console.append(' '.join(str(a.get('value', a.get('description', ''))) for a in told['args']))
        elif method == 'Runtime.exceptionThrown':
            details = told['exceptionDetails']
            self.console.append(details.get('exception', {}).get('description', details['text']))
        elif method == 'Log.entryAdded':
            self.console.append(told['entry']['text'])
        elif method == 'Network.requestWillBeSent' and not told['request']['url'].startswith(('file:', 'data:')):
            self.console.append(f"asks the network for {told['request']['url']}")

    def call(self, method, **params):
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': params}
        if self.session:
            message['sessionId'] = self.session
        data = json.dumps(message).encode() + b'\0'
        while data:
            data = data[os.write(self.to, data):]
        until = time.monotonic() + PATIENCE
        while True:
            answer = self.receive(until)
            if answer.get('id') != self.number:
                self.hear(answer)
            elif 'error' in answer:
                raise RuntimeError(f"{method}: {answer['error']['message']}")
            else:
                return answer['result']

    # ---- what a person does ----

    def open(self, path):
        self.call('Page.navigate', url=pathlib.Path(path).resolve().as_uri())
        self.wait("document.readyState === 'complete' && location.protocol === 'file:'")

    def value(self, expression):
        answer = self.call('Runtime.evaluate', expression=expression, returnByValue=True, awaitPromise=True)
        if 'exceptionDetails' in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails'].get('exception', {}).get('description')}")
        return answer['result'].get('value')

    def wait(self, expression):
        until = time.monotonic() + PATIENCE
        while not self.value(expression):
            if time.monotonic() > until:
                raise TimeoutError(f'never: {expression}')
            time.sleep(0.02)

    def frame(self):
        """Until what was asked for is drawn."""
        self.value('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))')

    def press(self, key):
        text = {'text': key} if len(key) == 1 else {'windowsVirtualKeyCode': KEYS[key]}
        self.call('Input.dispatchKeyEvent', type='keyDown', key=key, **text)
        self.call('Input.dispatchKeyEvent', type='keyUp', key=key)

    def type(self, text):
        self.call('Input.insertText', text=text)

    def click(self, x, y):
        for kind in ('mousePressed', 'mouseReleased'):
            self.call('Input.dispatchMouseEvent', type=kind, x=x, y=y, button='left', buttons=1, clickCount=1)

    def click_on(self, selector):
        x, y = self.value(f'(() => {{ const box = document.querySelector({json.dumps(selector)})'
                          '.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; })()')
        self.click(x, y)

    def picture(self, path):
        self.frame()
        data = self.call('Page.captureScreenshot', format='png')['data']
        pathlib.Path(path).write_bytes(base64.b64decode(data))


def starts():
    """Whether the browser that was found runs on this machine."""
    try:
        with Browser() as opened:
            return opened.value('1 + 1') == 2
    except (EOFError, BrokenPipeError):
        return False
