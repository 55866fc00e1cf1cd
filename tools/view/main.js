/*
 * Moving about: which event is selected, what is filtered, and what each key does. State: the selected event, the value
 * whose path is shown.
 */
'use strict';

(() => {
  const id = (name) => document.getElementById(name);
  const { view } = layout;
  let selected = 0, value = 0;

  const show = () => {
    timeline.select(selected, value);
    panels.showInList(selected);
    panels.details(selected, value);
    panels.speak(selected);
  };

  /* The column of an event, or of the one before it. */
  const column = () => layout.columnAt(view.left[selected] + 0.001);

  const go = (index, path) => {
    if (index !== null && index !== undefined) {
      selected = index;
      value = path === undefined ? model.valueOf(index) : path;
    } else {
      value = path;
    }
    if (!view.own[selected] && view.columns.length)
      selected = view.columns[column()];
    show();
  };

  const step = (by) => {
    if (view.columns.length)
      go(view.columns[Math.min(view.columns.length - 1, Math.max(0, column() + by))]);
  };

  const stepInTask = (by) => {
    const task = model.events[selected][2];
    for (let at = column() + by; at >= 0 && at < view.columns.length; at += by)
      if (model.events[view.columns[at]][2] === task)
        return go(view.columns[at]);
    return undefined;
  };

  const faults = [...model.faultsAt.keys()].sort((a, b) => a - b);
  const stepToFault = (by) => {
    if (!faults.length)
      return;
    const next = by > 0 ? faults.find((index) => index > selected) : faults.filter((index) => index < selected).pop();
    go(next === undefined ? faults[by > 0 ? 0 : faults.length - 1] : next);
  };

  /* ---- filters ---- */

  const marks = [];
  const update = () => {
    layout.update();
    timeline.update();
    panels.updateList();
    for (const refresh of marks)
      refresh();
    id('all').checked = view.every;
    for (const [name, set] of [['task', view.tasks], ['object', view.objects]])
      id(`${name}-menu`).classList.toggle('active', set.size > 0);
    go(selected, value);
  };

  const clear = () => {
    view.text = '';
    view.tasks.clear();
    view.objects.clear();
    id('text').value = '';
    update();
  };

  const only = (set, key) => {
    const was = set.has(key) && set.size === 1;
    set.clear();
    if (!was && key)
      set.add(key);
    update();
  };

  marks.push(panels.choices('task', trace.tasks.map((name, i) => [i + 1, name || `task ${i + 1}`]), view.tasks, update));
  marks.push(panels.choices('object', trace.objects.map((object, i) => [i, object]).filter(([, object]) => object[0])
    .map(([i, object]) => [i, object[1] && !object[1].includes(object[0]) ? `${object[1]} (${object[0]})` : object[1] || object[0]]),
  view.objects, update));
  const arrows = new Set(Object.keys(timeline.shown));
  marks.push(panels.choices('arrow', [['handover', 'Arrows of hand-overs'], ['value', 'of values'], ['wake', 'of wake-ups'],
    ['spawn', 'of spawns and aborts']], arrows, () => {
    for (const kind of Object.keys(timeline.shown))
      timeline.shown[kind] = arrows.has(kind);
    timeline.redraw();
  }));

  let typing = 0;
  id('text').addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      view.text = id('text').value.trim().toLowerCase();
      update();
    }, 120);
  });
  id('all').addEventListener('change', () => {
    view.every = id('all').checked;
    update();
  });
  id('clear').addEventListener('click', clear);
  id('previous').addEventListener('click', () => step(-1));
  id('next').addEventListener('click', () => step(1));
  id('fault').addEventListener('click', () => stepToFault(1));
  id('in').addEventListener('click', () => timeline.zoomBy(1.4));
  id('out').addEventListener('click', () => timeline.zoomBy(1 / 1.4));
  id('help').addEventListener('click', () => id('keys').showModal());

  /* One menu is open at a time, and none when one clicks beside it. */
  document.addEventListener('click', (event) => {
    for (const menu of document.querySelectorAll('details.menu[open]'))
      if (!menu.contains(event.target))
        menu.open = false;
  });

  /* ---- keys ---- */

  const keys = {
    ArrowRight: () => step(1), ArrowDown: () => step(1), j: () => step(1),
    ArrowLeft: () => step(-1), ArrowUp: () => step(-1), k: () => step(-1),
    PageDown: () => step(12), PageUp: () => step(-12),
    Home: () => step(-Infinity), End: () => step(Infinity),
    n: () => stepToFault(1), N: () => stepToFault(-1),
    ']': () => stepInTask(1), '[': () => stepInTask(-1),
    '+': () => timeline.zoomBy(1.4), '=': () => timeline.zoomBy(1.4), '-': () => timeline.zoomBy(1 / 1.4),
    0: () => timeline.zoomUsual(),
    t: () => only(view.tasks, model.events[selected][2]),
    o: () => only(view.objects, model.events[selected][3]),
    a: () => {
      view.every = !view.every;
      update();
    },
    '/': () => id('text').focus(), '?': () => id('keys').showModal(),
    Escape: clear,
  };

  /* Whether there was one open: its button has the focus then, so that keys mean something again. */
  const closeMenu = () => {
    const menu = document.querySelector('details.menu[open]');
    if (menu) {
      menu.open = false;
      menu.querySelector('summary').focus();
    }
    return menu !== null;
  };

  document.addEventListener('keydown', (event) => {
    const typed = event.target instanceof HTMLInputElement && event.target.type === 'search';
    if (event.ctrlKey || event.metaKey || event.altKey || id('keys').open)
      return;
    if (typed && event.key === 'Escape') {
      clear();
      id('list').focus();
    } else if (typed && event.key === 'Enter') {
      id('list').focus();
    }
    if (typed || (event.target.closest && event.target.closest('.sheet') && event.key !== 'Escape'))
      return;
    if (event.key === 'Escape' && closeMenu())
      return;
    if (!keys[event.key])
      return;
    event.preventDefault();
    keys[event.key]();
  });

  /* ---- */

  if (!model.count) {
    panels.verdict();
    id('none').hidden = false;
    return;
  }
  timeline.onPick((index, task) => {
    if (index >= 0)
      go(index);
    else
      only(view.tasks, task);
  });
  panels.onGo(go);
  panels.verdict();
  panels.legend();
  selected = faults.length ? faults[0] : view.columns[0];
  value = 0;
  update();
  timeline.zoomUsual();
})();
