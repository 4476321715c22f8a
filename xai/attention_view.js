// The attention of a model: a grid of all heads, and the lines of the one that is looked at. Text from people only ever becomes textContent.
const BASIS = 255;        // weights come as bytes, 255 is 1
const FAINTEST = 5;       // weights under 5/255 draw no line while all words are shown
const PITCH = 26;         // pixels from word to word
const KINDS = ['attention', 'value_weighted', 'rollout', 'flow'];

function drawAttention(root, data, send) {
  root.send = send;
  const ink = getComputedStyle(root).getPropertyValue('--st-primary-color').trim() || '#5e3c99';
  const stamp = [data.id, JSON.stringify(data.texts), ink].join();
  if (root.stamp === stamp) return;  // the same picture again: what has the keyboard's focus must stay
  root.stamp = stamp;
  const texts = data.texts;
  const first = data.blocks[0];
  const state = root.look ??= { block: first.name, kind: 'attention', layer: first.best_layer, head: null, off: [], pinned: null };
  const block = () => data.blocks.find((one) => one.name === state.block) ?? first;
  const fill = (pattern, values) => pattern.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  const bytes = new Map();

  function decode(part) {
    if (!bytes.has(part)) bytes.set(part, Uint8Array.from(atob(part.bytes), (letter) => letter.charCodeAt(0)));
    return bytes.get(part);
  }

  // One map as bytes (rows x columns): a head, or the mean over what is left open with null.
  function matrix(part, layer, head) {
    const { rows, columns, layers, heads } = block();
    const all = decode(part), size = rows.length * columns.length;
    if (!part.stacked) return all;
    if (layer !== null && head !== null) return all.subarray((layer * heads + head) * size, (layer * heads + head + 1) * size);
    const begin = layer === null ? 0 : layer * heads, end = layer === null ? layers * heads : begin + heads;
    const sum = new Float32Array(size);
    for (let map = begin; map < end; map++) for (let at = 0; at < size; at++) sum[at] += all[map * size + at];
    return sum.map((value) => value / (end - begin));
  }

  const part = () => block().maps[state.kind] ?? block().maps.attention;
  const stacked = () => part().stacked ? part() : block().maps.attention;
  const isOff = (layer, head) => state.off.some(([name, l, h]) => name === block().name && l === layer && h === head);
  const effect = (layer, head) => (layer === null || head === null || !block().effects ? null : block().effects[layer][head]);
  const signed = (value) => (Math.abs(value) < 0.0005 ? '0' : (value < 0 ? '−' : '+') + Math.abs(value).toFixed(Math.abs(value) < 10 ? 3 : 1));

  function place(layer, head) {
    if (layer === null) return texts.all;
    return fill(head === null ? texts.layer_mean : texts.layer_head, { layer: layer + 1, head: head === null ? '' : head + 1 });
  }

  function named(layer, head) {
    const value = effect(layer, head);
    const parts = [place(layer, head)];
    if (layer !== null && head === null && layer === block().best_layer) parts.push(texts.best);
    if (value !== null) parts.push(fill(texts.effect, { value: signed(value) }));
    if (head !== null && isOff(layer, head)) parts.push(texts.is_off);
    return parts.join(' · ');
  }

  function make(kind, name, content) {
    const made = document.createElement(kind);
    if (name) made.className = name;
    if (content !== undefined) made.textContent = content;
    return made;
  }

  function button(name, content, press) {
    const made = make('button', name, content);
    made.type = 'button';
    made.onclick = press;
    return made;
  }

  function tell(name, value) {
    if (root.send) root.send(name, value);
  }

  function tellLook() {
    tell('look', { block: block().name, kind: state.kind, layer: state.layer, head: state.head });
  }

  function choices(label, names, chosen, shown, press) {
    const group = make('div', 'choices');
    group.setAttribute('role', 'group');
    group.setAttribute('aria-label', label);
    group.append(...names.map((name) => {
      const made = button('choice', shown(name), () => press(name));
      made.dataset.name = name;
      made.setAttribute('aria-pressed', String(name === chosen));
      return made;
    }));
    return group;
  }

  function bar() {
    const found = make('div', 'bar');
    if (data.blocks.length > 1) {
      found.append(choices(texts.block, data.blocks.map((one) => one.name), block().name, (name) => texts[name], (name) => {
        Object.assign(state, { block: name, layer: data.blocks.find((one) => one.name === name).best_layer, head: null, pinned: null });
        show(`.choice[data-name="${name}"]`);
        tellLook();
      }));
    }
    const kinds = KINDS.filter((kind) => kind in block().maps);
    if (!kinds.includes(state.kind)) state.kind = 'attention';
    if (kinds.length > 1) {
      found.append(choices(texts.kind, kinds, state.kind, (kind) => texts[kind], (kind) => {
        state.kind = kind;
        show(`.choice[data-name="${kind}"]`);
        tellLook();
      }));
    }
    return found;
  }

  // Red, green and blue of the colour of the theme.
  function colour() {
    const dot = make('canvas').getContext('2d');
    dot.fillStyle = ink;
    dot.fillRect(0, 0, 1, 1);
    return dot.getImageData(0, 0, 1, 1).data.slice(0, 3);
  }

  // The stronger a weight, the darker its dot; square roots, so that weak ones can be seen in a picture this small.
  function thumbnail(layer, head) {
    const { rows, columns, right_to_left: turned } = block();
    const canvas = make('canvas');
    canvas.width = columns.length;
    canvas.height = rows.length;
    if (turned[1]) canvas.style.transform = 'scaleX(-1)';
    const picture = new ImageData(columns.length, rows.length);
    matrix(stacked(), layer, head).forEach((weight, at) => picture.data.set([...dots, BASIS * Math.sqrt(weight / BASIS)], 4 * at));
    canvas.getContext('2d').putImageData(picture, 0, 0);
    return canvas;
  }

  function cell(layer, head, strongest) {
    const made = button('cell', undefined, (event) => {
      if (event.shiftKey && head !== null) return turn(layer, head);
      Object.assign(state, { layer, head, kind: part().stacked ? state.kind : 'attention', pinned: null });
      show(`.cell[data-place="${layer}/${head}"]`);
      tellLook();
    });
    made.dataset.place = `${layer}/${head}`;
    made.title = named(layer, head);
    made.setAttribute('aria-label', named(layer, head));
    made.setAttribute('aria-pressed', String(part().stacked && state.layer === layer && state.head === head));
    made.tabIndex = state.layer === layer && state.head === head ? 0 : -1;
    made.append(thumbnail(layer, head));
    const value = effect(layer, head);
    if (value !== null) {
      const share = Math.round(100 * Math.abs(value) / strongest);
      made.style.setProperty('--edge', `color-mix(in srgb, ${value > 0 ? '#e66101' : '#7b5fc0'} ${share}%, transparent)`);
      made.append(make('span', 'number', signed(value)));
    }
    if (head !== null && isOff(layer, head)) made.classList.add('off');
    if (head === null && layer !== null && layer === block().best_layer) made.append(make('span', 'star', '★'));
    return made;
  }

  function grid() {
    const { layers, heads, effects } = block();
    const strongest = Math.max(...(effects ?? [[1]]).flat().map(Math.abs)) || 1;
    const found = make('div', part().stacked ? 'grid' : 'grid aside');
    found.setAttribute('role', 'group');
    found.setAttribute('aria-label', texts.grid);
    found.style.gridTemplateColumns = `max-content repeat(${heads + 1}, 52px)`;
    found.append(make('span', 'corner', texts.corner));
    for (let head = 0; head < heads; head++) found.append(make('span', 'top', String(head + 1)));
    found.append(make('span', 'top', texts.mean));
    for (let layer = 0; layer < layers; layer++) {
      found.append(make('span', 'side', String(layer + 1)));
      for (let head = 0; head < heads; head++) found.append(cell(layer, head, strongest));
      found.append(cell(layer, null, strongest));
    }
    const last = make('span', 'side', texts.mean);
    last.style.gridColumn = `1 / span ${heads + 1}`;
    found.append(last, cell(null, null, strongest));
    found.onkeydown = (event) => walk(event, found, layers, heads);
    return found;
  }

  // Arrow keys go from head to head; the last column and the last row hold the means.
  function walk(event, found, layers, heads) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step || !event.target.dataset.place) return;
    event.preventDefault();
    const [layer, head] = event.target.dataset.place.split('/').map((name, at) => (name === 'null' ? [layers, heads][at] : Number(name)));
    const row = Math.max(0, Math.min(layers, layer + step[0]));
    const column = row === layers ? heads : Math.max(0, Math.min(heads, head + step[1]));
    const next = found.querySelector(`.cell[data-place="${row === layers ? null : row}/${column === heads ? null : column}"]`);
    found.querySelectorAll('.cell').forEach((one) => { one.tabIndex = one === next ? 0 : -1; });
    next.focus();
  }

  function turn(layer, head) {
    if (!root.send) return;
    const name = block().name;
    state.off = isOff(layer, head) ? state.off.filter(([b, l, h]) => !(b === name && l === layer && h === head)) : [...state.off, [name, layer, head]];
    show(document.activeElement?.classList?.contains('cell') ? `.cell[data-place="${layer}/${head}"]` : '.switch');
    tell('off', state.off);
  }

  function caption() {
    const found = make('div', 'caption');
    const title = part().stacked ? [texts[state.kind], named(state.layer, state.head)] : [texts[state.kind]];
    found.append(make('strong', 'title', title.join(' · ')));
    if (root.send && data.switchable && part().stacked && state.head !== null) {
      const made = button('switch', isOff(state.layer, state.head) ? texts.switch_on : texts.switch_off, () => turn(state.layer, state.head));
      made.setAttribute('aria-pressed', String(isOff(state.layer, state.head)));
      found.append(made);
    }
    if (root.send && state.off.length) {
      found.append(button('switch everything', texts.all_on, () => { state.off = []; show('.choice'); tell('off', []); }));
    }
    return found;
  }

  function words(side, tokens, turned) {
    const list = make('div', `words ${side}`);
    list.setAttribute('role', 'group');
    list.setAttribute('aria-label', block().name === 'cross' ? texts[side === 'looking' ? 'target' : 'source'] : texts[side]);
    list.append(...tokens.map((token, at) => {
      const made = button('word', undefined, () => { state.pinned = state.pinned?.side === side && state.pinned.at === at ? null : { side, at }; light(state.pinned); });
      const name = make('bdi', '', token);
      name.dir = turned ? 'rtl' : 'ltr';
      made.append(make('span', 'share'), name);
      made.title = token;
      made.onpointerenter = made.onfocus = () => light({ side, at });
      made.onpointerleave = made.onblur = () => light(state.pinned);
      return made;
    }));
    return list;
  }

  function lines(height) {
    const made = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    made.setAttribute('viewBox', `0 0 100 ${height}`);
    made.setAttribute('preserveAspectRatio', 'none');
    made.setAttribute('aria-hidden', 'true');
    made.style.height = `${height}px`;
    return made;
  }

  // Draws the lines of one word, or of all.
  function light(chosen) {
    const { rows, columns } = block();
    const weights = matrix(part(), state.layer, state.head);
    const known = part().known;
    const made = [];
    const shares = { looking: rows.map(() => ''), looked: columns.map(() => '') };
    for (let row = 0; row < rows.length; row++) {
      if (known && !known.includes(row)) continue;
      if (chosen?.side === 'looking' && chosen.at !== row) continue;
      for (let column = 0; column < columns.length; column++) {
        if (chosen?.side === 'looked' && chosen.at !== column) continue;
        const weight = weights[row * columns.length + column];
        if (chosen) shares[chosen.side === 'looking' ? 'looked' : 'looking'][chosen.side === 'looking' ? column : row] = (weight / BASIS).toFixed(2);
        if (weight < (chosen ? 1 : FAINTEST)) continue;
        const line = document.createElementNS('http://www.w3.org/2000/svg', 'line');
        Object.entries({ x1: 0, y1: (row + 0.5) * PITCH, x2: 100, y2: (column + 0.5) * PITCH, 'stroke-width': 0.6 + 4.4 * weight / BASIS,
                         'stroke-opacity': Math.sqrt(weight / BASIS) }).forEach(([name, value]) => line.setAttribute(name, value));
        made.push(line);
      }
    }
    root.querySelector('svg').replaceChildren(...made);
    for (const side of ['looking', 'looked']) {
      root.querySelectorAll(`.words.${side} .word`).forEach((word, at) => {
        word.querySelector('.share').textContent = shares[side][at];
        word.setAttribute('aria-pressed', String(chosen?.side === side && chosen.at === at));
        word.classList.toggle('blank', side === 'looking' && Boolean(known) && !known.includes(at));
        word.style.setProperty('--shade', `${Math.round(70 * Number(shares[side][at] || 0))}%`);
      });
    }
  }

  function show(focus) {
    const { rows, columns, right_to_left: turned } = block();
    const sides = make('div', 'sides');
    sides.dir = turned[0] ? 'rtl' : 'ltr';
    const height = PITCH * Math.max(rows.length, columns.length);
    sides.append(words('looking', rows, turned[0]), lines(height), words('looked', columns, turned[1]));
    const figure = make('div', 'figure');
    const heads = make('div', 'ends');
    heads.dir = sides.dir;
    heads.append(make('span', '', block().name === 'cross' ? texts.target : texts.looking), make('span', '', block().name === 'cross' ? texts.source : texts.looked));
    figure.append(caption(), heads, sides);
    const body = make('div', 'body');
    const left = make('div', 'left');
    left.append(grid(), make('p', 'note', block().effects ? `${texts.grid_note} ${texts.effect_note}` : texts.grid_note));
    body.append(left, figure);
    const notes = block().cut ? [make('p', 'note', fill(texts.cut, block().cut))] : [];
    if (part().known) notes.push(make('p', 'note', texts.one_row));
    if (data.blocks.length > 1) notes.push(make('p', 'note', texts.rest));
    root.replaceChildren(bar(), body, ...notes);
    if (!root.querySelector('.cell[tabindex="0"]')) root.querySelector('.cell').tabIndex = 0;
    root.querySelector('.words').parentElement.onkeydown = (event) => { if (event.key === 'Escape') { state.pinned = null; light(null); } };
    light(state.pinned);
    if (focus) root.querySelector(focus)?.focus({ preventScroll: true });
  }

  const dots = colour();
  const { layers, heads } = block();
  if (state.layer >= layers || state.head >= heads) Object.assign(state, { layer: null, head: null });
  if (state.pinned && state.pinned.at >= (state.pinned.side === 'looking' ? block().rows : block().columns).length) state.pinned = null;
  show();
}
