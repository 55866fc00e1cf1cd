/*
 * What is said in words: the verdict, the list of events, the selected event with its object, the menus. Texts of the
 * trace only ever become text nodes. State: which rows of the list exist.
 */
'use strict';

/* element('p', { class: 'x' }, 'text', child): attributes that begin with "on" are listeners. */
const element = (name, attributes, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false)
      continue;
    if (key.startsWith('on'))
      made.addEventListener(key.slice(2), value);
    else
      made.setAttribute(key, value === true ? '' : value);
  }
  for (const child of children.flat())
    if (child !== null && child !== undefined && child !== false)
      made.append(child);
  return made;
};

/* A name of the program's: shown by itself, whatever its direction of writing. */
const named = (text, attributes) => element('bdi', attributes, text);

const panels = (() => {
  const id = (name) => document.getElementById(name);
  let go = () => {}; /* selects an event */

  const jump = (index, text) => element('button', { type: 'button', class: 'jump', onclick: () => go(index) },
    text || `#${index + 1}`);

  /* ---- the verdict ---- */

  const fault = (broken) => element('article', { class: 'broken' },
    element('h2', {}, element('code', {}, broken.title), ' ', named(broken.sentence, { class: 'sentence' })),
    element('p', {}, broken.events.length ? ['at ', ...broken.events.flatMap((index, i) => [i ? ', ' : '', jump(index)])]
      : 'in the run as a whole'));

  const verdict = () => {
    const { meta } = trace;
    const name = meta.main || meta.scenario || 'An execution';
    document.title = `${name} \u2013 Quipu`;
    id('name').append(named(name));
    id('outcome').textContent = meta.outcome || '';
    id('outcome').classList.add(meta.outcome === 'OK' && !model.faults.length ? 'fine' : 'failed');
    const params = Object.entries(meta.params).map(([key, value]) => `${key} = ${value}`);
    id('facts').textContent = [`seed ${meta.seed}`, meta.strategy && `strategy ${meta.strategy}`, ...params,
      `${model.count.toLocaleString('en')} events`, `${model.taskCount} ${model.taskCount === 1 ? 'task' : 'tasks'}`,
      Number(meta.time) !== 0 && `${model.time(meta.time)} ${meta.still ? 'of virtual time' : ''}`].filter(Boolean).join('  \u00b7  ');
    if (!model.faults.length)
      id('verdict').append(element('p', { class: 'fine' }, 'No contract is broken.'));
    else
      id('verdict').append(...model.faults.map(fault));
    const kept = trace.violations.length;
    if (trace.violated > kept)
      id('verdict').append(element('p', {}, `and ${trace.violated - kept} more`));
    id('fault').hidden = !model.faults.some((broken) => broken.events.length);
  };

  /* ---- the list ---- */

  const list = id('list'), rows = id('rows');
  const { view } = layout;
  let rowHeight = 28, selected = 0, begin = -1, end = -1;

  const row = (column) => {
    const index = view.columns[column], at = model.event(index), { K } = model;
    const faulty = model.faultsAt.has(index), clock = at.kind === K.CLOCK;
    const rules = (model.faultsAt.get(index) || []).filter((each) => !each.own).map((each) => each.title);
    const made = element('div', { role: 'option', id: `event-${at.seq}`, 'aria-selected': String(index === selected),
      'aria-posinset': column + 1, 'aria-setsize': view.columns.length,
      class: `row${faulty ? ' faulty' : ''}${clock ? ' clock' : ''}${index === selected ? ' chosen' : ''}` +
        `${model.isMain(index) ? '' : ' minor'}`, onclick: () => go(index) },
    element('span', { class: 'seq' }, String(at.seq)),
    element('span', { class: 'when' }, model.time(at.t)),
    element('span', { class: 'who' }, at.task && !clock ? named(model.taskName(at.task)) : ''),
    element('span', { class: 'what' }, rules.length ? element('span', { class: 'flag' }, `${rules.join(', ')} `) : '',
    named(model.sentence(index))));
    made.style.top = `${column * rowHeight}px`;
    return made;
  };

  const fill = (force) => {
    const first = Math.max(0, Math.floor(list.scrollTop / rowHeight) - 8);
    const last = Math.min(view.columns.length, Math.ceil((list.scrollTop + list.clientHeight) / rowHeight) + 8);
    if (!force && first === begin && last === end)
      return;
    begin = first;
    end = last;
    const made = [];
    for (let column = first; column < last; column++)
      made.push(row(column));
    rows.replaceChildren(...made);
  };

  const columnOf = (index) => layout.columnAt(view.left[index] + 0.001);

  const showInList = (index) => {
    selected = index;
    const top = columnOf(index) * rowHeight;
    if (top < list.scrollTop + rowHeight || top > list.scrollTop + list.clientHeight - 2 * rowHeight)
      list.scrollTop = top - list.clientHeight / 2 + rowHeight;
    fill(true);
    list.setAttribute('aria-activedescendant', `event-${index + 1}`);
  };

  const updateList = () => {
    list.style.setProperty('--digits', String(model.count).length);
    rowHeight = parseFloat(getComputedStyle(list).getPropertyValue('--row')) || 28;
    rows.style.height = `${view.columns.length * rowHeight}px`;
    id('none').hidden = view.columns.length > 0;
    fill(true);
  };
  list.addEventListener('scroll', () => fill(false), { passive: true });
  new ResizeObserver(updateList).observe(list);

  /* ---- the object ---- */

  const people = (title, items) => (items.length ? element('div', { class: 'people' }, element('h4', {}, title),
    element('ol', {}, items)) : null);

  const waiter = (wait) => element('li', { class: wait.woken ? 'woken' : null },
    named(model.taskName(wait.task)), ` ${wait.op}`, wait.count > 1 ? ` \u00d7${wait.count}` : '',
    wait.woken ? element('span', { class: 'note' }, 'woken, has not run') : '');

  const holder = (held) => element('li', {}, named(model.taskName(held.task)),
    ` ${STYLES[held.style] || 'hold'}${held.count > 1 ? ` \u00d7${held.count}` : ''}`);

  const slots = (now) => {
    const boxes = now.values.map((value) => element('button', { type: 'button', class: 'slot full',
      title: 'Follow this value', onclick: () => go(null, value) }, named(model.valueName(value))));
    const free = now.kind === 'channel' ? Math.min(now.capacity - now.values.length, 64) : 0;
    for (let i = 0; i < free; i++)
      boxes.push(element('span', { class: 'slot' }));
    return boxes;
  };

  const counted = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`;

  const summary = (now) => {
    const held = now.holds.reduce((sum, each) => sum + each.count, 0);
    switch (now.kind) {
      case 'channel': return `${now.values.length} of ${now.capacity} buffered, ${counted(now.senders.size, 'sender')}, ` +
        counted(now.receivers.size, 'receiver');
      case 'unbounded channel': return `${now.values.length} buffered, ${counted(now.senders.size, 'sender')}, ` +
        counted(now.receivers.size, 'receiver');
      case 'oneshot': return now.values.length ? 'sent, and not taken' : 'empty';
      case 'mutex': return now.holds.length ? 'held' : 'free, or handed to who was woken';
      case 'rwlock': return now.holds.length ? 'held' : 'free, or handed to those who were woken';
      case 'semaphore': return `${held} of ${now.permits} permits held`;
      case 'barrier': return `${now.waiting.filter((wait) => !wait.woken).length} of ${now.capacity} have arrived`;
      default: return '';
    }
  };

  const object = (number, index) => {
    const now = state.object(number, index);
    if (!now)
      return null;
    const buffers = /channel|oneshot/.test(now.kind);
    return element('section', { class: 'object', 'aria-label': `${model.objectName(number)} at this moment` },
      element('h3', {}, named(model.objectName(number)), element('span', { class: 'note' },
        `${now.kind}${now.closed ? ', closed' : ''}${now.gone ? ', gone' : ''} \u2013 ${summary(now)}`)),
      buffers && (now.values.length || now.kind === 'channel') ? element('div', { class: 'slots' }, slots(now)) : null,
      !buffers && now.values.some(model.isPrinted) ? element('p', {}, 'value ', named(now.values.map(model.valueName).join(', '))) : null,
      people('Held by', now.holds.map(holder)),
      people('Waiting, first to last', now.waiting.map(waiter)));
  };

  /* ---- everybody ---- */

  const MOST = 40;
  const everybody = (index) => {
    const lines = [];
    for (let task = 1; task <= Math.min(model.taskCount, MOST); task++) {
      const now = state.task(task, index);
      if (now.word === 'not there yet')
        continue;
      lines.push(element('li', {}, named(model.taskName(task), { class: 'who' }), ' ',
        now.waits.length ? ['waits for ', named(now.waits.map(model.waitName).join(', ')), ' ',
          element('code', {}, model.where(now.waits[0].site))] : now.word));
    }
    return element('section', { class: 'everybody', 'aria-label': 'Every task at this moment' },
      element('h3', {}, 'Every task at this moment'), element('ul', {}, lines),
      model.taskCount > MOST ? element('p', { class: 'note' }, `and ${model.taskCount - MOST} more`) : null);
  };

  /* ---- a value's path ---- */

  const path = (value) => {
    const steps = model.journeys.get(value) || [];
    return element('section', { class: 'path', 'aria-label': 'The path of the value' },
      element('h3', {}, 'Value ', named(model.valueName(value)), element('span', { class: 'note' }, `number ${value}`)),
      element('ol', {}, steps.map((index) => element('li', {}, jump(index), ' ',
        named(model.taskName(model.events[index][2])), ': ', named(model.sentence(index))))));
  };

  /* ---- the event ---- */

  const broken = (each) => element('div', { class: 'broken' },
    element('p', {}, element('code', {}, each.title), ' ', named(each.sentence, { class: 'sentence' })),
    each.model ? element('pre', {}, each.model) : null,
    each.hint ? element('p', { class: 'note' }, `Look at: ${each.hint}`) : null);

  const fields = (at) => {
    const [, names, words] = trace.kinds[at.kind];
    const pairs = names.map((name, i) => [name, name === 'status' ? model.statusName(at.fields[i]) : String(at.fields[i])])
      .filter(([name]) => name !== '');
    if (words && at.words !== undefined)
      pairs.push([words, at.words]);
    if (at.future)
      pairs.push(['future', String(at.future)]);
    if (at.op)
      pairs.push(['op', at.op]);
    return element('details', { class: 'raw' }, element('summary', {}, element('code', {}, at.name)),
      element('dl', {}, pairs.map(([name, text]) => element('div', {}, element('dt', {}, name),
        element('dd', {}, named(text))))));
  };

  /* Of what belongs to no task, a deadlock, everybody's waits tell something. */
  const everyTask = trace.tasks.slice(0, MOST).map((name, i) => i + 1);
  const waitedFor = (tasks, index) => tasks.flatMap((task) => state.task(task, index).waits.map((wait) => wait.object));

  /* Where it is scrolled to is not asked for at each event: that costs more than all the rest. */
  let scrolled = false;
  id('details').addEventListener('scroll', () => { scrolled = id('details').scrollTop > 0; }, { passive: true });

  const details = (index, value) => {
    const at = model.event(index);
    const objects = [...new Set([at.object, ...waitedFor(at.task ? [at.task] : everyTask, index)].filter(Boolean))].slice(0, 4);
    id('details').replaceChildren(
      element('h2', {}, element('span', { class: 'seq' }, `#${at.seq}`), ' ', named(model.sentence(index))),
      element('p', { class: 'facts' }, at.task ? [named(model.taskName(at.task), { class: 'who' }), ` (task ${at.task})  \u00b7  `] : '',
        `at ${model.time(at.t)}`),
      at.site ? element('p', { class: 'site' }, element('span', { class: 'file' }, named(model.where(at.site))),
        element('code', {}, named(at.site[2]))) : '',
      ...(model.faultsAt.get(index) || []).filter((each) => !each.own).map(broken),
      ...objects.map((number) => object(number, index) || ''),
      value ? path(value) : '',
      everybody(index),
      fields(at));
    if (scrolled)
      id('details').scrollTop = 0;
  };

  /* ---- what is spoken ---- */

  const speak = (index) => {
    const at = model.event(index);
    const faults = (model.faultsAt.get(index) || []).map((each) => `${each.title}: ${each.sentence}`).join(' ');
    id('live').textContent = `Event ${at.seq} of ${model.count}, ${model.time(at.t)}, ` +
      `${at.task ? `${model.taskName(at.task)}: ` : ''}${model.sentence(index)}. ${faults}`;
    const column = columnOf(index);
    id('place').textContent = `${column + 1} / ${view.columns.length}`;
  };

  /* ---- menus ---- */

  const choices = (name, items, set, changed) => {
    const sheet = id(`${name}-choices`), boxes = new Map();
    for (const [key, text] of items) {
      const box = element('input', { type: 'checkbox', onchange: () => {
        if (box.checked)
          set.add(key);
        else
          set.delete(key);
        changed();
      } });
      boxes.set(key, box);
      sheet.append(element('label', { class: 'check' }, box, ' ', named(text)));
    }
    if (!items.length)
      sheet.append(element('p', { class: 'note' }, 'there are none'));
    return () => {
      for (const [key, box] of boxes)
        box.checked = set.has(key);
    };
  };

  const legend = () => {
    const entries = [['run', 'the task runs'], ['ready', 'woken, and has not run'], ['w-channel', 'waits for a channel'],
      ['w-lock', 'for a lock'], ['w-permit', 'for permits or a barrier'], ['w-time', 'for time'], ['w-task', 'for a task'],
      ['band', 'time passes'], ['hand', 'arrow: handed over'], ['value', 'arrow, diamond: a value'], ['faint', 'arrow: woken, spawned'],
      ['warn', 'cross: cancelled, dropped, timed out; triangle: injected'], ['bad', 'ring: a contract breaks here, or the run fails']];
    id('legend').append(element('ul', {}, entries.map(([name, text]) => element('li', {},
      element('span', { class: 'key', style: `background: var(--${name})` }), text))));
  };

  return { verdict, legend, choices, details, showInList, updateList, speak, onGo: (function_) => { go = function_; } };
})();
