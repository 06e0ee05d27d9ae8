// The worker's page: every open call, the most urgent first, and for each what happens next and what a person can do.
//
// Rows never move under a hand: while the pointer is on the list or keys walk it, new calls wait behind "n new".

import { ask, callPath, post } from '../shared/api.js';
import { OVER, stateChip, urgencyChip } from '../shared/chips.js';
import { h, put, say } from '../shared/dom.js';
import { icon, kindIcon } from '../shared/icons.js';
import { gently, live } from '../shared/live.js';
import { signOut, whoAreYou } from '../shared/sheet.js';
import { cityNow, clockWords, countdown, setCity, span, until } from '../shared/time.js';
import { lang, own, t } from '../shared/words.js';
import { makeDetail } from './detail.js';
import { makeSiren } from './siren.js';

const main = document.getElementById('main');
const ROLES = ['community_worker', 'seat', 'dispatcher', 'officer', 'operator'];
const LIMIT = 500;
const KEY_REST_MS = 8_000;
const page = { node: null, me: null, calls: new Map(), order: [], chosen: '', shown: false, rows: new Map(), keyAt: 0, alarm: '' };
const parts = {
  queue: h('section.queue', { 'aria-label': t('worker.list') }),
  fresh: h('button.fresh', { type: 'button', hidden: true, onclick: () => arrange() }),
  list: h('ol.list', { role: 'listbox', 'aria-label': t('worker.list'), tabindex: '0' }),
  empty: h('p.empty', { hidden: true }, t('worker.empty')),
  alarm: h('div.alarm', { role: 'alert' }), counts: h('dl.counts'), clock: h('span.clock'), link: h('span.linkline'),
  help: h('div.keys', { hidden: true }), fault: h('div', { role: 'alert' }),
};
const siren = makeSiren();
let detail = null;
let refresh = () => {};

start();

async function start() {
  try {
    page.node = await ask('/api/node');
    setCity(page.node);
    page.me = await ask('/api/me').catch(() => ({ role: 'caller' }));
    if (!ROLES.includes(page.me.role)) {
      drawTop();
      await whoAreYou(main, ROLES, page.node);
      page.me = await ask('/api/me');
    }
    begin();
  } catch (problem) {
    put(main, h('p.note.bad', { role: 'alert' }, problem.message), h('button', { type: 'button', onclick: () => location.reload() }, t('shared.again')));
  }
}

function begin() {
  drawTop();
  detail = makeDetail({ node: page.node, onChange: () => refresh() });
  put(main, parts.alarm, parts.fault, parts.help, h('div.board', null,
    put(parts.queue, h('div.bar', null, parts.counts, parts.fresh), header(), parts.list, parts.empty), detail.view));
  put(parts.help, h('h2', null, t('worker.keys')), h('ul', null, ['j', 'k', 'Enter', 'a', '?'].map((key) => h('li', null, h('kbd', null, key), ' ', t(`worker.key_${key === '?' ? 'help' : key}`)))));
  refresh = gently(fetchCalls, 900);
  live({ types: 'ServiceCall,Offer', onChange: (change) => {
    refresh();
    if (change === null || change.id === page.chosen || change.type === 'Offer') detail.refresh();
  }, onLink: (up) => say(parts.link, up ? t('worker.link_up') : t('worker.link_down')) });
  addEventListener('keydown', onKey);
  parts.queue.addEventListener('pointerleave', () => { if (!handsOn()) arrange(); });
  setInterval(times, 1000);
}

function drawTop() {
  const other = lang === 'zh' ? 'en' : 'zh';
  put(document.getElementById('top'), h('p.place', null, t('worker.title'), page.me?.area && h('span.sub', null, own(page.me.area.name))),
    h('p.now', null, parts.clock, ' ', parts.link),
    h('nav.links', { 'aria-label': t('shared.settings') }, siren.button,
      h('button.plainlink', { type: 'button', onclick: toggleHelp }, t('worker.keys'), ' ?'), h('a', { href: '/city' }, t('worker.city')),
      h('a', { href: `?lang=${other}`, lang: other }, t('shared.other_language')),
      page.me?.name && h('button.plainlink', { type: 'button', onclick: signOut }, t('shared.sign_out'))));
}

