// The banner of the sandbox: says plainly that it is one, and what its gateway's users get, by version.
import { get } from './api.js';
import { el, settle } from './dom.js';
import { count } from './words.js';

const everyMs = 1_000;
/** Counts are totals; what is live is their growth over this many polls. */
const windowPolls = 5;

const total = (statuses) => Object.values(statuses).reduce((sum, n) => sum + n, 0);
const ok = (statuses) => Object.entries(statuses).reduce((sum, [status, n]) => sum + (status.startsWith('2') ? n : 0), 0);

const line = (version, statuses, recent, all) => {
  const bad = total(statuses) - ok(statuses);
  const share = all === 0 ? '' : ` · ${Math.round((100 * recent) / all)} % of the last ${all}`;
  return el('span', {}, el('b', {}, version), ` ${count(total(statuses), 'answer')}, ${bad === 0 ? 'all good' : `${bad.toLocaleString('en-US')} failed`}${share}`);
};

const banner = ({ gateway, versions, lost }, before) => {
  const recent = Object.fromEntries(Object.entries(versions).map(([version, statuses]) => [version, Math.max(0, total(statuses) - total(before.versions[version] ?? {}))]));
  const all = Object.values(recent).reduce((sum, n) => sum + n, 0);
  return el(
    'div',
    { class: 'sandbox' },
    el(
      'div',
      {},
      el('p', {}, el('b', {}, 'This is the sandbox. '), 'Its pods and its gateway are small HTTP servers on this machine; no cluster is touched. See for yourself: ', el('code', {}, `curl -i ${gateway}`)),
      el(
        'p',
        { class: 'counts' },
        Object.keys(versions).sort().map((version) => line(version, versions[version], recent[version], all)),
        el('span', {}, `${count(lost, 'request')} lost`),
      ),
    ),
  );
};

/** Shows the banner for as long as the server says that it is the sandbox. */
export const showSandbox = async (place) => {
  const seen = [];
  for (;;) {
    let pause = document.hidden ? 10 * everyMs : everyMs;
    try {
      const state = await get('/api/sandbox');
      seen.push(state);
      if (seen.length > windowPolls) seen.shift();
      settle(place, banner(state, seen[0]));
    } catch (error) {
      // 404: it is not the sandbox, and will not become it.
      if (error.status === 404) return;
      pause = 5 * everyMs;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
};
