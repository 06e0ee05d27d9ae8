// The life of one call, as the person sees it who waits: who comes, from where, when, why, and what happens next.

import { ask, callPath, post } from '../shared/api.js';
import { OVER, STATES, crossingChip } from '../shared/chips.js';
import { h, put, say } from '../shared/dom.js';
import { icon, kindIcon } from '../shared/icons.js';
import { gently, live } from '../shared/live.js';
import { atTime, span, until } from '../shared/time.js';
import { own, stateWord, t } from '../shared/words.js';
import { mine } from './outbox.js';

const STEPS = ['received', 'offered', 'accepted', 'enRoute', 'onSite', 'done'];
const STEP_OF = {
  received: 0, triaged: 1, offered: 1, reopened: 1, noProvider: 1, escalated: 1, handedOver: 1, accepted: 2, enRoute: 3,
  onSite: 4, done: 5, confirmed: 6, closed: 6,
};
const REFETCH_MS = 600;
const { phone } = document.documentElement.dataset;

/**
 * Shows the call with this id and keeps it true. Returns {view, stop}.
 * @param {string} id
 */
export function callView(id) {
  const watch = mine.watch(id);
  const parts = {
    head: h('div.head', { role: 'status', 'aria-live': 'polite' }), who: h('div'), next: h('div'), acts: h('div.acts'), low: h('div.acts'),
    track: h('ol.track'), fault: h('div', { role: 'alert' }), map: h('div'), story: h('ol.story'), link: h('p.muted.linkline'),
  };
  const view = h('section.life', null, parts.head, parts.fault, parts.acts, parts.who, parts.next, parts.track, parts.low, parts.map,
    h('details', null, h('summary', null, t('resident.story')), parts.story), parts.link,
    h('p', null, h('a.way', { href: '#' }, t('resident.home'))));
  const page = { id, watch, parts, call: null, mode: '', shown: '', showMap: null };
  const fetchCall = gently(async () => {
    try {
      page.call = await ask(callPath(id), { watch });
      put(parts.fault);
      render(page);
    } catch (problem) {
      put(parts.fault, h('p.note.bad', null, problem.offline ? t('resident.offline_call') : problem.message));
    }
  }, REFETCH_MS);
  page.refetch = fetchCall;
  const stopLive = live({
    types: 'ServiceCall,Offer,Helper', call: id, watch, onChange: (change) => { if (concerns(change, page)) fetchCall(); },
    onLink: (up) => say(parts.link, up ? '' : t('resident.link_down')),
  });
  const timer = setInterval(() => { if (page.call) times(page); }, 1000);
  fetchCall();
  return { view, stop: () => { stopLive(); clearInterval(timer); } };
}

function concerns(change, page) {
  return change === null || change.type !== 'Helper' || ['accepted', 'enRoute'].includes(page.call?.state);
}

function render(page) {
  const { call, parts } = page;
  page.eta = h('span.eta');
  put(parts.head, h('p.what', null, kindIcon(call.icon), own(call.title), h('span', null, '·'), t('resident.number', { number: call.number })),
    h(`h1.state.${STATES[call.state]?.split(' ')[0] ?? 'grey'}`, { tabindex: '-1' }, icon(call.state), h('span', null, headline(call))), page.eta);
  put(parts.who, whoCard(call));
  page.left = h('span.left');
  put(parts.next, call.next && !OVER.has(call.state) && h('p.next', null, h('b', null, t('resident.next')), ' ', own(call.next.text), ' ', page.left));
  put(parts.track, !['cancelled', 'falseAlarm'].includes(call.state) && STEPS.map((step, at) => trackStep(call, step, at)));
  put(parts.story, (call.timeline ?? []).map((row) => h('li', null, h('time', { datetime: row.at }, atTime(row.at)), ' ', own(row.text))));
  const signature = JSON.stringify([call.state, call.can, page.mode, call.rating]);
  if (signature !== page.shown) {
    page.shown = signature;
    const [first, last] = acts(page);
    put(parts.acts, first);
    put(parts.low, last);
    put(parts.map, mapPart(page));
  }
  page.showMap?.(call);
  times(page);
}

function headline(call) {
  const name = own(call.helper?.name);
  const words = { received: 'heard', triaged: 'finding', offered: 'finding', reopened: 'finding', done: 'is_done', noProvider: 'nobody', escalated: 'nobody' };
  if (words[call.state]) return t(`resident.${words[call.state]}`);
  if (['accepted', 'enRoute', 'onSite'].includes(call.state)) return t(`resident.${call.state}`, { name });
  return stateWord(call.state);
}

/** Only the times change each second; nothing else is touched, so that nobody loses his place. */
function times(page) {
  const { call } = page;
  const coming = ['accepted', 'enRoute'].includes(call.state) && call.helper?.etaAt;
  const left = coming ? until(call.helper.etaAt) : 0;
  say(page.eta, coming ? t(left > 30_000 ? 'resident.in_about' : 'resident.any_moment', { span: span(left), time: atTime(call.helper.etaAt) }) : '');
  // How long until somebody arrives stands above already.
  say(page.left, !coming && call.next?.at && until(call.next.at) > 0 ? t('resident.next_in', { span: span(until(call.next.at)) }) : '');
}