const header = () => h('div.head', { 'aria-hidden': 'true' }, ['state', 'kind', 'area', 'left', 'next'].map((name) => h('span', null, t(`worker.col_${name}`))));

async function fetchCalls() {
  try {
    const { calls, total } = await ask(`/api/calls?state=open&limit=${LIMIT}`);
    put(parts.fault, total > LIMIT && h('p.note.amber', null, t('worker.more', { shown: LIMIT, total })));
    const open = new Map(calls.map((call) => [call.id, call]));
    // A call that closed stays where it stood, in grey, until the list is arranged anew.
    for (const id of page.order) {
      const before = page.calls.get(id);
      if (!open.has(id) && before) open.set(id, OVER.has(before.state) ? before : { ...before, state: 'closed', can: [], next: null });
    }
    page.calls = open;
    if (!page.shown || !handsOn()) arrange();
    else drawRows();
    page.shown = true;
    alarm();
  } catch (problem) {
    put(parts.fault, h('p.note.bad', null, problem.message));
  }
}

/** Somebody's hand is on the list: the pointer over it or its bar, or a key pressed a moment ago. */
const handsOn = () => parts.queue.matches(':hover') || Date.now() - page.keyAt < KEY_REST_MS;

/** Puts the rows in order: life first, then who has nobody, then the least time left; whoever is helped comes last. */
function arrange() {
  for (const [id, call] of page.calls) if (OVER.has(call.state) && id !== page.chosen) page.calls.delete(id);
  const weight = (call) => [
    OVER.has(call.state) ? 2 : ['onSite', 'done'].includes(call.state) ? 1 : 0, -call.urgency, call.state === 'noProvider' ? 0 : 1,
    call.dueArrive ? Date.parse(call.dueArrive) : Number.MAX_VALUE,
  ];
  page.order = [...page.calls.values()].map((call) => [weight(call), call.id]).sort(([a], [b]) => {
    for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return a[i] - b[i];
    return 0;
  }).map(([, id]) => id);
  if (!page.chosen && page.order.length) choose(page.order[0], false);
  drawRows();
}

function drawRows() {
  const rows = page.order.filter((id) => page.calls.has(id)).map((id) => {
    const row = page.rows.get(id) ?? makeRow(id);
    fillRow(row, page.calls.get(id));
    return row.line;
  });
  for (const id of page.rows.keys()) if (!page.calls.has(id)) page.rows.delete(id);
  const same = rows.length === parts.list.children.length && rows.every((line, i) => line === parts.list.children[i]);
  if (!same) put(parts.list, rows);
  const waiting = [...page.calls.keys()].filter((id) => !page.order.includes(id)).length;
  parts.fresh.hidden = waiting === 0;
  say(parts.fresh, t('worker.fresh', { n: waiting }));
  parts.empty.hidden = page.calls.size > 0;
  counts();
  times();
}

function makeRow(id) {
  const row = { state: h('span.cell'), kind: h('span.cell.kind'), area: h('span.cell'), left: h('span.cell.left'), next: h('span.cell.nextcell') };
  row.line = h('li', { role: 'option', 'data-id': id, id: `row-${id.split(':').pop()}`, onclick: () => choose(id) }, row.state, row.kind, row.area, row.left, row.next);
  page.rows.set(id, row);
  return row;
}

function fillRow(row, call) {
  row.line.setAttribute('aria-selected', String(call.id === page.chosen));
  row.line.classList.toggle('life', call.urgency >= 3 && !OVER.has(call.state));
  row.line.classList.toggle('over', OVER.has(call.state));
  const signature = `${call.state}|${call.urgency}|${call.offersTried}|${call.acknowledged}|${own(call.helper?.name)}`;
  if (row.signature !== signature) {
    row.signature = signature;
    const asked = call.state === 'offered' && call.offer ? t('worker.offered_n', { n: call.offer.rank ?? call.offersTried }) : '';
    put(row.state, stateChip(call.state, { face: 'worker', word: asked }));
    put(row.kind, kindIcon(call.icon), h('b', null, own(call.title)), urgencyChip(call.urgency), call.crossing && icon('border'));
    say(row.area, own(call.homeArea?.name));
  }
  say(row.next, toDo(call));
}

