/*
 * What things were like at a moment: an object after an event, and what each task was doing. Worked out from the changes
 * and spans that tools/timeline.c found; nothing here touches the page.
 */
'use strict';

const state = (() => {
  const CHANGE = { WAIT: 0, WOKEN: 1, UNWAIT: 2, IN: 3, OUT: 4, HOLD: 5, RELEASE: 6, GIVE: 7, END: 8, UNEND: 9, CLOSE: 10,
    PERMITS: 11, GONE: 12 };
  const byObject = new Map();
  for (const change of trace.changes) {
    if (!byObject.has(change[2]))
      byObject.set(change[2], []);
    byObject.get(change[2]).push(change);
  }

  /* How a future is called that waits: its operation. */
  const ops = new Map();
  for (const span of model.spans)
    if (span.kind === SPAN.WAIT)
      ops.set(span.future, span.op);

  const apply = (to, [kind, , , id, task, count, style]) => {
    switch (kind) {
      case CHANGE.WAIT: to.waiting.set(id, { task, count, woken: false }); break;
      case CHANGE.WOKEN: if (to.waiting.has(id)) to.waiting.get(id).woken = true; break;
      case CHANGE.UNWAIT: to.waiting.delete(id); break;
      case CHANGE.IN: to.values.add(id); break;
      case CHANGE.OUT: to.values.delete(id); break;
      case CHANGE.HOLD: to.holds.set(id, { task, count, style }); break;
      case CHANGE.RELEASE: to.holds.delete(id); to.permits -= count; break;
      case CHANGE.GIVE: if (to.holds.has(id)) to.holds.get(id).task = task; break;
      case CHANGE.END: (count ? to.senders : to.receivers).add(id); break;
      case CHANGE.UNEND: (count ? to.senders : to.receivers).delete(id); break;
      case CHANGE.CLOSE: to.closed = true; break;
      case CHANGE.PERMITS: to.permits += count; break;
      case CHANGE.GONE: to.gone = true; break;
    }
  };

  /* The object after the event, or null where the trace says nothing of it. */
  const object = (number, index) => {
    const [kind, name, capacity] = model.objectOf(number);
    const changes = byObject.get(number);
    if (!kind && !changes)
      return null;
    const now = { number, kind: kind || 'object', name, capacity, permits: capacity, closed: false, gone: false,
      waiting: new Map(), values: new Set(), holds: new Map(), senders: new Set(), receivers: new Set() };
    for (const change of changes || []) {
      if (change[1] > index)
        break;
      apply(now, change);
    }
    now.waiting = [...now.waiting].map(([future, wait]) => ({ ...wait, future, op: ops.get(future) || '' }));
    now.holds = [...now.holds].map(([hold, held]) => ({ ...held, hold }));
    now.values = [...now.values];
    return now;
  };

  /* For each task its spans but the waits, which follow one another; and its waits. */
  const doing = new Map(), waits = new Map();
  for (const span of model.spans) {
    const into = span.kind === SPAN.WAIT ? waits : doing;
    if (!into.has(span.task))
      into.set(span.task, []);
    into.get(span.task).push(span);
  }
  const covers = (span, index) => span.from <= index && (span.to < 0 || index < span.to);

  /* The last that began at or before the event, of spans in order. */
  const latest = (spans, index) => {
    let low = 0, high = spans.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (spans[middle].from <= index)
        low = middle + 1;
      else
        high = middle;
    }
    return low ? spans[low - 1] : null;
  };

  const innermost = (task, index) => {
    const open = (waits.get(task) || []).filter((span) => covers(span, index));
    const around = new Set(open.map((span) => span.parent));
    return open.filter((span) => !around.has(span.index));
  };

  /* What a task is doing just after an event: { word, waits }. */
  const task = (number, index) => {
    const spans = doing.get(number) || [];
    const span = latest(spans, index);
    if (!span)
      return { word: 'not there yet', waits: [] };
    if (!covers(span, index))
      return { word: span.kind === SPAN.RELEASE ? `ended: ${model.statusName(span.status)}` : 'suspended', waits: [] };
    switch (span.kind) {
      case SPAN.POLL: return { word: 'runs', waits: [] };
      case SPAN.READY: return { word: 'ready', waits: [] };
      case SPAN.RELEASE: return { word: `ends as ${model.statusName(span.status)}`, waits: [] };
      case SPAN.WORK: return { word: 'blocking work', waits: [] };
      default: return { word: 'waits', waits: innermost(number, index) };
    }
  };

  return { object, task, waits, doing };
})();
