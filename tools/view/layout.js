/*
 * Where everything stands: which events have a column of their own, which tasks a lane, and in which row of it a wait
 * lies. Nothing here touches the page.
 *
 * A column is an event that is shown; an event that has none lies on the edge behind the one before it. A step of the
 * virtual clock has a column too, and a wider one: there time passes.
 */
'use strict';

const layout = (() => {
  const CLOCK_WIDTH = 2.5; /* of a column */
  const MOST_ROWS = 5;

  const view = {
    every: false, text: '', tasks: new Set(), objects: new Set(),
    columns: [], /* events, in order */
    left: new Float64Array(model.count + 1), /* of an event, in columns */
    own: new Uint8Array(model.count), /* whether it has a column */
    width: 0, lanes: [], laneOf: new Map(), rowOf: new Map(),
  };

  const concerns = (row, tasks) => {
    if (tasks.has(row[2]))
      return true;
    const target = model.target(row);
    return target !== 0 && tasks.has(target);
  };

  const matches = (index) => {
    const row = model.events[index];
    if (!view.every && !model.isMain(index))
      return false;
    if (row[1] === model.K.CLOCK || model.faultsAt.has(index))
      return view.text === '' || says(index);
    if (view.tasks.size && !concerns(row, view.tasks))
      return false;
    if (view.objects.size && !view.objects.has(row[3]))
      return false;
    return view.text === '' || says(index);
  };

  const says = (index) => {
    const at = model.event(index);
    const words = `${model.sentence(index)} ${at.name} ${at.task ? model.taskName(at.task) : ''} ${model.where(at.site)} ` +
      `${at.site ? at.site[2] : ''} ${at.object ? model.objectName(at.object) : ''} #${at.seq}`;
    return words.toLowerCase().includes(view.text);
  };

  /* Steps of the clock between which nothing is shown are shown once, the last of them. */
  const choose = () => {
    const chosen = [];
    for (let index = 0; index < model.count; index++) {
      if (!matches(index))
        continue;
      const last = chosen[chosen.length - 1];
      if (chosen.length && model.events[index][1] === model.K.CLOCK && model.events[last][1] === model.K.CLOCK)
        chosen.pop();
      chosen.push(index);
    }
    return chosen;
  };

  const place = () => {
    let at = 0, next = 0;
    view.own.fill(0);
    for (let index = 0; index < model.count; index++) {
      view.left[index] = at;
      if (view.columns[next] !== index)
        continue;
      view.own[index] = 1;
      at += model.events[index][1] === model.K.CLOCK ? CLOCK_WIDTH : 1;
      next++;
    }
    view.left[model.count] = at;
    view.width = at;
  };

  /* The middle of an event's column, or the edge on which it lies. */
  const middle = (index) => (index < 0 ? view.width
    : view.left[index] + (view.own[index] ? (view.left[index + 1] - view.left[index]) / 2 : 0));

  /* The column at a place: its number. */
  const columnAt = (x) => {
    let low = 0, high = view.columns.length;
    while (low < high) {
      const between = (low + high) >> 1;
      if (view.left[view.columns[between]] <= x)
        low = between + 1;
      else
        high = between;
    }
    return Math.max(0, low - 1);
  };

  /* Each wait gets the first row below the one around it that is free: rows[i] says until when row i is taken. */
  const pack = (task) => {
    const rows = [];
    const spans = (state.waits.get(task) || []).slice().sort((a, b) => a.from - b.from || b.to - a.to);
    for (const span of spans) {
      const end = span.to < 0 ? model.count : span.to;
      let row = view.rowOf.has(span.parent) ? view.rowOf.get(span.parent) + 1 : 0;
      while (row < MOST_ROWS - 1 && rows[row] > span.from)
        row++;
      rows[row] = Math.max(rows[row] || 0, end);
      view.rowOf.set(span.index, row);
    }
    return rows.length;
  };

  const rowCounts = [0];
  for (let task = 1; task <= model.taskCount; task++)
    rowCounts.push(pack(task));

  /* The lanes: of the tasks that were chosen, or else of those that have to do with the objects that were. */
  const choose_lanes = () => {
    const touching = new Set();
    if (!view.tasks.size && view.objects.size) {
      for (const row of model.events)
        if (view.objects.has(row[3]))
          touching.add(row[2]);
    }
    view.lanes = [];
    view.laneOf.clear();
    for (let task = 1; task <= model.taskCount; task++) {
      if ((view.tasks.size && !view.tasks.has(task)) || (touching.size && !touching.has(task)))
        continue;
      view.laneOf.set(task, view.lanes.length);
      view.lanes.push({ task, rows: rowCounts[task] });
    }
  };

  const update = () => {
    view.columns = choose();
    place();
    choose_lanes();
  };

  update();
  return { view, update, middle, columnAt };
})();
