// The city's page: communities, helpers as unnamed dots, open calls at the centre of their grid, a line for each call
// that crosses a border, and the circle that can be reached from a place. No person, no address, nothing that blinks.

import { ask } from '../shared/api.js';
import { STATES, stateChip, urgencyChip } from '../shared/chips.js';
import { h, put, s, say } from '../shared/dom.js';
import { icon, kindIcon } from '../shared/icons.js';
import { gently, live } from '../shared/live.js';
import { COLOURS, NOTHING, addArrow, addCallMarks, boxOf, bow, draw, feature, makeMap, markFor, pointAt, points } from '../shared/map.js';
import { signOut, whoAreYou } from '../shared/sheet.js';
import { atTime, cityNow, clockWords, setCity } from '../shared/time.js';
import { lang, own, t } from '../shared/words.js';

const main = document.getElementById('main');
const REFETCH_MS = 1_500;
const STALE_MS = 15_000;
const SHOWN_MAX = 200;
const LINES_CALM = 20;
const DUTY_COLOURS = { ready: '#0B5D4E', busy: '#9A5B00', rest: '#838B93', off: '#838B93' };
const FIGURES = ['open', 'waiting', 'medianArriveMin', 'crossingToday', 'servedToday', 'unservedToday'];
const page = { node: null, me: null, map: null, city: null, fetchedAt: 0, chosen: null, circle: null, fitted: false, rows: new Map(), up: false };
const parts = {
  clock: h('span.clock'), fresh: h('span.chip'), figures: h('dl.figures'), list: h('ol.calls', { 'aria-label': t('city.calls') }),
  circle: h('div.circle'), canvas: h('div.map'), licence: h('p.licence'), fault: h('div', { role: 'alert' }),
  minutes: select('minutes', [15, 30, 60, 90].map((n) => [String(n), t('city.minutes', { n })]), '60'),
  mode: select('mode', ['walk', 'ebike', 'drive'].map((mode) => [mode, t(`city.mode.${mode}`)]), 'walk'),
};

start();

async function start() {
  try {
    page.node = await ask('/api/node');
    setCity(page.node);
    page.me = await ask('/api/me').catch(() => ({ role: 'caller' }));
    if (!['community_worker', 'city_official', 'officer', 'operator'].includes(page.me.role)) {
      drawTop();
      await whoAreYou(main, ['city_official', 'officer', 'community_worker'], page.node);
      page.me = await ask('/api/me');
    }
    await begin();
  } catch (problem) {
    put(main, h('p.note.bad', { role: 'alert' }, problem.message), h('button', { type: 'button', onclick: () => location.reload() }, t('shared.again')));
  }
}

async function begin() {
  drawTop();
  put(main, parts.fault, h('div.wall', null,
    h('section.stage', { 'aria-label': t('city.map') }, parts.canvas, legend(), parts.licence),
    h('section.side', null, parts.figures, circleTools(), h('h2', null, t('city.calls'), ' ', h('span.muted', null, t('city.grid_note'))), parts.list)));
  say(parts.licence, page.node.licence ?? '');
  setInterval(times, 1000);
  if (page.node.box) await beginMap();
  else put(parts.canvas, h('p.empty', null, t('city.no_map')));
  const refresh = gently(fetchCity, REFETCH_MS);
  refresh();
  live({ types: 'ServiceCall,Offer,Helper', onChange: refresh, onLink: (up) => { page.up = up; times(); } });
}

function drawTop() {
  const other = lang === 'zh' ? 'en' : 'zh';
  put(document.getElementById('top'), h('p.place', null, own(page.node.name), h('span.sub', null, t('city.title'))),
    h('p.now', null, parts.clock, ' ', parts.fresh),
    h('nav.links', { 'aria-label': t('shared.settings') }, h('a', { href: '/worker' }, t('city.worker')), h('a', { href: `?lang=${other}`, lang: other }, t('shared.other_language')),
      page.me?.name && h('button.plainlink', { type: 'button', onclick: signOut }, t('shared.sign_out'))));
}

// The map

