// The sound of a critical call: two tones every two seconds until somebody acknowledges. A browser lets a page sound
// only after a first click or key, so the button says whether it can be heard.

import { h, put } from '../shared/dom.js';
import { icon } from '../shared/icons.js';
import { t } from '../shared/words.js';

const MUTED = 'linli.muted';
const EVERY_MS = 2000;

/** Makes the siren: `sound(on)` starts or ends it, `button` switches it. */
export function makeSiren() {
  const button = h('button.plainlink', { type: 'button', onclick: toggle });
  let context = null;
  let timer = 0;
  let muted = localStorage.getItem(MUTED) === '1';
  for (const name of ['pointerdown', 'keydown']) addEventListener(name, wake);
  draw();

  function wake() {
    context ??= new AudioContext();
    if (context.state === 'suspended') context.resume().then(draw);
    draw();
  }

  function toggle() {
    muted = !muted;
    localStorage.setItem(MUTED, muted ? '1' : '0');
    draw();
  }

  function draw() {
    const words = muted ? 'worker.sound_off' : context?.state === 'running' ? 'worker.sound_on' : 'worker.sound_waits';
    put(button, icon('sound'), t(words));
    button.setAttribute('aria-pressed', String(!muted));
  }

  function beep() {
    if (muted || context?.state !== 'running') return;
    for (const [offset, hertz] of [[0, 880], [0.25, 660]]) {
      const tone = context.createOscillator();
      const volume = context.createGain();
      const from = context.currentTime + offset;
      tone.frequency.value = hertz;
      volume.gain.setValueAtTime(0.0001, from);
      volume.gain.exponentialRampToValueAtTime(0.25, from + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.0001, from + 0.22);
      tone.connect(volume).connect(context.destination);
      tone.start(from);
      tone.stop(from + 0.24);
    }
  }

  function sound(on) {
    if (on && !timer) {
      beep();
      timer = setInterval(beep, EVERY_MS);
    } else if (!on && timer) {
      clearInterval(timer);
      timer = 0;
    }
    button.dataset.ringing = String(on);
  }

  return { sound, button };
}
