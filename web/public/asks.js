// Dialogs: orders are sent only after somebody has read what they do and said so.
import { keepToken, post } from './api.js';
import { el } from './dom.js';
import { whatAbortDoes } from './release-words.js';
import { versionName } from './words.js';

/** Shows a dialog and gives its element; it is taken away when closed. */
const open = (...content) => {
  const dialog = el('dialog', {}, ...content);
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
};

const stay = (words) => el('button', { type: 'button', onclick: ({ target }) => target.closest('dialog').close() }, words);

const texts = {
  pause: () => ['Pause', 'Nothing that raises exposure is begun, and the clock of a hold stands still. Users stay where they are.'],
  resume: () => ['Resume', 'The release goes on where it stands.'],
  promote: () => ['End the hold', 'The hold of this step ends now. Its analyses and approvals still have to come.'],
  retry: () => ['Try again', 'The release tries again what it could not do.'],
  abort: (release) => ['Abort', `The release goes back: ${whatAbortDoes(release) ?? 'it is going back already'}.`],
  approve: (release) => ['Approve', release.question.question],
  reject: (release) => ['Reject', `${release.question.question} Rejected, ${whatAbortDoes(release) ?? 'it goes back'}.`],
};

/** The order that a press of `name` on this release means. What was on screen is what is answered. */
const commandOf = (name, release, text) => {
  if (name === 'abort') return { type: 'abort', reason: text === '' ? 'by hand' : text };
  if (name !== 'approve' && name !== 'reject') return { type: name };
  return { type: name, release: release.n, step: release.question.step, question: release.question.question, ...(text === '' ? {} : { comment: text }) };
};

const becameOf = ({ outcome, said }) => {
  if (outcome === undefined) return 'Accepted, not judged yet: the journal will say.';
  if (outcome === 'moved') return '';
  return `It had no effect${said === undefined ? '' : `: ${said}`}.`;
};

/** Asks whether to do `name` to this release, does it, and shows what the server said where that is not plain from the screen. */
export const confirm = (name, rollout, onRefused) => {
  const { release } = rollout;
  const [verb, does] = texts[name](release);
  const words = name === 'abort' ? 'Reason' : name === 'approve' || name === 'reject' ? 'Comment (optional)' : undefined;
  const field = words === undefined ? undefined : el('input', { name: 'text', maxlength: 500, autocomplete: 'off' });
  const result = el('p', { role: 'alert' });
  const go = el('button', { type: 'submit', class: 'main' }, `${verb} release ${release.n}`);
  const send = async (event) => {
    event.preventDefault();
    go.disabled = true;
    try {
      const answer = await post(`/api/rollouts/${encodeURIComponent(rollout.namespace)}/${encodeURIComponent(rollout.name)}/commands`, commandOf(name, release, field?.value.trim() ?? ''));
      const became = becameOf(answer);
      if (became === '') dialog.close();
      else result.textContent = became;
    } catch (error) {
      if (error.status === 401) {
        dialog.close();
        onRefused(error);
      } else result.textContent = error.message;
      go.disabled = false;
    }
  };
  const dialog = open(
    el(
      'form',
      { onsubmit: send },
      el('h1', {}, `${verb} release ${release.n} of ${rollout.namespace}/${rollout.name}?`),
      el('p', { class: 'soft' }, versionName(release)),
      el('p', {}, does),
      field !== undefined && el('label', {}, words, field),
      result,
      el('div', { class: 'buttons' }, go, stay('Leave it as it is')),
    ),
  );
  (field ?? go).focus();
};

/** Asks for a token; `then` is called when one was given. One dialog at a time. */
export const askForToken = (message, then) => {
  if (document.querySelector('dialog[data-token]') !== null) return;
  const field = el('input', { type: 'password', autocomplete: 'off', required: true });
  const dialog = open(
    el(
      'form',
      {
        onsubmit: (event) => {
          event.preventDefault();
          keepToken(field.value.trim());
          dialog.close();
          then();
        },
      },
      el('h1', {}, 'A token, please'),
      el('p', {}, `The server asks who you are: ${message}.`),
      el('label', {}, 'Token', field),
      el('div', { class: 'buttons' }, el('button', { type: 'submit', class: 'main' }, 'Use it in this tab'), stay('Not now')),
    ),
  );
  dialog.dataset.token = '';
  field.focus();
};

const keys = [
  ['j, k', 'next, previous rollout'],
  ['Enter', 'open it'],
  ['Esc', 'back to all rollouts'],
  ['?', 'these keys'],
];

export const showKeys = () => {
  if (document.querySelector('dialog') !== null) return;
  open(el('h1', {}, 'Keys'), el('dl', { class: 'keys' }, keys.map(([key, does]) => [el('dt', {}, el('kbd', {}, key)), el('dd', {}, does)])), el('div', { class: 'buttons' }, stay('Close')));
};
