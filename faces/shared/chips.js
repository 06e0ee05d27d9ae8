// Chips: a state is always a colour, an outline and a word together.

import { h } from './dom.js';
import { icon } from './icons.js';
import { stateWord, t } from './words.js';

/** Colour family and filling of each state (style guide of the faces). */
export const STATES = {
  queued: 'amber dashed', received: 'blue', triaged: 'blue', offered: 'amber', accepted: 'teal outline', enRoute: 'teal',
  onSite: 'teal full', done: 'teal', confirmed: 'grey', closed: 'grey', noProvider: 'red', unreachable: 'red',
  escalated: 'red full', handedOver: 'violet', onHold: 'amber', reopened: 'amber', cancelled: 'grey struck',
  falseAlarm: 'grey struck',
};

/** Calls in these states wait for nobody any more. */
export const OVER = new Set(['confirmed', 'closed', 'cancelled', 'falseAlarm']);

/** A chip for a state; `word` replaces the state's own word. */
export function stateChip(state, { face = '', word = '' } = {}) {
  const family = (STATES[state] ?? 'grey').split(' ').join('.');
  return h(`span.chip.${family}`, { 'data-state': state }, icon(state), h('span', null, word || stateWord(state, face)));
}

/** A chip for urgency 2 and 3; the others need no mark. */
export function urgencyChip(urgency) {
  if (urgency >= 3) return h('span.chip.red.full', null, icon('sos'), h('span', null, t('shared.life')));
  if (urgency === 2) return h('span.chip.amber', null, icon('clock'), h('span', null, t('shared.urgent')));
  return null;
}

/** A chip that says that help comes from another community. */
export const crossingChip = () => h('span.chip.violet', null, icon('border'), h('span', null, t('shared.crossing')));
