// The resident's page: one big button, and then the truth about what happens.

import { ask, callPath, token } from '../shared/api.js';
import { OVER, stateChip } from '../shared/chips.js';
import { h, put } from '../shared/dom.js';
import { icon, kindIcon } from '../shared/icons.js';
import { gently, live, wait } from '../shared/live.js';
import { signOut, whoAreYou } from '../shared/sheet.js';
import { atTime, setCity, span, until } from '../shared/time.js';
import { own, t } from '../shared/words.js';
import { callView } from './call.js';
import { mine, outbox, startOutbox } from './outbox.js';
import { ring } from './ring.js';
import { knownPlace, phonePlace, placeWords, whereView } from './where.js';

const SOS = 'elder.sos';
const main = document.getElementById('main');
const phone = document.documentElement.dataset.phone;
const page = { node: null, me: null, kinds: [], calls: [], leave: () => {}, refresh: () => {} };

start();

async function start() {
  const banner = h('div.banner', { role: 'status', hidden: true });
  main.before(banner);
  const link = () => {
    banner.hidden = navigator.onLine;
    put(banner, icon('queued'), ' ', t('resident.offline'), ' ', h('a', { href: `tel:${phone}` }, phone));
  };
  addEventListener('online', link);
  addEventListener('offline', link);
  link();
  for (let tries = 0; !(await load()); tries += 1) await wait(Math.min(1000 * 2 ** tries, 15_000));
  addWho();
  outbox.listen(onPress);
  addEventListener('hashchange', route);
  startOutbox();
  route();
}

/** Loads what the home needs; on failure the server's own form stays, and works. */
async function load() {
  try {
    const [node, me, { kinds }] = await Promise.all([ask('/api/node'), ask('/api/me'), ask('/api/kinds')]);
    setCity(node);
    Object.assign(page, { node, me, kinds });
    return true;
  } catch {
    return false;
  }
}

function addWho() {
  const signedIn = page.me.role !== 'caller' && page.me.role !== 'operator';
  document.querySelector('.top .place').textContent = own(page.me.area?.name ?? page.node.name);
  if (!page.node.demo) return;
  const link = h('a.whoami', { href: '#who' }, icon('person'), signedIn ? page.me.name : t('resident.sign_in'));
  document.querySelector('.top .links').prepend(link);
}

function route() {
  page.leave();
  page.leave = () => {};
  const [name, value] = location.hash.slice(1).split('=');
  const views = { call: showCall, kind: showKind, calls: showCalls, who: showWho, where: showWhere, press: showPress };
  (views[name] ?? showHome)(decodeURIComponent(value ?? ''));
}

/** Shows a view; `leave` ends what it keeps running. */
function show(view, leave = () => {}) {
  put(main, view);
  page.leave = leave;
  scrollTo(0, 0);
  main.querySelector('h1')?.focus({ preventScroll: true });
}

// Home

function showHome() {
  const running = h('div.running');
  const waiting = h('div.waiting', { role: 'status' });
  const sos = page.kinds.find((kind) => kind.key === SOS);
  const rest = page.kinds.filter((kind) => kind.key !== SOS);
  show(h('section.home', null, waiting,
    sos && h('button.call', { type: 'button', onclick: () => press(sos, '') }, h('b', null, t('resident.call')), h('span', null, t('resident.call_hint'))),
    running,
    h('p.whereline', null, icon('pin'), ' ', h('span', null, placeWords(knownPlace(page.me), page.me)), ' ', h('a.way', { href: '#where' }, t('resident.where_change'))),
    page.kinds.length === 0 && h('p.empty', null, t('resident.no_kinds')),
    h('div.tiles', null, rest.map(tile)),
    h('p', null, h('a.way', { href: '#calls' }, t('resident.my_calls')))));
  page.refresh = gently(async () => put(running, (await runningCalls()).map(callCard)), 1000);
  const drawWaiting = () => put(waiting, outbox.all().filter((one) => one.state !== 'counting').map(pressCard));
  drawWaiting();
  page.refresh();
  const stopBox = outbox.listen(drawWaiting);
  const stopLive = page.me.role === 'caller' ? pollHome() : live({ types: 'ServiceCall', onChange: () => page.refresh() });
  page.leave = () => { stopBox(); stopLive(); };
}