async function beginMap() {
  const keep = new URLSearchParams(location.search).has('keep');
  page.map = await makeMap(parts.canvas, { box: page.node.box, keep, label: t('city.map') });
  const { map } = page;
  addCallMarks(map, STATES);
  addArrow(map, 'arrow', COLOURS.violet);
  for (const name of ['communities', 'labels', 'helpers', 'calls', 'lines', 'origins', 'heads', 'circle', 'centre', 'chosen', 'said']) draw(map, name, NOTHING);
  map.addLayer({ id: 'communities', type: 'fill', source: 'communities', paint: { 'fill-color': ['case', ['==', ['get', 'helpersReady'], 0], '#F3E3CB', '#E9EFE3'], 'fill-opacity': 0.55 } }, 'lanes');
  map.addLayer({ id: 'circle', type: 'fill', source: 'circle', paint: { 'fill-color': COLOURS.teal, 'fill-opacity': 0.12 } });
  map.addLayer({ id: 'circle-line', type: 'line', source: 'circle', paint: { 'line-color': COLOURS.teal, 'line-width': 2 } });
  map.addLayer({ id: 'borders', type: 'line', source: 'communities', paint: { 'line-color': '#565D64', 'line-width': 1.2, 'line-opacity': 0.6 } });
  map.addLayer({ id: 'helpers', type: 'circle', source: 'helpers', paint: {
    'circle-radius': ['interpolate', ['linear'], ['zoom'], 11, 2.6, 15, 6],
    'circle-color': ['match', ['get', 'duty'], 'ready', DUTY_COLOURS.ready, 'busy', DUTY_COLOURS.busy, '#FFFFFF'],
    'circle-stroke-color': ['match', ['get', 'duty'], 'ready', '#FFFFFF', 'busy', '#FFFFFF', DUTY_COLOURS.off], 'circle-stroke-width': 1.2 } });
  map.addLayer({ id: 'lines-halo', type: 'line', source: 'lines', layout: { 'line-cap': 'round' }, paint: { 'line-color': '#FFFFFF', 'line-width': 5, 'line-opacity': 0.8 } });
  map.addLayer({ id: 'lines', type: 'line', source: 'lines', layout: { 'line-cap': 'round' }, paint: { 'line-color': COLOURS.violet, 'line-width': 2.4 } });
  map.addLayer({ id: 'origins', type: 'circle', source: 'origins', paint: { 'circle-radius': 4, 'circle-color': '#FFFFFF', 'circle-stroke-color': COLOURS.violet, 'circle-stroke-width': 2.4 } });
  map.addLayer({ id: 'heads', type: 'symbol', source: 'heads', layout: { 'icon-image': 'arrow', 'icon-rotate': ['get', 'turn'], 'icon-rotation-alignment': 'map', 'icon-allow-overlap': true, 'icon-ignore-placement': true } });
  map.addLayer({ id: 'chosen', type: 'circle', source: 'chosen', paint: { 'circle-radius': 24, 'circle-color': 'rgba(18,74,138,0.10)', 'circle-stroke-color': '#124A8A', 'circle-stroke-width': 3 } });
  map.addLayer({ id: 'centre', type: 'circle', source: 'centre', paint: { 'circle-radius': 5, 'circle-color': COLOURS.teal, 'circle-stroke-color': '#FFFFFF', 'circle-stroke-width': 2 } });
  map.addLayer({ id: 'calls', type: 'symbol', source: 'calls', layout: {
    'icon-image': ['concat', 'call-', ['get', 'state']], 'icon-size': ['interpolate', ['linear'], ['zoom'], 11, ['case', ['==', ['get', 'state'], 'onSite'], 0.36, 0.62], 15, ['case', ['==', ['get', 'state'], 'onSite'], 0.7, 1]],
    'icon-allow-overlap': true, 'icon-ignore-placement': true, 'symbol-sort-key': ['case', ['==', ['get', 'state'], 'onSite'], -1, ['get', 'urgency']] } });
  map.addLayer({ id: 'names', type: 'symbol', source: 'labels', layout: { 'text-field': ['get', 'name'], 'text-size': ['interpolate', ['linear'], ['zoom'], 11, 12, 15, 17], 'text-padding': 6, 'text-anchor': 'bottom', 'text-offset': [0, -0.7] },
    paint: { 'text-color': COLOURS.ink, 'text-halo-color': '#FFFFFF', 'text-halo-width': 2 } });
  map.addLayer({ id: 'said', type: 'symbol', source: 'said', layout: { 'text-field': ['get', 'words'], 'text-size': 15, 'text-max-width': 14, 'text-allow-overlap': true, 'text-ignore-placement': true, 'text-anchor': 'left', 'text-offset': [0.6, 0], 'text-justify': 'left' },
    paint: { 'text-color': COLOURS.violet, 'text-halo-color': '#FFFFFF', 'text-halo-width': 3 } });
  map.on('click', (event) => {
    const [hit] = map.queryRenderedFeatures([[event.point.x - 6, event.point.y - 6], [event.point.x + 6, event.point.y + 6]], { layers: ['calls'] });
    if (hit) choose(hit.properties.id);
    else circleAt([event.lngLat.lng, event.lngLat.lat]);
  });
  map.on('mouseenter', 'calls', () => { map.getCanvas().style.cursor = 'pointer'; });
  map.on('mouseleave', 'calls', () => { map.getCanvas().style.cursor = ''; });
  // Tests and the maker of pictures ask this map what it drew.
  parts.canvas.map = map;
}

