// The style page: every component and every state side by side, so that a change is seen before it is shipped.

import { STATES, crossingChip, stateChip, urgencyChip } from '../shared/chips.js';
import { h, put } from '../shared/dom.js';
import { icon, iconNames } from '../shared/icons.js';
import { lang, t } from '../shared/words.js';

const COLOURS = ['paper', 'ink', 'muted', 'line', 'teal', 'red', 'amber', 'blue', 'violet', 'grey'];
const other = lang === 'zh' ? 'en' : 'zh';

put(document.getElementById('top'), h('p.place', null, t('style.title')), h('nav.links', { 'aria-label': t('shared.settings') },
  [['/', 'style.resident'], ['/helper', 'helper.title'], ['/worker', 'worker.title'], ['/city', 'city.title']].map(([href, words]) => h('a', { href }, t(words))),
  h('a', { href: '?elder=1' }, t('resident.size_large')), h('a', { href: '?elder=0' }, t('resident.size_normal')),
  h('a', { href: `?lang=${other}`, lang: other }, t('shared.other_language'))));

const part = (title, ...kids) => h('section', null, h('h2', null, title), ...kids);
put(document.getElementById('main'),
  part(t('style.states'), h('div.table', null, Object.keys(STATES).map((state) => h('p', null, stateChip(state), stateChip(state, { face: 'worker' }), h('code', null, state))))),
  part(t('style.marks'), h('p', null, urgencyChip(3), ' ', urgencyChip(2), ' ', crossingChip())),
  part(t('style.colours'), h('div.swatches', null, COLOURS.map((name) => h(`p.swatch.${name}`, null, h('span', null), h('code', null, name))))),
  part(t('style.icons'), h('div.icons', null, iconNames.map((name) => h('p', null, icon(name), h('code', null, name))))),
  part(t('style.buttons'), h('p', null, h('button.primary', { type: 'button' }, t('helper.accept')), ' ', h('button', { type: 'button' }, t('helper.decline')), ' ',
    h('button.danger', { type: 'button' }, t('resident.cancel_yes')), ' ', h('button.quiet', { type: 'button' }, t('resident.cancel'))),
  h('button.call', { type: 'button' }, h('b', null, t('resident.call')), h('span', null, t('resident.call_hint')))),
  part(t('style.notes'), h('p.note.bad', null, t('helper.gone')), h('p.note.amber', null, t('resident.where_needed')), h('p.note.good', null, t('helper.finished')), h('p.empty', null, t('worker.empty'))),
  part(t('style.type'), h('p.t1', null, t('resident.call_hint')), h('p.t2', null, t('resident.call_hint')), h('p.t3', null, t('resident.call_hint')), h('p.t4', null, t('resident.call_hint'))));