function pollHome() {
  const timer = setInterval(() => page.refresh(), 5_000);
  return () => clearInterval(timer);
}

function tile(kind) {
  return h('a.tile', { href: `#kind=${encodeURIComponent(kind.key)}`, role: 'button' }, kindIcon(kind.icon), h('b', null, own(kind.title)),
    kind.arriveWithinMin && h('span.soon', null, t('resident.within', { span: span(kind.arriveWithinMin * 60_000) })));
}

/** Returns the calls of this person that still run: by sign-in, else those that this phone placed. */
async function runningCalls() {
  try {
    page.calls = await myCalls();
  } catch {
    // The last known list stays; the banner says that there is no network.
  }
  return page.calls.filter((call) => !OVER.has(call.state));
}

async function myCalls() {
  if (page.me.role === 'resident') return (await ask('/api/calls?state=all&limit=30')).calls;
  const found = await Promise.allSettled(mine.all().map(({ id, watch }) => ask(callPath(id), { watch })));
  return found.filter((one) => one.status === 'fulfilled').map((one) => one.value);
}

function callCard(call) {
  const eta = call.helper?.etaAt && ['accepted', 'enRoute'].includes(call.state) ? until(call.helper.etaAt) : 0;
  return h('a.card.go', { href: `#call=${encodeURIComponent(call.id)}` }, kindIcon(call.icon), h('span', null,
    h('b', null, own(call.title)), ' ', stateChip(call.state),
    h('span.sub', null, call.helper ? t('resident.comes_short', { name: own(call.helper.name) }) : own(call.next?.text),
      eta > 0 && ` · ${span(eta)}`, ` · ${t('resident.pressed_at', { time: atTime(call.receivedAt) })}`)));
}

// A press: ring, outbox, and the honest words in between

async function press(kind, text) {
  const place = knownPlace(page.me) ?? {};
  const item = outbox.add(kind.key, kind.title, text, { lon: place.lon, lat: place.lat });
  const looking = place.lon === undefined ? phonePlace() : null;
  const dial = ring({
    title: own(kind.title),
    where: looking ? t('resident.where_looking') : placeWords(place, page.me),
    onUndo: () => { outbox.drop(item); home(); },
    onSend: async () => {
      const found = looking && await looking;
      if (!outbox.get(item.key)) return;
      if (found) outbox.place(item, found);
      sendOrAsk(item);
    },
  });
  // Leaving the ring by the back key is an undo: nothing goes out that nobody looks at.
  show(dial.view, () => {
    dial.stop();
    if (item.state === 'counting') outbox.drop(item);
  });
}

function onPress(item, call) {
  if (call && location.hash === `#press=${item.key}`) location.replace(`#call=${encodeURIComponent(call.id)}`);
  else if (call) page.refresh();
}

function showPress(key) {
  const box = h('section.press', { role: 'status' });
  const redraw = () => {
    const item = outbox.get(key);
    put(box, item ? pressCard(item, true) : h('p', null, h('a.way', { href: '#' }, t('resident.home'))));
  };
  const stop = outbox.listen(redraw);
  redraw();
  show(box, stop);
}