/** The legend stands on the left: on a wide screen the district is drawn beside it, not under it. */
const roomAround = () => ({ top: 24, bottom: 28, right: 56, left: innerWidth > 1100 ? 210 : 24 });

/** The map of the streets may reach far beyond the district: the first look is at the communities. */
function fitDistrict() {
  const { features } = page.city.communities;
  if (!page.map || features.length === 0) return;
  page.fitted = true;
  page.map.fitBounds(boxOf(features.flatMap((one) => rings(one.geometry).flat())), { padding: roomAround(), animate: false });
}

async function fetchCity() {
  try {
    page.city = await ask('/api/city');
    page.fetchedAt = Date.now();
    if (!page.fitted) fitDistrict();
    put(parts.fault);
    drawCity();
  } catch (problem) {
    put(parts.fault, h('p.note.bad', null, problem.message, ' ', problem.status === 401 && h('button', { type: 'button', onclick: () => location.reload() }, t('shared.sign_in_again'))));
  }
  times();
}

function drawCity() {
  const { city, map } = page;
  drawFigures();
  drawList();
  if (!map) return;
  draw(map, 'communities', city.communities);
  draw(map, 'labels', points(city.communities.features.map((one) => pointAt(...middle(one.geometry), { name: own(one.properties.name) }))));
  draw(map, 'helpers', points(city.helpers.map(([lon, lat, duty]) => pointAt(lon, lat, { duty }))));
  const spread = fanned(city.calls);
  draw(map, 'calls', points(spread.map(({ call, at }) => pointAt(at[0], at[1], { id: call.id, state: call.state, urgency: call.urgency }))));
  // A line is drawn while somebody is on the way; whoever has arrived needs none.
  const crossing = spread.filter(({ call }) => call.crossing && call.from && call.state !== 'onSite').map(({ call, at }) => ({ call, line: bow(call.from, at) }));
  draw(map, 'lines', points(crossing.map(({ call, line }) => feature(line, { id: call.id }))));
  draw(map, 'origins', points(crossing.map(({ call }) => pointAt(...call.from, { id: call.id }))));
  draw(map, 'heads', points(crossing.map(({ call, line }) => headOf(line.coordinates, call.id))));
  const chosen = spread.find(({ call }) => call.id === page.chosen);
  // Whoever looks at one call sees its line; the others step back.
  const others = chosen ? 0.06 : crossing.length > LINES_CALM ? 0.5 : 1;
  for (const layer of ['lines', 'lines-halo']) map.setPaintProperty(layer, 'line-opacity', ['case', ['==', ['get', 'id'], page.chosen ?? ''], 1, layer === 'lines' ? others : others * 0.8]);
  map.setPaintProperty('heads', 'icon-opacity', ['case', ['==', ['get', 'id'], page.chosen ?? ''], 1, others]);
  map.setPaintProperty('calls', 'icon-opacity', chosen ? ['case', ['==', ['get', 'id'], page.chosen], 1, 0.3] : ['case', ['==', ['get', 'state'], 'onSite'], 0.7, 1]);
  for (const part of ['circle-opacity', 'circle-stroke-opacity']) {
    map.setPaintProperty('helpers', part, chosen ? 0.5 : 1);
    map.setPaintProperty('origins', part, chosen ? ['case', ['==', ['get', 'id'], page.chosen], 1, 0.15] : 1);
  }
  draw(map, 'chosen', chosen ? pointAt(chosen.at[0], chosen.at[1]) : NOTHING);
  draw(map, 'said', saidOn(crossing.find(({ call }) => call.id === page.chosen)));
}

/** Calls of one grid share its centre: they are fanned out in a small ring, so that each can be seen and clicked. */
function fanned(calls) {
  const grids = new Map();
  for (const call of calls) {
    const key = String(call.grid);
    grids.set(key, [...(grids.get(key) ?? []), call]);
  }
  return [...grids.values()].flatMap((group) => group.map((call, i) => {
    const [lon, lat] = call.grid;
    const turn = (2 * Math.PI * i) / group.length;
    const reach = group.length > 1 ? 0.0009 + 0.00012 * group.length : 0;
    return { call, at: [lon + reach * Math.cos(turn), lat + reach * 0.8 * Math.sin(turn)] };
  }));
}

