// The helper's page: on duty or off, an offer with its reasons and its time, and then one big next step.

import { Problem, ask, callPath, post } from '../shared/api.js';
import { crossingChip, stateChip, urgencyChip } from '../shared/chips.js';
import { h, put, say } from '../shared/dom.js';
import { icon, kindIcon } from '../shared/icons.js';
import { gently, live } from '../shared/live.js';
import { signOut, whoAreYou } from '../shared/sheet.js';
import { atTime, countdown, setCity, span, until } from '../shared/time.js';
import { own, t } from '../shared/words.js';

const main = document.getElementById('main');
const DUTIES = ['ready', 'rest', 'off'];
const NEXT = { accepted: 'depart', enRoute: 'arrive', onSite: 'finish' };
const POSITION_MS = 15_000;
const STRIDE = 0.34;
const page = { node: null, me: null, helper: null, shown: '', lastOffer: null, walked: 0, showMap: null };
const parts = {
  top: h('div'), gone: h('div', { role: 'alert' }), offer: h('div.offers', { 'aria-live': 'assertive' }), job: h('div.job'),
  idle: h('div'), foot: h('div.foot'), fault: h('div', { role: 'alert' }), map: h('div.map', { hidden: true }), link: h('p.muted'),
};

start();

async function start() {
  try {
    page.node = await ask('/api/node');
    setCity(page.node);
    page.me = await ask('/api/me').catch(() => ({ role: 'caller' }));
    drawTop();
    if (page.me.role !== 'helper') {
      await whoAreYou(main, ['helper'], page.node);
      page.me = await ask('/api/me');
      drawTop();
    }
    put(main, h('section.helper', null, parts.top, parts.fault, parts.gone, parts.offer, parts.job, parts.map, parts.idle, parts.foot, parts.link));
    begin();
  } catch (problem) {
    put(main, h('p.note.bad', { role: 'alert' }, problem.message), h('button', { type: 'button', onclick: () => location.reload() }, t('shared.again')));
  }
}

function begin() {
  const refresh = gently(async () => {
    try {
      take(await ask('/api/helpers/me'));
      put(parts.fault);
    } catch (problem) {
      refused(problem);
    }
  }, 700);
  page.refresh = refresh;
  live({ types: 'Offer,ServiceCall,Helper', onChange: (change) => { if (!change || concerns(change)) refresh(); },
    onLink: (up) => say(parts.link, up ? '' : t('helper.link_down')) });
  setInterval(times, 500);
  setInterval(sendPosition, POSITION_MS);
}

/** A helper's own changes and everything about calls and offers; the moves of the others are not ours. */
const concerns = (change) => change.type !== 'Helper' || change.id === page.me.helper || change.id === page.helper?.id;

function take(helper) {
  const before = page.helper;
  page.helper = helper;
  // An offer that went away without our answer is said, not silently removed.
  if (before?.offer && helper.offer?.id !== before.offer.id && page.lastOffer === before.offer.id && !sameCall(helper, before)) gone();
  if (helper.offer) page.lastOffer = helper.offer.id;
  if (before?.call?.id !== helper.call?.id) page.walked = 0;
  render();
}

const sameCall = (helper, before) => helper.call && !before.call;

function gone() {
  page.lastOffer = null;
  put(parts.gone, h('div.note.bad', null, h('p', null, t('helper.gone')),
    h('button', { type: 'button', onclick: () => put(parts.gone) }, t('helper.understood'))));
}

function drawTop() {
  const other = document.documentElement.lang.startsWith('zh') ? 'en' : 'zh';
  put(document.getElementById('top'), h('p.place', null, t('helper.title')),
    h('nav.links', { 'aria-label': t('shared.settings') },
      page.me?.role === 'helper' && h('button.plainlink', { type: 'button', onclick: signOut }, page.me.name, ' · ', t('shared.sign_out')),
      h('a', { href: `?lang=${other}`, lang: other }, t('shared.other_language'))));
}

function render() {
  const { helper } = page;
  const signature = JSON.stringify([helper.dutyState, helper.offer?.id, helper.call?.id, helper.call?.state, helper.call?.helper?.etaAt, helper.shift]);
  if (signature === page.shown) return;
  page.shown = signature;
  put(parts.top, dutyPart(helper));
  put(parts.offer, helper.offer && offerCard(helper.offer));
  put(parts.job, helper.call && jobCard(helper.call));
  put(parts.idle, !helper.offer && !helper.call && idlePart(helper));
  put(parts.foot, footPart(helper));
  drawMap(helper.call);
  times();
}