/** What a worker should do with this call, in a few words; mostly: nothing, it goes on by itself. */
function toDo(call) {
  if (OVER.has(call.state)) return '';
  if (unheard(call)) return t('worker.do_acknowledge');
  if (call.state === 'noProvider') return t('worker.do_offer');
  return own(call.next?.text) || own(call.helper?.name);
}

function times() {
  say(parts.clock, `${t('worker.city_time')} ${clockWords(cityNow())}${page.node.speed > 1 ? ` ×${page.node.speed}` : ''}`);
  for (const [id, row] of page.rows) {
    const call = page.calls.get(id);
    if (!call) continue;
    const waits = call.dueArrive && !['onSite', 'done'].includes(call.state) && !OVER.has(call.state);
    const left = waits ? until(call.dueArrive) : 0;
    say(row.left, !waits ? '–' : left >= 0 ? countdown(left) : t('worker.late', { span: span(-left) }));
    row.left.classList.toggle('late', waits && left < 0);
  }
  detail.times();
}

function counts() {
  const open = [...page.calls.values()].filter((call) => !OVER.has(call.state));
  const unanswered = open.filter((call) => !call.helper && call.state !== 'done');
  const oldest = Math.max(0, ...unanswered.map((call) => cityNow() - Date.parse(call.receivedAt)));
  const alone = open.filter((call) => call.state === 'noProvider').length;
  put(parts.counts, [['open', open.length], ['waiting', unanswered.length], ['alone', alone], ['oldest', unanswered.length ? span(oldest) : '–']].map(([name, figure]) => (
    h('div', null, h('dt', null, t(`worker.count_${name}`)), h('dd', null, String(figure))))));
}

/** Whether a life may be at risk, nobody has arrived, and no worker has said that he knows. */
const unheard = (call) => call.urgency >= 3 && !call.acknowledged && !OVER.has(call.state) && !['onSite', 'done'].includes(call.state);

/** A critical call that nobody acknowledged: a banner, a mark in the title, and a sound until somebody does. */
function alarm() {
  const critical = [...page.calls.values()].filter(unheard);
  siren.sound(critical.length > 0);
  document.title = `${critical.length ? `(${critical.length}) ` : ''}${t('worker.title')}`;
  const key = critical.map((call) => call.id).join();
  if (key === page.alarm) return;
  page.alarm = key;
  put(parts.alarm, critical.slice(0, 3).map((call) => h('div', null, icon('sos'),
    h('b', null, t('worker.alarm', { kind: own(call.title), area: own(call.homeArea?.name) })),
    h('button', { type: 'button', onclick: () => choose(call.id) }, t('worker.look')),
    h('button.solid', { type: 'button', onclick: () => acknowledge(call.id) }, t('worker.acknowledge')))));
}

async function acknowledge(id) {
  try {
    const call = await post(callPath(id, 'acknowledge'));
    page.calls.set(id, call);
    drawRows();
    alarm();
    if (id === page.chosen) detail.refresh();
  } catch (problem) {
    put(parts.fault, h('p.note.bad', null, problem.message));
  }
}

function choose(id, scroll = true) {
  page.chosen = id;
  if (!page.order.includes(id)) arrange();
  for (const [one, row] of page.rows) row.line.setAttribute('aria-selected', String(one === id));
  const line = page.rows.get(id)?.line;
  if (line) parts.list.setAttribute('aria-activedescendant', line.id);
  if (scroll) line?.scrollIntoView({ block: 'nearest' });
  detail.show(id);
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, textarea, select')) return;
  const at = page.order.indexOf(page.chosen);
  const go = (to) => choose(page.order[Math.min(Math.max(to, 0), page.order.length - 1)]);
  const keys = { j: () => go(at + 1), k: () => go(at - 1), a: () => page.chosen && acknowledge(page.chosen), '?': toggleHelp, Escape: () => { parts.help.hidden = true; } };
  if (event.target === parts.list) Object.assign(keys, { ArrowDown: keys.j, ArrowUp: keys.k, Enter: () => detail.focus() });
  else if (event.target === document.body) keys.Enter = () => detail.focus();
  const act = keys[event.key];
  if (!act || (page.order.length === 0 && event.key !== '?')) return;
  event.preventDefault();
  page.keyAt = Date.now();
  act();
}

function toggleHelp() {
  parts.help.hidden = !parts.help.hidden;
}
