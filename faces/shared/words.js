// Words: the server puts the texts of the page's language into the page; places to fill stand as {name}.

const words = JSON.parse(document.getElementById('words')?.textContent ?? '{}');

/** @type {'zh' | 'en'} */
export const lang = document.documentElement.lang.startsWith('zh') ? 'zh' : 'en';

/**
 * Returns the words of `key` with the facts filled in; a missing key shows itself, the tests find it.
 * @param {string} key
 * @param {Record<string, unknown>} [facts]
 */
export function t(key, facts = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in facts ? String(facts[name]) : whole));
}

/** Returns the words of a {zh, en} pair from the server. */
export function own(pair) {
  if (pair == null) return '';
  return typeof pair === 'string' ? pair : pair[lang] || pair.zh || pair.en || '';
}

/** Returns the word for a state, in the manner of a face if it has its own. */
export function stateWord(state, face = '') {
  return words[`${face}.state.${state}`] ?? words[`state.${state}`] ?? state;
}