function dutyPart(helper) {
  const busy = !DUTIES.includes(helper.dutyState);
  return h('div.duty', null,
    h('p', null, helper.area && own(helper.area.name), ' · ', helper.shift ? t('helper.shift', { from: atTime(helper.shift.from), to: atTime(helper.shift.to) }) : t('helper.no_shift')),
    h('div.segments', { role: 'group', 'aria-label': t('helper.duty') }, DUTIES.map((state) => h('button', {
      type: 'button', 'aria-pressed': String(helper.dutyState === state), onclick: () => duty(state),
    }, t(`helper.duty_${state}`)))),
    busy && h('p.muted', null, t('helper.duty_busy')));
}

function idlePart(helper) {
  const words = helper.dutyState !== 'ready' ? 'helper.off_hint' : helper.shift ? 'helper.waiting' : 'helper.ready_no_shift';
  return h('div.empty', null, icon(helper.dutyState === 'ready' ? 'bell' : 'onHold'), h('p', null, t(words)));
}

function offerCard(offer) {
  page.count = h('b.countdown');
  page.bar = h('progress', { max: 1, value: 1, 'aria-label': t('helper.time_left') });
  return h('section.card.offer', { 'data-urgency': offer.urgency },
    h('p.overline', null, t('helper.offer'), ' ', page.count), page.bar,
    h('h1', null, kindIcon(offer.icon), own(offer.title)),
    h('p.chips', null, urgencyChip(offer.urgency), offer.crossing && crossingChip()),
    h('p.far', null, h('b', null, t('helper.minutes', { n: Math.max(1, Math.round(offer.minutes)) })),
      offer.distanceM != null && ` · ${distance(offer.distanceM)}`, offer.homeArea && ` · ${t('helper.in_area', { area: own(offer.homeArea.name) })}`),
    offer.whyText && h('p.why', null, h('b', null, t('helper.why')), ' ', own(offer.whyText)),
    h('div.two', null,
      h('button.primary.huge', { type: 'button', onclick: () => answer(offer, 'accept') }, icon('done'), t('helper.accept')),
      h('button.huge', { type: 'button', onclick: () => answer(offer, 'decline') }, icon('cancelled'), t('helper.decline'))));
}

const distance = (metres) => (metres < 950 ? t('helper.metres', { n: Math.round(metres / 10) * 10 }) : t('helper.km', { n: (metres / 1000).toFixed(1) }));

function jobCard(call) {
  const next = NEXT[call.state];
  page.eta = h('span.eta');
  const note = next === 'finish' && h('textarea', { id: 'note', rows: 2, maxlength: 500 });
  const walking = ['accepted', 'enRoute'].includes(call.state);
  return h('section.card.task', null,
    h('p.overline', null, t('helper.call', { number: call.number }), ' ', stateChip(call.state, { face: 'helper' })),
    h('h1', { tabindex: '-1' }, kindIcon(call.icon), own(call.title)),
    h('p.chips', null, urgencyChip(call.urgency), call.crossing && crossingChip()),
    h('p', null, call.homeArea && own(call.homeArea.name), ' ', page.eta),
    call.text && h('blockquote', null, call.text),
    note && [h('label', { for: 'note' }, t('helper.note')), note],
    next && h('button.primary.huge', { type: 'button', onclick: () => step(call, next, note ? { note: note.value.trim() } : {}) },
      icon({ depart: 'enRoute', arrive: 'onSite', finish: 'done' }[next]), t(`helper.${next}`)),
    walking && page.node.demo && h('button', { type: 'button', onclick: () => walk(call) }, icon('enRoute'), t('helper.walk')),
    h('a.button', { href: `tel:${page.node.phone}` }, icon('phone'), t('helper.phone', { phone: page.node.phone })));
}

function footPart(helper) {
  const known = helper.position ? t('helper.position_known') : t('helper.position_unknown');
  return h('p', null, icon('pin'), ' ', known, ' ', navigator.geolocation && h('button.plainlink', { type: 'button', onclick: () => locate(true) }, t('helper.position_send')));
}

function times() {
  const offer = page.helper?.offer;
  if (offer && page.count) {
    const left = until(offer.expiresAt);
    say(page.count, countdown(left));
    page.bar.value = Math.max(0, left / (Date.parse(offer.expiresAt) - Date.parse(offer.sentAt)));
    if (left <= -2000) page.refresh();
  }
  const eta = page.helper?.call?.helper?.etaAt;
  if (page.eta) say(page.eta, eta && page.helper.call.state === 'enRoute' ? t('helper.expected', { time: atTime(eta), span: span(until(eta)) }) : '');
}

