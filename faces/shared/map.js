// The map: our own streets as GeoJSON, a quiet base under everything that matters; nothing is asked of a foreign host.
// This module is loaded only by pages that show a map, and by the resident's page only on request.

import * as maplibregl from 'maplibre-gl';
import { ask } from './api.js';
import { iconPath } from './icons.js';
import { lang } from './words.js';

export const COLOURS = { land: '#F4F1EA', road: '#FFFFFF', edge: '#DDD8CC', main: '#F3C96B', ink: '#1B1F23', teal: '#0B5D4E', violet: '#5B2D82' };
const MAIN = ['motorway', 'motorway_link', 'trunk', 'trunk_link', 'primary', 'primary_link'];
const MIDDLE = ['secondary', 'secondary_link', 'tertiary', 'tertiary_link'];
const SMALLEST = ['service', 'footway', 'path', 'steps', 'cycleway', 'pedestrian', 'track', 'corridor', 'bridleway'];
const FONTS = '"PingFang SC","HarmonyOS Sans SC","Noto Sans CJK SC","Microsoft YaHei",sans-serif';
export const NOTHING = { type: 'FeatureCollection', features: [] };

/** Shape and colour of a call on the map, by the family of its state. */
const MARKS = {
  blue: { colour: '#124A8A', shape: 'square' }, amber: { colour: '#9A5B00', shape: 'diamond' },
  teal: { colour: '#0B5D4E', shape: 'circle' }, red: { colour: '#9F1D17', shape: 'triangle' },
  violet: { colour: '#5B2D82', shape: 'circle' }, grey: { colour: '#3F464C', shape: 'square' },
};

/**
 * Makes a map with the streets of the node and waits until it can be drawn on.
 * @param {HTMLElement} place
 * @param {{box?: number[], streetsBox?: number[], padding?: object, quiet?: boolean, keep?: boolean, label: string}} how
 *   `keep` keeps the drawing buffer, for tests that count colours
 */
