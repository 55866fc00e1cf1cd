/*
 * The timeline: draws what can be seen of the lanes, and of everything in small below it. State: the zoom, the theme's
 * colours, what the pointer is over, and how far it was scrolled when it was drawn last. Whatever is drawn is worked out
 * from the layout at each drawing.
 */
'use strict';

const timeline = (() => {
  const RULER = 28, STRIP = 14, ROW = 19, GAP = 9, MARK = 4.2, LEAST_ROOM = 12;
  const USUAL_ZOOM = 22, LEAST_ZOOM = 3, MOST_ZOOM = 90, AMPLE_ZOOM = 72;
  const scroll = document.getElementById('scroll');
  const extent = document.getElementById('extent');
  const canvas = document.getElementById('canvas');
  const overview = document.getElementById('overview');
  const tip = document.getElementById('tip');
  const pen = canvas.getContext('2d');
  const { view, middle, columnAt } = layout;
  const shown = { spawn: true, wake: true, handover: true, value: true };
  let zoom = USUAL_ZOOM, head = 150, scrolledX = 0, scrolledY = 0, width = 0, height = 0, colours = {}, tops = [], buckets = [];
  let selected = 0, value = 0, hovered = 0, pick = () => {}; /* hovered: a value */

  /* ---- measures ---- */

  const BUCKET = 128; /* columns */
  const x = (columns) => head + columns * zoom - scrolledX;
  const laneTop = (lane) => RULER + tops[lane] - scrolledY;
  const stripMiddle = (lane) => laneTop(lane) + GAP + STRIP / 2;
  const laneHeight = (lane) => GAP + STRIP + 3 + Math.max(1, lane.rows) * ROW + GAP;

  const theme = () => {
    const style = getComputedStyle(document.documentElement);
    colours = {};
    for (const name of ['paper', 'panel', 'ink', 'soft', 'faint', 'line', 'band', 'accent', 'bad', 'warn', 'good', 'run',
      'ready', 'value', 'hand', 'm-dot', 'm-value', 'm-warn', 'm-bad', 'm-good', 'w-time', 'w-channel', 'w-lock', 'w-permit', 'w-task', 'w-other'])
      colours[name] = style.getPropertyValue(`--${name}`).trim();
    colours.sans = style.getPropertyValue('--sans').trim();
  };

  const arrowKinds = { [ARROW.SPAWN]: 'spawn', [ARROW.WAKE]: 'wake', [ARROW.HANDOVER]: 'handover', [ARROW.VALUE]: 'value',
    [ARROW.ABORT]: 'spawn' };
  const arrowEnd = (arrow) => (arrow.kind === ARROW.WAKE || arrow.to < 0 ? arrow.from : arrow.to);

  /* Arrows by the columns that they pass, so that only those in sight are looked at. */
  const sortArrows = () => {
    buckets = [];
    for (const arrow of model.arrows) {
      const first = Math.floor(view.left[arrow.from] / BUCKET);
      const last = Math.floor(view.left[arrowEnd(arrow)] / BUCKET);
      for (let bucket = first; bucket <= last; bucket++)
        (buckets[bucket] = buckets[bucket] || []).push(arrow);
    }
  };

  const measure = () => {
    const box = scroll.getBoundingClientRect();
    head = box.width < 560 ? 92 : 150;
    tops = [];
    let total = 0;
    for (const lane of view.lanes) {
      tops.push(total);
      total += laneHeight(lane);
    }
    extent.style.width = `${Math.ceil(head + view.width * zoom + 60)}px`;
    extent.style.height = `${RULER + total}px`;
    scroll.style.setProperty('--lanes', `${RULER + total}px`);
    width = scroll.clientWidth;
    height = scroll.clientHeight;
    const scale = window.devicePixelRatio || 1;
    for (const [element, w, h] of [[canvas, width, height], [overview, width, 34]]) {
      element.width = Math.round(w * scale);
      element.height = Math.round(h * scale);
      element.style.width = `${w}px`;
      element.style.height = `${h}px`;
      element.getContext('2d').setTransform(scale, 0, 0, scale, 0, 0);
    }
  };

  /* ---- pieces ---- */

  const family = (op) => {
    if (/^(sleep|timeout)/.test(op)) return colours['w-time'];
    if (/^(send|recv|reserve|oneshot)/.test(op)) return colours['w-channel'];
    if (/^(lock|read|write)$/.test(op)) return colours['w-lock'];
    if (/^(acquire|barrier)/.test(op)) return colours['w-permit'];
    if (/^(join|yield)/.test(op)) return colours['w-task'];
    return colours['w-other'];
  };

  const box = (left, top, right, bottom, radius) => {
    pen.beginPath();
    pen.roundRect(left, top, Math.max(right - left, 1), bottom - top, radius);
  };

  const line = (x1, y1, x2, y2) => {
    pen.beginPath();
    pen.moveTo(x1, y1);
    pen.lineTo(x2, y2);
    pen.stroke();
  };

  /* A text that is cut where its room ends. */
  const write = (text, left, y, room, colour) => {
    if (room < LEAST_ROOM)
      return;
    pen.fillStyle = colour;
    let cut = text;
    if (pen.measureText(cut).width > room) {
      let low = 0, high = cut.length;
      while (low < high) {
        const between = (low + high + 1) >> 1;
        if (pen.measureText(`${text.slice(0, between)}\u2026`).width <= room)
          low = between;
        else
          high = between - 1;
      }
      cut = low ? `${text.slice(0, low)}\u2026` : '';
    }
    pen.fillText(cut, left, y);
  };

  /* ---- what is in sight ---- */

  const inSight = (left, right) => right >= head && left <= width;

  /* Spans in the order of their beginning: calls draw for those that can be seen. */
  const eachInSight = (spans, draw) => {
    const first = scrolledX / zoom, last = (scrolledX + width - head) / zoom;
    let low = 0, high = spans.length;
    while (low < high) {
      const between = (low + high) >> 1;
      if ((spans[between].to < 0 ? view.width : view.left[spans[between].to] + 1) < first)
        low = between + 1;
      else
        high = between;
    }
    for (let i = low; i < spans.length && view.left[spans[i].from] <= last; i++)
      draw(spans[i]);
  };

  const drawStrip = (span, lane) => {
    const top = laneTop(lane) + GAP, bottom = top + STRIP;
    const left = x(view.left[span.from]), right = Math.max(x(span.to < 0 ? view.width : view.left[span.to] +
      (view.own[span.to] ? view.left[span.to + 1] - view.left[span.to] : 0)), left + 2);
    if (!inSight(left, right))
      return;
    if (span.kind === SPAN.IDLE) {
      pen.strokeStyle = colours.line;
      line(left, top + STRIP / 2, right, top + STRIP / 2);
    } else if (span.kind === SPAN.READY) {
      pen.fillStyle = colours.ready;
      pen.fillRect(left, top + STRIP / 2 - 2, right - left, 4);
    } else {
      pen.fillStyle = span.kind === SPAN.WORK ? colours.soft : colours.run;
      if (span.kind === SPAN.RELEASE)
        pen.globalAlpha = 0.8;
      box(left, top, right, bottom, 3);
      pen.fill();
      pen.globalAlpha = 1;
      pen.fillStyle = colours.warn;
      if (span.kind === SPAN.RELEASE && span.status !== 0)
        pen.fillRect(left, bottom - 3, right - left, 3);
    }
  };

  const drawWait = (span, lane) => {
    const top = laneTop(lane) + GAP + STRIP + 3 + view.rowOf.get(span.index) * ROW;
    const left = x(view.left[span.from]) + 1;
    const right = Math.max(x(span.to < 0 ? view.width : middle(span.to)), left + 3);
    if (!inSight(left, right) || top > height || top + ROW < RULER)
      return;
    pen.fillStyle = family(span.op);
    box(left, top, right, top + ROW - 3, span.to < 0 ? [4, 0, 0, 4] : 4);
    pen.fill();
    if (span.end === END.CANCELLED) {
      pen.fillStyle = colours.warn;
      pen.fillRect(right - 3, top, 3, ROW - 3);
    }
    const start = Math.max(left, head) + 6, room = Math.min(right, width) - start - 5;
    if (room < LEAST_ROOM)
      return;
    const name = model.waitName(span);
    pen.font = `500 11px ${colours.sans}`;
    const length = pen.measureText(name).width;
    write(name, start, top + 11.5, room, colours.ink);
    if (span.site && room - length > 40) {
      pen.font = `11px ${colours.sans}`;
      write(`${span.site[0].split('/').pop()}:${span.site[1]}`, start + length + 7, top + 11.5, room - length - 7, colours.soft);
    }
  };

  /* ---- arrows ---- */

  const point = (toX, toY, down) => {
    const size = 4.5, back = down ? -size : size;
    pen.beginPath();
    pen.moveTo(toX, toY);
    pen.lineTo(toX - size * 0.75, toY + back);
    pen.lineTo(toX + size * 0.75, toY + back);
    pen.closePath();
    pen.fill();
  };

  const stroke = (arrow, strong) => {
    const from = view.laneOf.get(arrow.fromTask), to = view.laneOf.get(arrow.toTask);
    if (from === undefined || to === undefined)
      return;
    const x1 = x(middle(arrow.from)), x2 = x(middle(arrowEnd(arrow)));
    if (!inSight(Math.min(x1, x2), Math.max(x1, x2)))
      return;
    const colour = { [ARROW.SPAWN]: colours.faint, [ARROW.WAKE]: colours.faint, [ARROW.HANDOVER]: colours.hand,
      [ARROW.VALUE]: colours.value, [ARROW.ABORT]: colours.warn }[arrow.kind];
    const down = to > from, y1 = stripMiddle(from), y2 = stripMiddle(to) + (to === from ? 0 : down ? -MARK - 3 : MARK + 3);
    pen.strokeStyle = pen.fillStyle = strong ? colours.accent : colour;
    pen.lineWidth = strong ? 2.4 : arrow.kind === ARROW.HANDOVER ? 1.6 : 1.2;
    pen.setLineDash(arrow.kind === ARROW.SPAWN ? [2, 3] : []);
    pen.beginPath();
    pen.moveTo(x1, y1);
    if (to === from) {
      pen.quadraticCurveTo((x1 + x2) / 2, y1 - Math.min(14, 4 + (x2 - x1) / 12), x2, y1);
      pen.stroke();
    } else {
      const bend = Math.abs(x2 - x1) < 2 ? 0 : Math.max(12, Math.abs(y2 - y1) * 0.5);
      pen.bezierCurveTo(x1, y1 + (down ? bend : -bend), x2, y2 - (down ? bend : -bend), x2, y2);
      pen.stroke();
      pen.setLineDash([]);
      point(x2, y2, down);
    }
    pen.setLineDash([]);
    pen.lineWidth = 1;
  };

  const isPath = (arrow) => arrow.value !== 0 && (arrow.value === value || arrow.value === hovered);

  const drawArrows = () => {
    const first = Math.max(0, Math.floor(scrolledX / zoom / BUCKET));
    const last = Math.floor((scrolledX + width) / zoom / BUCKET);
    const drawn = new Set();
    for (let bucket = first; bucket <= last; bucket++) {
      for (const arrow of buckets[bucket] || []) {
        if (drawn.has(arrow.index) || !shown[arrowKinds[arrow.kind]] || isPath(arrow))
          continue;
        drawn.add(arrow.index);
        stroke(arrow, false);
      }
    }
    if (value || hovered)
      for (const arrow of model.arrows)
        if (isPath(arrow))
          stroke(arrow, true);
  };

  /* ---- marks ---- */

  const shapeOf = (row, index) => {
    const { K } = model;
    switch (row[1]) {
      case K.SENT: return ['diamond', colours['m-value']];
      case K.LOST: return ['cross', colours['m-warn']];
      case K.RETURNED: return ['hollow', colours['m-value']];
      case K.DROPPED: return ['cross', colours['m-warn']];
      case K.CANCELLED: return ['cross', colours['m-warn']];
      case K.ABORTED: return ['triangle', colours['m-warn']];
      case K.PANICKED: case K.FAILURE: return ['square', colours['m-bad']];
      case K.COMPLETED: return ['square', colours['m-good']];
      case K.FAULT: case K.CHOICE: return ['triangle', colours['m-warn']];
      case K.READY:
        if (row[7] === 2)
          return ['cross', colours['m-warn']];
        return index > 0 && model.events[index - 1][1] === K.RECEIVED ? ['diamond', colours['m-value']]
          : [row[7] ? 'hollow' : 'dot', row[7] ? colours['m-warn'] : colours['m-dot']];
      default: return ['dot', colours['m-dot']];
    }
  };

  const mark = (shape, colour, cx, cy, size) => {
    pen.fillStyle = pen.strokeStyle = colour;
    pen.lineWidth = 1.8;
    pen.beginPath();
    if (shape === 'diamond') {
      pen.moveTo(cx, cy - size - 1);
      pen.lineTo(cx + size + 1, cy);
      pen.lineTo(cx, cy + size + 1);
      pen.lineTo(cx - size - 1, cy);
      pen.closePath();
    } else if (shape === 'triangle') {
      pen.moveTo(cx, cy - size - 0.5);
      pen.lineTo(cx + size + 0.5, cy + size);
      pen.lineTo(cx - size - 0.5, cy + size);
      pen.closePath();
    } else if (shape === 'square') {
      pen.rect(cx - size + 0.5, cy - size + 0.5, size * 2 - 1, size * 2 - 1);
    } else if (shape === 'cross') {
      pen.moveTo(cx - size, cy - size);
      pen.lineTo(cx + size, cy + size);
      pen.moveTo(cx + size, cy - size);
      pen.lineTo(cx - size, cy + size);
    } else {
      pen.arc(cx, cy, shape === 'hollow' ? size - 0.8 : size - 1.6, 0, 7);
    }
    if (shape === 'cross' || shape === 'hollow')
      pen.stroke();
    else
      pen.fill();
    pen.lineWidth = 1;
  };

  const drawMark = (index) => {
    const row = model.events[index], lane = view.laneOf.get(row[2]);
    const cx = x(middle(index)), broken = model.faultsAt.has(index);
    if (lane === undefined)
      return;
    const cy = stripMiddle(lane);
    const [shape, colour] = shapeOf(row, index);
    if (zoom >= 7 || broken || shape === 'cross')
      mark(shape, colour, cx, cy, Math.min(MARK, Math.max(2, zoom / 3)));
    if (broken) {
      pen.strokeStyle = colours.bad;
      pen.lineWidth = 2;
      pen.beginPath();
      pen.arc(cx, cy, MARK + 5, 0, 7);
      pen.stroke();
      pen.lineWidth = 1;
    }
  };

  /* ---- the whole ---- */

  const drawClock = (first, last) => {
    for (let column = first; column <= last; column++) {
      const index = view.columns[column], row = model.events[index];
      const left = x(view.left[index]), right = x(view.left[index + 1]);
      if (row[1] === model.K.CLOCK) {
        pen.fillStyle = colours.band;
        pen.fillRect(left, RULER, right - left, height);
      } else if (model.faultsAt.has(index)) {
        pen.fillStyle = colours.bad;
        pen.globalAlpha = 0.12;
        pen.fillRect(left, RULER, right - left, height);
        pen.globalAlpha = 1;
      }
    }
  };

  const drawRuler = (first, last) => {
    pen.fillStyle = colours.panel;
    pen.fillRect(0, 0, width, RULER);
    pen.font = `11px ${colours.sans}`;
    let free = -1e9, before = null;
    for (let column = Math.max(0, first - 1); column <= last; column++) {
      const index = view.columns[column], t = model.events[index][0];
      const at = x(view.left[index]);
      if (model.faultsAt.has(index)) {
        pen.fillStyle = colours.bad;
        pen.fillRect(at, RULER - 4, x(view.left[index + 1]) - at, 4);
      }
      if (t === before)
        continue;
      before = t;
      const label = model.time(t), room = pen.measureText(label).width;
      if (at < free || at + room < head)
        continue;
      pen.fillStyle = colours.soft;
      pen.fillText(label, at + 4, 17);
      pen.fillStyle = colours.line;
      pen.fillRect(at, 6, 1, RULER - 6);
      free = at + room + 14;
    }
    pen.fillStyle = colours.line;
    pen.fillRect(0, RULER - 1, width, 1);
  };

  const drawHeads = (first, last) => {
    const chosen = model.events[selected][2];
    for (let lane = first; lane <= last; lane++) {
      const { task } = view.lanes[lane], top = laneTop(lane);
      pen.fillStyle = colours.panel;
      pen.fillRect(0, top, head - 1, laneHeight(view.lanes[lane]));
      if (task === chosen) {
        pen.fillStyle = colours.accent;
        pen.fillRect(0, top, 3, laneHeight(view.lanes[lane]));
      }
      pen.font = `${task === chosen ? 600 : 500} 12.5px ${colours.sans}`;
      write(model.taskName(task), 12, top + GAP + 11.5, head - 22, colours.ink);
      pen.font = `11px ${colours.sans}`;
      const now = state.task(task, selected);
      write(now.waits.length ? `waits: ${now.waits.map(model.waitName).join(', ')}` : now.word, 12, top + GAP + 26, head - 22,
        colours.soft);
      pen.fillStyle = colours.line;
      pen.fillRect(0, top + laneHeight(view.lanes[lane]) - 1, width, 1);
    }
    pen.fillStyle = colours.line;
    pen.fillRect(head - 1, 0, 1, height);
    pen.fillStyle = colours.panel;
    pen.fillRect(0, 0, head - 1, RULER - 1);
    pen.font = `11px ${colours.sans}`;
    write(model.events.length ? `at ${model.time(model.events[selected][0])}` : '', 12, 17, head - 20, colours.soft);
  };

  const drawSelection = () => {
    const at = x(middle(selected)), lane = view.laneOf.get(model.events[selected][2]);
    if (at < head || at > width)
      return;
    pen.strokeStyle = colours.accent;
    pen.globalAlpha = 0.55;
    line(at, RULER, at, height);
    pen.globalAlpha = 1;
    if (lane === undefined)
      return;
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(at, stripMiddle(lane), MARK + 3.2, 0, 7);
    pen.stroke();
    pen.lineWidth = 1;
  };

  const draw = () => {
    scrolledX = scroll.scrollLeft;
    scrolledY = scroll.scrollTop;
    pen.fillStyle = colours.paper;
    pen.fillRect(0, 0, width, height);
    if (!view.columns.length || !view.lanes.length)
      return;
    const first = columnAt(scrolledX / zoom), last = columnAt((scrolledX + width - head) / zoom);
    let top = 0, bottom = view.lanes.length - 1;
    while (top < bottom && laneTop(top + 1) < RULER)
      top++;
    while (bottom > top && laneTop(bottom) > height)
      bottom--;
    pen.textBaseline = 'alphabetic';
    drawClock(first, last);
    for (let lane = top; lane <= bottom; lane++) {
      eachInSight(state.doing.get(view.lanes[lane].task) || [], (span) => drawStrip(span, lane));
      for (const rows of byRow.get(view.lanes[lane].task) || [])
        eachInSight(rows, (span) => drawWait(span, lane));
    }
    drawArrows();
    for (let column = first; column <= last; column++)
      drawMark(view.columns[column]);
    drawSelection();
    drawRuler(first, last);
    drawHeads(top, bottom);
    drawOverview();
  };

  /* Waits by task and row: in a row they follow one another. */
  const byRow = new Map();
  for (const [task, spans] of state.waits) {
    const rows = [];
    for (const span of spans) {
      const row = view.rowOf.get(span.index);
      (rows[row] = rows[row] || []).push(span);
    }
    byRow.set(task, rows.map((row) => row.sort((a, b) => a.from - b.from)));
  }

  /* ---- everything in small ---- */

  const small = document.createElement('canvas');

  /* Painted once for each layout: a line a lane, and what is out of the ordinary above all of them. */
  const paintOverview = () => {
    const scale = window.devicePixelRatio || 1, w = Math.max(1, Math.round(width * scale)), h = Math.round(34 * scale);
    const brush = small.getContext('2d');
    small.width = w;
    small.height = h;
    brush.fillStyle = colours.panel;
    brush.fillRect(0, 0, w, h);
    const lanes = Math.max(1, view.lanes.length), step = (h - 12 * scale) / lanes;
    for (const index of view.columns) {
      const row = model.events[index], lane = view.laneOf.get(row[2]), at = (view.left[index] / view.width) * w;
      const size = Math.max(1, w / view.width);
      if (row[1] === model.K.CLOCK) {
        brush.fillStyle = colours.band;
        brush.fillRect(at, 0, size * 2.5, h);
      } else if (lane !== undefined) {
        brush.fillStyle = shapeOf(row, index)[0] === 'cross' ? colours.warn : colours.faint;
        brush.fillRect(at, 9 * scale + lane * step, size, Math.max(1, step - 1));
      }
    }
    brush.fillStyle = colours.bad;
    for (const index of model.faultsAt.keys())
      brush.fillRect((view.left[index] / view.width) * w - scale, 0, 3 * scale, h);
  };

  const drawOverview = () => {
    const brush = overview.getContext('2d'), whole = view.width * zoom;
    const left = (scrolledX / whole) * width, part = Math.min(width, ((width - head) / whole) * width);
    brush.clearRect(0, 0, width, 34);
    brush.drawImage(small, 0, 0, width, 34);
    brush.fillStyle = colours.accent;
    brush.globalAlpha = 0.1;
    brush.fillRect(left, 0, part, 34);
    brush.globalAlpha = 1;
    brush.strokeStyle = colours.accent;
    brush.strokeRect(left + 0.5, 0.5, Math.max(4, part - 1), 33);
    brush.fillRect((middle(selected) / view.width) * width - 0.75, 0, 1.5, 34);
  };

  /* ---- drawing when there is something new ---- */

  let asked = false;
  const redraw = () => {
    if (asked)
      return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };

  const update = () => {
    sortArrows();
    measure();
    paintOverview();
    redraw();
  };

  const scrollTo = (left, top) => {
    scroll.scrollLeft = left;
    scroll.scrollTop = top;
    scrolledX = scroll.scrollLeft;
    scrolledY = scroll.scrollTop;
  };

  const reveal = () => {
    const at = middle(selected) * zoom, room = width - head, lane = view.laneOf.get(model.events[selected][2]);
    if (at < scrolledX + 40 || at > scrolledX + room - 60)
      scrollTo(at - room * 0.45, scrolledY);
    if (lane === undefined)
      return;
    const top = tops[lane], bottom = top + laneHeight(view.lanes[lane]);
    if (top < scrolledY)
      scrollTo(scrolledX, top);
    else if (bottom > scrolledY + height - RULER)
      scrollTo(scrolledX, bottom - height + RULER);
  };

  const select = (index, path) => {
    selected = index;
    value = path;
    reveal();
    redraw();
  };

  const setZoom = (wanted, at) => {
    const anchor = at === undefined ? middle(selected) : (scroll.scrollLeft + at - head) / zoom;
    const offset = at === undefined ? anchor * zoom - scroll.scrollLeft : at - head;
    zoom = Math.min(MOST_ZOOM, Math.max(LEAST_ZOOM, wanted));
    measure();
    scroll.scrollLeft = anchor * zoom - offset;
    redraw();
  };

  /* What is short fills the room that there is. */
  const zoomUsual = () => setZoom(Math.min(AMPLE_ZOOM, Math.max(USUAL_ZOOM, (width - head - 60) / view.width)));

  /* ---- the pointer ---- */

  const laneUnder = (y) => {
    let lane = view.lanes.length - 1;
    while (lane > 0 && laneTop(lane) > y)
      lane--;
    return lane;
  };

  /* The event that is meant: of that lane, if one is near; else the wait that lies there; else the column's own. */
  const eventUnder = (px, py) => {
    if (!view.columns.length || !view.lanes.length || px < head)
      return -1;
    const lane = laneUnder(py), { task } = view.lanes[lane];
    const at = (scroll.scrollLeft + px - head) / zoom, column = columnAt(at);
    for (const step of [0, 1, -1]) {
      const index = view.columns[column + step];
      if (index !== undefined && model.events[index][2] === task && Math.abs(middle(index) - at) * zoom < 14)
        return index;
    }
    const row = Math.floor((py - laneTop(lane) - GAP - STRIP - 3) / ROW);
    const wait = ((byRow.get(task) || [])[row] || []).find((span) => view.left[span.from] <= at &&
      (span.to < 0 || middle(span.to) >= at));
    if (wait)
      return view.columns[columnAt(view.left[wait.from] + 0.01)];
    return view.columns[column];
  };

  const explain = (index, px, py) => {
    const at = model.event(index);
    tip.textContent = `#${at.seq}  ${model.time(at.t)}  ${at.task ? model.taskName(at.task) : ''}\n${model.sentence(index)}`;
    tip.hidden = false;
    const room = tip.offsetWidth;
    tip.style.left = `${Math.max(4, Math.min(px + 14, width - room - 6))}px`;
    tip.style.top = `${Math.min(py + 16, height - tip.offsetHeight - 4)}px`;
  };

  const hover = (event) => {
    const area = canvas.getBoundingClientRect(), px = event.clientX - area.left, py = event.clientY - area.top;
    const index = event.buttons ? -1 : eventUnder(px, py);
    const before = hovered;
    hovered = index < 0 ? 0 : model.valueOf(index);
    if (hovered !== before)
      redraw();
    if (index < 0)
      tip.hidden = true;
    else
      explain(index, px, py);
  };

  let dragged = null;
  canvas.addEventListener('pointerdown', (event) => {
    dragged = event.pointerType === 'mouse' && event.button === 0
      ? { x: event.clientX, y: event.clientY, left: scroll.scrollLeft, top: scroll.scrollTop, far: false } : null;
  });
  window.addEventListener('pointermove', (event) => {
    if (!dragged || !(event.buttons & 1))
      return;
    dragged.far = dragged.far || Math.hypot(event.clientX - dragged.x, event.clientY - dragged.y) > 5;
    if (dragged.far) {
      scroll.scrollLeft = dragged.left - (event.clientX - dragged.x);
      scroll.scrollTop = dragged.top - (event.clientY - dragged.y);
    }
  });
  canvas.addEventListener('pointermove', hover);
  canvas.addEventListener('pointerleave', () => {
    hovered = 0;
    tip.hidden = true;
    redraw();
  });
  canvas.addEventListener('click', (event) => {
    const area = canvas.getBoundingClientRect(), px = event.clientX - area.left, py = event.clientY - area.top;
    if (dragged && dragged.far)
      return;
    if (px < head && view.lanes.length && py > RULER)
      pick(-1, view.lanes[laneUnder(py)].task);
    const index = eventUnder(px, py);
    if (index >= 0)
      pick(index, 0);
  });
  canvas.addEventListener('wheel', (event) => {
    if (!event.ctrlKey && !event.metaKey)
      return;
    event.preventDefault();
    setZoom(zoom * Math.exp(-event.deltaY / 300), event.clientX - canvas.getBoundingClientRect().left);
  }, { passive: false });
  scroll.addEventListener('scroll', redraw, { passive: true });

  const travel = (event) => {
    if (event.type === 'pointermove' && !(event.buttons & 1))
      return;
    const area = overview.getBoundingClientRect();
    scroll.scrollLeft = ((event.clientX - area.left) / width) * view.width * zoom - (width - head) / 2;
  };
  overview.addEventListener('pointerdown', travel);
  overview.addEventListener('pointermove', travel);

  new ResizeObserver(() => {
    measure();
    paintOverview();
    redraw();
  }).observe(scroll);
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    theme();
    paintOverview();
    redraw();
  });

  theme();
  return { update, select, shown, redraw, draw, zoomBy: (factor) => setZoom(zoom * factor), zoomUsual,
    onPick: (function_) => { pick = function_; } };
})();
