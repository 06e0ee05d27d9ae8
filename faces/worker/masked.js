// Name and telephone of one person: masked as the register shows them; in clear for a reason, for a minute.

import { ask, post } from '../shared/api.js';
import { h, put, say } from '../shared/dom.js';
import { icon } from '../shared/icons.js';
import { lang, t } from '../shared/words.js';

const SHOWN = ['fullName', 'telephone'];
const PURPOSE = 'service';
const OTHER = 'other';

let reasons = null;

/** Makes the part; it stays empty where this desk may know nothing of the person. */
export function maskedPart(id) {
  const view = h('div.masked', { hidden: true });
  const part = { id, view, clock: 0 };
  hide(part).catch(() => { view.hidden = true; });
  return view;
}

async function hide(part) {
  clearInterval(part.clock);
  // Asked as a list: a desk that may not know of somebody is answered with an empty one.
  const asked = new URLSearchParams({ id: part.id, type: part.id.split(':')[2], attrs: SHOWN.join(','), format: 'simplified' });
  const [said] = await ask(`/ngsi-ld/v1/entities?${asked}`, { purpose: PURPOSE });
  part.view.hidden = !said;
  if (!said) return;
  put(part.view, icon('person'), words(said), ' ',
    h('button.quiet', { type: 'button', 'data-do': 'show', 'aria-label': t('worker.show_what'), onclick: () => why(part, said) }, t('worker.show')));
}

const words = (said) => h('span', { 'data-of': 'person' }, SHOWN.map((name) => said[name]).filter(Boolean).join(' '));

async function why(part, said) {
  reasons ??= await ask('/api/unmask');
  const code = h('select', { 'aria-label': t('worker.show_why') }, reasons.reasons.map((one) => h('option', { value: one.code }, one.title[lang])));
  const own = h('input', { type: 'text', maxlength: 200, 'aria-label': t('worker.show_words'), autocomplete: 'off' });
  const fault = h('span.bad', { role: 'alert' });
  const send = async (event) => {
    event.preventDefault();
    try {
      show(part, await post('/api/unmask', { entity: part.id, attrs: SHOWN, purpose: PURPOSE, reason: code.value, words: own.value }));
    } catch (problem) {
      say(fault, problem.message);
    }
  };
  own.hidden = code.value !== OTHER;
  code.addEventListener('change', () => { own.hidden = code.value !== OTHER; });
  put(part.view, icon('person'), words(said), h('form', { onsubmit: send, novalidate: true }, code, own,
    h('button.primary', { type: 'submit' }, t('worker.show_send')), h('button', { type: 'button', onclick: () => hide(part) }, t('worker.close')), fault));
  code.focus();
}

function show(part, answer) {
  let left = answer.shownS;
  const told = h('span.sub', null, t('worker.show_left', { s: left }));
  put(part.view, icon('person'), words(answer.values), ' ', told);
  part.clock = setInterval(() => {
    left -= 1;
    say(told, t('worker.show_left', { s: left }));
    if (left <= 0 || !part.view.isConnected) hide(part).catch(() => { part.view.hidden = true; });
  }, 1000);
}
