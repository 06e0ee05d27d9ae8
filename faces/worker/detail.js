// One call in full: who owns it now, what happens next by itself and when, why this helper, what was done, and the
// hand of a person over the machine: offer to somebody else, with a reason.

import { ask, callPath, post } from '../shared/api.js';
import { OVER, crossingChip, stateChip, urgencyChip } from '../shared/chips.js';
import { h, put, say } from '../shared/dom.js';
import { icon, kindIcon } from '../shared/icons.js';
import { gently } from '../shared/live.js';
import { atTime, countdown, span, until } from '../shared/time.js';
import { maskedPart } from './masked.js';
import { own, t } from '../shared/words.js';

const REFETCH_MS = 800;

/** Makes the pane. `show(id)` turns it to a call; `refresh()` reads the call again; `times()` moves the countdowns. */
export function makeDetail({ node, onChange }) {
  const view = h('section.detail', { 'aria-label': t('worker.detail'), tabindex: '-1' }, h('p.empty', null, t('worker.choose')));
  const pane = { id: '', call: null, shown: '', node, view, onChange, candidates: null, picking: false, sure: false, fault: '', map: null, making: null, masked: new Map() };
  pane.fetch = gently(async () => {
    const { id } = pane;
    if (!id) return;
    try {
      const call = await ask(callPath(id));
      if (id === pane.id) render(pane, call);
    } catch (problem) {
      if (id === pane.id) put(view, h('p.note.bad', { role: 'alert' }, problem.message));
      pane.shown = '';
    }
  }, REFETCH_MS);
  return {
    view,
    show(id) {
      if (pane.id !== id) {
        Object.assign(pane, { id, call: null, shown: '', candidates: null, picking: false, sure: false, fault: '', masked: new Map() });
        view.scrollTop = 0;
      }
      pane.fetch();
    },
    refresh: () => pane.fetch(),
    times: () => times(pane),
    focus: () => view.querySelector('.dotools button')?.focus() ?? view.focus(),
  };
}

function render(pane, call) {
  pane.call = call;
  const signature = JSON.stringify([call.state, call.stateAt, call.helper, call.next, call.offer, call.offersTried, call.can, call.timeline?.length, call.acknowledged,
    pane.picking, pane.candidates !== null, pane.fault, call.rating]);
  // A form that somebody fills in is left alone; only its surroundings are drawn anew once it is closed.
  if (signature === pane.shown || (pane.picking && pane.shown && pane.view.contains(document.activeElement) && document.activeElement.matches('input, textarea'))) {
    pane.showMap?.(call);
    return;
  }
  pane.shown = signature;
  const focused = document.activeElement?.dataset?.do;
  put(pane.view, headPart(pane, call), nextPart(pane, call), tools(pane, call), pane.picking && candidatesPart(pane, call),
    personPart(pane, call), helperPart(pane, call), whyPart(call), call.text && h('blockquote', null, call.text), mapPart(pane, call), storyPart(call));
  if (focused) pane.view.querySelector(`[data-do="${focused}"]`)?.focus();
  times(pane);
}

function headPart(pane, call) {
  pane.due = h('b.due');
  return h('header', null, h('h1', null, kindIcon(call.icon), own(call.title), h('span.sub', null, call.number)),
    h('p.chips', null, stateChip(call.state, { face: 'worker' }), urgencyChip(call.urgency), call.crossing && crossingChip(),
      call.escalationLevel > 0 && h('span.chip.red', null, icon('escalated'), h('span', null, t('worker.escalated', { n: call.escalationLevel }))),
      call.acknowledged && h('span.chip.grey', null, icon('done'), h('span', null, t('worker.acknowledged')))),
    h('p', null, own(call.homeArea?.name), ' · ', t('worker.received', { time: atTime(call.receivedAt) }), ' · ', t(`worker.mouth.${call.mouth}`),
      call.presses > 1 && ` · ${t('worker.presses', { n: call.presses })}`, ' ', pane.due));
}

function nextPart(pane, call) {
  pane.left = h('b.countdown');
  pane.offerLeft = h('b.countdown');
  if (OVER.has(call.state)) return null;
  return h('div.nextbox', null, h('p', null, h('b', null, t('worker.next')), ' ', call.next ? own(call.next.text) : t('worker.next_none'), ' ', pane.left),
    call.offer && h('p', null, t('worker.offer_open', { name: own(call.offer.helperName), rank: call.offer.rank }), ' ', pane.offerLeft));
}

