// Which screen is shown, what keeps it live, and what keys and presses do.
import { follow, get, takeToken } from './api.js';
import { askForToken, confirm, showKeys } from './asks.js';
import { settle } from './dom.js';
import { fleetScreen } from './fleet.js';
import { releaseScreen } from './release.js';
import { showSandbox } from './sandbox.js';
import { clock } from './words.js';

const main = document.querySelector('#main');
const live = document.querySelector('#live');
const fleetEveryMs = 2_000;
const patience = [250, 500, 1_000, 2_000, 4_000, 8_000];
const rowsKept = 1_000;

/** What is on screen: `draw` makes it again at the server's time, as countdowns tick. */
let screen = { draw: () => [], rollout: undefined, leave: new AbortController() };
let ahead = 0;
/** Whether the journal shows routine looks, too. */
let every = false;

const now = () => Date.now() + ahead;
const draw = () => settle(main, screen.draw(now()));
const isLive = () => {
  live.textContent = 'live';
  live.classList.remove('off');
};
const isNotLive = (why, pause) => {
  if (!live.classList.contains('off')) live.dataset.since = clock(now());
  live.textContent = `Not live since ${live.dataset.since}: ${why}${pause === undefined ? '' : `; trying again${pause >= 1000 ? ` in ${Math.round(pause / 1000)} s` : ''}`}`;
  live.classList.add('off');
};

const place = () => {
  const [, namespace, name] = /^#\/([^/]+)\/([^/]+)$/.exec(location.hash) ?? [];
  return name === undefined ? undefined : { namespace: decodeURIComponent(namespace), name: decodeURIComponent(name) };
};

const wait = (ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });

/** Runs `once` again and again until the screen is left; `once` returns the wait before the next time. */
const keepAlive = async (signal, once) => {
  let attempts = 0;
  const progress = () => {
    attempts = 0;
    isLive();
  };
  while (!signal.aborted) {
    let pause;
    try {
      pause = await once(progress);
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 401) {
        isNotLive('the server asks for a token');
        askForToken(error.message, show);
        return;
      }
      if (error.status === 404) {
        isNotLive(error.message);
        return;
      }
      pause = patience[Math.min(attempts, patience.length - 1)];
      attempts += 1;
      isNotLive(error.message, pause);
    }
    await wait(pause, signal);
  }
};

const showFleet = (leave) => {
  document.title = 'Sluice';
  void keepAlive(leave.signal, async (progress) => {
    const answer = await get('/api/rollouts', leave.signal);
    ahead = answer.now - Date.now();
    screen.draw = (at) => fleetScreen(answer, at);
    progress();
    draw();
    return document.hidden ? 5 * fleetEveryMs : fleetEveryMs;
  });
};

const showRelease = (at, leave) => {
  document.title = `${at.name} · Sluice`;
  const path = `/api/rollouts/${encodeURIComponent(at.namespace)}/${encodeURIComponent(at.name)}`;
  let rows = [];
  const addRows = (more) => {
    const document = more.at(-1)?.document ?? rows.at(-1)?.document;
    const known = new Set(rows.map(({ version }) => version));
    // A new release begins a new journal.
    rows = [...rows, ...more.filter(({ document: of, version }) => of !== rows.at(-1)?.document || !known.has(version))]
      .filter((row) => row.document === document)
      .sort((a, b) => a.version - b.version)
      .slice(-rowsKept);
  };
  void keepAlive(leave.signal, async (progress) => {
    // The server gives the journal in portions. A rollout without a release has none.
    for (let after = 0; ; ) {
      const past = await get(`${path}/events?after=${after}`, leave.signal).catch((error) => {
        if (error.status === 404) return { rows: [] };
        throw error;
      });
      if (past.rows.length === 0) break;
      addRows(past.rows);
      after = Math.max(...past.rows.map(({ version }) => version));
    }
    for await (const answer of follow(`${path}/watch`, leave.signal)) {
      ahead = answer.now - Date.now();
      const number = answer.rollout.release?.n;
      addRows(answer.rows.filter(({ document }) => document === `release/${at.namespace}/${at.name}/${number}`));
      screen.rollout = answer.rollout;
      screen.draw = (then) => releaseScreen(answer.rollout, rows, then, every);
      progress();
      draw();
    }
    throw new Error('the server ended the watch');
  });
};

const show = () => {
  screen.leave.abort();
  const leave = new AbortController();
  screen = { draw: () => ['Loading ...'], rollout: undefined, leave };
  draw();
  const at = place();
  if (at === undefined) showFleet(leave);
  else showRelease(at, leave);
};

document.addEventListener('click', ({ target }) => {
  const pressed = target instanceof Element ? target.closest('[data-do]') : null;
  if (pressed?.dataset.do === 'every') {
    every = !every;
    draw();
  } else if (pressed !== null && screen.rollout?.release !== undefined) confirm(pressed.dataset.do, screen.rollout, ({ message }) => askForToken(message, show));
});
document.querySelector('#help').addEventListener('click', showKeys);

const move = (by) => {
  const links = [...document.querySelectorAll('a[data-row]')].filter((link) => link.checkVisibility());
  const at = links.indexOf(document.activeElement);
  links[at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by))]?.focus();
};

document.addEventListener('keydown', (event) => {
  const { key, target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]') !== null || target.matches?.('input, textarea')) return;
  if (key === 'j') move(1);
  else if (key === 'k') move(-1);
  else if (key === '?') showKeys();
  else if (key === 'Escape' && place() !== undefined) location.hash = '#/';
});

window.addEventListener('hashchange', () => {
  takeToken();
  show();
});
document.addEventListener('visibilitychange', () => void (document.hidden || draw()));
setInterval(() => void (document.hidden || draw()), 1_000);

takeToken();
show();
void showSandbox(document.querySelector('#sandbox'));