export async function makeMap(place, { box, streetsBox, padding = 16, quiet = false, keep = false, label }) {
  const { mapWorker, mapCss } = document.documentElement.dataset;
  maplibregl.setWorkerUrl(new URL(mapWorker, location.href).href);
  await sheet(mapCss);
  const map = new maplibregl.Map({
    container: place,
    style: baseStyle(streetsBox),
    bounds: box,
    fitBoundsOptions: { padding },
    attributionControl: false,
    localIdeographFontFamily: FONTS,
    dragRotate: false,
    pitchWithRotate: false,
    fadeDuration: 0,
    cooperativeGestures: false,
    canvasContextAttributes: { preserveDrawingBuffer: keep },
    locale: locale(),
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.getCanvas().setAttribute('aria-label', label);
  if (!quiet) map.addControl(new maplibregl.NavigationControl({ showCompass: false }), 'top-right');
  // Until it can be drawn on, the map cannot be clicked either: no click is lost.
  await new Promise((ready) => { map.once('load', ready); });
  place.classList.add('drawn');
  return map;
}

const drawn = new WeakMap();

/** Puts GeoJSON into a source, making the source when it is not there yet; what did not change is not drawn again. */
export function draw(map, name, geojson) {
  const texts = drawn.get(map) ?? drawn.set(map, new Map()).get(map);
  const text = JSON.stringify(geojson);
  if (texts.get(name) === text) return;
  texts.set(name, text);
  const source = map.getSource(name);
  if (source) source.setData(geojson);
  else map.addSource(name, { type: 'geojson', data: geojson });
}

export const feature = (geometry, properties = {}) => ({ type: 'Feature', geometry, properties });
export const points = (rows) => ({ type: 'FeatureCollection', features: rows });
export const pointAt = (lon, lat, properties) => feature({ type: 'Point', coordinates: [lon, lat] }, properties);

/** A line that bows to one side, so that ways between communities do not hide under streets. */
export function bow(from, to, steps = 24) {
  const [x0, y0] = from;
  const [x1, y1] = to;
  const [cx, cy] = [(x0 + x1) / 2 - (y1 - y0) * 0.22, (y0 + y1) / 2 + (x1 - x0) * 0.22];
  const line = [];
  for (let i = 0; i <= steps; i += 1) {
    const u = i / steps;
    const [a, b, c] = [(1 - u) ** 2, 2 * u * (1 - u), u ** 2];
    line.push([a * x0 + b * cx + c * x1, a * y0 + b * cy + c * y1]);
  }
  return { type: 'LineString', coordinates: line };
}

/** The box around coordinates, at least `least` degrees wide. */
export function boxOf(coordinates, least = 0.004) {
  const [xs, ys] = [coordinates.map((at) => at[0]), coordinates.map((at) => at[1])];
  const [west, east] = [Math.min(...xs), Math.max(...xs)];
  const [south, north] = [Math.min(...ys), Math.max(...ys)];
  const [dx, dy] = [Math.max(0, (least - (east - west)) / 2), Math.max(0, (least - (north - south)) / 2)];
  return [west - dx, south - dy, east + dx, north + dy];
}

/** Adds the pictures of calls: shape and colour by the state's family, the state's icon inside. */
export function addCallMarks(map, states) {
  for (const [state, family] of Object.entries(states)) {
    const name = `call-${state}`;
    if (!map.hasImage(name)) map.addImage(name, markOf(MARKS[family.split(' ')[0]], state), { pixelRatio: 2 });
  }
}

/** A pin whose tip is the place itself. */
function addPin(map) {
  const [canvas, pen] = paper(72);
  const drop = new Path2D('M36 68C20 46 12 38 12 26a24 24 0 1 1 48 0c0 12-8 20-24 42z');
  pen.lineWidth = 6;
  pen.strokeStyle = '#FFFFFF';
  pen.stroke(drop);
  pen.fillStyle = '#9F1D17';
  pen.fill(drop);
  pen.fillStyle = '#FFFFFF';
  pen.beginPath();
  pen.arc(36, 26, 9, 0, 2 * Math.PI);
  pen.fill();
  map.addImage('pin', pen.getImageData(0, 0, canvas.width, canvas.height), { pixelRatio: 2 });
}

/** An arrow head for lines across a border. */
export function addArrow(map, name, colour) {
  const [canvas, pen] = paper(32);
  pen.fillStyle = colour;
  pen.beginPath();
  for (const [x, y] of [[4, 5], [29, 16], [4, 27], [10, 16]]) pen.lineTo(x, y);
  pen.fill();
  map.addImage(name, pen.getImageData(0, 0, canvas.width, canvas.height), { pixelRatio: 2 });
}

/** The colour and shape of a family, for legends. */
export const markFor = (family) => MARKS[family];

function markOf({ colour, shape }, state) {
  const [canvas, pen] = paper(64);
  outline(pen, shape);
  pen.lineWidth = 6;
  pen.strokeStyle = '#FFFFFF';
  pen.stroke();
  pen.fillStyle = colour;
  pen.fill();
  pen.lineCap = 'round';
  pen.lineJoin = 'round';
  // A triangle has no room for a drawing: it carries the mark of exclamation.
  if (shape === 'triangle') {
    pen.lineWidth = 6;
    pen.stroke(new Path2D('M32 24v14M32 48v.5'));
  } else {
    pen.translate(17, 17);
    pen.scale(1.25, 1.25);
    pen.lineWidth = 2.4;
    pen.stroke(new Path2D(iconPath(state)));
  }
  return pen.getImageData(0, 0, canvas.width, canvas.height);
}

function outline(pen, shape) {
  pen.beginPath();
  if (shape === 'circle') pen.arc(32, 32, 26, 0, 2 * Math.PI);
  else if (shape === 'square') pen.roundRect(7, 7, 50, 50, 8);
  else if (shape === 'diamond') for (const [x, y] of [[32, 2], [62, 32], [32, 62], [2, 32]]) pen.lineTo(x, y);
  else for (const [x, y] of [[32, 3], [62, 58], [2, 58]]) pen.lineTo(x, y);
  pen.closePath();
}

function paper(size) {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = size;
  return [canvas, canvas.getContext('2d')];
}

function baseStyle(streetsBox) {
  const classIs = (names) => ['in', ['get', 'class'], ['literal', names]];
  const width = (small, large) => ['interpolate', ['exponential', 1.6], ['zoom'], 11, small, 17, large];
  const line = (id, filter, colour, wide, extra = {}) => ({
    id, type: 'line', source: 'streets', filter, layout: { 'line-cap': 'round', 'line-join': 'round' },
    paint: { 'line-color': colour, 'line-width': wide, ...extra },
  });
  const small = ['!', classIs([...MAIN, ...MIDDLE, ...SMALLEST])];
  return {
    version: 8,
    sources: { streets: { type: 'geojson', data: streetsUrl(streetsBox), tolerance: 0.3 } },
    layers: [
      { id: 'land', type: 'background', paint: { 'background-color': COLOURS.land } },
      { ...line('lanes', classIs(SMALLEST), COLOURS.edge, width(0.4, 3)), minzoom: 13.5 },
      line('streets-edge', small, COLOURS.edge, width(0.8, 9), { 'line-opacity': ['interpolate', ['linear'], ['zoom'], 12, 0.55, 14, 1] }),
      line('middle-edge', classIs(MIDDLE), COLOURS.edge, width(2.2, 14)),
      line('main-edge', classIs(MAIN), '#E3C88A', width(1.6, 10)),
      { ...line('streets', small, COLOURS.road, width(0.4, 7)), minzoom: 12 },
      line('middle', classIs(MIDDLE), COLOURS.road, width(1.4, 12)),
      line('main', classIs(MAIN), COLOURS.main, width(0.9, 7.5)),
    ],
  };
}

function streetsUrl(box) {
  const query = box ? `?box=${box.map((n) => n.toFixed(4)).join(',')}` : '';
  return new URL(`/api/streets${query}`, location.href).href;
}

function sheet(href) {
  if (document.querySelector(`link[href="${href}"]`)) return Promise.resolve();
  return new Promise((ready, failed) => {
    const link = document.createElement('link');
    link.rel = 'stylesheet';
    link.href = href;
    link.onload = ready;
    link.onerror = failed;
    document.head.prepend(link);
  });
}

function locale() {
  return lang === 'zh'
    ? { 'NavigationControl.ZoomIn': '放大', 'NavigationControl.ZoomOut': '缩小', 'Map.Title': '地图' }
    : { 'NavigationControl.ZoomIn': 'Zoom in', 'NavigationControl.ZoomOut': 'Zoom out', 'Map.Title': 'Map' };
}

/**
 * A small map of one call: the place, the helper, the way between them. Returns `show(call)`.
 * @param {HTMLElement} place
 * @param {{label: string, watch?: string}} how
 */
export async function callMap(place, { label, watch }) {
  let map = null;
  let lastPath = '';
  let shownId = '';
  return async function show(call) {
    if (!call.place) return;
    const at = [call.place.lon, call.place.lat];
    const helper = call.helper?.position;
    const coordinates = helper ? [at, [helper.lon, helper.lat]] : [at];
    const moving = helper && ['accepted', 'enRoute'].includes(call.state);
    if (!map) {
      const around = boxOf(coordinates, 0.03);
      map = await makeMap(place, { box: boxOf(coordinates), streetsBox: around, quiet: true, label });
      addPin(map);
      draw(map, 'way', NOTHING);
      draw(map, 'ends', NOTHING);
      map.addLayer({ id: 'way', type: 'line', source: 'way', layout: { 'line-cap': 'round', 'line-join': 'round' },
        paint: { 'line-color': COLOURS.teal, 'line-width': 4, 'line-opacity': 0.8 } });
      map.addLayer({ id: 'helper', type: 'circle', source: 'ends', filter: ['==', ['get', 'what'], 'helper'],
        paint: { 'circle-radius': 8, 'circle-color': COLOURS.teal, 'circle-stroke-color': '#FFFFFF', 'circle-stroke-width': 3 } });
      map.addLayer({ id: 'call', type: 'symbol', source: 'ends', filter: ['==', ['get', 'what'], 'call'],
        layout: { 'icon-image': 'pin', 'icon-anchor': 'bottom', 'icon-allow-overlap': true } });
    }
    // A new call, or one that just got its helper, is looked at anew; otherwise the person's own view stays.
    const looked = `${call.id} ${Boolean(helper)}`;
    if (shownId !== looked) {
      if (shownId) map.getSource('streets').setData(streetsUrl(boxOf(coordinates, 0.03)));
      shownId = looked;
      map.fitBounds(boxOf(coordinates), { padding: { top: 64, bottom: 40, left: 48, right: 48 }, duration: 0 });
    }
    draw(map, 'ends', points([pointAt(at[0], at[1], { what: 'call' }),
      ...(helper ? [pointAt(helper.lon, helper.lat, { what: 'helper' })] : [])]));
    const key = moving ? `${helper.lon},${helper.lat}` : '';
    if (key === lastPath) return;
    lastPath = key;
    const way = moving ? await ask(`/api/path?call=${encodeURIComponent(call.id)}`, { watch }).catch(() => null) : null;
    draw(map, 'way', way?.path ? feature(way.path) : NOTHING);
  };
}

/** A map on which one place is picked. Returns `{at()}`: the coordinates under the mark. */
export async function pickMap(place, { box, label, onPick }) {
  const map = await makeMap(place, { box, label });
  addPin(map);
  draw(map, 'picked', NOTHING);
  map.addLayer({ id: 'picked', type: 'symbol', source: 'picked', layout: { 'icon-image': 'pin', 'icon-anchor': 'bottom', 'icon-allow-overlap': true } });
  const pick = ({ lng, lat }) => {
    draw(map, 'picked', pointAt(lng, lat, {}));
    onPick({ lon: +lng.toFixed(6), lat: +lat.toFixed(6) });
  };
  map.on('click', (event) => pick(event.lngLat));
  map.getCanvas().addEventListener('keydown', (event) => {
    if (event.key === 'Enter') pick(map.getCenter());
  });
  return map;
}