function tools(pane, call) {
  const can = new Set(call.can ?? []);
  return h('div.dotools', null,
    can.has('acknowledge') && h(call.urgency >= 3 ? 'button.primary' : 'button', { type: 'button', 'data-do': 'acknowledge', onclick: () => act(pane, 'acknowledge', {}) }, icon('done'), t('worker.acknowledge'), h('kbd', null, 'a')),
    can.has('take') && h('button.primary', { type: 'button', 'data-do': 'take', onclick: () => act(pane, 'take', {}) }, icon('person'), t('worker.take')),
    can.has('finish') && call.state === 'accepted' && h('button.primary', { type: 'button', 'data-do': 'finish', onclick: () => act(pane, 'finish', {}) }, icon('done'), t('worker.finish')),
    can.has('offer') && h('button', { type: 'button', 'data-do': 'offer', 'aria-expanded': String(pane.picking), onclick: () => pick(pane) }, icon('person'), t('worker.offer_hand')),
    can.has('reopen') && h('button', { type: 'button', 'data-do': 'reopen', onclick: () => act(pane, 'reopen', {}) }, icon('reopened'), t('worker.reopen')),
    can.has('confirm') && h('button', { type: 'button', 'data-do': 'confirm', onclick: () => act(pane, 'confirm', {}) }, icon('confirmed'), t('worker.confirm')),
    can.has('cancel') && h('button.quiet', { type: 'button', 'data-do': 'cancel', onclick: () => { pane.sure = true; pane.shown = ''; render(pane, call); } }, icon('cancelled'), t('worker.cancel')),
    pane.sure && can.has('cancel') && h('span.sure', null, t('worker.cancel_sure'), ' ',
      h('button.danger', { type: 'button', onclick: () => { pane.sure = false; act(pane, 'cancel', { reason: 'worker' }); } }, t('worker.yes')),
      h('button', { type: 'button', onclick: () => { pane.sure = false; pane.shown = ''; render(pane, call); } }, t('worker.no'))),
    pane.fault && h('p.note.bad', { role: 'alert' }, pane.fault));
}

async function act(pane, step, body) {
  pane.fault = '';
  try {
    render(pane, await post(callPath(pane.id, step), body));
    pane.view.scrollTop = 0;
    return true;
  } catch (problem) {
    pane.fault = problem.message;
    render(pane, pane.call);
    return false;
  } finally {
    pane.onChange();
  }
}

async function pick(pane) {
  Object.assign(pane, { picking: !pane.picking, candidates: null, fault: '' });
  render(pane, pane.call);
  if (!pane.picking) return;
  try {
    pane.candidates = await ask(callPath(pane.id, 'candidates'));
  } catch (problem) {
    Object.assign(pane, { picking: false, fault: problem.message });
  }
  render(pane, pane.call);
  pane.view.querySelector('.candidates input')?.focus();
}

function candidatesPart(pane) {
  if (!pane.candidates) return h('p.muted', null, t('shared.loading'));
  const { candidates, excluded } = pane.candidates;
  const reason = h('input', { id: 'reason', type: 'text', maxlength: 200, required: true, autocomplete: 'off' });
  const fault = h('p.note.bad', { role: 'alert', hidden: true });
  const refuse = (words) => {
    fault.hidden = false;
    put(fault, words);
  };
  const send = async (event) => {
    event.preventDefault();
    const helper = new FormData(event.target).get('helper');
    if (!helper) refuse(t('worker.pick_one'));
    else if (!reason.value.trim()) refuse(t('worker.reason_needed'));
    else {
      pane.picking = false;
      document.activeElement.blur();
      await act(pane, 'offer', { helper, reason: reason.value.trim() });
    }
  };
  return h('form.candidates', { onsubmit: send, novalidate: true }, h('h2', null, t('worker.candidates')), excludedWords(excluded),
    candidates.length === 0 ? h('p.empty', null, t('worker.no_candidates')) : h('div.scroll', null, h('table', null,
      h('thead', null, h('tr', null, ['pick', 'name', 'from', 'minutes', 'duty'].map((name) => h('th', { scope: 'col' }, t(`worker.cand_${name}`))))),
      h('tbody', null, candidates.slice(0, 50).map((one, at) => h('tr', null,
        h('td', null, h('input', { type: 'radio', name: 'helper', value: one.helper, id: `cand-${at}` })),
        h('td', null, h('label', { for: `cand-${at}` }, own(one.name), h('span.sub', null, own(one.organization)))),
        h('td', null, own(one.area?.name), one.crossing && icon('border')),
        h('td.number', null, one.minutes.toFixed(0)), h('td', null, t(`worker.duty.${one.dutyState}`))))))),
    candidates.length > 0 && [h('label', { for: 'reason' }, t('worker.reason')), reason, fault],
    h('div.choices', null, candidates.length > 0 && h('button.primary', { type: 'submit' }, t('worker.offer_send')),
      h('button', { type: 'button', onclick: () => pick(pane) }, t('worker.close'))));
}