/** Words beside the line of the chosen call: from where help comes. */
function saidOn(shown) {
  if (!shown?.call.helperArea) return NOTHING;
  const [lon, lat] = shown.line.coordinates[Math.floor(shown.line.coordinates.length / 2)];
  return pointAt(lon, lat, { words: t('city.line_label', { place: own(shown.call.helperArea) }) });
}

function headOf(line, id) {
  const at = Math.floor(line.length * 0.62);
  const [[x0, y0], [x1, y1]] = [line[at - 1], line[at]];
  const turn = -(Math.atan2(y1 - y0, (x1 - x0) * Math.cos((y1 * Math.PI) / 180)) * 180) / Math.PI;
  return pointAt(x1, y1, { id, turn });
}

function middle(geometry) {
  const [west, south, east, north] = boxOf(rings(geometry).flat(), 0);
  return [(west + east) / 2, (south + north) / 2];
}

const rings = (geometry) => (geometry.type === 'MultiPolygon' ? geometry.coordinates.flat() : geometry.coordinates);

// The circle

function circleTools() {
  parts.minutes.addEventListener('change', drawCircle);
  parts.mode.addEventListener('change', drawCircle);
  put(parts.circle, h('p.muted', null, t('city.circle_hint')));
  return h('div.tools', null, h('h2', null, t('city.circle')), h('div.choices', null, h('label', null, t('city.within'), parts.minutes), h('label', null, t('city.by'), parts.mode)), parts.circle);
}

function circleAt(at) {
  page.circle = at;
  drawCircle();
}

async function drawCircle() {
  if (!page.circle || !page.map) return;
  const [lon, lat] = page.circle;
  const { minutes, mode } = { minutes: parts.minutes.value, mode: parts.mode.value };
  draw(page.map, 'centre', pointAt(lon, lat));
  const query = new URLSearchParams({ lon: lon.toFixed(6), lat: lat.toFixed(6), minutes, mode });
  try {
    const found = await ask(`/api/circle?${query}`);
    if (page.circle[0] !== lon || parts.minutes.value !== minutes || parts.mode.value !== mode) return;
    draw(page.map, 'circle', feature(found.outline));
    put(parts.circle, h('p', null, t('city.circle_found', { n: minutes, mode: t(`city.mode.${mode}`), junctions: found.junctions.toLocaleString('en') }), ' ', reachedWords(found.reached)),
      h('div.choices', null, h('button', { type: 'button', onclick: () => page.map.fitBounds(boxOf(rings(found.outline).flat(), 0.01), { padding: 24, animate: false }) }, t('city.circle_see')),
        h('button', { type: 'button', onclick: clearCircle }, t('city.circle_off'))));
  } catch (problem) {
    draw(page.map, 'circle', NOTHING);
    put(parts.circle, h('p.note.amber', null, problem.message));
  }
}

function reachedWords(reached) {
  const helpers = reached?.helpers;
  const count = typeof helpers === 'number' ? helpers : Object.values(helpers ?? {}).reduce((sum, n) => sum + n, 0);
  return reached ? t('city.circle_helpers', { n: count }) : '';
}

function clearCircle() {
  page.circle = null;
  page.chosen = null;
  for (const name of ['circle', 'centre']) draw(page.map, name, NOTHING);
  put(parts.circle, h('p.muted', null, t('city.circle_hint')));
  drawCity();
}

function choose(id) {
  const call = page.city.calls.find((one) => one.id === id);
  if (!call) return;
  page.chosen = id;
  drawCity();
  circleAt(call.grid);
  page.rows.get(id)?.line.scrollIntoView({ block: 'nearest' });
}

// Beside the map

function drawFigures() {
  const { figures } = page.city;
  put(parts.figures, FIGURES.map((name) => h('div', { title: t(`city.note.${name}`) }, h('dt', null, t(`city.figure.${name}`)),
    h('dd', null, figures[name] == null ? '–' : String(Math.round(figures[name] * 10) / 10)))));
}

