// Sign-in of the demo: "who are you?", one click as somebody made up. Outside the demo it leads to the ways in.

import { ask, post, token } from './api.js';
import { h, put } from './dom.js';
import { icon } from './icons.js';
import { own, t } from './words.js';

/**
 * Fills `place` with the sheet; resolves when somebody signed in.
 * @param {HTMLElement} place
 * @param {string[]} roles who may use this face
 * @param {{demo: boolean}} node
 */
export async function whoAreYou(place, roles, node) {
  const title = h('h1', { tabindex: '-1' }, t('shared.who'));
  if (!node.demo) {
    const way = `/sign-in?next=${encodeURIComponent(location.pathname)}`;
    put(place, h('section.sheet', null, title, h('p', null, t('shared.no_sign_in')), h('a.button.primary', { href: way }, t('shared.sign_in'))));
    return new Promise(() => {});
  }
  const { people } = await ask('/api/people');
  const fitting = people.filter((person) => roles.includes(person.role)).sort((a, b) => roles.indexOf(a.role) - roles.indexOf(b.role));
  return new Promise((signedIn) => {
    const fault = h('p.note.bad', { role: 'alert', hidden: true });
    const take = async (person) => {
      try {
        const answer = await post('/api/sign-in', { person: person.id });
        token.set(answer.token);
        signedIn(answer);
      } catch (problem) {
        fault.hidden = false;
        put(fault, problem.message);
      }
    };
    put(place, h('section.sheet', null, title, h('p.muted', null, t('shared.made_up')), fault,
      fitting.length === 0 && h('p.empty', null, t('shared.nobody_to_be')),
      h('ul.people', null, fitting.map((person) => h('li', null,
        h('button.person', { type: 'button', onclick: () => take(person) }, icon('person'),
          h('span', null, h('b', null, person.name), h('span', null, about(person)))))))));
    title.focus({ preventScroll: true });
  });
}

/** Where somebody belongs and who he is; the place is said once. */
function about(person) {
  const [area, text] = [own(person.area?.name), own(person.text)];
  return text.includes(area) ? text : `${area} · ${text}`;
}

/** Ends the sign-in of this tab. */
export async function signOut() {
  await post('/api/sign-out').catch(() => {});
  token.set(null);
  location.reload();
}
