/*
 * The execution: what tools/page.c wrote, with names, and what is said of each event. Nothing here touches the page.
 *
 * Events are named by their index, from 0; people see seq, which is one more.
 */
'use strict';

const trace = JSON.parse(document.getElementById('trace').textContent);

const SPAN = { POLL: 0, READY: 1, IDLE: 2, WAIT: 3, RELEASE: 4, WORK: 5 };
const END = { OPEN: 0, OVER: 1, CANCELLED: 2 };
const ARROW = { SPAWN: 0, WAKE: 1, HANDOVER: 2, VALUE: 3, ABORT: 4 };
/* enum qp_choice_kind; from INJECTED on they are faults. */
const CHOICES = ['the next task', 'a timer or a task first', 'the next timer', 'blocking work', 'a draw of the program',
  'a yield', 'a poll without a cause', 'a cancellation', 'time passes although tasks are ready', 'a wait that begins again',
  'a panic', 'no memory', 'timers are late', 'blocking work is late'];
const INJECTED = 5;
const REASONS = ['its send was cancelled', 'nobody will receive it', 'another was set in its place', 'its lock ended',
  'nobody wants the result'];
const STYLES = ['lock', 'read', 'write', 'permit', 'slot'];

const model = (() => {
  const { events, kinds, statuses, ops, sites, tasks, objects } = trace;
  const count = events.length;
  const kindNames = kinds.map((kind) => kind[0]);
  const number = (name) => kindNames.indexOf(name);
  const text = new Array(count).fill('');
  const told = new Uint8Array(count);
  for (const [index, line] of trace.story) {
    text[index] = line;
    told[index] = 1;
  }

  const K = {
    FAILURE: number('failure'), CLOCK: number('clock.advanced'), CHOICE: number('choice'), FAULT: number('fault'),
    DROPPED: number('future.dropped'), CANCELLED: number('task.cancelled'), PANICKED: number('task.panicked'),
    ABORTED: number('task.abort_requested'), CLOSING: number('runtime.closing'), COMPLETED: number('task.completed'),
    SENT: number('value.sent'), RECEIVED: number('value.received'), LOST: number('value.dropped'),
    RETURNED: number('value.returned'), READY: number('future.ready'), WOKEN: number('task.woken'),
  };

  /* Of an event, in the order of tools/page.c. */
  const event = (index) => {
    const [t, kind, task, object, future, op, site, a, b, c, words] = events[index];
    return { index, seq: index + 1, t: Number(t), kind, name: kindNames[kind], task, object, future,
      op: op ? ops[op - 1] : '', site: site ? sites[site - 1] : null, fields: [a, b, c], words };
  };

  const taskName = (task) => (task ? tasks[task - 1] || `task ${task}` : 'nobody');
  const objectOf = (object) => objects[object] || [null, '', 0];
  const objectName = (object) => objectOf(object)[1] || `object ${object}`;
  const statusName = (status) => statuses[status] || String(status);

  /* How values print, by the number that the trace gives them. */
  const printed = new Map();
  const journeys = new Map();
  events.forEach((row, index) => {
    const names = kinds[row[1]][1];
    for (let i = 0; i < 3; i++) {
      if (names[i] !== 'value' || !row[7 + i])
        continue;
      const value = row[7 + i];
      if (kinds[row[1]][2] === 'print' && row[10] !== undefined)
        printed.set(value, row[10]);
      if (!journeys.has(value))
        journeys.set(value, []);
      journeys.get(value).push(index);
    }
  });
  /* The value that an event is about; 0: none. Of a receive that is ready, the one that it gave. */
  const valueOf = (index) => {
    const row = events[index], names = kinds[row[1]][1], at = names.indexOf('value');
    if (at >= 0)
      return row[7 + at];
    return row[1] === K.READY && index > 0 && events[index - 1][1] === K.RECEIVED ? events[index - 1][7] : 0;
  };
  const isPrinted = (value) => Boolean(printed.get(value));
  const valueName = (value) => printed.get(value) || `#${value}`;

  /* What broke: the checker's words, and the failures that the run itself ended with, where no rule says more of them. */
  const faults = trace.violations.map((violation) => ({
    title: violation.rule, sentence: violation.sentence, hint: violation.hint, model: violation.model,
    events: violation.events.map((seq) => seq - 1).filter((index) => index >= 0 && index < count),
  }));
  events.forEach((row, index) => {
    if (row[1] === K.FAILURE && !faults.some((fault) => fault.events.includes(index)))
      faults.push({ title: statusName(row[7]), sentence: row[10] || '', hint: '', model: '', events: [index], own: true });
  });
  const faultsAt = new Map();
  for (const fault of faults) {
    for (const index of fault.events) {
      if (!faultsAt.has(index))
        faultsAt.set(index, []);
      faultsAt.get(index).push(fault);
    }
  }

  /* Injected by whoever explored: a fault, or the choice of one that no event of its own follows. */
  const isInjected = (index) => {
    const row = events[index], next = events[index + 1];
    return row[1] === K.FAULT || (row[1] === K.CHOICE && row[7] >= INJECTED && row[9] > 0 && !(next && next[1] === K.FAULT));
  };

  const target = (row) => {
    const names = kinds[row[1]][1];
    for (let i = 0; i < 3; i++)
      if (names[i] === 'target' || names[i] === 'child')
        return row[7 + i];
    return 0;
  };

  /* The events that a reader wants to see one by one; the others belong to one of these. */
  const isMain = (index) => told[index] === 1 || faultsAt.has(index) || isInjected(index) ||
    events[index][1] === K.CLOSING;

  const of = (row) => (row[3] ? ` ${objectName(row[3])}` : '');
  const sayings = {
    'task.polled': () => 'runs',
    'task.suspended': () => 'suspends',
    'task.woken': (row) => `wakes ${taskName(row[7])}`,
    'task.unwinding': (row) => `${taskName(row[8])} ends as ${statusName(row[7])}: what it has is released`,
    'task.result': (row) => `has the result ${valueName(row[7])}`,
    'task.joined': (row) => `joined ${taskName(row[7])}: ${statusName(row[8])}`,
    'task.renamed': (row) => `is called ${row[10] || ''}`,
    'task.is_finished': (row) => `asks whether ${taskName(row[7])} is finished: ${row[8] ? 'yes' : 'no'}`,
    'task.detached': (row) => `the handle of ${taskName(row[7])} is gone`,
    'task.failed': (row) => `could not run: ${statusName(row[7])}`,
    'deferred': (row) => `defers call ${row[7]}`,
    'deferred.called': (row) => `makes the deferred call ${row[7]}`,
    'deferred.over': (row) => `the deferred call ${row[7]} is over`,
    'task.given': (row) => `gives the handle of ${taskName(row[7])} to ${taskName(row[8])}`,
    'argument.kept': (row) => `${taskName(row[7])} has an argument of its own`,
    'argument.dropped': (row) => `drops the argument of ${taskName(row[7])}`,
    'future.created': (row) => `${opOf(row)}${of(row)}: future ${row[4]}`,
    'future.asked': (row) => `${opOf(row)}${of(row)} says what it is for`,
    'future.polled': (row) => `polls ${opOf(row)}${of(row)}`,
    'future.pending': (row) => `${opOf(row)}${of(row)} is pending`,
    'future.ready': (row) => `${opOf(row)}${of(row)} is ready: ${statusName(row[7])}`,
    'future.dropping': (row) => `drops ${opOf(row)}${of(row)}`,
    'future.dropped': (row) => `${opOf(row)}${of(row)}: dropped`,
    'future.inner': (row) => `${opOf(row)} holds future ${row[7]}, its number ${row[8]}`,
    'race.won': (row) => `arm ${row[7]} wins the race`,
    'status.given': (row) => `notes ${statusName(row[8])} as the status of its number ${row[7]}`,
    'object.created': (row) => `makes ${objectName(row[3])}`,
    'object.named': (row) => `names it ${row[10] || ''}`,
    'object.destroyed': (row) => `${objectName(row[3])} is no more`,
    'end.created': (row) => `a ${row[8] ? 'sender' : 'receiver'} of${of(row)}`,
    'end.dropped': (row) => `a ${row[8] ? 'sender' : 'receiver'} of${of(row)} is gone`,
    'end.given': (row) => `gives an end of${of(row)} to ${taskName(row[8])}`,
    'value.queued': (row) => `${valueName(row[7])} is in${of(row)}`,
    'value.received': (row) => `${valueName(row[7])} leaves${of(row)}`,
    'value.returned': (row) => `${valueName(row[7])} is given back`,
    'value.dropped': (row) => `${valueName(row[7])} is dropped: ${REASONS[row[8]] || row[8]}`,
    'hold.acquired': (row) => `has ${STYLES[row[9]] || 'a hold'} of${of(row)}`,
    'hold.released': (row) => `releases ${STYLES[row[9]] || 'a hold'} of${of(row)}`,
    'hold.forgotten': (row) => `forgets ${row[8]} permits of${of(row)}`,
    'hold.given': (row) => `gives a hold of${of(row)} to ${taskName(row[8])}`,
    'permits.added': (row) => `adds ${row[7]} permits to${of(row)}`,
    'hint.granted': (row) => `${objectName(row[3])} is handed to who waits first`,
    'barrier.arrived': (row) => `arrives at${of(row)}`,
    'barrier.crossed': (row) => `crosses${of(row)} in slot ${row[7]}`,
    'barrier.withdrawn': (row) => `withdraws from${of(row)}`,
    'timer.armed': (row) => `sets a timer for ${time(row[7])}`,
    'timer.fired': (row) => `the timer of ${time(row[7])} fires`,
    'timer.dropped': (row) => `the timer of ${time(row[7])} is needed no more`,
    'blocking.queued': (row) => `the blocking work of ${taskName(row[7])} is queued`,
    'blocking.started': (row) => `the blocking work of ${taskName(row[7])} starts`,
    'blocking.finished': (row) => `the blocking work of ${taskName(row[7])} is over`,
    'choice': (row) => `chosen, ${CHOICES[row[7]] || row[7]}: ${row[9]} of ${row[8]}`,
    'fault': (row) => `injected: ${CHOICES[row[7]] || row[7]}`,
    'runtime.closing': () => 'main is over: what is left is dropped',
  };
  const opOf = (row) => (row[5] ? ops[row[5] - 1] : 'a future');

  /* What an event comes to, in words, without who and when. */
  const sentence = (index) => {
    const row = events[index];
    if (row[1] === K.CLOCK)
      return `time passes until ${time(row[0])}`;
    if (told[index])
      return text[index].replace(/^(----|\*\*\*\*) /, '');
    const say = sayings[kindNames[row[1]]];
    return say ? say(row) : kindNames[row[1]];
  };

  /* "3 ms", "1.5 s", "250 ns": exact, with the largest unit that keeps it short. */
  const time = (ns) => {
    const value = Number(ns), size = Math.abs(value);
    const [unit, name] = size >= 1e9 ? [1e9, 's'] : size >= 1e6 ? [1e6, 'ms'] : size >= 1e3 ? [1e3, '\u00b5s'] : [1, 'ns'];
    return size === 0 ? '0' : `${+(value / unit).toFixed(6)} ${name}`;
  };

  /* What tools/timeline.c worked out; indices of events, -1 where there is none. */
  const spans = trace.spans.map(([kind, end, task, from, to, status, future, object, target_, op, site, parent], index) =>
    ({ index, kind, end, task, from, to, status, future, object, target: target_, op: op ? ops[op - 1] : '',
      site: site ? sites[site - 1] : null, parent }));
  const arrows = trace.arrows.map(([kind, from, to, fromTask, toTask, object, value], index) =>
    ({ index, kind, from, to, fromTask, toTask, object, value }));

  /* What a wait is called: its operation, and what it waits for. */
  const waitName = (span) => {
    const what = span.target ? taskName(span.target) : span.object ? objectName(span.object) : '';
    return `${span.op || 'a future'}${what ? ` ${what}` : ''}`;
  };

  return { count, spans, arrows, waitName, events, K, kindNames, event, sentence, isMain, isInjected, target, time, taskName, objectOf,
    objectName, statusName, valueName, isPrinted, valueOf, journeys, faults, faultsAt, told,
    taskCount: tasks.length, where: (site) => (site ? `${site[0]}:${site[1]}` : '') };
})();