/** Keeps one row a call; rows change in place, and change places only while no hand is on the list. */
function drawList() {
  const rank = (call) => (call.state === 'onSite' ? 1 : 0);
  const calls = [...page.city.calls].sort((a, b) => rank(a) - rank(b) || b.urgency - a.urgency || Number(b.crossing) - Number(a.crossing)).slice(0, SHOWN_MAX);
  const present = new Set(calls.map((call) => call.id));
  for (const call of calls) fillRow(call);
  const handsOn = parts.list.matches(':hover') || parts.list.contains(document.activeElement);
  if (handsOn) {
    for (const [id, row] of page.rows) row.line.classList.toggle('over', !present.has(id));
    return;
  }
  for (const id of page.rows.keys()) if (!present.has(id)) page.rows.delete(id);
  put(parts.list, calls.length === 0 && h('li.empty', null, t(page.city.helpers.length ? 'city.no_calls' : 'city.no_helpers')), calls.map((call) => page.rows.get(call.id).line));
}

function fillRow(call) {
  let row = page.rows.get(call.id);
  if (!row) {
    const button = h('button', { type: 'button', 'data-id': call.id, onclick: () => choose(call.id) });
    row = { line: h('li', null, button), button, signature: '' };
    page.rows.set(call.id, row);
  }
  row.button.setAttribute('aria-pressed', String(call.id === page.chosen));
  const signature = JSON.stringify([call.state, call.urgency, call.crossing, call.helperArea]);
  if (signature === row.signature) return;
  row.signature = signature;
  put(row.button, stateChip(call.state, { face: 'city' }), h('span.kind', null, kindIcon(call.icon), own(call.title)), urgencyChip(call.urgency),
    h('span.fromto', null, call.crossing && call.helperArea ? [own(call.helperArea), icon('border'), own(call.homeArea)] : own(call.homeArea)));
}

function legend() {
  const shape = { square: 'M4 4h16v16H4z', circle: 'M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18', diamond: 'M12 2l10 10-10 10L2 12z', triangle: 'M12 3l10 18H2z' };
  const mark = (family) => s('svg.swatch', { viewBox: '0 0 24 24', 'aria-hidden': 'true' }, s('path', { d: shape[markFor(family).shape], fill: markFor(family).colour }));
  const dot = (fill, edge) => s('svg.swatch', { viewBox: '0 0 24 24', 'aria-hidden': 'true' }, s('circle', { cx: 12, cy: 12, r: 6, fill, stroke: edge, 'stroke-width': 2 }));
  const line = (colour, dash) => s('svg.swatch', { viewBox: '0 0 24 24', 'aria-hidden': 'true' }, s('path', { d: 'M1 12h22', stroke: colour, 'stroke-width': 3, 'stroke-dasharray': dash }));
  const square = (fill) => s('svg.swatch', { viewBox: '0 0 24 24', 'aria-hidden': 'true' }, s('path', { d: 'M3 5h18v14H3z', fill, stroke: '#8E9399' }));
  const rows = [
    [mark('blue'), 'new'], [mark('amber'), 'finding'], [mark('teal'), 'coming'], [mark('red'), 'nobody'],
    [dot(DUTY_COLOURS.ready, '#FFFFFF'), 'ready'], [dot(DUTY_COLOURS.busy, '#FFFFFF'), 'busy'], [dot('#FFFFFF', DUTY_COLOURS.off), 'off'],
    [line(COLOURS.violet, ''), 'crossing'], [line('#8E9399', ''), 'border'], [square('#F3E3CB'), 'alone'],
    [s('svg.swatch', { viewBox: '0 0 24 24', 'aria-hidden': 'true' }, s('circle', { cx: 12, cy: 12, r: 9, fill: COLOURS.teal, 'fill-opacity': 0.15, stroke: COLOURS.teal, 'stroke-width': 2 })), 'circle'],
  ];
  return h('details.legend', { open: innerWidth > 700 }, h('summary', null, t('city.legend')), h('ul', null, rows.map(([drawing, name]) => h('li', null, drawing, h('span', null, t(`city.legend_${name}`))))));
}

function times() {
  const speed = page.node.speed;
  say(parts.clock, `${t('city.city_time')} ${clockWords(cityNow())}${speed && speed !== 1 ? ` · ${t('city.speed', { n: speed })}` : ''}`);
  if (!page.city) return;
  // A standing stream without news means that nothing changed: then the last answer is still the present one.
  const fresh = page.up || Date.now() - page.fetchedAt < STALE_MS;
  parts.fresh.className = fresh ? 'chip teal' : 'chip amber stale';
  put(parts.fresh, icon(fresh ? 'done' : 'clock'), h('span', null, t(fresh ? 'city.fresh' : 'city.stale', { time: atTime(page.city.at) })));
}

function select(name, choices, chosen) {
  return h('select', { name }, choices.map(([value, words]) => h('option', { value, selected: value === chosen }, words)));
}