function whoCard(call) {
  const reasons = [own(call.whyText), own(call.shortageText)].filter(Boolean);
  if (!call.helper) {
    const asked = call.offersTried > 0 && t('resident.asked', { n: call.offersTried });
    // While somebody is asked, the reason is about this one, who has not said yes yet.
    const about = call.state === 'offered' && call.whyText ? h('b', null, t('resident.asking'), ' ') : null;
    const alone = ['noProvider', 'escalated'].includes(call.state);
    return (reasons.length > 0 || asked || alone) && h('div.card', null, asked && h('p', null, asked), reasons.map((text, at) => h('p', null, at === 0 && about, text)),
      alone && h('p', null, t('resident.or_phone'), ' ', h('a.way', { href: `tel:${phone}` }, phone)));
  }
  const { name, badge, organization, area } = call.helper;
  return h('div.card.who', null, icon('person'), h('div', null,
    h('p.name', null, own(name), badge && !own(name).includes(badge) && h('span.badge', null, t('resident.badge', { badge }))),
    h('p', null, [own(organization), area && t('resident.from', { area: own(area.name) })].filter(Boolean).join(' · ')),
    call.crossing && h('p', null, crossingChip()),
    reasons.length > 0 && h('p.why', null, h('b', null, t('resident.why')), ' ', reasons.join(' '))));
}

function trackStep(call, step, at) {
  const now = STEP_OF[call.state] ?? 0;
  const where = at < now ? 'past' : at === now ? 'now' : 'ahead';
  return h(`li.${where}`, { 'aria-current': where === 'now' ? 'step' : null }, icon(step), h('span', null, t(`resident.step.${step}`)));
}

/** What the person may do now: [what matters, what stands further down]. */
function acts(page) {
  const { call, mode } = page;
  const can = new Set(call.can ?? []);
  const step = (name, body) => async () => {
    try {
      page.call = await post(callPath(call.id, name), body, { watch: page.watch });
      page.mode = '';
      put(page.parts.fault);
      render(page);
      page.parts.head.querySelector('h1')?.focus({ preventScroll: true });
    } catch (problem) {
      put(page.parts.fault, h('p.note.bad', null, problem.message));
      page.refetch();
    }
  };
  const turn = (to) => () => { page.mode = to; render(page); };
  const cancel = mode === 'sure'
    ? h('div.sure', null, h('p', null, t('resident.cancel_sure')),
      h('button.danger', { type: 'button', onclick: step('cancel', {}) }, t('resident.cancel_yes')),
      h('button', { type: 'button', onclick: turn('') }, t('resident.cancel_no')))
    : h('button.quiet', { type: 'button', onclick: turn('sure') }, icon('cancelled'), t('resident.cancel'));
  const again = h('button', { type: 'button', onclick: step('reopen', {}) }, icon('reopened'), t('resident.reopen'));
  return [
    [
      can.has('confirm') && h('div.sure', null, h('p', null, t('resident.solved')),
        h('button.primary', { type: 'button', onclick: step('confirm', {}) }, icon('done'), t('resident.solved_yes')),
        can.has('reopen') && h('button', { type: 'button', onclick: step('reopen', {}) }, icon('reopened'), t('resident.solved_no'))),
      // One question at a time: first whether it is solved, then how it was.
      can.has('rate') && !can.has('confirm') && !call.rating && rating(step),
      OVER.has(call.state) && call.rating && h('p.rated', null, t('resident.rated', { stars: call.rating })),
    ],
    [can.has('reopen') && !can.has('confirm') && again, can.has('cancel') && cancel],
  ];
}

function rating(step) {
  return h('div.rating', { role: 'group', 'aria-label': t('resident.rate') }, h('p', null, t('resident.rate')),
    h('div.stars', null, [1, 2, 3, 4, 5].map((stars) => h('button', { type: 'button', onclick: step('rate', { stars }), 'aria-label': t('resident.stars', { stars }) },
      icon('star'), String(stars)))));
}

function mapPart(page) {
  const { call } = page;
  page.showMap = null;
  if (!call.place || !call.helper || !['accepted', 'enRoute', 'onSite'].includes(call.state)) return null;
  const canvas = h('div.map', { hidden: true });
  const open = h('button.quiet', { type: 'button', onclick: async () => {
    open.hidden = true;
    canvas.hidden = false;
    try {
      const { callMap } = await import('../shared/map.js');
      page.showMap = await callMap(canvas, { label: t('resident.map'), watch: page.watch });
      await page.showMap(page.call);
    } catch {
      put(canvas, h('p.empty', null, t('resident.map_failed')));
    }
  } }, icon('pin'), t('resident.map_show'));
  return [open, canvas];
}