function pressCard(item) {
  const buttons = {
    ask: [['resident.ask_send', () => sendOrAsk(item), 'primary'], ['resident.ask_drop', () => drop(item), '']],
    refused: [['resident.where_pick', () => showWhere(item.key), 'primary'], ['resident.dismiss', () => drop(item), '']],
    queued: [['resident.retry_now', () => outbox.send(item), 'primary'], ['resident.undo', () => drop(item), '']],
    sending: [],
  }[item.state] ?? [];
  return h(`div.card.box.${item.state}`, null, icon(item.state === 'sending' ? 'clock' : 'queued'), h('div', null,
    h('h1', { tabindex: '-1' }, t(`resident.box.${item.state}`)),
    h('p', null, own(item.title), ' · ', t('resident.pressed_at', { time: atTime(item.saidAt) })),
    item.state === 'refused' && h('p', null, item.fault),
    item.state !== 'sending' && h('p', null, t('resident.or_phone'), ' ', h('a.way', { href: `tel:${phone}` }, phone)),
    h('div.choices', null, buttons.map(([words, act, look]) => h(look ? `button.${look}` : 'button', { type: 'button', onclick: act }, t(words))))));
}

function sendOrAsk(item) {
  if (item.lon === undefined) {
    outbox.hold(item);
    showWhere(item.key);
    return;
  }
  outbox.send(item);
  location.hash = `press=${item.key}`;
}

function drop(item) {
  outbox.drop(item);
  home();
}

function home() {
  if (location.hash && location.hash !== '#') location.hash = '';
  else route();
}

// The other views

function showKind(key) {
  const kind = page.kinds.find((one) => one.key === key);
  if (!kind) {
    show(h('section', null, h('h1', { tabindex: '-1' }, t('resident.kind_gone')), h('a.way', { href: '#' }, t('resident.home'))));
    return;
  }
  const text = h('textarea', { id: 'text', maxlength: 300, rows: 3 });
  show(h('section.kind', null, h('h1', { tabindex: '-1' }, own(kind.title)), h('p', null, own(kind.summary)),
    kind.arriveWithinMin && h('p', null, icon('clock'), ' ', t('resident.within', { span: span(kind.arriveWithinMin * 60_000) })),
    h('p.whereline', null, icon('pin'), ' ', h('span', null, placeWords(knownPlace(page.me), page.me)), ' ', h('a.way', { href: '#where' }, t('resident.where_change'))),
    h('label', { for: 'text' }, t('resident.text')), h('p.hint', null, t('resident.text_hint')), text,
    h('button.primary.big', { type: 'button', onclick: () => press(kind, text.value.trim()) }, t('resident.ask')),
    h('p', null, h('a.way', { href: '#' }, t('resident.home')))));
}

function showCall(id) {
  const { view, stop } = callView(id);
  show(view, stop);
}

async function showCalls() {
  const list = h('div.running', null, h('p.muted', null, t('shared.loading')));
  show(h('section', null, h('h1', { tabindex: '-1' }, t('resident.my_calls')), list, h('p', null, h('a.way', { href: '#' }, t('resident.home')))));
  try {
    const calls = await myCalls();
    put(list, calls.length ? calls.map(callCard) : h('p.empty', null, t('resident.no_calls')));
  } catch (problem) {
    put(list, h('p.note.bad', { role: 'alert' }, problem.message));
  }
}

async function showWho() {
  const place = h('div');
  show(h('section', null, place, token.get() && h('button', { type: 'button', onclick: signOut }, t('shared.sign_out')),
    h('p', null, h('a.way', { href: '#' }, t('resident.home')))));
  try {
    await whoAreYou(place, ['resident'], page.node);
    history.replaceState(null, '', '/');
    location.reload();
  } catch (problem) {
    put(place, h('p.note.bad', { role: 'alert' }, problem.message));
  }
}

/** Picks a place; with the key of a press the press goes out to it. */
function showWhere(key) {
  const item = key && outbox.get(key);
  show(h('div', null, item && h('p.note.amber', { role: 'status' }, t('resident.where_needed')), whereView(page.node, page.me, (place) => {
    if (!item) {
      history.length > 1 ? history.back() : home();
      return;
    }
    outbox.place(item, place);
    sendOrAsk(item);
  }), h('p', null, h('a.way', { href: '#' }, t('resident.home')))));
}