async function answer(offer, word) {
  page.lastOffer = null;
  try {
    const said = await post(`/api/offers/${encodeURIComponent(offer.id)}/${word}`, {});
    put(parts.gone);
    take({ ...page.helper, offer: null, call: said?.call ?? page.helper.call });
  } catch (problem) {
    if (problem instanceof Problem && problem.status === 409) gone();
    else refused(problem);
  }
  page.refresh();
}

async function step(call, name, body) {
  try {
    const at = name === 'arrive' && page.helper.position ? { lon: page.helper.position.lon, lat: page.helper.position.lat } : {};
    const changed = await post(callPath(call.id, name), { ...at, ...body });
    const over = changed.state === 'done';
    if (over) put(parts.gone, h('div.note.good', null, h('p', null, t('helper.finished')), h('button', { type: 'button', onclick: () => put(parts.gone) }, t('helper.understood'))));
    take({ ...page.helper, call: over ? null : changed });
  } catch (problem) {
    refused(problem);
  }
  page.refresh();
}

async function duty(state) {
  try {
    take(await post(`/api/helpers/${encodeURIComponent(page.helper.id)}/duty`, { state }));
  } catch (problem) {
    refused(problem);
  }
}

function refused(problem) {
  put(parts.fault, h('div.note.bad', null, h('p', null, problem.message),
    problem.status === 401 && h('button', { type: 'button', onclick: () => location.reload() }, t('shared.sign_in_again'))));
}

/** Moves a made-up helper a third of the way along his real path; the last stride ends at the door. */
async function walk(call) {
  try {
    const { path } = await ask(`/api/path?call=${encodeURIComponent(call.id)}`);
    if (!path) throw new Problem(404, 'NoPath', t('helper.no_path'));
    page.walked = Math.min(1, page.walked + STRIDE);
    // The path begins where the helper stands now, so each stride is a share of what is left.
    const share = page.walked >= 1 ? 1 : STRIDE / (1 - page.walked + STRIDE);
    const [lon, lat] = along(path.coordinates, share);
    await move(lon, lat);
  } catch (problem) {
    refused(problem);
  }
}

/** The point at a share of a line's length. */
function along(line, share) {
  const lengths = line.slice(1).map(([x, y], i) => Math.hypot((x - line[i][0]) * Math.cos((y * Math.PI) / 180), y - line[i][1]));
  let left = lengths.reduce((sum, one) => sum + one, 0) * share;
  for (const [i, length] of lengths.entries()) {
    if (left <= length && length > 0) {
      const u = left / length;
      return [0, 1].map((axis) => +(line[i][axis] + (line[i + 1][axis] - line[i][axis]) * u).toFixed(6));
    }
    left -= length;
  }
  return line.at(-1);
}

async function move(lon, lat) {
  await post(`/api/helpers/${encodeURIComponent(page.helper.id)}/position`, { lon, lat });
  page.helper.position = { lon, lat };
  drawMap(page.helper.call);
  page.refresh();
}

/** Outside the demo the phone's own place is sent while a call runs, if the person has allowed it. */
async function sendPosition() {
  if (page.node.demo || !page.helper?.call || !navigator.permissions) return;
  const allowed = await navigator.permissions.query({ name: 'geolocation' });
  if (allowed.state === 'granted') locate(false);
}

function locate(asked) {
  navigator.geolocation.getCurrentPosition(
    ({ coords }) => move(+coords.longitude.toFixed(6), +coords.latitude.toFixed(6)).catch(refused),
    () => { if (asked) put(parts.fault, h('p.note.amber', null, t('helper.position_refused'))); },
    { enableHighAccuracy: true, timeout: 8_000 },
  );
}

async function drawMap(call) {
  const wanted = Boolean(call?.place) && Boolean(page.node.box);
  parts.map.hidden = !wanted;
  if (!wanted) return;
  const shown = { ...call, helper: { ...call.helper, position: page.helper.position ?? call.helper?.position } };
  try {
    page.showMap ??= import('../shared/map.js').then(({ callMap }) => callMap(parts.map, { label: t('helper.map') }));
    await (await page.showMap)(shown);
  } catch {
    put(parts.map, h('p.empty', null, t('helper.map_failed')));
  }
}
