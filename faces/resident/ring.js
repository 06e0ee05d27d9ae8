// The undo ring: five seconds in which a press can be taken back. What it says is true: nothing has been sent yet.

import { h, s, say } from '../shared/dom.js';
import { icon } from '../shared/icons.js';
import { t } from '../shared/words.js';

const UNDO_S = 5;
const ROUND = 2 * Math.PI * 54;

/**
 * Shows the ring. `onSend` is called when the time is over or the person does not want to wait, `onUndo` otherwise.
 * @returns {{view: HTMLElement, stop: () => void}}
 */
export function ring({ title, where, onSend, onUndo }) {
  const number = h('b.count', { 'aria-hidden': 'true' }, String(UNDO_S));
  const arc = s('circle.arc', { cx: 60, cy: 60, r: 54, 'stroke-dasharray': ROUND, 'stroke-dashoffset': 0 });
  const began = performance.now();
  let over = false;
  const end = (then) => () => {
    if (over) return;
    over = true;
    clearInterval(timer);
    then();
  };
  const send = end(onSend);
  const timer = setInterval(() => {
    const left = UNDO_S - (performance.now() - began) / 1000;
    if (left <= 0) {
      send();
      return;
    }
    say(number, String(Math.ceil(left)));
    arc.setAttribute('stroke-dashoffset', String(ROUND * (1 - left / UNDO_S)));
  }, 100);
  const view = h('section.ring', null,
    h('h1', { tabindex: '-1' }, title),
    h('p.state', { role: 'status' }, t('resident.not_yet', { seconds: UNDO_S })),
    h('div.dial', null, s('svg', { viewBox: '0 0 120 120', 'aria-hidden': 'true' }, s('circle.track', { cx: 60, cy: 60, r: 54 }), arc), number),
    h('p.muted', null, icon('pin'), ' ', where),
    h('button.undo', { type: 'button', onclick: end(onUndo) }, icon('cancelled'), t('resident.undo')),
    h('button.now', { type: 'button', onclick: send }, t('resident.send_now')));
  return { view, stop: end(() => {}) };
}
