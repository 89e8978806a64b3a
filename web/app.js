// The dashboard: reads the node's JSON-RPC, again when the event stream says that something happened.

import {byId} from './dom.js';
import * as panels from './panels.js';
import {checkInclusion} from './proof.js';

const REFRESH_MS = 3000; // at the latest
const AFTER_EVENT_MS = 300; // so many events cause one refresh
const ANSWER_MS = 10000; // a node that takes longer is not reached

// One batch; each answer has a result or an error.  Throws when the node does not answer at all.
async function ask(calls) {
  const body = calls.map(([method, params], id) => ({jsonrpc: '2.0', id, method, params: params ?? []}));
  const response = await fetch('/rpc', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWER_MS)});
  if (!response.ok) throw new Error(`HTTP status ${response.status}`);
  const answers = await response.json();
  return calls.map((_, id) => answers.find((a) => a.id === id) ?? {error: {message: 'no answer'}});
}

let chosen = null;

// Draws one panel; what its calls or its drawing had to say against it stands in its place, and the others go on.
function draw(place, answers, body) {
  const failed = answers.find((a) => a.error);
  try {
    if (failed) throw new Error(failed.error.message);
    body(...answers.map((a) => a.result));
  } catch (error) {
    panels.failed(place, error);
  }
}

// There need not be weights yet, nor a challenge: null, rather than an error.
const maybe = (answer) => ({result: answer.result ?? null});

async function refresh() {
  const [status, set, blocks, list, submissions, weights, head, entries] = await ask([
    ['node_status'], ['validator_list'], ['block_list', {count: 12}], ['challenge_list'], ['submission_list'], ['weights_get'],
    ['audit_head'], ['audit_list', {count: 40}],
  ]);
  const known = list.result ?? [];
  if (!known.some((c) => c.id === chosen)) chosen = known[0]?.id ?? null;
  const [board] = chosen ? await ask([['leaderboard_get', {challenge: chosen}]]) : [{result: []}];
  draw('facts', [status], panels.header);
  draw('validators', [set], panels.validators);
  draw('decisions', [blocks], panels.decisions);
  draw('challenges', [list], (challenges) => panels.challenges(challenges, chosen, (id) => {
    chosen = id;
    refreshSoon(0);
  }));
  draw('leaders', [board, maybe(weights)], panels.leaders);
  draw('evaluations', [submissions, list], (all, challenges) => panels.evaluations(all, new Map(challenges.map((c) => [c.id, c.policy]))));
  draw('head', [head, set], panels.auditHead);
  draw('log', [entries], (all) => panels.log(all, check));
  panels.reached();
}

// One refresh at a time; a wish during one leads to one more.  The earliest wish counts.
let timer = null;
let due = 0;
let busy = false;
let again = false;
function refreshSoon(delay) {
  const at = performance.now() + delay;
  if (busy) {
    again = true;
    return;
  }
  if (timer !== null && due <= at) return;
  clearTimeout(timer);
  due = at;
  timer = setTimeout(turn, delay);
}

async function turn() {
  timer = null;
  busy = true;
  try {
    await refresh();
  } catch (error) {
    panels.lost(error);
  }
  busy = false;
  refreshSoon(again ? AFTER_EVENT_MS : REFRESH_MS);
  again = false;
}

// The entry, its path, and the certified root come from one batch, so that they fit together.
async function check(index) {
  try {
    const [entry, path, head] = await ask([['audit_entry', [index]], ['audit_proof', [index]], ['audit_head']]);
    const error = entry.error ?? path.error ?? head.error;
    if (error) throw new Error(error.message);
    const certified = head.result.certified;
    if (!certified || certified.size !== path.result.size) throw new Error('the certified root has just changed; try again');
    const result = await checkInclusion(entry.result.entry, index, path.result.size, path.result.path, certified.root);
    panels.proof({...result, index, size: path.result.size, signers: certified.signers});
  } catch (error) {
    panels.proof({error: error.message, index});
  }
}

function listen() {
  const source = new EventSource('/events');
  const list = byId('events');
  source.onmessage = (message) => {
    panels.event(list, JSON.parse(message.data));
    refreshSoon(AFTER_EVENT_MS);
  };
  source.addEventListener('gap', () => refreshSoon(AFTER_EVENT_MS));
}

function theme() {
  const root = document.documentElement;
  const preferred = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  root.dataset.theme = localStorage.getItem('theme') ?? preferred;
  byId('theme').addEventListener('click', () => {
    root.dataset.theme = root.dataset.theme === 'dark' ? 'light' : 'dark';
    localStorage.setItem('theme', root.dataset.theme);
  });
}

theme();
panels.proof(null);
listen();
turn();