function excludedWords(excluded) {
  const rows = Object.entries(excluded ?? {}).filter(([, n]) => n > 0);
  return rows.length > 0 && h('p.muted', null, t('worker.excluded'), ' ', rows.map(([why, n]) => `${t(`worker.why.${why}`)} ${n}`).join(' · '));
}

/** Who is helped, as far as this desk may know: masked, and in clear for a reason. */
function personPart(pane, call) {
  return call.person?.startsWith('urn:ngsi-ld:Resident:') && masked(pane, call.person);
}

function masked(pane, id) {
  if (!pane.masked.has(id)) pane.masked.set(id, maskedPart(id));
  return pane.masked.get(id);
}

function helperPart(pane, call) {
  if (!call.helper) return null;
  const { name, badge, organization, area, etaAt, mode } = call.helper;
  const coming = ['accepted', 'enRoute'].includes(call.state) && etaAt;
  return h('div.card.who', null, icon('person'), h('div', null, h('p.name', null, own(name), badge && !own(name).includes(badge) && h('span.badge', null, badge)),
    h('p', null, [own(organization), own(area?.name), mode && t(`worker.mode.${mode}`)].filter(Boolean).join(' · ')),
    coming && h('p', null, t('worker.expected', { time: atTime(etaAt), span: span(Math.max(0, until(etaAt))) })),
    call.helper.id && masked(pane, call.helper.id)));
}

function whyPart(call) {
  const texts = [own(call.whyText), own(call.shortageText)].filter(Boolean);
  const excluded = excludedWords(call.why?.excluded);
  const next = call.why?.nextBest?.length;
  return (texts.length > 0 || excluded) && h('div.whybox', null, h('h2', null, t(call.helper || call.offer ? 'worker.why_this' : 'worker.why_none')),
    texts.map((text) => h('p', null, text)), call.why?.of && h('p.muted', null, t('worker.rank', { rank: call.why.rank, of: call.why.of })), excluded,
    next > 0 && h('p.muted', null, t('worker.next_best', { minutes: call.why.nextBest.map((one) => Math.round(one.travel / 60)).join(', ') })));
}

function mapPart(pane, call) {
  pane.showMap = null;
  if (!call.place || !pane.node.box) return null;
  pane.map ??= h('div.map');
  const canvas = pane.map;
  pane.showMap = async (shown) => {
    pane.making ??= import('../shared/map.js').then(({ callMap }) => callMap(canvas, { label: t('worker.map') }));
    try {
      await (await pane.making)(shown);
    } catch {
      put(canvas, h('p.empty', null, t('worker.map_failed')));
    }
  };
  // Drawn once the pane stands in the page, so that the map knows its size.
  requestAnimationFrame(() => { if (canvas.isConnected) pane.showMap?.(call); });
  return canvas;
}

function storyPart(call) {
  return h('div', null, h('h2', null, t('worker.story')), h('ol.story', null, [...(call.timeline ?? [])].reverse().map((row) => h('li', null,
    h('time', { datetime: row.at }, atTime(row.at)), ' ', own(row.text)))));
}

function times(pane) {
  const { call } = pane;
  if (!call || !pane.left) return;
  say(pane.left, call.next?.at && until(call.next.at) > 0 ? countdown(until(call.next.at)) : '');
  if (call.offer) say(pane.offerLeft, countdown(until(call.offer.expiresAt)));
  const waits = call.dueArrive && !['onSite', 'done'].includes(call.state) && !OVER.has(call.state);
  const left = waits ? until(call.dueArrive) : 0;
  say(pane.due, !waits ? '' : left >= 0 ? t('worker.due_in', { left: countdown(left) }) : t('worker.late', { span: span(-left) }));
  pane.due.classList.toggle('late', waits && left < 0);
}
